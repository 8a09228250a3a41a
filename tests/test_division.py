"""The columns that steer a division: usual spellings are read, others refused, folds completed."""

import pytest

from sertk import audit, manifest, splits
from sertk.cli import main
from sertk.errors import ManifestError, SplitError
from sertk.manifest import remarks
from tests.errors import raises
from tests.test_manifest import rows


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
