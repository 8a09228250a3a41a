"""What every corpus owes: its facts, the best of several copies, and errors that say what to do."""

import re
import subprocess
import sys

import pandas as pd
import pytest
import soundfile

from sertk import corpora, labels, manifest
from sertk.corpora import _files
from sertk.corpora._download import Archive
from sertk.errors import ConfigurationError, CorpusError, UnknownNameError
from sertk.manifest import remarks
from tests.corpora import trees
from tests.errors import raises

MADE = ("toy",)  # makes its folder where there is none
OWN = ("table", "folders", "toy")  # collections of one's own: no paper to cite, nowhere to ask
PUBLISHED = [name for name in corpora.names() if name not in OWN]


@pytest.mark.parametrize("name", corpora.names())
def test_facts_are_there(name):
    module = corpora.load(name)
    assert module.TITLE
    assert module.LICENSE
    assert isinstance(module.SYNTHETIC, bool)
    own = set(module.EMOTIONS) - set(labels.EMOTIONS)
    assert own <= {word for word in own if word in module.__doc__}  # words that nobody else has
    assert all(isinstance(archive, Archive) for archive in module.DOWNLOADS)
    assert bool(module.DOWNLOADS) != bool(module.REQUEST)
    assert "license" in module.__doc__.lower()
    assert "file names" in module.__doc__.lower()
    if name not in OWN:
        assert "Citation" in module.__doc__
        assert re.search(r"\((19|20)\d\d\)", module.CITATION)
        assert module.URL.startswith("http")
        assert re.search(r"Size: [\d,]+ ", module.__doc__)


def test_only_the_toy_corpus_is_synthetic():
    assert [n for n in corpora.names() if corpora.load(n).SYNTHETIC] == ["toy"]


@pytest.mark.parametrize("name", [n for n in corpora.names() if n not in MADE])
def test_an_empty_folder_is_named(name, tmp_path):
    code = "several-tables" if name == "table" else "no-corpus-files"
    with raises(CorpusError, code, str(tmp_path)):
        corpora.scan(name, tmp_path)


@pytest.mark.parametrize("name", corpora.names())
def test_a_wrong_folder_is_named_and_kept(name, tmp_path):
    trees.text(tmp_path / "holiday.mp4")
    trees.text(tmp_path / "notes.docx")
    codes = {"table": "several-tables", "toy": "toy-folder-in-use"}
    with raises(CorpusError, codes.get(name, "no-corpus-files"), str(tmp_path)):
        corpora.scan(name, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["holiday.mp4", "notes.docx"]


@pytest.mark.parametrize("name", [*PUBLISHED, "folders"])
def test_a_missing_folder_and_a_file_are_told_apart(name, tmp_path):
    with raises(CorpusError, "missing-corpus-folder"):
        corpora.scan(name, tmp_path / "nowhere")
    archive = trees.text(tmp_path / "archive.zip")
    with raises(CorpusError, "root-not-a-folder", "archive.zip"):
        corpora.scan(name, archive)


def test_the_root_comes_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("SERTK_CORPORA", raising=False)
    with raises(CorpusError, "no-root-folder", "SERTK_CORPORA"):
        corpora.scan("emodb")
    monkeypatch.setenv("SERTK_CORPORA", str(tmp_path))
    with raises(CorpusError, "no-root-folder"):
        corpora.scan("savee")
    trees.sounds(tmp_path / "emodb", "wav/03a01Fa.wav")
    found = corpora.scan("emodb")
    assert found["path"].tolist() == ["wav/03a01Fa.wav"]
    assert manifest.roots(found) == {"emodb": str(tmp_path / "emodb")}


def test_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    trees.sounds(tmp_path / "speech", "03a01Fa.wav")
    assert len(corpora.scan("emodb", "~/speech")) == 1


def test_unknown_names_and_options(tmp_path):
    with raises(UnknownNameError, "unknown-name", "'ravdes'", "Did you mean 'ravdess'"):
        corpora.scan("ravdes", tmp_path)
    with raises(UnknownNameError, "unknown-name", "Did you mean 'style'"):
        corpora.scan("ravdess", tmp_path, styl="song")
    with raises(ConfigurationError, "unexpected-option"):
        corpora.scan("emodb", tmp_path, style="song")


def test_a_function_of_your_own_is_a_corpus(tmp_path):
    def mine(root, word="happy"):
        same = {"speaker": "mine_me", "emotion": word}
        names = [p.stem for p in root.glob("*.wav")]
        rows = [{"utterance_id": f"mine_{n}", "path": f"{n}.wav", **same} for n in names]
        return manifest.from_rows(rows, "mine", root)

    trees.sounds(tmp_path, "a.wav", "b.wav")
    found = corpora.scan(mine, tmp_path, word="sad", hash_files=True)
    assert found["emotion"].tolist() == ["sad", "sad"]
    assert found["duration"].tolist() == [0.05, 0.05]
    assert found["sample_rate"].tolist() == [16_000, 16_000]
    assert found["sha256"].str.len().tolist() == [64, 64]
    with raises(UnknownNameError, "unknown-name", "'wort'"):
        corpora.scan(mine, tmp_path, wort="sad")


def test_damaged_files_stay_and_are_named(tmp_path):
    trees.sounds(tmp_path, "wav/03a01Fa.wav")
    trees.text(tmp_path / "wav/03a01Nc.wav", "version https://git-lfs.github.com/spec/v1\n")
    found = corpora.scan("emodb", tmp_path)
    assert found["duration"].isna().tolist() == [False, True]
    assert found["sample_rate"].isna().tolist() == [False, True]
    ((path, reason),) = remarks.of(found).unreadable
    assert path == "wav/03a01Nc.wav"
    assert "git lfs pull" in reason


def test_links_to_folders_are_followed_once_and_hidden_ones_left_alone(tmp_path):
    trees.sounds(tmp_path / "elsewhere", "03a01Fa.wav")
    trees.sounds(tmp_path / "emodb", ".venv/data/08a01Wa.wav")
    (tmp_path / "emodb" / "wav").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "loop").symlink_to(tmp_path / "emodb")
    assert corpora.scan("emodb", tmp_path / "emodb")["path"].tolist() == ["wav/03a01Fa.wav"]


def test_every_manifest_can_be_written_and_read(tmp_path):
    trees.sounds(tmp_path / "emodb", "wav/03a01Fa.wav", "wav/08a01Wa.wav")
    found = corpora.scan("emodb", tmp_path / "emodb")
    manifest.write(found, tmp_path / "emodb.csv")
    again = manifest.read(tmp_path / "emodb.csv", root=tmp_path / "emodb")
    shared = [c for c in found if c != "age"]
    pd.testing.assert_frame_equal(found[shared], again[shared])
    assert manifest.paths(again) == manifest.paths(found)


def test_listing_the_names_is_cheap():
    code = (
        "import sys; from sertk import corpora; corpora.names(); "
        "print([m for m in ('numpy', 'pandas', 'scipy', 'soundfile', 'pooch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


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
