"""Out of the lab: files answer as the model does, or are not written; the record travels along."""

import dataclasses
import importlib.util
import json
import os
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

from sertk import Preprocessing, export, models, predict, run
from sertk.errors import ConfigurationError, ModelError
from sertk.export import converting, graph, writing
from sertk.features import LogMel
from sertk.layers import SpectrogramImage
from sertk.predict import spec as specs
from sertk.preprocessing.clips import CLIP_AGGREGATIONS, aggregate_clips, clip_starts
from sertk.training import saving
from tests.errors import raises
from tests.test_features import COMPUTED


@pytest.fixture(scope="session")
def onnx_file(trained, small_root, tmp_path_factory):
    pytest.importorskip("tf2onnx")

    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    made = export.to_onnx(trained, path, roots={"small": small_root})
    assert made.path == path
    return made


def run_of(net, folder, feature="log_mel", **prep):
    """A run folder of an untrained network: enough to convert it."""

    config = Preprocessing(feature, **{"clip_seconds": 0.6, **prep})
    inputs = keras.Input(config.clip_shape)
    x = inputs
    for layer in config.layers():
        x = layer(x)
    name = net if isinstance(net, str) else "own"
    arguments = {"width": 0.1} if isinstance(net, str) and net != "encoder" else {}
    made = models.build(net, config.input_shape, 3, **arguments)
    home = folder / "fold_0" / "seed_0"
    home.mkdir(parents=True)
    saving.save_model(keras.Model(inputs, made(x)), home / "model.keras")
    record = {
        "schema_version": 1, "status": "finished", "corpora": ["nowhere"], "synthetic": False,
        "classes": ["angry", "neutral", "sad"], "seeds": [0], "grouping": "own",
        "folds": [{"fold": 0, "train": [], "val": [], "test": []}],
        "protocol": {"name": "x", "sentence": "x", "leaky": False},
        "model": {"name": name, "parameters": 1}, "preprocessing": config.to_dict(),
        "training": {"clip_aggregation": "geometric_mean"}, "standardize": "none",
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record))
    return run.Run(folder)


def any_shape(input_shape, num_classes):
    """A network that takes clips of any rank."""
    inputs = keras.Input(input_shape)
    x = keras.ops.reshape(inputs, (-1, input_shape[0], int(np.prod(input_shape[1:]))))
    x = keras.layers.Dense(4, activation="tanh")(keras.ops.max(x / 10, axis=1))
    outputs = keras.layers.Dense(num_classes, activation="softmax")(x)
    return keras.Model(inputs, outputs)


def pictures(input_shape, num_classes):
    """A network that looks at a picture of a spectrogram."""

    inputs = keras.Input(input_shape)
    x = keras.layers.Rescaling(1 / 80, 1)(keras.layers.Reshape((*input_shape, 1))(inputs))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(SpectrogramImage(32)(x)))
    return keras.Model(inputs, keras.layers.Dense(num_classes, activation="softmax")(x))


def waves(prep, *seconds):
    generator = np.random.default_rng(1)
    return [generator.normal(0, 0.1, round(s * prep.sample_rate)).astype("f") for s in seconds]


@pytest.mark.parametrize("clip_aggregation", CLIP_AGGREGATIONS)
@pytest.mark.parametrize("feature", ["log_mel", "waveform", "log_mel_delta"])
def test_the_graph_cuts_and_joins_as_evaluation_does(feature, clip_aggregation, tmp_path):
    made = run_of(any_shape, tmp_path / "run", feature, clip_seconds=0.15, target_rms_db=-20.0)
    model = saving.load_model(made.model_path())
    prep = Preprocessing.from_dict(made.info["preprocessing"])
    whole = graph.from_waveform(model, prep, clip_aggregation)
    for wave in waves(prep, 0.02, 0.149, 0.15, 0.16, 0.3, 0.301, 1.0):
        wave += np.float32(0.03)  # an offset, which the graph removes
        clips = prep.clips(prep.extract(prep.level(wave)))
        shares = np.asarray(model.predict_on_batch(clips), float)
        wanted = aggregate_clips(shares, [len(clips)], clip_aggregation)
        found = np.asarray(whole.predict_on_batch(wave[None]))
        np.testing.assert_allclose(found, wanted, atol=2e-5)


