"""The family of encoders: every architecture builds, counts its frames and loads its weights."""

import dataclasses
import json
import re
import warnings

import numpy as np
import pytest

from sertk import encoders
from sertk._utils import lookup
from sertk.encoders import _weights, wav2vec2, whisper
from sertk.errors import ModelError, UnknownNameError
from tests.errors import raises

backend = pytest.mark.backend
_WAV = wav2vec2.Config(16, 2, 2, 24, conv_units=8, position_kernel=6, position_groups=4)
_LARGE = dataclasses.replace(_WAV, conv_norm="layer", conv_bias=True, norm_first=True)
TINY = {  # a small size of every variant
    "whisper": whisper.Config(16, 2, 2, n_mels=12),
    "wav2vec2": _WAV,
    "wav2vec2-large": _LARGE,
    "wav2vec2-data2vec": dataclasses.replace(
        _WAV, conv_norm="layer", position_convs=3, position_kernel=5
    ),
    "wav2vec2-wavlm": dataclasses.replace(_WAV, num_buckets=8, max_distance=6, normalize=False),
    "wav2vec2-wavlm-large": dataclasses.replace(_LARGE, num_buckets=8, max_distance=6),
}


def module_of(variant):
    return lookup.load("sertk.encoders", variant.split("-")[0], "encoder")


def built(variant, blocks=2):
    """A network with random weights, also where Keras begins with zeros or ones."""
    module = module_of(variant)
    model = module.build(TINY[variant], blocks)
    generator = np.random.default_rng(0)
    for variable, _, _ in module.variables(model):
        variable.assign(generator.normal(0.0, 0.5, variable.shape).astype(np.float16))
    return module, model


def sound(samples):
    time = np.arange(samples) / 16_000
    noise = np.random.default_rng(samples).normal(0, 0.02, samples)
    return (0.3 * np.sin(2 * np.pi * 220 * time * (1 + time)) + noise).astype(np.float32)


def states(model, batch):
    found = model(np.stack(batch))  # Keras unpacks a list of one
    return [np.asarray(state) for state in (found if isinstance(found, list) else [found])]


def test_every_architecture_has_a_small_size_here_and_follows_the_protocol():
    assert {variant.split("-")[0] for variant in TINY} == set(encoders.names())
    for name in encoders.names():
        module = module_of(name)
        assert set(module.LICENSES) == set(module.CONFIGS)
        assert set(module.DOWNLOADS) <= set(module.CONFIGS)
        assert re.search(r"arXiv \d{4}\.\d{5}", module.REFERENCE)
        for file, sha256 in module.DOWNLOADS.values():
            assert file.endswith(".pt")
            assert re.fullmatch("[0-9a-f]{64}", sha256)


def test_the_published_names_are_listed_with_size_and_license(tmp_path, monkeypatch):
    monkeypatch.setenv("SERTK_ENCODERS", str(tmp_path))
    table = encoders.frame().set_index("name")
    assert list(table.index) == encoders.published()
    assert table.loc["whisper-small", ["units", "blocks"]].tolist() == [768, 12]
    assert table.loc["wavlm-large", "architecture"] == "wav2vec2"
    assert (table.drop("whisper-tiny.en")["here"] == 0).all()
    assert table["license"].str.len().min() > 10


@backend
@pytest.mark.parametrize("variant", TINY)
def test_shapes_and_frames(variant):
    module, model = built(variant)
    config = TINY[variant]
    front_end = module.front_end(config)
    for samples in (module.SHORTEST, 1279, 1280, 4001):
        feature = front_end(sound(samples))
        assert feature.shape == front_end.shape(front_end.frames(samples))
        found = states(model, [feature])
        assert len(found) == 3
        for state in found:
            assert state.shape == (1, module.frames(config, samples), config.units)
            assert np.isfinite(state).all()
    assert module.frames(config, module.SHORTEST) == 1
    if module.SHORTEST > 1:
        assert module.frames(config, module.SHORTEST - 1) == 0
    assert len(module.build(config, 0).outputs) == 1


@backend
@pytest.mark.parametrize("variant", TINY)
def test_an_input_does_not_depend_on_the_rest_of_the_batch(variant):
    module, model = built(variant)
    front_end = module.front_end(TINY[variant])
    one, two = (front_end(scale * sound(4001)) for scale in (1.0, 0.1))
    together = states(model, [one, two[::-1]])
    for alone, both in zip(states(model, [one]), together, strict=True):
        np.testing.assert_allclose(alone[0], both[0], atol=2e-4)
        assert np.abs(both[0] - both[1]).max() > 1e-2


@backend
@pytest.mark.parametrize("variant", [v for v in TINY if module_of(v).PADDABLE])
def test_padding_changes_no_state(variant):
    module, model = built(variant)
    feature = module.front_end(TINY[variant])(sound(8000))
    silence = np.full((25, feature.shape[1]), feature.max() - 200.0, np.float32)
    alone = states(model, [feature])
    padded = states(model, [np.concatenate([feature, silence])])
    for a, b in zip(alone, padded, strict=True):
        np.testing.assert_allclose(a, b[:, : a.shape[1]], atol=2e-4)


def written(variant, path, blocks=2, **metadata):
    """Save the weights of a small network as the converter does."""
    from safetensors.numpy import save_file

    module, model = built(variant, blocks)
    arrays = {}
    for variable, name, axes in module.variables(model):
        value = np.asarray(variable).astype(np.float16)
        back = value if axes is None else value.transpose(np.argsort(axes))
        arrays[name] = np.ascontiguousarray(back)
    config = metadata.pop("config", TINY[variant])
    architecture = module.__name__.rsplit(".", 1)[-1]
    record = encoders.describe(architecture, config, blocks, "ours", "a test")
    save_file(arrays, path, {_weights.KEY: metadata.pop("record", record)})
    return model


