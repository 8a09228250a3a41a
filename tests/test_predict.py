"""Prediction: the run's own numbers, any file, hours in the same memory, and mistakes."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from sertk import audio, labels, manifest, predict
from sertk.cli import main
from sertk.errors import AudioError, ConfigurationError, OutputError, RunError
from sertk.predict import sound
from sertk.preprocessing import Preprocessing
from tests import fake_model
from tests.errors import raises
from tests.fake_model import CLASSES, spec, tone, write_model

pytest.importorskip("onnx")


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "model.onnx")


@pytest.fixture
def recordings(tmp_path):
    return fake_model.write_recordings(tmp_path / "sounds")


def test_any_format_any_rate_any_channels(model, recordings):
    found = predict.load(model).files(predict.find([recordings])).frame()
    found.index = [Path(p).name for p in found["path"]]
    assert list(found.index) == [
        "a.wav", "b.flac", "d.mp3", "c.ogg", "quiet.wav", "short.wav", "silent.wav"
    ]  # fmt: skip
    assert (found.loc[["a.wav", "b.flac", "c.ogg", "d.mp3", "short.wav"], "label"] == "happy").all()
    assert found.loc["quiet.wav", "label"] == "sad"
    assert found.loc["a.wav", "seconds"] == 2.0
    assert found.loc["a.wav", "loudest_db"] == pytest.approx(-9.03, abs=0.1)
    assert found["short"].to_dict() == {
        **dict.fromkeys(found.index, False), "short.wav": True, "silent.wav": False
    }  # fmt: skip
    shares = found.loc["a.wav", [f"p_{c}" for c in CLASSES]].astype(float)
    assert shares.sum() == pytest.approx(1)
    assert found.loc["a.wav", "valence"] == pytest.approx(shares["p_happy"] - shares["p_sad"])


def test_valence_is_that_of_the_grouping():
    for emotion, label in labels.GROUPINGS["valence2"].mapping.items():
        (side,) = labels.valence([emotion])
        assert side == {"positive": 1, "negative": -1}[label]
    assert labels.valence(["male_happy", "surprised"]).tolist() == [1, 0]


def test_pieces_joined_are_the_whole(tmp_path):
    path = tmp_path / "x.flac"
    generator = np.random.default_rng(0)
    soundfile.write(path, generator.normal(0, 0.1, (44_100 * 5 + 123, 2)), 44_100)
    for rate in (16_000, 44_100):
        whole, _ = audio.read(path, sample_rate=rate)
        joined = np.concatenate(list(audio.blocks(path, sample_rate=rate, seconds=0.7)))
        np.testing.assert_allclose(joined, whole, atol=1e-6)


def test_pieces_of_an_mp3_joined_are_the_whole(tmp_path, capfd):
    path = tmp_path / "x.mp3"
    time = np.arange(16_000 * 7) / 16_000
    phase = 2 * np.pi * np.cumsum(120 + 24 * np.sin(4.4 * time)) / 16_000
    voice = sum(np.sin(k * phase) / k for k in range(1, 40)) / 4
    # a frame that is easy leaves bits to the next, which a decoder that sought does not find
    soundfile.write(path, voice * (time % 0.6 < 0.35), 16_000)
    whole, _ = audio.read(path)
    joined = np.concatenate(list(audio.blocks(path, sample_rate=16_000, seconds=0.7)))
    np.testing.assert_allclose(joined, whole, atol=1e-6)
    assert capfd.readouterr().err == ""  # of the decoder


@pytest.mark.parametrize(("window", "hop"), [(0.5, 0.25), (0.5, 0.5), (0.3, 0.7), (9.0, 1.0)])
def test_windows_are_where_they_say(window, hop, tmp_path):
    path = tmp_path / "x.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 50_001), 16_000)
    wave, _ = audio.read(path)
    found = list(sound.windows(path, 16_000, window, hop))
    for number, piece in enumerate(found):
        first, end = round(piece.start * 16_000), round(piece.end * 16_000)
        assert piece.start == pytest.approx(number * hop)
        assert len(piece.waveform) == round(window * 16_000)
        np.testing.assert_array_equal(piece.waveform[: end - first], wave[first:end])
        assert not piece.waveform[end - first :].any()
    assert found[-1].end == len(wave) / 16_000 or hop > window


def test_a_timeline(model, tmp_path):
    path = tmp_path / "talk.wav"
    parts = [tone(2.0), np.zeros((32_000, 1)), tone(2.0, 0.02)]
    soundfile.write(path, np.concatenate(parts), 16_000)
    found = predict.load(model).timeline(path, window=0.5, hop=0.25)
    table = found.frame()
    assert table["start"].tolist() == [0.25 * k for k in range(23)]
    assert table["end"].iloc[-1] == 6.0
    assert table["short"].all()
    assert not predict.load(model).timeline(path, window=1.0).frame()["short"].any()
    assert set(table.loc[table["end"] <= 2.0, "label"]) == {"happy"}
    silent = (table["start"] >= 2.0) & (table["end"] <= 4.0)
    assert set(table.loc[silent, "label"]) == {"no speech"}
    assert set(table.loc[table["start"] >= 4.0, "label"]) == {"sad"}
    axes = found.plot()
    assert [t.get_text() for t in axes.get_yticklabels()] == CLASSES
    assert found.save(tmp_path / "t.svg").read_text().count("<svg") == 1
    assert found.save(tmp_path / "t.png").read_bytes()[:4] == b"\x89PNG"
    with raises(ConfigurationError, "wrong-picture-ending", "t.svg"):
        found.save(tmp_path / "t.gif")
    with raises(OutputError, "missing-output-folder"):
        found.save(tmp_path / "nowhere" / "t.svg")
    assert "\N{EN DASH}" in found.text()


MEMORY = """
import resource, sys
import numpy as np
from sertk import predict
from sertk.predict import sound
first = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _ in sound.windows(sys.argv[1], 16000, 3.0, 1.5): pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - first) / 1024)
"""


def test_long_recordings_are_read_in_the_same_memory(tmp_path):
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", 8000, 1) as file:
        for _ in range(30):
            file.write(np.zeros(8000 * 60, np.int16))
    words = [sys.executable, "-c", MEMORY, str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 30  # MB; half an hour at 16 kHz would be 115


def test_onnx_needs_no_keras(model, recordings):
    code = (
        "import sys; from sertk import predict; found = predict.load(sys.argv[1]); "
        "found.files(predict.find([sys.argv[2]])); found.timeline(sys.argv[2] + '/a.wav'); "
        "print([m for m in ('keras', 'tensorflow', 'jax', 'torch', 'onnx') if m in sys.modules])"
    )
    words = [sys.executable, "-c", code, str(model), str(recordings)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.backend
@pytest.mark.parametrize("seconds", [0.6, 1.5])  # several clips an utterance, and padding
def test_a_run_predicts_what_its_training_wrote(seconds, small, tmp_path):
    from sertk import splits, training

    rows = splits.by_speaker(small, val=1, test=1)
    made = training.cross_validate(
        "mlp", rows, Preprocessing("log_mel", clip_seconds=seconds), folder=tmp_path / "run",
        epochs=1, batch_size=16, arguments={"width": 0.2}, clip_aggregation="geometric_mean",
    )  # fmt: skip
    table = made.predictions.set_index("utterance_id")
    chosen = rows.set_index("utterance_id").loc[table.index].reset_index()
    shares = [f"p_{name}" for name in made.classes]
    keras_file = tmp_path / "run" / "fold_0" / "seed_0" / "model.keras"
    for source in (made, tmp_path / "run", keras_file):
        found = predict.load(source).files(manifest.paths(chosen)).frame()
        np.testing.assert_allclose(found[shares], table[shares], atol=2e-6)
        assert found["label"].tolist() == table["predicted"].tolist()


def test_recordings_of_one_voice_are_counted_from_their_mean(model, recordings, capsys, refused):
    predictor = predict.load(model)
    paths = predict.find([recordings])
    plain, found = (
        predictor.files(paths, speaker_normalization=is_one).frame() for is_one in (False, True)
    )
    names = [f"p_{c}" for c in CLASSES]
    heard = plain["label"] != predict.NO_SPEECH
    logs = np.log(plain.loc[heard, names].to_numpy(float))
    centered = np.exp(logs - logs.mean(axis=0))
    centered /= centered.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.loc[heard, names].to_numpy(float), centered, atol=1e-6)
    assert found.loc[heard, "label"].tolist() == [CLASSES[k] for k in centered.argmax(axis=1)]
    assert found.loc[~heard, "label"].tolist() == [predict.NO_SPEECH]
    words = ["predict", "--model", str(model), "--speaker-normalization"]
    assert main([*words, str(recordings), "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    np.testing.assert_allclose([row["p_sad"] for row in told][:-1], centered[:, 2], atol=1e-6)
    alone = str(recordings / "a.wav")
    refused(*words, alone).check("too-few-speech-recordings")
    refused(*words, alone, "--timeline").check("normalization-with-timeline")


def test_words_on_the_command_line(model, recordings, capsys, monkeypatch):
    words = ["predict", "--model", str(model)]
    assert main([*words, str(recordings / "*.wav"), "--format", "json"]) == 0
    captured = capsys.readouterr()
    rows = json.loads(captured.out)
    assert [row["label"] for row in rows] == ["happy", "sad", "happy", "no speech"]
    assert rows[-1]["p_sad"] is None
    assert "4 files" in captured.err
    assert "real-time factor" in captured.err
    names = f"{recordings}/a.wav\n\n{recordings}/b.flac\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO(names))
    assert main([*words, "-", "--format", "csv"]) == 0
    table = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert table["label"].tolist() == ["happy", "happy"]
    assert main([*words, str(recordings), "--plot", str(recordings / "p.svg")]) == 0
    assert "silent.wav" in capsys.readouterr().out
    assert (recordings / "p.svg").is_file()


def test_timelines_on_the_command_line(model, recordings, capsys):
    words = ["predict", "--model", str(model), "--timeline", str(recordings / "a.wav")]
    assert main([*words, "--hop", "0.5"]) == 0
    assert "start" in capsys.readouterr().out
    assert main([*words, str(recordings / "quiet.wav"), "--format", "csv"]) == 0
    table = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert table.groupby("path").size().tolist() == [7, 7]
    assert main([*words, "--format", "json", "--plot", str(recordings / "a.png")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert json.loads(lines[0])["start"] == 0.0


def test_what_cannot_be_read_is_left_out_and_named(model, recordings, capsys, refused):
    (recordings / "bad.wav").write_bytes(b"RIFF")
    assert main(["predict", "--model", str(model), str(recordings)]) == 1
    captured = capsys.readouterr()
    assert "bad.wav" in captured.err
    assert "a.wav" in captured.out
    assert main(["predict", "--model", str(model), "--timeline", str(recordings)]) == 1
    assert "unreadable" in capsys.readouterr().err
    refused("predict", "--model", model, recordings / "bad.wav").check(
        "unreadable-audio", "bad.wav"
    )
    for path in recordings.rglob("*.*"):
        path.write_bytes(b"RIFF")
    refused("predict", "--model", model, recordings).check("no-readable-files", "8 files")


@pytest.mark.skipif(sys.platform == "win32", reason="names are text there")
@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_names_that_are_no_text(form, model, recordings, tmp_path):
    folder = os.fsencode(tmp_path / "old")
    Path(os.fsdecode(folder)).mkdir()
    for name in (b"\xff\xfe.wav", b"m\xfcde.wav"):  # as Latin-1 archives have them
        Path(os.fsdecode(folder + b"/" + name)).write_bytes((recordings / "a.wav").read_bytes())
    words = [sys.executable, "-m", "sertk", "predict", "--model", model, "--format", form, folder]
    done = subprocess.run(words, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b"happy") >= 2
    assert b"m\xfcde.wav" in done.stdout or b"m\\udcfcde.wav" in done.stdout


def test_lists_may_name_what_cannot_be(model, recordings, capsys, monkeypatch):
    names = f"{recordings}/a.wav\n{'x' * 5000}\n{recordings}/a.wav/b.wav\nnowhere.wav\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO(names))
    assert main(["predict", "--model", str(model), "-", "--format", "csv"]) == 1
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 2
    assert captured.err.count("No audio file at") == 2
    assert "File name too long" in captured.err
    assert captured.err.count("unreadable: nowhere.wav") == 0  # the name stands there once


@pytest.mark.parametrize(
    ("words", "code", "value"),
    [
        (["nowhere.wav"], "missing-audio-file", ""),
        (["{}/*.aiff"], "pattern-matches-nothing", ""),
        (["{}/empty"], "no-sound-in-folder", ""),
        (["{}/a.wav", "--format", "jsn"], "unknown-name", "'json'"),
        (["{}/a.wav", "--hop", "1"], "window-without-timeline", ""),
        (["{}/a.wav", "--timeline", "--hop", "0"], "invalid-window", "0.01"),
        (["{}/a.wav", "--timeline", "--window", "9999"], "invalid-window", "0.1"),
        (
            ["{}/a.wav", "{}/b.flac", "--timeline", "--plot", "x.svg"],
            "plot-of-several-timelines",
            "",
        ),
        (["{}/a.wav", "--silence-db", "low"], "invalid-number", ""),
        (["{}/a.wav", "--threads", "-1"], "invalid-threads", ""),
        (["{}/a.wav", "--fold", "1"], "fold-of-single-model", ""),
        (["{}/a.wav", "--run", "x"], "several-models", ""),
        (["{}/a.wav", "--plot", "x.gif"], "wrong-picture-ending", ""),
        (["{}/a.wav", "--plot", "no/x.png"], "missing-output-folder", ""),
    ],
)
def test_mistakes(words, code, value, model, recordings, refused):
    (recordings / "empty").mkdir()
    given = [word.format(recordings) for word in words]
    refused("predict", "--model", model, *given).check(code, value)


def test_no_model_and_no_models(recordings, refused, tmp_path):
    file = recordings / "a.wav"
    refused("predict", "--model", "no.onnx", file).check("missing-model-file")
    refused("predict", "--run", tmp_path, file).check("missing-run")
    refused("predict", "--model", file, file).check("unknown-model-kind")
    (tmp_path / "x.onnx").write_bytes(b"no")
    refused("predict", "--model", tmp_path / "x.onnx", file).check("unopenable-model")
    write_model(tmp_path / "x.onnx", record=False)
    refused("predict", "--model", tmp_path / "x.onnx", file).check("no-model-description")
    write_model(tmp_path / "x.onnx", record=spec(classes=["happy", "sad"]))
    refused("predict", "--model", tmp_path / "x.onnx", file).check(
        "class-count-mismatch", "3 probabilities for 2 classes"
    )
    (tmp_path / "model.keras").write_bytes(b"no")
    with raises(RunError, "model-outside-run", "run.json"):
        predict.load(tmp_path / "model.keras")


def test_a_recording_too_long_for_one_answer(model, tmp_path):
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(1000 * 700), 1000)
    with raises(AudioError, "recording-too-long", "12"):
        predict.load(model).file(path)
