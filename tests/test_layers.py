"""Layers against what their docstrings say."""

import keras
import numpy as np
import pytest

from sertk.features._layers import ClipReference
from sertk.layers import AttentionPooling, SpecAugment, Standardize
from sertk.layers.spectrogram_image import _resizing

pytestmark = pytest.mark.backend


def test_standardize():
    x = np.random.default_rng(0).normal(3, 2, (4, 10, 5)).astype(np.float32)
    layer = Standardize()
    layer.build(x.shape)
    layer.set_statistics(x.mean(axis=(0, 1)), x.std(axis=(0, 1)))
    out = np.asarray(layer(x))
    np.testing.assert_allclose(out.mean(axis=(0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(out.std(axis=(0, 1)), 1, atol=1e-4)


def test_a_bin_that_never_moves_does_not_explode():
    layer = Standardize()
    layer.build((None, 10, 2))
    layer.set_statistics(np.array([0.0, -80.0]), np.array([1.0, 0.0]))
    assert np.abs(np.asarray(layer(np.full((1, 10, 2), -80.0, np.float32)))[..., 1]).max() == 0


def test_attention_of_equal_frames_is_their_mean():
    layer = AttentionPooling(4)
    x = np.tile(np.array([[[1.0, -2.0]]], np.float32), (2, 7, 1))
    out = np.asarray(layer(x))
    assert out.shape == (2, 4)
    np.testing.assert_allclose(out[:, :2], x[:, 0], atol=1e-6)
    np.testing.assert_allclose(out[:, 2:], 0, atol=2e-3)


def test_spec_augment_hides_only_in_training():
    layer = SpecAugment(masks=2, time_share=0.2, bins_share=0.2, seed=1)
    x = np.ones((64, 50, 40), np.float32)
    np.testing.assert_array_equal(np.asarray(layer(x, training=False)), x)
    out = np.asarray(layer(x, training=True))
    assert set(np.unique(out)) == {0.0, 1.0}
    hidden_frames = (out.max(axis=2) == 0).sum(axis=1)
    hidden_bins = (out.max(axis=1) == 0).sum(axis=1)
    assert 0 < hidden_frames.mean() < 2 * 0.2 * 50
    assert 0 < hidden_bins.mean() < 2 * 0.2 * 40
    assert len({tuple(row) for row in out[:, :, 0]}) > 32  # each example has masks of its own


def test_the_reference_is_the_clips_own():
    x = np.stack([np.full((5, 3), -20.0), np.full((5, 3), -70.0)]).astype(np.float32)
    x[:, 0, 0] += 5
    out = np.asarray(ClipReference(3.0)(x))
    np.testing.assert_allclose(out[0], out[1])
    assert out.max() == 0
    assert out.min() == -3


@pytest.mark.parametrize("sizes", [(40, 300, 20, 31), (64, 10, 224, 224), (7, 9, 7, 9)])
def test_pictures_are_resized_as_keras_does(sizes):
    height, width, rows, columns = sizes
    picture = np.random.default_rng(0).normal(size=(1, height, width, 1)).astype("f")
    wanted = keras.ops.image.resize(picture, (rows, columns), antialias=True)
    found = _resizing(height, rows).T @ picture[0, :, :, 0] @ _resizing(width, columns)
    np.testing.assert_allclose(found, np.asarray(wanted)[0, :, :, 0], atol=1e-4)
