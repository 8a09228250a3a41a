"""Files that cannot be read are named by every command that reads a manifest, once each."""

import shutil

import numpy as np
import pytest
import soundfile

from sertk import manifest as manifests
from tests.corpora import trees

QUICK = ("--clip-seconds", "0.6", "--epochs", "1", "--model-option", "width=0.2")


@pytest.fixture
def damaged(small, small_root, tmp_path):
    """A copy of the small corpus with its manifest, to be damaged."""
    shutil.copytree(small_root, tmp_path / "small")
    manifests.write(small.drop(columns="label"), tmp_path / "m.csv")
    return tmp_path


def words(damaged, command, *rest):
    root = ("--root", damaged / "small", "--cache", damaged / "cache")
    given = ("--manifest", damaged / "m.csv", *root, "-o", damaged / "run", *QUICK)
    return [command, *given, *rest]


def test_training_names_them(damaged, done):
    (damaged / "small/ann/sad_0.wav").write_bytes(b"")
    nothing = np.full(16_000, np.nan)
    soundfile.write(damaged / "small/ann/sad_1.wav", nothing, 16_000, subtype="FLOAT")
    manifest = manifests.read(damaged / "m.csv")
    manifest = manifest.assign(emotion=manifest["emotion"].replace({"neutral": "happy"}))
    manifests.write(manifest, damaged / "m.csv")
    protocol = ("--grouping", "valence2", "--protocol", "by_speaker", "--val", "1", "--test", "1")
    told = done(*words(damaged, "train", *protocol)).err
    for name, reason in (("sad_0", "is empty"), ("sad_1", "16000 non-finite samples")):
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


def test_a_study_names_them_once(tmp_path, done, monkeypatch):
    monkeypatch.setenv("SERTK_CACHE", str(tmp_path / "cache"))
    for speaker in ("ann", "ben", "eva"):
        for emotion in ("happy", "sad"):
            trees.sounds(tmp_path / "own" / speaker / emotion, "0.wav", "1.wav")
    (tmp_path / "own/ann/sad/1.wav").write_bytes(b"RIFF")
    told = done(
        "study", "--corpus", "folders", "--root", tmp_path / "own", "--grouping", "valence2",
        "--model", "mlp,conv1d", "--protocol", "speaker_folds", "--folds", "3", "--val", "1",
        "--seeds", "0", "--epochs", "1", "-o", tmp_path / "study",
    ).err  # fmt: skip
    (line,) = [part for part in told.splitlines() if "unreadable: " in part]
    assert "ann/sad/1.wav" in line
