"""The manifest: its schema, its file, its roots, what divides it, and what it refuses."""

import numpy as np
import pandas as pd
import pytest

from sertk import audit, manifest, splits
from sertk.cli import main
from sertk.errors import ManifestError, SplitError
from sertk.manifest import remarks
from tests.errors import raises


def rows(count=4, corpus="my", **columns):
    return pd.DataFrame(
        {
            "utterance_id": [f"{corpus}_{n}" for n in range(count)],
            "corpus": corpus,
            "path": [f"Actor_0{n % 2 + 1}/{n}.wav" for n in range(count)],
            "speaker": [f"{corpus}_{n % 2}" for n in range(count)],
            "emotion": np.resize(["happy", "sad"], count),
            **columns,
        }
    )


def save(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "m.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_every_column_has_one_place_and_a_sentence():
    columns = [*manifest.REQUIRED, *manifest.NULLABLE, *manifest.OPTIONAL]
    assert len(set(columns)) == len(columns)
    every = {**manifest.REQUIRED, **manifest.NULLABLE, **manifest.OPTIONAL}
    assert all(every.values())


@pytest.mark.parametrize("column", manifest.REQUIRED)
def test_a_missing_column_is_named(column):
    with raises(ManifestError, "missing-manifest-columns", column):
        manifest.validate(rows().drop(columns=column))


@pytest.mark.parametrize("column", ["utterance_id", "corpus", "path", "emotion"])
def test_empty_cells(column):
    frame = rows()
    frame.loc[2, column] = None
    with raises(ManifestError, "invalid-manifest-rows", column):
        manifest.validate(frame)


def test_a_speaker_may_be_unknown():
    frame = rows(speaker=None)
    assert manifest.validate(frame) is frame


def test_a_file_twice():
    frame = rows()
    frame.loc[2, "path"] = frame.loc[0, "path"]
    with raises(ManifestError, "invalid-manifest-rows", "2 of 4", "same file"):
        manifest.validate(frame)
    # parts of one file, augmented copies, and the same path in another corpus are different
    manifest.validate(frame.assign(start=[0.0, 0.0, 1.0, 0.0], end=[1.0, 1.0, 2.0, 1.0]))
    manifest.validate(frame.assign(parent=[None, None, "my_0", None]))
    manifest.validate(frame.assign(corpus=["my", "my", "other", "my"]))


@pytest.mark.parametrize(
    "path", ["/etc/a.wav", "../a.wav", "a/../../b.wav", "C:\\a.wav", "..\\a.wav", "\\\\host\\a.wav"]
)
def test_paths_outside_the_root(path):
    frame = rows()
    frame.loc[1, "path"] = path
    with raises(ManifestError, "invalid-manifest-rows", "outside the root") as caught:
        manifest.validate(frame)
    assert f"my_1 ({path})" in str(caught.value)


def test_genders():
    with raises(ManifestError, "invalid-manifest-rows", "2 of 4", "gender"):
        manifest.validate(rows(gender=["male", "femal", "Female", None]))
    manifest.validate(rows(gender=["male", "female", None, np.nan]))


def test_write_and_read_again(tmp_path):
    frame = manifest.from_rows(rows().drop(columns="corpus").to_dict("records"), "my", tmp_path)
    frame.loc[0, ["duration", "sample_rate"]] = [1.25, 16_000]
    frame["text"] = ["NA", "null", "say \u201ehello, you\u201c", None]
    manifest.write(frame, tmp_path / "new" / "m.csv")
    again = manifest.read(tmp_path / "new" / "m.csv", root=tmp_path)
    pd.testing.assert_frame_equal(again, frame, check_like=True)
    assert manifest.roots(again) == {"my": str(tmp_path)}
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["m.csv"]


def test_a_broken_manifest_is_not_written(tmp_path):
    manifest.write(rows(), tmp_path / "m.csv")
    before = (tmp_path / "m.csv").read_bytes()
    with raises(ManifestError, "invalid-manifest-rows", "no emotion"):
        manifest.write(rows(emotion=None), tmp_path / "m.csv")
    assert (tmp_path / "m.csv").read_bytes() == before


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_byte_order_marks(tmp_path, encoding):
    path = save(tmp_path, rows().to_csv(index=False), encoding)
    assert len(manifest.read(path)) == 4


def test_files_that_are_no_manifest(tmp_path):
    with raises(ManifestError, "missing-manifest-file", "absent.csv"):
        manifest.read(tmp_path / "absent.csv")
    for separator in ";", "\t":
        path = save(tmp_path, rows().to_csv(index=False, sep=separator))
        with raises(ManifestError, "single-column-manifest"):
            manifest.read(path)
    for text, encoding in (
        ("", "utf-8"),
        ("a,b\n1,2\n1,2,3\n", "utf-8"),
        ("a,\u00e4\n", "latin-1"),
    ):
        with raises(ManifestError, "unreadable-manifest"):
            manifest.read(save(tmp_path, text, encoding))
    with raises(ManifestError, "missing-manifest-columns"):
        manifest.read(save(tmp_path, "a,b\n1,2\n"))
    path = save(tmp_path, rows(duration="long").to_csv(index=False))
    with raises(ManifestError, "wrong-cell-type", "'duration'"):
        manifest.read(path)


def test_from_rows_orders_and_types(tmp_path):
    given = [
        {"path": "b.wav", "utterance_id": "x_b", "speaker": None, "emotion": "sad", "mood": 2},
        {"path": "a.wav", "utterance_id": "x_a", "speaker": "x_1", "emotion": "sad", "mood": 1},
    ]
    frame = manifest.from_rows(given, "x", tmp_path)
    assert frame["path"].tolist() == ["a.wav", "b.wav"]
    assert list(frame) == [*manifest.REQUIRED, *manifest.NULLABLE, "mood", "root"]
    assert frame["mood"].tolist() == [1, 2]
    assert frame["speaker"].isna().tolist() == [False, True]
    assert frame["duration"].dtype == "float64"
    assert frame["sample_rate"].dtype == "Int64"
    assert manifest.roots(frame) == {"x": str(tmp_path)}


def test_where_the_roots_come_from(tmp_path, monkeypatch):
    monkeypatch.delenv("SERTK_CORPORA", raising=False)
    frame = rows()
    with raises(ManifestError, "no-root-folder", "'my' (SERTK_CORPORA"):
        manifest.paths(frame)
    monkeypatch.setenv("SERTK_CORPORA", str(tmp_path))
    with raises(ManifestError, "no-root-folder", f"SERTK_CORPORA is {tmp_path}"):
        manifest.paths(frame)
    (tmp_path / "my").mkdir()
    assert manifest.paths(frame)[0] == tmp_path / "my" / "Actor_01" / "0.wav"
    frame = manifest.with_roots(frame, {"my": tmp_path / "elsewhere"})
    assert manifest.root_of(frame, "my") == tmp_path / "elsewhere"
    manifest.write(frame, tmp_path / "m.csv")
    read = manifest.read(tmp_path / "m.csv", roots={"my": "~/mine", "other": "/o"})
    assert manifest.roots(read)["my"].endswith("/mine")
    assert "~" not in manifest.roots(read)["my"]
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SERTK_CORPORA", "~")
    assert manifest.root_of(manifest.read(tmp_path / "m.csv"), "my") == tmp_path / "my"


def test_concatenate():
    first, second = rows(gender="male"), rows(2, corpus="other", session="s1")
    first = remarks.put(first.assign(root="/a"), skipped={"not audio (*.txt)": 2})
    second = remarks.put(
        second.assign(root="/b"), skipped={"not audio (*.txt)": 3, "x": 1},
        unreadable=[("a.wav", "cut short")], notes=["hm"],
    )  # fmt: skip
    both = manifest.concatenate([first, second])
    assert len(both) == 6
    assert both.index.tolist() == list(range(6))
    assert manifest.roots(both) == {"my": "/a", "other": "/b"}
    assert remarks.of(both).skipped == {"not audio (*.txt)": 5, "x": 1}
    assert remarks.of(both).unreadable == [("a.wav", "cut short")]
    assert remarks.of(both).notes == ["hm"]
    assert both["gender"].isna().sum() == 2
    with raises(ManifestError, "invalid-manifest-rows", "utterance_id"):
        manifest.concatenate([first, first])


def test_describe():
    frame = rows(gender=["male", "female"] * 2, duration=[30.0, 30.0, 90.0, np.nan])
    table = manifest.describe(frame).set_index("emotion")
    assert table.loc["happy", ["utterances", "speakers", "male", "female"]].tolist() == [2, 1, 2, 0]
    assert table["minutes"].to_dict() == {"happy": 2.0, "sad": 0.5}
    assert manifest.describe(rows())["male"].sum() == 0


def test_select():
    frame = rows(gender=["male", "female"] * 2)
    assert manifest.select(frame, emotion="happy")["utterance_id"].tolist() == ["my_0", "my_2"]
    assert len(manifest.select(frame, gender=["male", "female"], speaker="my_1")) == 2
    with raises(ManifestError, "unknown-selection-column", "'style'", "utterance_id"):
        manifest.select(frame, style="song")
    with raises(ManifestError, "selection-matches-nothing"):
        manifest.select(frame, emotion="calm")


@pytest.mark.parametrize(
    ("words", "split"),
    [
        (("Train", "TRAIN", "Training", " train "), "train"),
        (("Dev", "dev", "Validation", "Development", "VAL", "valid"), "val"),
        (("TEST", "Test", "testing"), "test"),
    ],
)
def test_usual_spellings_of_splits(words, split):
    for word in words:
        read = manifest.divided(rows(split=word))
        assert set(read["split"]) == {split}
        assert remarks.of(read).division == [f"split {word!r} is read as {split}"]
    plain = rows(split=split)
    assert manifest.divided(plain) is plain


def test_a_leak_under_other_split_names_is_found():
    divided = rows(speaker="ann", split=["Train", "Dev", "TEST", "Training"])
    found = audit.audit(divided)
    assert not found.ok
    assert "ann" in str(found)
    (note,) = [f for f in found.findings if f.kind == "division"]
    assert note.severity == "note"
    assert note.message == "split 'Dev' is read as val, 'TEST' as test, 'Train' as train, " + (
        "'Training' as train."
    )


@pytest.mark.parametrize(
    "cells", [["train", "heldout", "test", "val"], ["train", None, "x", "val"]]
)
def test_other_names_are_refused(cells, tmp_path, refused):
    frame = rows(split=cells)
    with raises(ManifestError, "invalid-split-cells"):
        manifest.validate(frame)
    frame.to_csv(tmp_path / "m.csv", index=False)
    refused("audit", tmp_path / "m.csv").check("invalid-split-cells")
    with raises(SplitError, "unknown-split-names"):
        splits.check(frame)


def test_a_file_with_other_spellings(tmp_path, capsys):
    frame = rows(8, speaker="ann", Split=["Train", "Dev", "Test", "train"] * 2)
    frame.to_csv(tmp_path / "m.csv", index=False)
    read = manifest.read(tmp_path / "m.csv")
    assert read["split"].tolist() == ["train", "val", "test", "train"] * 2
    assert main(["audit", str(tmp_path / "m.csv")]) == 1
    captured = capsys.readouterr()
    assert "leak: 1 speaker in both train and test: ann" in captured.out
    assert "note: split 'Dev' is read as val" in captured.err
    manifest.write(read, tmp_path / "again.csv")
    assert manifest.read(tmp_path / "again.csv")["split"].tolist() == read["split"].tolist()


def test_an_empty_column_is_no_division():
    read = manifest.divided(rows(split=None, fold=None))
    assert not {"split", "fold"} & set(read)
    assert "no division" in str(audit.audit(rows(split=None)))


@pytest.mark.parametrize("kind", [int, str, float])
def test_the_next_fold_validates_where_nothing_else_is_written(kind):
    frame = rows(8, speaker=[f"s{n}" for n in range(8)], fold=[kind(n % 4) for n in range(8)])
    read = manifest.divided(frame)
    assert splits.folds(read) == [0, 1, 2, 3]
    for fold in range(4):
        view = splits.in_fold(read, fold)
        assert set(view.loc[view["split"] == "test", "speaker"]) == {f"s{fold}", f"s{fold + 4}"}
        validating = (fold + 1) % 4
        assert set(view.loc[view["split"] == "val", "speaker"]) == {
            f"s{validating}",
            f"s{validating + 4}",
        }
        splits.check(view)
    found = audit.audit(frame)
    assert found.ok
    assert "each fold uses the next one for validation" in str(found)


def test_two_folds_say_what_is_missing():
    frame = rows(4, fold=[0, 1, 0, 1])
    found = audit.audit(frame)
    assert "the column val_folds is missing, and 2 folds are too few" in str(found)
    with raises(SplitError, "empty-split", "`val_folds`"):
        splits.check(splits.in_fold(frame, 0))


@pytest.mark.parametrize(
    ("columns", "code", "value"),
    [
        ({"fold": ["a", "b", "a", "b"]}, "invalid-fold-cells", "'fold'"),
        ({"fold": [0, 1, 2, -1]}, "invalid-fold-cells", "'fold'"),
        ({"fold": [0, 1, 2, 2**31]}, "invalid-fold-cells", "'fold'"),
        ({"fold": [0, 1, 2, [3]]}, "invalid-fold-cells", "'fold'"),
        (
            {"fold": [0, 1, 2, 0], "val_folds": ["1", "x", "0", "1"]},
            "invalid-val-folds",
            "'val_folds'",
        ),
        ({"val_folds": ["1", "2", "0", "1"]}, "val-folds-without-fold", "'val_folds'"),
    ],
)
def test_folds_that_are_none(columns, code, value):
    with raises(ManifestError, code, value):
        manifest.validate(rows(**columns))


def test_lists_of_folds_are_read_as_people_write_them():
    frame = rows(fold=[0, 1, 2, 3], val_folds=["1, 2", "2.0", "3;0", "7"])
    read = manifest.divided(frame)
    assert read["val_folds"].tolist() == ["1 2", "2", "3 0", "7"]
    assert "val_folds contains 7" in remarks.of(read).division[0]
    frame = rows(fold=[0, 1, 2, 3], val_folds=["[1, 2]", [2.0, 3], "3|0", 1])
    assert manifest.divided(frame)["val_folds"].tolist() == ["1 2", "2 3", "3 0", "1"]


def test_a_new_division_forgets_what_was_said_of_the_old_one():
    frame = manifest.divided(rows(8, speaker=list("aabbccdd"), split="Train"))
    assert remarks.of(splits.make(frame, "loso")).division == []


def test_manifests_of_which_one_is_not_divided():
    both = manifest.concatenate([rows(split="train"), rows(2, corpus="other")])
    assert "split" not in both
    assert "not all manifests have it" in remarks.of(both).division[0]


def test_a_file_holds_what_was_given(tmp_path):
    """What reading derives is derived by each reading, and said by each."""
    frame = rows(fold=[0, 1, 2, 3])
    manifest.write(frame, tmp_path / "m.csv")
    assert "val_folds" not in (tmp_path / "m.csv").read_text()
    read = manifest.read(tmp_path / "m.csv")
    assert remarks.of(read).division == [
        "the column val_folds is missing: each fold uses the next one for validation"
    ]
