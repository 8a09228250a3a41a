"""The toy corpus: whole, the same every time, and neither trivial nor hopeless to learn."""

import json

import numpy as np
import pytest
import soundfile

from sertk import audio, corpora, manifest
from sertk.corpora import _files, toy
from sertk.errors import ConfigurationError, CorpusError
from sertk.manifest import remarks
from tests.corpora import trees
from tests.errors import raises


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return corpora.scan("toy", tmp_path_factory.mktemp("toys") / "toy")


def test_counts(whole):
    assert len(whole) == 480
    assert whole["speaker"].nunique() == 8
    assert whole["emotion"].value_counts().to_dict() == {
        "neutral": 32,
        **dict.fromkeys(toy.EMOTIONS[1:], 64),
    }
    assert whole.groupby("gender")["speaker"].nunique().to_dict() == {"female": 4, "male": 4}
    assert whole["text"].nunique() == 2
    assert "language" not in whole
    assert set(whole["corpus"]) == {"toy"}
    assert set(whole["sample_rate"]) == {16_000}
    assert whole["duration"].between(0.9, 3.0).all()
    # the mark and the README
    assert remarks.of(whole).skipped == {"not audio (*.json)": 1, "not audio (*.txt)": 1}


def test_it_says_that_it_is_synthetic(whole):
    root = manifest.root_of(whole, "toy")
    assert "synthetic" in (root / "README.txt").read_text(encoding="utf-8")
    assert toy.SYNTHETIC
    assert not [p for p in root.parent.iterdir() if p != root]


def test_sound(whole):
    rows = whole[whole["speaker"].isin(["toy_01", "toy_02"])]
    for path in manifest.paths(rows)[::9]:
        assert soundfile.info(path).subtype == "PCM_16"
        waveform, _ = audio.read(path)
        assert 0.02 < np.abs(waveform).max() < 1.0
        assert abs(waveform.mean()) < 0.02


def test_low_and_high_voices(whole):
    """Autocorrelation finds the pitch that the voices were given."""
    import librosa

    neutral = whole[whole["emotion"] == "neutral"]
    pitch = {}
    for speaker in ("toy_01", "toy_02"):
        waveform, rate = audio.read(manifest.paths(neutral[neutral["speaker"] == speaker])[0])
        pitch[speaker] = np.median(librosa.yin(waveform, fmin=60, fmax=500, sr=rate))
    assert 75 < pitch["toy_01"] < 160 < pitch["toy_02"] < 300


def test_the_same_bytes_every_time(whole, tmp_path):
    again = corpora.scan("toy", tmp_path / "toy", speakers=1, takes=1)
    assert len(again) == 30
    both = again.merge(whole, on="path")
    assert len(both) == 30
    for path in both["path"]:
        first, second = manifest.root_of(whole, "toy") / path, tmp_path / "toy" / path
        assert _files.sha256(first) == _files.sha256(second)


def test_made_once_and_again_where_it_is_incomplete(tmp_path):
    root = tmp_path / "toy"
    found = corpora.scan("toy", root, speakers=1, takes=1)
    clip = manifest.paths(found)[0]
    stamp = clip.stat().st_mtime_ns
    corpora.scan("toy", root, speakers=1, takes=1)
    assert clip.stat().st_mtime_ns == stamp
    clip.unlink()
    corpora.scan("toy", root, speakers=1, takes=1)
    assert clip.is_file()
    assert clip.stat().st_mtime_ns != stamp
    mark = json.loads((root / "toy.json").read_text(encoding="utf-8"))
    for broken in (json.dumps({**mark, "version": 0}), "{"):
        (root / "toy.json").write_text(broken, encoding="utf-8")
        corpora.scan("toy", root, speakers=1, takes=1)
    assert json.loads((root / "toy.json").read_text(encoding="utf-8")) == mark
    assert len(corpora.scan("toy", root, speakers=2, takes=1)) == 60


def test_real_recordings_are_never_replaced(tmp_path):
    real = trees.sound(tmp_path / "Actor_01" / "03-01-01-01-01-01-01.wav")
    with raises(CorpusError, "toy-folder-in-use"):
        corpora.scan("toy", tmp_path)
    assert real.is_file()
    ours = tmp_path / "toy"
    corpora.scan("toy", ours, speakers=1, takes=1)
    trees.text(ours / "thesis.docx")
    with raises(CorpusError, "toy-folder-in-use", "thesis.docx"):
        corpora.scan("toy", ours, speakers=2, takes=1)
    assert (ours / "thesis.docx").is_file()


def test_the_working_folder_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with raises(CorpusError, "toy-in-working-folder"):
        corpora.scan("toy", root=".")


def test_a_broken_writing_leaves_nothing(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr(toy.soundfile, "write", full)
    with pytest.raises(OSError, match="No space left"):
        corpora.scan("toy", tmp_path / "toy", speakers=1, takes=1)
    assert list(tmp_path.iterdir()) == []


def test_default_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("SERTK_CORPORA", raising=False)
    found = corpora.scan("toy", speakers=1, takes=1)
    assert manifest.roots(found) == {"toy": str(tmp_path / "sertk" / "toy_1x1")}
    assert toy._default_root({"speakers": 8, "takes": 2}) == tmp_path / "sertk" / "toy"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert toy._default_root({"speakers": 8, "takes": 2}).parts[-3:] == (".cache", "sertk", "toy")


def test_settings_out_of_range(tmp_path):
    with raises(ConfigurationError, "invalid-toy-size", "24"):
        corpora.scan("toy", tmp_path / "toy", speakers=0)


def test_a_simple_classifier_learns_some_of_it_across_voices(whole):
    import librosa
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import recall_score
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    vectors = []
    for path in manifest.paths(whole):
        waveform, rate = audio.read(path)
        mfcc = librosa.feature.mfcc(y=waveform, sr=rate, n_mfcc=20, n_fft=512, hop_length=256)
        vectors.append(np.concatenate([mfcc.mean(axis=1), mfcc.std(axis=1)]))
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    apart = {"groups": whole["speaker"], "cv": LeaveOneGroupOut()}
    predicted = cross_val_predict(classifier, np.array(vectors), whole["emotion"], **apart)
    uar = recall_score(whole["emotion"], predicted, average="macro")
    assert 0.45 < uar < 0.75
