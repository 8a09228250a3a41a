"""Embeddings of a frozen encoder, and of files made elsewhere; a network trained on them."""

import numpy as np
import pytest

from sertk import cache, explore, features, training
from sertk.errors import AudioError, ConfigurationError
from sertk.features import Embedding
from sertk.preprocessing import Preprocessing
from tests.errors import raises

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
def test_a_network_learns_from_what_an_encoder_says(divided, tmp_path, pooled):
    encoder(tmp_path / "encoder.onnx", pooled=pooled)
    prep = Preprocessing(Embedding(encoder=str(tmp_path / "encoder.onnx")), clip_seconds=0.5)
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
    assert "has no embedding of" in reason


def test_the_cache_knows_another_encoder_under_the_same_name(tmp_path):
    path = tmp_path / "encoder.onnx"
    encoder(path)
    key = Preprocessing(Embedding(encoder=str(path))).spectrum_key
    encoder(path, pooled=True)
    assert Preprocessing(Embedding(encoder=str(path))).spectrum_key != key


def test_what_cannot_be_an_embedding(tmp_path):
    with raises(ConfigurationError, "encoder-or-folder"):
        Embedding()
    with raises(ConfigurationError, "missing-encoder"):
        Embedding(encoder=str(tmp_path / "no.onnx"))
    (tmp_path / "text.onnx").write_text("no graph")
    with raises(ConfigurationError, "damaged-encoder-file"):
        Embedding(encoder=str(tmp_path / "text.onnx"))
    with raises(ConfigurationError, "no-embedding-files"):
        Embedding(folder=str(tmp_path))
    np.save(tmp_path / "words.npy", np.array(["a"]))
    with raises(AudioError, "invalid-embedding-array"):
        Embedding(folder=str(tmp_path))


def test_segments_of_files_are_cut_by_frame_rate(tmp_path):
    made = np.random.default_rng(0).normal(size=(200, DIMENSIONS)).astype(np.float32)
    np.save(tmp_path / "long.npy", made)
    np.save(tmp_path / "one.npy", made[0])
    feature = Embedding(folder=str(tmp_path), frame_rate=50.0)
    recording = tmp_path / "long.wav"
    np.testing.assert_array_equal(feature.read(recording), made)
    np.testing.assert_array_equal(feature.read(recording, 1.0, 2.5), made[50:125])
    np.testing.assert_array_equal(feature.read(recording, end=1.0), made[:50])
    np.testing.assert_array_equal(feature.read(recording, start=3.0), made[150:])
    with raises(AudioError, "embedding-shorter-than-segment", "200"):
        feature.read(recording, 9.0, 10.0)
    with raises(AudioError, "embedding-shorter-than-segment"):
        feature.read(tmp_path / "one.wav", 0.0, 1.0)


def test_segments_reach_the_cache(tmp_path, small):
    """Two segments of one recording get two embeddings."""
    from sertk import manifest as manifests

    first = small.iloc[[0, 1]].copy()
    first["path"] = first["path"].iloc[0]
    first["start"], first["end"] = [0.0, 0.1], [0.1, 0.2]
    made = np.random.default_rng(0).normal(size=(20, DIMENSIONS)).astype(np.float32)
    path = manifests.paths(first)[0]
    (tmp_path / "made").mkdir()
    np.save(tmp_path / "made" / f"{path.stem}.npy", made)
    prep = Preprocessing(Embedding(folder=str(tmp_path / "made")), clip_seconds=0.1)
    found = cache.compute(first, prep, folder=tmp_path / "cache")
    for row, part in zip(first["utterance_id"], (made[:5], made[5:10]), strict=True):
        np.testing.assert_array_equal(found[row], part)
        shown = explore.clip(first, prep, row).frame()
        np.testing.assert_array_equal(shown.to_numpy(np.float32), part)


def test_an_encoder_runs_once_for_a_length_and_not_for_every_clip(tmp_path, monkeypatch):
    from sertk.features import embedding

    encoder(tmp_path / "encoder.onnx")
    runs = []
    encode = embedding._encode
    monkeypatch.setattr(embedding, "_encode", lambda *given: runs.append(1) or encode(*given))
    prep = Preprocessing(Embedding(encoder=str(tmp_path / "encoder.onnx")), clip_seconds=0.5)
    for _ in range(50):
        assert prep.clip_shape == prep.input_shape == (prep.clip_frames, DIMENSIONS)
    assert Preprocessing.from_dict(prep.to_dict()).clip_frames == prep.clip_frames
    assert len(runs) <= 2  # a second, to know the dimensions, and a clip
