"""Of several copies of one recording the best is taken, whatever the corpus and the order."""

import pytest
import soundfile

from sertk import corpora
from sertk.corpora import _files
from sertk.manifest import remarks
from tests.corpora import trees

RAVDESS = "03-01-05-02-01-02-03"
DIALOG = "Ses01F_impro01"


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_a_pointer_and_an_mp3_beside_the_wav(tmp_path):
    name = "1001_DFA_ANG_XX"
    trees.sounds(tmp_path, f"AudioMP3/{name}.mp3", f"AudioWAV/{name}.wav")
    found = corpora.scan("crema_d", tmp_path)
    assert found["path"].tolist() == [f"AudioWAV/{name}.wav"]
    assert remarks.of(found).skipped == {"duplicate recording, lossy": 1}
    assert f"AudioWAV/{name}.wav for AudioMP3/{name}.mp3" in remarks.of(found).notes[0]
    trees.text(tmp_path / f"AudioWAV/{name}.wav", "version https://git-lfs.github.com/spec/v1\n")
    found = corpora.scan("crema_d", tmp_path)
    assert found["path"].tolist() == [f"AudioMP3/{name}.mp3"]
    assert remarks.of(found).skipped == {"duplicate recording, unreadable": 1}
    assert remarks.of(found).unreadable == []


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_a_shallow_copy_that_is_cut_short(suffix, tmp_path):
    trees.sounds(tmp_path, f"{RAVDESS}.{suffix}", f"deep/Actor_03/{RAVDESS}.wav")
    whole = corpora.scan("ravdess", tmp_path)
    assert whole["path"].tolist() == [f"{RAVDESS}.{suffix}"]
    assert remarks.of(whole).skipped == {"duplicate recording": 1}
    assert remarks.of(whole).notes == []
    cut(tmp_path / f"{RAVDESS}.{suffix}")
    found = corpora.scan("ravdess", tmp_path)
    assert found["path"].tolist() == [f"deep/Actor_03/{RAVDESS}.wav"]
    assert remarks.of(found).skipped == {"duplicate recording, unreadable": 1}


def test_copies_that_are_all_unreadable_stay_as_one_row(tmp_path):
    trees.text(tmp_path / f"a/{RAVDESS}.wav")
    trees.text(tmp_path / f"b/{RAVDESS}.wav")
    found = corpora.scan("ravdess", tmp_path)
    assert found["path"].tolist() == [f"a/{RAVDESS}.wav"]
    assert [path for path, _ in remarks.of(found).unreadable] == [f"a/{RAVDESS}.wav"]


def test_iemocap_twice(tmp_path):
    label = f"[0.0 - 0.1]\t{DIALOG}_F000\tang\t[2.0, 2.0, 2.0]\n"
    for top in ("", "copy/"):
        home = tmp_path / f"{top}Session1"
        trees.sound(home / f"sentences/wav/{DIALOG}/{DIALOG}_F000.wav")
        trees.text(home / f"dialog/EmoEvaluation/{DIALOG}.txt", label)
    found = corpora.scan("iemocap", tmp_path)
    assert found["path"].tolist() == [f"Session1/sentences/wav/{DIALOG}/{DIALOG}_F000.wav"]
    assert remarks.of(found).skipped["duplicate recording"] == 1
    cut(tmp_path / f"Session1/sentences/wav/{DIALOG}/{DIALOG}_F000.wav")
    found = corpora.scan("iemocap", tmp_path)
    assert found["path"].tolist() == [f"copy/Session1/sentences/wav/{DIALOG}/{DIALOG}_F000.wav"]
    assert soundfile.info(tmp_path / found["path"][0]).frames == 800


def test_a_shallow_copy_without_samples(tmp_path):
    trees.sound(tmp_path / f"{RAVDESS}.wav", seconds=0)
    trees.sound(tmp_path / f"deep/{RAVDESS}.wav")
    assert corpora.scan("ravdess", tmp_path)["path"].tolist() == [f"deep/{RAVDESS}.wav"]


def test_only_what_decides_is_read(tmp_path, monkeypatch):
    """A WAV that is whole is taken without a look into its lossy copies."""
    name = "1001_DFA_ANG_XX"
    trees.sounds(tmp_path, f"AudioMP3/{name}.mp3", f"AudioWAV/{name}.wav")
    monkeypatch.setattr(_files.audio, "read", lambda *_: pytest.fail("decoded"))
    assert corpora.scan("crema_d", tmp_path)["path"].tolist() == [f"AudioWAV/{name}.wav"]
