"""Write a tiny ONNX model that answers by level, and recordings for it: no training, no Keras."""

import hashlib
import json
import zipfile

import numpy as np
import pytest
import soundfile

from sertk.export import bundling, converting
from sertk.predict.spec import Spec
from sertk.preprocessing import Preprocessing

CLASSES = ["happy", "neutral", "sad"]


def spec(**changes):
    prep = Preprocessing("log_mel", clip_seconds=0.5).to_dict()
    return Spec(
        **{"classes": CLASSES, "preprocessing": prep, "clip_aggregation": "mean", **changes}
    )


def write_model(path, record=None):
    """A graph that answers by level: loud is happy, quiet is sad."""
    onnx = pytest.importorskip("onnx")
    helper, tensor = onnx.helper, onnx.numpy_helper.from_array
    nodes = [
        helper.make_node("Abs", ["waveform"], ["size"]),
        helper.make_node("ReduceMax", ["size"], ["peak"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["peak", "slopes"], ["scaled"]),
        helper.make_node("Add", ["scaled", "offsets"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    constants = [tensor(np.array([[20.0, 0, -20]], "f"), "slopes"),
                 tensor(np.array([[-5.0, 0, 5]], "f"), "offsets")]  # fmt: skip
    ends = [helper.make_tensor_value_info(n, 1, ["batch", m])
            for n, m in (("waveform", "samples"), ("probabilities", 3))]  # fmt: skip
    graph = helper.make_graph(nodes, "level", ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if record is not False:
        helper.set_model_props(model, converting.metadata(record or spec()))
    onnx.save(model, str(path))
    return path


def tone(seconds, size=0.5, rate=16_000, channels=1):
    time = np.arange(round(seconds * rate)) / rate
    syllables = np.where(time % 0.25 < 0.15, 1, 0.1)  # what never changes is no speech
    wave = size * syllables * np.sin(time * 1000)
    return np.repeat(wave[:, None], channels, axis=1)


def write_recordings(folder):
    """One sound in every format, rate and number of channels, and silence."""
    (folder / "deep").mkdir(parents=True)
    soundfile.write(folder / "a.wav", tone(2.0), 16_000)
    soundfile.write(folder / "b.flac", tone(2.0, rate=44_100, channels=2), 44_100)
    soundfile.write(folder / "deep" / "c.ogg", tone(2.0, rate=48_000), 48_000)
    soundfile.write(folder / "d.mp3", tone(2.0, rate=22_050), 22_050)
    soundfile.write(folder / "quiet.wav", tone(2.0, 0.02, 8000), 8000)
    soundfile.write(folder / "silent.wav", np.zeros(16_000), 16_000)
    soundfile.write(folder / "short.wav", tone(0.4), 16_000)
    return folder


def files_of_a_bundle(folder, record=None):
    model = write_model(folder / "model.onnx", record).read_bytes()
    content = {"model.onnx": model, "spec.json": (record or spec()).to_json().encode()}
    return {**content, "run.json": b"{}", "MODEL_CARD.md": b"# Card", "LICENSE.txt": b"MIT"}


def write_pretrained(folder):
    """The package's own model, in a folder of its own."""
    folder.mkdir()
    record = spec(corpora=["ravdess", "emodb"], license="RAVDESS: CC BY-NC-SA 4.0; EmoDB: CC0")
    files = files_of_a_bundle(folder, record)
    del files["run.json"]
    for name, content in bundling.indexed(files).items():
        (folder / name).write_bytes(content)
    return folder


def write_bundle(path, change):
    """A bundle whose files were changed after its sums were written; `None` takes one out."""
    files = files_of_a_bundle(path.parent)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bundle.json", json.dumps({"schema_version": 1, "sha256": sums}))
        for name, content in {**files, **change}.items():
            if content is not None:
                archive.writestr(name, content)
    return path