@pytest.mark.parametrize(
    ("frames", "length"), [(7, 3), (10, 4), (101, 100), (3, 8), (8, 3), (9, 9)]
)
def test_clips_start_where_segments_start(frames, length):
    spectrum = np.arange(frames, dtype="float32").reshape(1, -1, 1)
    clips = np.asarray(graph.CutClips(length, -1.0)(spectrum))[..., 0]
    for clip, start in zip(clips, clip_starts(frames, length), strict=True):
        wanted = np.arange(start, start + length, dtype=float)
        wanted[(wanted < 0) | (wanted >= frames)] = -1
        np.testing.assert_array_equal(clip, wanted)


def test_onnx_answers_as_the_model_does(onnx_file):
    row = onnx_file.parity.iloc[0]
    assert row["max_difference"] < 1e-5
    assert row["label_agreement"] == 1
    assert row["uar_difference"] == 0
    assert row["waveforms"] == 12 + 6
    assert row["utterances"] == row["labeled"] == 12
    assert {"Keras predict", "Keras compiled", "onnxruntime"} == set(onnx_file.latency.index)
    assert (onnx_file.latency["milliseconds"] > 0).all()
    assert "max_difference" in repr(onnx_file) + onnx_file._repr_html_()
    assert json.loads(json.dumps(onnx_file.to_dict()))["parity"][0]["file"] == "ONNX"


def test_the_file_says_what_it_is(onnx_file, trained):
    import onnx

    model = onnx.load(onnx_file.path)
    (given,), (answered,) = model.graph.input, model.graph.output
    dims = [[d.dim_param or d.dim_value for d in one.type.tensor_type.shape.dim]
            for one in (given, answered)]  # fmt: skip
    assert (given.name, answered.name) == ("waveform", "probabilities")
    assert dims == [["batch", "samples"], ["batch", 3]]
    assert model.opset_import[0].version == 17
    assert {node.op_type for node in model.graph.node} >= {"GRU", "Conv"}
    assert "Loop" not in {node.op_type for node in model.graph.node}
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(told["classes"]) == trained.classes
    assert told["sample_rate"] == "16000"
    assert told["weights_sha256"] == specs.sha256(trained.model_path())
    assert "unknown license" in told["license"]
    assert Preprocessing.from_dict(json.loads(told["preprocessing"])).clip_seconds == 0.6
    record = json.loads(told["sertk"])
    steps = [step["step"] for step in record["before_the_graph"]]
    assert steps == ["decode", "mix_down", "resample", "remove_offset", "trim"]
    trim = next(step for step in record["before_the_graph"] if step["step"] == "trim")
    assert trim["top_db"] == 40.0
    assert any("join the clips" in step for step in record["inside_the_graph"])
    assert record["after_the_graph"]["no_speech"]["below_db"] == -60
    assert record["after_the_graph"]["valence"] == [-1, 0, -1]


def test_any_length_and_any_batch(onnx_file):
    import onnxruntime

    session = onnxruntime.InferenceSession(onnx_file.path)
    wave = np.random.default_rng(0).normal(0, 0.1, (3, 30_001)).astype("f")
    together = session.run(None, {"waveform": wave})[0]
    assert together.shape == (3, 3)
    np.testing.assert_allclose(together.sum(1), 1, atol=1e-6)
    for row, alone in zip(together, wave, strict=True):
        np.testing.assert_allclose(
            session.run(None, {"waveform": alone[None]})[0][0], row, atol=1e-6
        )


