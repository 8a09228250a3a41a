"""EmoDB."""

import pytest

from sertk import corpora
from sertk.manifest import remarks
from tests.corpora import trees


@pytest.mark.parametrize(
    ("letter", "emotion"),
    [
        ("W", "angry"),
        ("L", "bored"),
        ("E", "disgust"),
        ("A", "fearful"),
        ("F", "happy"),
        ("T", "sad"),
        ("N", "neutral"),
    ],
)
def test_emotions(tmp_path, letter, emotion):
    trees.sounds(tmp_path, f"wav/08b10{letter}c.wav")
    (row,) = corpora.scan("emodb", tmp_path).to_dict("records")
    assert row["emotion"] == emotion
    assert (row["speaker"], row["gender"], row["age"]) == ("emodb_08", "female", 34)
    assert (row["text"], row["repetition"], row["language"]) == ("b10", "c", "de")


@pytest.mark.parametrize("folder", ["wav", ".", "emodb", "download/wav"])
def test_every_unpacking(tmp_path, folder):
    trees.sounds(tmp_path, f"{folder}/16a01Fa.wav", f"{folder}/03a01Fa.wav")
    found = corpora.scan("emodb", tmp_path)
    assert found["speaker"].tolist() == ["emodb_03", "emodb_16"]
    assert found["gender"].tolist() == ["male", "female"]


def test_what_is_not_taken_is_counted(tmp_path):
    trees.sounds(tmp_path, "wav/03a01Fa.wav", "wav/04a01Fa.wav", "wav/03a01Xa.wav", "03a01Fa.wav")
    trees.text(tmp_path / "lablaut/03a01Fa.lablaut")
    trees.text(tmp_path / "erkennung.txt")
    trees.text(tmp_path / "wav/._03a01Fa.wav")
    found = corpora.scan("emodb", tmp_path)
    assert found["path"].tolist() == ["03a01Fa.wav"]
    assert remarks.of(found).skipped == {
        "macOS metadata (._ files)": 1,
        "not an EmoDB file name": 2,
        "not audio (*.lablaut)": 1,
        "not audio (*.txt)": 1,
        "duplicate recording": 1,
    }
