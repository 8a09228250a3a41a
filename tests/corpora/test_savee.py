"""SAVEE, in a folder per speaker and flat."""

import pytest

from sertk import corpora
from sertk.manifest import remarks
from tests.corpora import trees

EMOTIONS = {
    "a01": "angry",
    "d15": "disgust",
    "f02": "fearful",
    "h03": "happy",
    "n30": "neutral",
    "sa04": "sad",
    "su05": "surprised",
}


@pytest.mark.parametrize("pattern", ["AudioData/{}/{}.wav", "{}_{}.wav", "ALL/{}_{}.wav"])
def test_both_layouts(tmp_path, pattern):
    names = [(speaker, code) for speaker in ("DC", "JE", "JK", "KL") for code in EMOTIONS]
    trees.sounds(tmp_path, *(pattern.format(*name) for name in names))
    trees.text(tmp_path / "AudioData/Info.txt")
    found = corpora.scan("savee", tmp_path)
    assert dict(zip(found["utterance_id"], found["emotion"], strict=True)) == {
        f"savee_{speaker}_{code}": EMOTIONS[code] for speaker, code in names
    }
    assert sorted(set(found["speaker"])) == ["savee_DC", "savee_JE", "savee_JK", "savee_KL"]
    assert set(found["gender"]) == {"male"}
    assert remarks.of(found).skipped == {"not audio (*.txt)": 1}


def test_both_layouts_at_once_and_wrong_names(tmp_path):
    trees.sounds(tmp_path, "AudioData/DC/sa01.wav", "DC_sa01.wav", "su01.wav", "XY_a01.wav")
    found = corpora.scan("savee", tmp_path)
    assert found["path"].tolist() == ["DC_sa01.wav"]
    assert remarks.of(found).skipped == {
        "SAVEE file name without speaker": 1,
        "not a SAVEE file name": 1,
        "duplicate recording": 1,
    }
