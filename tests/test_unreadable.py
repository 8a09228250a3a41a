"""Files that cannot be read are named by every command that reads a manifest, once each."""

import shutil

import numpy as np
import pytest
import soundfile

from sertk import manifest as manifests
from sertk.cli import main
from tests.corpora import trees

QUICK = ("--clip-seconds", "0.6", "--epochs", "1", "--model-option", "width=0.2")


@pytest.fixture
def damaged(small, small_root, tmp_path):
    """A copy of the small corpus with its manifest, to be damaged."""
    shutil.copytree(small_root, tmp_path / "small")
    manifests.write(small.drop(columns="label"), tmp_path / "m.csv")
    return tmp_path


def words(damaged, command, *rest):
    root = ("--root", str(damaged / "small"), "--cache", str(damaged / "cache"))
    given = ("--manifest", str(damaged / "m.csv"), *root, "-o", str(damaged / "run"), *QUICK)
    return [command, *given, *rest]


def test_training_names_them(damaged, capsys):
    (damaged / "small/ann/sad_0.wav").write_bytes(b"")
    soundfile.write(
        damaged / "small/ann/sad_1.wav", np.full(16_000, np.nan), 16_000, subtype="FLOAT"
    )
    manifest = manifests.read(damaged / "m.csv")
    manifest = manifest.assign(emotion=manifest["emotion"].replace({"neutral": "happy"}))
    manifests.write(manifest, damaged / "m.csv")
    protocol = ("--grouping", "valence2", "--protocol", "by_speaker", "--val", "1", "--test", "1")
    assert main(words(damaged, "train", *protocol)) == 0
    told = capsys.readouterr().err
    for name, reason in (("sad_0", "is empty"), ("sad_1", "16000 samples that are not a numbers")):
        (line,) = [x for x in told.splitlines() if x.startswith("unreadable: ") and name in x]
        assert reason in line


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_split_without_a_readable_file_says_so(split, damaged, refused):
    manifest = manifests.read(damaged / "m.csv")
    manifest["emotion"] = manifest["emotion"].replace({"neutral": "happy"})
    of = {"small_eve": "val", "small_fred": "test"}
    manifest = manifest.assign(split=manifest["speaker"].map(of).fillna("train"))
    manifests.write(manifest, damaged / "m.csv")
    lost = manifest.loc[manifest["split"] == split, "path"]
    for path in lost:
        (damaged / "small" / path).write_bytes(b"")
    said = refused(*words(damaged, "train", "--protocol", "manifest", "--grouping", "valence2"))
    assert said.code in ("class-without-training-data", "unreadable-split")
    for value in (f"{len(lost)} files cannot be read", "is empty", f"split {split!r}"):
        assert value in said


def test_a_study_names_them_once(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SERTK_CACHE", str(tmp_path / "cache"))
    for speaker in ("ann", "ben", "eva"):
        for emotion in ("happy", "sad"):
            trees.sounds(tmp_path / "own" / speaker / emotion, "0.wav", "1.wav")
    (tmp_path / "own/ann/sad/1.wav").write_bytes(b"RIFF")
    asked = (
        "--corpus", "folders", "--root", str(tmp_path / "own"), "--grouping", "valence2",
        "--model", "mlp,conv1d", "--protocol", "speaker_folds", "--folds", "3", "--val", "1",
        "--seeds", "0", "--epochs", "1", "-o", str(tmp_path / "study"),
    )  # fmt: skip
    assert main(["study", *asked]) == 0
    told = capsys.readouterr().err
    (line,) = [part for part in told.splitlines() if "unreadable: " in part]
    assert "ann/sad/1.wav" in line
