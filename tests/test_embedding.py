"""Embeddings of a frozen encoder, and of files made elsewhere; a network trained on them."""

import numpy as np
import pytest

from sertk import cache, features, splits, training
from sertk.errors import AudioError, ConfigurationError
from sertk.features import Embedding
from sertk.preprocessing import Preprocessing

onnx = pytest.importorskip("onnx")

STRIDE, DIMENSIONS = 320, 6


def encoder(path, *, pooled=False):
    """Write an encoder: a convolution over the waveform, and the mean over time if pooled."""
    from onnx import TensorProto, helper, numpy_helper

    kernel = np.random.default_rng(0).normal(size=(DIMENSIONS, 1, STRIDE)).astype(np.float32)
    nodes = [
        helper.make_node("Unsqueeze", ["waveform", "axis"], ["channel"]),
        helper.make_node("Conv", ["channel", "kernel"], ["bands"], strides=[STRIDE]),
        helper.make_node("Abs", ["bands"], ["sizes"]),
        helper.make_node("Transpose", ["sizes"], ["hidden"], perm=[0, 2, 1]),
    ]
    shape = ["batch", "frames", DIMENSIONS]
    if pooled:
        nodes.append(helper.make_node("ReduceMean", ["hidden", "axis"], ["mean"], keepdims=0))
        shape = ["batch", DIMENSIONS]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "encoder",
        [value("waveform", TensorProto.FLOAT, ["batch", "samples"])],
        [value("mean" if pooled else "hidden", TensorProto.FLOAT, shape)],
        [
            numpy_helper.from_array(kernel, "kernel"),
            numpy_helper.from_array(np.array([1], np.int64), "axis"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, path)
    return kernel


def test_an_encoder_of_ones_own(tmp_path):
    kernel = encoder(tmp_path / "encoder.onnx")
    feature = features.get("embedding", encoder=str(tmp_path / "encoder.onnx"))
    wave = np.random.default_rng(1).normal(size=3333).astype(np.float32)
    given = feature(wave)
    frames = wave[: 10 * STRIDE].reshape(10, STRIDE)
    np.testing.assert_allclose(given, np.abs(frames @ kernel[:, 0].T), rtol=1e-4)
    assert given.shape == feature.shape(feature.frames(len(wave))) == (10, DIMENSIONS)


def test_one_vector_per_utterance(tmp_path):
    encoder(tmp_path / "encoder.onnx", pooled=True)
    feature = Embedding(encoder=str(tmp_path / "encoder.onnx"))
    assert feature(np.ones(8000, np.float32)).shape == (1, DIMENSIONS)
    assert feature.frames(48_000) == 1


@pytest.mark.parametrize("pooled", [False, True])
def test_a_network_learns_from_what_an_encoder_says(small, tmp_path, pooled):
    encoder(tmp_path / "encoder.onnx", pooled=pooled)
    prep = Preprocessing(Embedding(encoder=str(tmp_path / "encoder.onnx")), clip_seconds=0.5)
    divided = splits.by_speaker(small, val=1, test=1)
    run = training.cross_validate(
        "mlp", divided, prep, folder=tmp_path / "run", epochs=3, augment="noise"
    )
    assert run.predictions["split"].value_counts()["test"] == 12
    assert Preprocessing.from_dict(run.info["preprocessing"]) == prep


def test_files_made_elsewhere(small, tmp_path):
    for path in small["path"]:
        file = tmp_path / "made" / path.replace(".wav", ".npy")
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, np.full((7, 4), len(path), np.float32))
    prep = Preprocessing(Embedding(folder=str(tmp_path / "made")), clip_seconds=0.1)
    found = cache.compute(small, prep, folder=tmp_path / "cache")
    first = small.iloc[0]
    np.testing.assert_array_equal(
        found[first["utterance_id"]], np.full((7, 4), len(first["path"]), np.float32)
    )
    assert prep.clip_shape == (5, 4)
    (tmp_path / "made" / first["path"]).with_suffix(".npy").unlink()
    fewer = cache.compute(small, prep, folder=tmp_path / "cache")
    ((reason,),) = [[row["reason"]] for row in fewer.unreadable]
    assert "holds no embedding of" in reason


def test_the_cache_knows_another_encoder_under_the_same_name(tmp_path):
    path = tmp_path / "encoder.onnx"
    encoder(path)
    key = Preprocessing(Embedding(encoder=str(path))).spectrum_key
    encoder(path, pooled=True)
    assert Preprocessing(Embedding(encoder=str(path))).spectrum_key != key


def test_what_cannot_be_an_embedding(tmp_path):
    with pytest.raises(ConfigurationError, match="Pass one of them"):
        Embedding()
    with pytest.raises(ConfigurationError, match="There is no encoder"):
        Embedding(encoder=str(tmp_path / "no.onnx"))
    (tmp_path / "text.onnx").write_text("no graph")
    with pytest.raises(ConfigurationError, match="cannot be opened as ONNX"):
        Embedding(encoder=str(tmp_path / "text.onnx"))
    with pytest.raises(ConfigurationError, match=r"No \.npy files in"):
        Embedding(folder=str(tmp_path))
    np.save(tmp_path / "words.npy", np.array(["a"]))
    with pytest.raises(AudioError, match="An embedding is finite"):
        Embedding(folder=str(tmp_path))
