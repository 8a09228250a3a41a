"""What a folder has of a manifest."""

import unicodedata

import pandas as pd
import pytest

from sertk import corpora, manifest
from sertk.cli import main
from sertk.errors import CorpusError
from tests.corpora import trees
from tests.errors import raises

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
    assert "Cannot read" in table.loc[NAMES[1], "detail"]
    assert "exists already" in table.loc[f"again/{NAMES[0]}", "detail"]
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
    assert "a file with this name is at flat/" in table.loc[NAMES[1], "detail"]
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
    with raises(CorpusError, "missing-corpus-folder", str(nowhere)):
        corpora.verify(rows, nowhere)


def two(tmp_path, apart=True):
    """Two corpora in folders of their names, or in one folder, and their manifest in a file."""
    homes = [tmp_path / "all" / name if apart else tmp_path / "all" for name in ("one", "two")]
    tables = []
    for name, home in zip(("one", "two"), homes, strict=True):
        trees.sounds(home, f"happy/{name}.wav")
        tables.append(corpora.scan("folders", home, corpus=name, layout=f"{{emotion}}/{name}.wav"))
    manifest.write(manifest.concatenate(tables), tmp_path / "m.csv")
    return tmp_path / "m.csv"


@pytest.mark.parametrize("apart", [True, False])
def test_each_corpus_is_looked_for_below_its_own_root(apart, tmp_path, monkeypatch, capsys):
    path = two(tmp_path, apart)
    words = ["verify", str(path), "--root", str(tmp_path / "all")]
    assert main(words) == 0
    assert capsys.readouterr().out == "2 ok\n"
    table = corpora.verify(manifest.read(path), tmp_path / "all")
    assert table["status"].tolist() == ["ok", "ok"]
    if apart:
        monkeypatch.setenv("SERTK_CORPORA", str(tmp_path / "all"))
        assert main(words[:2]) == 0
        (tmp_path / "all/two/happy/two.wav").rename(tmp_path / "all/one/two.wav")
        assert main(words[:2]) == 1
        assert "missing: happy/two.wav\n" in capsys.readouterr().out


def test_a_root_inside_another_one_lists_its_sound_once(tmp_path):
    inner, outer = tmp_path / "all/inner", tmp_path / "all"
    trees.sounds(inner, "happy/a.wav", "more.wav")
    trees.sounds(outer, "sad/b.wav")
    tables = [
        corpora.scan("folders", root, corpus=root.name, layout=f"{{emotion}}/{name}.wav")
        for root, name in ((outer, "b"), (inner, "a"))
    ]
    found = corpora.verify(manifest.concatenate(tables))
    assert found["path"].tolist() == ["sad/b.wav", "happy/a.wav", "more.wav"]
    assert found["status"].tolist() == ["ok", "ok", "extra"]


def test_times_past_the_end_are_changes(rows, tmp_path):
    parts = rows.assign(start=0.0, end=[0.05, 50.0])
    table = corpora.verify(parts, tmp_path / "there").set_index("path")
    assert table["status"].to_dict() == {NAMES[0]: "ok", NAMES[1]: "changed"}
    assert table.loc[NAMES[1], "detail"] == "end 50 s of 0.05 s"


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_names_in_either_normal_form_are_matched(forms, tmp_path):
    on_disk, in_table = (unicodedata.normalize(form, "fröhlich/Bär.wav") for form in forms)
    trees.sounds(tmp_path, on_disk)
    rows = pd.DataFrame(
        {"utterance_id": ["a"], "corpus": "my", "path": [in_table], "speaker": "s", "emotion": "x"}
    )
    table = corpora.verify(rows, tmp_path)
    assert table["status"].tolist() == ["ok"]
    rows["root"] = str(tmp_path)
    assert manifest.paths(rows)[0].is_file()
    trees.text(tmp_path / "list.csv", f"path,speaker,emotion\n{in_table},s,sad\n")
    assert corpora.scan("table", tmp_path)["duration"].tolist() == [0.05]
