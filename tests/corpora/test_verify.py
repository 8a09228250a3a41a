"""What a folder has of a manifest."""

import re

import pytest

from sertk import corpora, manifest
from sertk.errors import CorpusError
from tests.corpora import trees

NAMES = ["Actor_03/03-01-05-02-01-02-03.wav", "Actor_04/03-01-03-01-02-01-04.wav"]


@pytest.fixture
def rows(tmp_path):
    return corpora.scan("ravdess", trees.sounds(tmp_path / "there", *NAMES), hash_files=True)


def statuses(table):
    return dict(zip(table["path"], table["status"], strict=True))


def test_all_there(rows, tmp_path):
    table = corpora.verify(rows, tmp_path / "there")
    assert list(table.columns) == ["utterance_id", "path", "status", "detail"]
    assert statuses(table) == dict.fromkeys(NAMES, "ok")
    assert statuses(corpora.verify(rows)) == statuses(table)


def test_every_difference(rows, tmp_path):
    root = tmp_path / "there"
    trees.sound(root / NAMES[0], seconds=0.1)
    trees.text(root / NAMES[1], "this is no sound, whatever it is called" * 9)
    trees.sound(root / "Actor_04/new.wav")
    trees.sound(root / f"again/{NAMES[0]}")
    trees.text(root / "Actor_04/._new.wav")
    trees.text(root / "README.txt")
    table = corpora.verify(rows, root).set_index("path")
    assert table["status"].to_dict() == {
        NAMES[0]: "changed",
        NAMES[1]: "unreadable",
        "Actor_04/new.wav": "extra",
        f"again/{NAMES[0]}": "extra",
    }
    assert "expected" in table.loc[NAMES[0], "detail"]
    assert "cannot be read as sound" in table.loc[NAMES[1], "detail"]
    assert "there already" in table.loc[f"again/{NAMES[0]}", "detail"]
    assert table["utterance_id"].isna().sum() == 2


def test_nested_unpackings_are_found(rows, tmp_path):
    root = trees.sounds(
        tmp_path / "nested", f"Audio_Speech_Actors_01-24/{NAMES[0]}", "flat/" + NAMES[1][9:]
    )
    table = corpora.verify(rows, root).set_index("path")
    assert table.loc[NAMES[0], "status"] == "ok"
    assert table.loc[NAMES[0], "detail"] == f"at Audio_Speech_Actors_01-24/{NAMES[0]}"
    # the same name elsewhere is no proof, but worth a hint
    assert table.loc[NAMES[1], "status"] == "missing"
    assert "a file of this name is at flat/" in table.loc[NAMES[1], "detail"]
    assert (table["status"] == "extra").sum() == 1


def test_without_checksums_a_readable_file_is_ok(rows, tmp_path):
    trees.sound(tmp_path / "there" / NAMES[0], seconds=0.2)
    table = corpora.verify(rows.assign(sha256=None), tmp_path / "there")
    assert set(table["status"]) == {"ok"}
    assert set(corpora.verify(rows.drop(columns="sha256"))["status"]) == {"ok"}


def test_two_corpora_have_their_own_roots(rows, tmp_path):
    emodb = corpora.scan("emodb", trees.sounds(tmp_path / "emodb", "wav/03a01Fa.wav"))
    table = corpora.verify(manifest.concatenate([rows, emodb]))
    assert table["status"].tolist() == ["ok"] * 3


def test_no_such_folder(rows, tmp_path):
    nowhere = tmp_path / "nowhere"
    with pytest.raises(CorpusError, match=rf"no folder {re.escape(str(nowhere))}.*2 files"):
        corpora.verify(rows, nowhere)
