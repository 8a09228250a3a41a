"""RAVDESS, in every state that people unpack it in."""

import pytest

from sertk import corpora, manifest
from sertk.errors import CorpusError, UnknownNameError
from sertk.manifest import remarks
from tests.corpora import trees
from tests.errors import raises

SPOKEN = "03-01-05-02-01-02-03.wav"
SUNG = "03-02-03-01-02-01-04.wav"


def test_codes(tmp_path):
    trees.sounds(tmp_path, f"Actor_03/{SPOKEN}", f"Actor_04/{SUNG}")
    found = corpora.scan("ravdess", tmp_path)
    assert remarks.of(found).skipped == {}
    assert manifest.roots(found) == {"ravdess": str(tmp_path)}
    spoken, sung = found.to_dict("records")
    expected = {
        "utterance_id": "ravdess_03-01-05-02-01-02-03",
        "path": f"Actor_03/{SPOKEN}",
        "speaker": "ravdess_03",
        "emotion": "angry",
        "gender": "male",
        "intensity": "strong",
        "text": "Kids are talking by the door",
        "repetition": "2",
        "style": "speech",
        "language": "en",
        "duration": 0.05,
        "sample_rate": 16_000,
    }
    assert {key: spoken[key] for key in expected} == expected
    assert sung["gender"] == "female"
    assert sung["style"] == "song"
    assert sung["text"] == "Dogs are sitting by the door"


@pytest.mark.parametrize(
    "folder", ["Actor_03", "Audio_Speech_Actors_01-24/Actor_03", ".", "a/deep/b/Actor_03"]
)
def test_every_unpacking(tmp_path, folder):
    trees.sounds(tmp_path, f"{folder}/{SPOKEN}")
    found = corpora.scan("ravdess", tmp_path)
    assert found["speaker"].tolist() == ["ravdess_03"]
    assert (tmp_path / found["path"][0]).is_file()


def test_a_tree_that_is_there_twice(tmp_path):
    trees.sounds(
        tmp_path,
        f"audio_speech_actors_01-24/Actor_03/{SPOKEN}",
        f"Actor_03/{SPOKEN}",
        f"Actor_04/{SUNG}",
    )
    found = corpora.scan("ravdess", tmp_path)
    assert found["path"].tolist() == [f"Actor_03/{SPOKEN}", f"Actor_04/{SUNG}"]
    assert remarks.of(found).skipped == {"duplicate recording": 1}


def test_what_is_not_taken_is_counted(tmp_path):
    trees.sounds(
        tmp_path,
        f"Actor_03/{SPOKEN}",
        "Actor_03/03-01-09-02-01-02-03.wav",  # no ninth emotion
        "Actor_03/03-01-05-02-01-02-25.wav",  # nor a 25th actor
        "Actor_03/hello.wav",
        "Actor_03/01-01-05-02-01-02-03.wav",
    )
    trees.text(tmp_path / f"Actor_03/._{SPOKEN}")
    trees.text(tmp_path / f"__MACOSX/Actor_03/{SPOKEN}")
    trees.text(tmp_path / "Actor_03/01-01-05-01-01-02-03.mp4")
    trees.text(tmp_path / "Actor_03/02-01-05-02-01-02-03.mp4")
    trees.text(tmp_path / "Actor_03/03-01-05-02-01-01-03.m4a")
    trees.text(tmp_path / "README.md")
    trees.text(tmp_path / "LICENSE")
    found = corpora.scan("ravdess", tmp_path)
    assert len(found) == 2  # one of them needs ffmpeg
    assert [path for path, _ in remarks.of(found).unreadable] == [
        "Actor_03/03-01-05-02-01-01-03.m4a"
    ]
    assert remarks.of(found).skipped == {
        "audio with video (modality 01)": 2,
        "macOS metadata (._ files)": 2,
        "not a RAVDESS file name": 3,
        "not audio (*.md)": 1,
        "not audio (no suffix)": 1,
        "video (modality 02)": 1,
    }


def test_style(tmp_path):
    trees.sounds(tmp_path, f"Actor_03/{SPOKEN}", f"Actor_04/{SUNG}")
    spoken = corpora.scan("ravdess", tmp_path, style="speech")
    assert spoken["style"].tolist() == ["speech"]
    assert remarks.of(spoken).skipped == {"song (style='speech' requested)": 1}
    assert corpora.scan("ravdess", tmp_path, style="song")["style"].tolist() == ["song"]
    with raises(UnknownNameError, "unknown-name", "Did you mean 'song'"):
        corpora.scan("ravdess", tmp_path, style="sung")
    (tmp_path / f"Actor_04/{SUNG}").unlink()
    with raises(CorpusError, "no-corpus-files", "Actor_01/03-02-05", "Audio_S"):
        corpora.scan("ravdess", tmp_path, style="song")


def test_only_videos(tmp_path):
    for take in ("01", "02"):
        trees.text(tmp_path / f"Actor_03/02-01-05-02-01-{take}-03.mp4")
    with raises(
        CorpusError,
        "no-corpus-files",
        "Actor_01/03-01-05-01-02-01-01.wav",
        "Audio_Speech_Actors_01-24.zip",
    ):
        corpora.scan("ravdess", tmp_path, style="speech")
