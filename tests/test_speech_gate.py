"""What is no speech gets no emotion; offsets and the choice of a channel change no answer."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sertk import audio, predict
from sertk.cli import main
from sertk.predict import sound
from sertk.preprocessing import Preprocessing
from tests import fake_model
from tests.fake_model import CLASSES, tone, write_model


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "model.onnx")


@pytest.fixture
def recordings(tmp_path):
    return fake_model.write_recordings(tmp_path / "sounds")


def test_silence_gets_no_emotion(model, recordings):
    row = predict.load(model).file(recordings / "silent.wav")
    assert row["label"] == predict.NO_SPEECH == "no speech"
    assert all(np.isnan(row[f"p_{c}"]) for c in CLASSES)
    assert np.isnan(row["valence"])
    assert predict.load(model, silence_db=None).file(recordings / "silent.wav")["label"] == "sad"
    assert (
        predict.load(model, silence_db=-20).file(recordings / "quiet.wav")["label"] == "no speech"
    )


def noise(color, seconds, size):
    """White, pink or brown noise of a root mean square."""
    generator = np.random.default_rng(round(10 * seconds))
    spectrum = np.fft.rfft(generator.normal(size=round(seconds * 16_000)))
    steepness = {"white": 0.0, "pink": 0.5, "brown": 1.0}[color]
    wave = np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 1.0) ** steepness)
    return size * wave / np.sqrt(np.mean(wave**2))


def hum(mains, seconds, size):
    """The mains, with harmonics."""
    time = np.arange(round(seconds * 16_000)) / 16_000
    return size * sum(np.sin(2 * np.pi * mains * k * time) / k for k in range(1, 9))


STEADY = [*((noise, color) for color in ("white", "pink", "brown")), (hum, 50), (hum, 60)]


@pytest.mark.parametrize(("make", "kind"), STEADY)
@pytest.mark.parametrize("size", [0.2, 0.02, 0.002])
def test_steady_noise_gets_no_emotion(make, kind, size, model, tmp_path):
    predictor = predict.load(model)
    for seconds in (0.6, 1.3, 3.0, 8.0):
        path = tmp_path / "noise.wav"
        soundfile.write(path, make(kind, seconds, size), 16_000)
        row = predictor.file(path)
        assert row["label"] == "no speech"
        assert row["loudest_db"] > sound.SILENCE_DB
        along = predictor.timeline(path, window=0.7).frame()
        lengths = along["end"] - along["start"]
        assert set(along.loc[lengths >= sound.STEADY_SECONDS, "label"]) == {"no speech"}
    assert predict.load(model, silence_db=None).file(path)["label"] != "no speech"


@pytest.mark.parametrize("snr_db", [20, 5, 0])
@pytest.mark.parametrize("color", ["white", "pink", "brown"])
def test_sound_that_moves_is_heard_through_noise(color, snr_db):
    spoken = np.repeat([1.0, 0.01] * 6, 4000) * hum(120, 3.0, 0.1)  # syllables of a low voice
    mixed = audio.noise_at_snr(spoken, noise(color, 3.0, 0.1), snr_db)
    for size in (1.0, 0.01):
        assert not sound.is_steady(size * mixed, 16_000)


def test_what_fills_a_window_up_is_not_movement(model, tmp_path):
    path = tmp_path / "noise.wav"
    soundfile.write(path, noise("white", 2.6, 0.1), 16_000)
    found = predict.load(model).timeline(path, window=1.0, hop=1.0).frame()
    assert found["end"].iloc[-1] == 2.6
    assert set(found["label"]) == {"no speech"}


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["ravdess", "emodb"])
def test_people_who_speak_pass_the_gate(name):
    """Every clip of the corpora moves by 22 dB or more; half of one by 7 in all but a few."""
    home = Path(os.environ.get("SERTK_CORPORA", "")) / name
    if not home.is_dir():
        pytest.skip(f"no {name}/ below SERTK_CORPORA")
    prep = Preprocessing("log_mel")
    refused = halves = 0
    paths = sorted(home.rglob("*.wav"))
    for path in paths:
        wave = prep.load(path)
        steady = sound.is_steady(wave, prep.sample_rate)
        refused += steady or sound.loudest_db(wave, prep.sample_rate) <= sound.SILENCE_DB
        halves += sound.is_steady(wave[len(wave) // 4 : -len(wave) // 4], prep.sample_rate)
    assert refused == 0
    assert halves <= 0.005 * len(paths)


@pytest.mark.parametrize("offset", ["constant", "drift"])
def test_an_offset_changes_no_answer(model, tmp_path, offset):
    """Whole files, timelines and waveforms; silence with an offset is still silence."""
    wave = np.tile(tone(1.0)[:, 0] * np.hanning(16_000), 3).astype("f4")
    added = {"constant": 0.05, "drift": np.linspace(-0.02, 0.03, len(wave))}[offset]
    soundfile.write(tmp_path / "a.wav", wave, 16_000, subtype="FLOAT")
    soundfile.write(tmp_path / "b.wav", wave + added, 16_000, subtype="FLOAT")
    soundfile.write(tmp_path / "c.wav", 0 * wave + added, 16_000, subtype="FLOAT")
    predictor = predict.load(model)
    clean, moved, silent = (predictor.file(tmp_path / f"{name}.wav") for name in "abc")
    assert moved["label"] == clean["label"]
    shares = [f"p_{name}" for name in predictor.classes]
    np.testing.assert_allclose([moved[s] for s in shares], [clean[s] for s in shares], atol=0.02)
    assert silent["label"] == predict.NO_SPEECH
    lines = [predictor.timeline(tmp_path / f"{name}.wav").frame() for name in "abc"]
    assert (lines[0]["label"] == lines[1]["label"]).all()
    assert (lines[2]["label"] == predict.NO_SPEECH).all()
    given = [predictor.probabilities(wave), predictor.probabilities((wave + added).astype("f4"))]
    np.testing.assert_allclose(*given, atol=0.02)


def test_a_channel_can_be_chosen(model, tmp_path, capsys):
    wave = tone(2.0)[:, 0].astype("f4")
    soundfile.write(tmp_path / "a.wav", np.stack([wave, -wave], 1), 16_000, subtype="FLOAT")
    soundfile.write(tmp_path / "mono.wav", wave, 16_000, subtype="FLOAT")
    assert main(["predict", "--model", str(model), str(tmp_path / "a.wav")]) == 2
    assert "cancel each other" in capsys.readouterr().err
    words = ["predict", "--model", str(model), "--channel", "2", "--format", "json"]
    assert main([*words, str(tmp_path / "a.wav")]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["label"] == predict.load(model).file(tmp_path / "mono.wav")["label"]
    chosen = predict.load(model, channel=1).timeline(tmp_path / "a.wav").frame()
    assert (chosen["label"] == row["label"]).all()
