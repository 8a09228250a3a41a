"""What a microphone adds, and which of its channels is taken: neither may change an answer."""

import json

import numpy as np
import pytest
import soundfile

from sertk import predict
from sertk.cli import main
from tests.fake_model import tone, write_model

pytest.importorskip("onnx")


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "model.onnx")


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
