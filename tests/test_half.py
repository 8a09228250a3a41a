"""Half precision: the same answers from half the bytes, and weights that are stored once."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from sertk import encoders, export
from sertk.errors import ModelError
from sertk.export import half
from sertk.features import HiddenStates
from sertk.predict.engines import OnnxEngine
from tests.errors import raises
from tests.test_encoders import sound
from tests.test_export import any_shape, run_of

onnx = pytest.importorskip("onnx")
pytest.importorskip("tf2onnx")
ENCODER = encoders.find("whisper-tiny.en").path


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A model in float32 with the first block of the encoder of the package."""
    folder = tmp_path_factory.mktemp("half")
    feature = HiddenStates(blocks="1")
    run = run_of(any_shape, folder / "run", feature, target_rms_db=-26.0, db_reference="full_scale")
    return export.to_onnx(run, folder / "whole.onnx").path


@pytest.fixture(scope="module")
def halved(whole):
    path = whole.with_name("half.onnx")
    shutil.copy(whole, path)
    half.halve_file(path)
    return path


@pytest.fixture(scope="module")
def sparing(whole):
    """The same, without the weights that are in the file of the encoder."""
    path = whole.with_name("sparing.onnx")
    shutil.copy(whole, path)
    half.halve_file(path, ENCODER)
    return path


def answers(path, beside=None):
    engine = OnnxEngine(Path(path), str(path), 1, beside)
    quiet = 1e-3 * sound(9_000)
    return engine([sound(9_000), quiet, sound(16_000), sound(40_001)])


def test_half_the_bytes_give_the_same_answers(whole, halved):
    assert halved.stat().st_size < 0.55 * whole.stat().st_size
    np.testing.assert_allclose(answers(halved), answers(whole), atol=2e-3)
    inputs = onnx.load(str(halved)).graph.input
    assert [value.name for value in inputs] == ["waveform"]


def test_weights_of_an_encoder_are_stored_once(whole, halved, sparing):
    beside = {ENCODER.name: ENCODER.read_bytes()}
    assert sparing.stat().st_size < 0.1 * whole.stat().st_size
    np.testing.assert_allclose(answers(sparing, beside), answers(halved), atol=1e-6)
    model = onnx.load(str(sparing), load_external_data=False)
    outside = [t for t in model.graph.initializer if t.data_location == 1]
    assert len(outside) >= 8  # two convolutions, and six matrices of a block
    places = {entry.value for t in outside for entry in t.external_data if entry.key == "location"}
    assert places == {ENCODER.name}


def test_a_file_without_the_weights_beside_it_is_refused(sparing):
    with raises(ModelError, "unopenable-model", str(sparing)):
        answers(sparing)


def test_other_weights_of_the_same_size_are_not_taken_for_ours(whole, tmp_path):
    """An encoder whose numbers differ is of no use: everything stays inside."""
    content = bytearray(ENCODER.read_bytes())
    begin = 8 + int.from_bytes(content[:8], "little")
    content[begin:] = bytes(reversed(content[begin:]))
    (tmp_path / "other.safetensors").write_bytes(content)
    path = tmp_path / "x.onnx"
    shutil.copy(whole, path)
    half.halve_file(path, tmp_path / "other.safetensors")
    np.testing.assert_allclose(answers(path), answers(whole), atol=2e-3)


@pytest.mark.parametrize("n_fft", [400, 512])
def test_the_fourier_transform_stays_exact(n_fft):
    import onnxruntime

    middle = n_fft // 2
    phase = 2 * np.pi * np.outer(np.arange(middle + 1), np.arange(middle + 1)) / n_fft
    given = {"cosine": np.cos(phase), "sine": np.sin(phase)[1:-1]}
    given["weight"] = np.random.default_rng(0).normal(size=(64, 64))
    helper, initial = onnx.helper, [
        onnx.numpy_helper.from_array(array.astype(np.float32), name)
        for name, array in given.items()
    ]  # fmt: skip
    nodes = [helper.make_node("Identity", [name], [f"{name}_out"]) for name in given]
    ends = [helper.make_tensor_value_info(f"{name}_out", 1, a.shape) for name, a in given.items()]
    graph = helper.make_graph(nodes, "x", [], ends, initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    before = model.ByteSize()
    half.halve(model)
    assert model.ByteSize() < 0.1 * before
    onnx.checker.check_model(model, full_check=True)
    found = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {})
    for name, values in zip(given, found, strict=True):
        exact = name != "weight"
        np.testing.assert_allclose(values, given[name], atol=1e-6 if exact else 2e-3)
    assert np.abs(found[2] - given["weight"]).max() > 1e-6  # that one is in half