@backend
@pytest.mark.parametrize("variant", TINY)
def test_weights_are_saved_and_loaded(variant, tmp_path):
    module, path = module_of(variant), tmp_path / "x.safetensors"
    model = written(variant, path)
    encoder = encoders.find(str(path), blocks=2)
    assert (encoder.config, encoder.kept, encoder.license) == (TINY[variant], 2, "ours")
    assert encoder.paddable == module.PADDABLE
    feature = encoder.front_end(sound(4001))
    assert encoder.frames(4001) == module.frames(TINY[variant], 4001)
    for blocks in (0, 1, 2):
        found = states(encoder.build(blocks), [feature])
        assert len(found) == blocks + 1
        for a, b in zip(found, states(model, [feature]), strict=False):
            np.testing.assert_array_equal(a, b)
    names = [name for _, name, _ in module.variables(model)]
    assert len(names) == len(set(names)) == len(model.weights)
    outside = [name for name in names if not name.startswith("encoder.layers.")]
    assert sorted(outside) == sorted(module.outside_blocks(TINY[variant]))


@backend
def test_the_network_of_an_encoder_is_saved_by_keras(tmp_path):
    import keras

    _, model = built("wav2vec2-wavlm")
    model.save(tmp_path / "x.keras")
    loaded = keras.saving.load_model(tmp_path / "x.keras")
    waveform = sound(2000)[:, None]
    for a, b in zip(states(model, [waveform]), states(loaded, [waveform]), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("variant", TINY)
def test_onnx_computes_the_same_for_any_length(variant, tmp_path):
    import keras
    import onnxruntime

    if keras.backend.backend() != "tensorflow":
        pytest.skip("Keras exports ONNX with TensorFlow")
    module, model = built(variant)
    shape = (None, *model.inputs[0].shape[1:])
    signature = [keras.InputSpec(shape=shape, dtype="float32", name="feature")]
    path = str(tmp_path / "x.onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tf2onnx about numpy's old names
        model.export(
            path, format="onnx", opset_version=17, input_signature=signature, verbose=False
        )
    session = onnxruntime.InferenceSession(path)
    for samples in (module.SHORTEST + 900, 4001):
        feature = module.front_end(TINY[variant])(sound(samples))
        found = session.run(None, {"feature": feature[None]})
        for a, b in zip(found, states(model, [feature]), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-4)


@backend
def test_relative_positions_have_the_buckets_of_the_paper():
    """Near distances have one each, far ones share; the last begins before max_distance."""
    from sertk.layers.transformer import RelativePositions

    layer = RelativePositions(2, 320, 800)
    layer.build((None, None, 4))
    layer.embedding.assign(np.tile(np.arange(320.0)[:, None], (1, 2)))
    bias = np.asarray(layer(np.zeros((3, 900, 4), np.float32)))
    assert bias.shape == (1, 2, 900, 900)
    ahead = bias[0, 1, 0]  # of the first frame
    assert ahead[:82].tolist() == [0, *range(161, 241), 240]
    assert ahead[[252, 253, 799, 899]].tolist() == [279, 280, 319, 319]
    np.testing.assert_array_equal(bias[0, 0, 1:, 0], ahead[1:] - 160)


def test_errors_of_files_of_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("SERTK_ENCODERS", str(tmp_path))
    path = tmp_path / "x.safetensors"
    with raises(UnknownNameError, "unknown-name", "whisper-tiny.en"):
        encoders.find("whisper-tiny.de")
    with raises(ModelError, "missing-encoder-weights", str(path)):
        encoders.find(str(path))
    with raises(ModelError, "encoder-not-downloaded", "sertk download whisper-base"):
        encoders.find("whisper-base")
    with raises(ModelError, "encoder-not-downloaded", "sertk encoder convert"):
        encoders.find("hubert-base-ls960")
    written("whisper", path, blocks=1)
    with raises(ModelError, "no-such-block", "2 blocks"):
        encoders.find(str(path), blocks=3)
    with raises(ModelError, "encoder-not-downloaded", "the first 1"):
        encoders.find(str(path), blocks=2)
    path.write_bytes(path.read_bytes()[:-9])
    with raises(ModelError, "damaged-encoder-weights"):
        encoders.find(str(path))
    wrong = dataclasses.asdict(TINY["whisper"]) | {"units": "16"}
    for record in (
        "{", "[1]", json.dumps({"architecture": "whisper", "config": {"width": 3}}),
        json.dumps({"architecture": "whisper", "config": wrong, "blocks": 1, "license": ""}),
    ):  # fmt: skip
        written("whisper", path, record=record)
        with raises(ModelError, "damaged-encoder-weights"):
            encoders.find(str(path))


@backend
def test_a_file_must_hold_every_array_in_its_shape(tmp_path):
    path = tmp_path / "x.safetensors"
    written("whisper", path, config=dataclasses.replace(TINY["whisper"], n_mels=13))
    with raises(ModelError, "damaged-encoder-weights", "encoder.conv1.weight"):
        encoders.find(str(path)).build(0)
    record = encoders.describe("whisper", TINY["whisper"], 2, "ours", "a test")
    written("whisper", path, blocks=1, record=record)
    with raises(ModelError, "damaged-encoder-weights", "encoder.layers.1."):
        encoders.find(str(path), 2).build(2)