@pytest.mark.slow
@pytest.mark.parametrize("name", [*models.names(), pictures])
def test_every_network_converts(name, tmp_path):
    pytest.importorskip("tf2onnx")

    prep = {"clip_seconds": 1.2}
    if name == "encoder":
        prep |= {"feature": LogMel(80, 400, 160), "db_reference": "full_scale"}
    made = export.to_onnx(run_of(name, tmp_path / "run", **prep))
    assert made.parity["max_difference"].iloc[0] < 1e-4
    if importlib.util.find_spec("openvino"):
        converted = export.to_openvino(run_of(name, tmp_path / "two", **prep))
        assert converted.parity["max_difference"].iloc[0] < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("feature", COMPUTED)
def test_every_feature_converts(feature, tmp_path):
    pytest.importorskip("tf2onnx")

    made = run_of(any_shape, tmp_path / "run", feature, target_rms_db=-20.0)
    assert export.to_onnx(made).parity["max_difference"].iloc[0] < 1e-4


def test_a_file_that_answers_otherwise_is_not_kept(trained, small_root, tmp_path, monkeypatch):
    onnx = pytest.importorskip("onnx")
    before = tmp_path / "model.onnx"
    before.write_bytes(b"mine")

    def wrong(model, spec, waveforms, home):
        made = home / "model.onnx"
        helper, value = onnx.helper, [[0.1, 0.1, 0.8]]
        nodes = [helper.make_node("Constant", [], ["p"],
                                  value=onnx.numpy_helper.from_array(np.array(value, np.float32))),
                 helper.make_node("ReduceSum", ["waveform", "axis"], ["s"]),
                 helper.make_node("Mul", ["s", "zero"], ["n"]),
                 helper.make_node("Add", ["p", "n"], ["probabilities"])]  # fmt: skip
        ends = [helper.make_tensor_value_info(n, 1, [None, None])
                for n in ("waveform", "probabilities")]  # fmt: skip
        constants = [onnx.numpy_helper.from_array(np.zeros(1, np.float32), "zero"),
                     onnx.numpy_helper.from_array(np.ones(1, np.int64), "axis")]  # fmt: skip
        graph = helper.make_graph(nodes, "wrong", ends[:1], ends[1:], constants)
        file = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        helper.set_model_props(file, converting.metadata(spec))
        onnx.save(file, str(made))
        reference = np.tile([[0.8, 0.1, 0.1]], (len(waveforms), 1))
        return converting.Made(made, reference, {"predict": 1.0})

    monkeypatch.setattr(writing.converting, "to_onnx", wrong)
    with raises(ModelError, "export-differs", "0.7"):
        writing.to_onnx(trained, before, roots={"small": small_root})
    assert before.read_bytes() == b"mine"
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]


def test_a_conversion_that_fails_leaves_nothing(trained, tmp_path, refused):
    pytest.importorskip("tf2onnx")

    folder = tmp_path / "run"
    shutil.copytree(trained.folder, folder)
    (folder / "fold_0" / "seed_0" / "model.keras").write_bytes(b"none")
    refused("export", folder).check("damaged-model-file", "not a zip file")
    assert not list(folder.glob("*.onnx")) + list(folder.glob(".*onnx"))


@pytest.mark.parametrize(
    ("words", "code", "value"),
    [
        (["--to", "onxn"], "unknown-name", "'onnx'"),
        (["--fold", "3"], "unknown-fit", "folds are 0"),
        (["--seed", "1"], "unknown-fit", "seeds are 0"),
        (["--int8"], "unexpected-precision", "--int8"),
    ],
)
def test_mistakes_in_words(words, code, value, trained, refused):
    refused("export", trained.folder, *words).check(code, value)


