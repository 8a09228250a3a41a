"""Your own recordings in folders."""

import shlex

import pytest

from sertk import corpora
from sertk.errors import ConfigurationError, CorpusError, UnknownNameError
from sertk.manifest import remarks
from tests.corpora import trees
from tests.errors import raises


def facts(found):
    return list(zip(found["path"], found["speaker"], found["emotion"], strict=True))


@pytest.mark.parametrize("top", ["", "data/all/"])
def test_a_folder_per_emotion(tmp_path, top):
    trees.sounds(tmp_path, f"{top}Anger/a.wav", f"{top}happiness/a.flac", f"{top}boredom/b.ogg")
    found = corpora.scan("folders", tmp_path)
    assert sorted(found["emotion"]) == ["angry", "bored", "happy"]
    assert found["speaker"].isna().all()
    assert "speaker-independent splits are not possible" in remarks.of(found).notes[0]
    assert found["duration"].notna().all()


def test_speaker_then_emotion_and_the_other_way(tmp_path):
    trees.sounds(tmp_path / "one", "ann/fear/a.wav", "ann/disgusted/a.wav", "ben/surprise/a.wav")
    trees.sounds(tmp_path / "two", "fear/ann/a.wav", "disgusted/ann/a.wav", "surprise/ben/a.wav")
    expected = {
        ("folders_ann", "fearful"),
        ("folders_ann", "disgust"),
        ("folders_ben", "surprised"),
    }
    for root in (tmp_path / "one", tmp_path / "two"):
        found = corpora.scan("folders", root)
        assert {(speaker, emotion) for _, speaker, emotion in facts(found)} == expected
        assert remarks.of(found).notes == []


def test_words_of_your_own(tmp_path):
    trees.sounds(tmp_path, "wut/a.wav", "sadness/a.wav", "trash/a.wav")
    with raises(CorpusError, "unclear-folder-layout", "trash, wut"):
        corpora.scan("folders", tmp_path)
    found = corpora.scan("folders", tmp_path, emotions={"Wut": "angry", "trash": None}, corpus="my")
    assert found["utterance_id"].tolist() == ["my_sadness_a", "my_wut_a"]
    assert found["emotion"].tolist() == ["sad", "angry"]
    assert remarks.of(found).skipped == {"emotion trash (excluded by emotions=)": 1}
    with raises(CorpusError, "all-emotions-excluded"):
        corpora.scan("folders", tmp_path, emotions=dict.fromkeys(("wut", "sadness", "trash"), None))


@pytest.mark.parametrize(
    ("paths", "value"),
    [
        (["a.wav", "b.wav"], "in one folder"),
        (["happy/a.wav", "sad/ann/a.wav"], "1 and 2 folders deep"),
        (["happy/sad/a.wav", "angry/calm/b.wav"], "both levels"),
        (["x/happy/1/a.wav", "y/sad/2/a.wav"], "3 deep"),
    ],
)
def test_folders_that_do_not_tell(tmp_path, paths, value):
    trees.sounds(tmp_path, *paths)
    with raises(CorpusError, "unclear-folder-layout", value):
        corpora.scan("folders", tmp_path)


def test_layout(tmp_path):
    trees.sounds(tmp_path, "anger/ann_1.wav", "anger/ben_1_b.wav", "joy/ann_1.WAV", "joy/odd.wav")
    found = corpora.scan("folders", tmp_path, layout="{emotion}/{speaker}_*.wav")
    assert facts(found) == [
        ("anger/ann_1.wav", "folders_ann", "angry"),
        ("anger/ben_1_b.wav", "folders_ben", "angry"),
        ("joy/ann_1.WAV", "folders_ann", "happy"),
    ]
    assert remarks.of(found).skipped == {"does not match the layout {emotion}/{speaker}_*.wav": 1}
    only_names = corpora.scan(
        "folders", tmp_path, layout="*/{emotion}_*.*", emotions={"ann": "sad", "ben": "happy"}
    )
    assert only_names["speaker"].isna().all()


def test_layout_errors(tmp_path):
    trees.sounds(tmp_path, "anger/ann_1.wav", "zorn/ann_1.wav")
    with raises(UnknownNameError, "unknown-name", "'speker'", "'spe"):
        corpora.scan("folders", tmp_path, layout="{emotion}/{speker}.wav")
    with raises(ConfigurationError, "invalid-layout"):
        corpora.scan("folders", tmp_path, layout="{speaker}/*.wav")
    with raises(CorpusError, "layout-matches-nothing", "anger/ann_1.w"):
        corpora.scan("folders", tmp_path, layout="{emotion}/{speaker}-*.wav")
    with raises(CorpusError, "unknown-emotion-words"):
        corpora.scan("folders", tmp_path, layout="{emotion}/{speaker}_*.wav")


def test_formats_that_are_not_read(tmp_path):
    trees.text(tmp_path / "happy/my voice.m4a")
    trees.text(tmp_path / "happy/._a.wav")
    with raises(CorpusError, "no-corpus-files", "'my voice.m4a' 'my"):
        corpora.scan("folders", tmp_path)
    trees.sounds(tmp_path, "happy/a.wav", "happy/a.flac")
    found = corpora.scan("folders", tmp_path)
    names = ["folders_happy_a.flac", "folders_happy_a.wav", "folders_happy_my voice"]
    assert found["utterance_id"].tolist() == names
    assert remarks.of(found).skipped == {"macOS metadata (._ files)": 1}
    assert [path for path, _ in remarks.of(found).unreadable] == ["happy/my voice.m4a"]


def test_what_is_to_be_typed_is_quoted(tmp_path):
    trees.text(tmp_path / "happy/Ann's voice.m4a")
    with raises(CorpusError, "no-corpus-files") as caught:
        corpora.scan("folders", tmp_path)
    command = str(caught.value).split("Convert them: ")[1]
    assert shlex.split(command) == ["ffmpeg", "-i", "Ann's voice.m4a", "Ann's voice.wav"]