def test_what_cannot_be_exported(tmp_path, trained):
    info = {**trained.info, "standardize": "speaker"}
    other = run.Run(trained.folder)
    other.info = info
    with raises(ConfigurationError, "standardized-per-speaker"):
        specs.of_run(other)
    spec, _ = specs.of_run(trained)

    encoder = dataclasses.replace(spec, preprocessing={"feature": {"name": "embedding"}})
    with raises(ConfigurationError, "feature-outside-graph"):
        converting.refuse_feature(encoder)


def test_what_litert_cannot_do(tmp_path):
    pytest.importorskip("tensorflow")
    pytest.importorskip("onnx")
    from sertk.export import child

    class Odd:
        def export(self, path, **_):
            raise ValueError("no operator")

    with raises(ModelError, "unconvertible-to-litert"):
        child._to_litert(Odd(), str(tmp_path / "m.tflite"), "")


def test_other_models_are_written_beside_their_weights(tmp_path):

    made = run_of("mlp", tmp_path / "run")
    shutil.copytree(tmp_path / "run" / "fold_0", tmp_path / "run" / "fold_1")
    made.info["folds"] = [{"fold": 0}, {"fold": 1}]
    for fold, home in ((0, made.folder), (1, made.folder / "fold_1" / "seed_0")):
        spec, _ = specs.of_run(made, fold)
        assert writing.target_of(made, spec, None, "m.onnx") == home / "m.onnx"


@pytest.mark.slow
def test_openvino(trained, small_root, tmp_path):
    pytest.importorskip("openvino")
    pytest.importorskip("tf2onnx")

    made = export.to_openvino(trained, tmp_path / "m.xml", roots={"small": small_root})
    assert made.parity["max_difference"].iloc[0] < 1e-4
    assert set(made.latency.index) >= {"openvino", "onnxruntime", "Keras predict"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.bin", "m.xml"]
    with raises(ConfigurationError, "wrong-file-ending", "m.xml"):
        export.to_openvino(trained, tmp_path / "m.onnx")
    first = next(small_root.rglob("*.wav"))
    known = predict.load(trained).file(first)
    found = predict.load(tmp_path / "m.xml").file(first)
    assert found["label"] == known["label"]
    assert found["p_sad"] == pytest.approx(known["p_sad"], abs=1e-4)


def _inputs_of_what_is_rounded(path):
    """List the kinds of the operations that read a rounded number."""
    import openvino

    model = openvino.Core().read_model(path)
    fakes = [op for op in model.get_ops() if op.get_type_name() == "FakeQuantize"]
    return [
        target.get_node().get_type_name()
        for op in fakes
        for target in op.output(0).get_target_inputs()
    ]


@pytest.mark.slow
def test_int8_litert_and_half_precision(trained, small_root, tmp_path):
    pytest.importorskip("nncf")

    roots = {"small": small_root}
    for precision in ("fp16", "int8"):
        path = tmp_path / f"{precision}.xml"
        made = export.to_openvino(trained, path, precision=precision, roots=roots)
        assert made.parity["label_agreement"].iloc[0] >= 0.98
    rounded = _inputs_of_what_is_rounded(tmp_path / "int8.xml")
    assert set(rounded) <= {"Convolution", "GroupConvolution", "MatMul"}
    assert len(rounded) >= 2
    made = export.to_litert(trained, tmp_path / "m.tflite", roots=roots)
    assert made.parity["max_difference"].iloc[0] < 1e-4
    assert json.loads((tmp_path / "m.json").read_text())["clip_only"]


def test_the_child_runs_on_tensorflow_whatever_the_parent(tmp_path):
    pytest.importorskip("tf2onnx")
    prep = {"feature": "log_spectrogram", "target_rms_db": -20.0, "db_reference": "full_scale"}
    made = run_of("mlp", tmp_path / "run", **prep)
    words = [sys.executable, "-m", "sertk", "export", made.folder, "--json"]
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert told["parity"][0]["max_difference"] < 1e-4
    assert "made sounds alone" in told["note"]
    assert told["path"] == str(made.folder / "model.onnx")
