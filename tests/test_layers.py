"""Layers against what their docstrings say."""

import keras
import numpy as np
import pytest

from sertk.frontend import ClipReference
from sertk.layers import AttentionPooling, SpecAugment, SpectrogramWarp, Standardize
from sertk.layers.pictures import _resizing

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


def test_a_warp_moves_only_in_training():
    x = np.random.default_rng(0).normal(size=(6, 50, 40)).astype(np.float32)
    layer = SpectrogramWarp(time=0.3, bins=0.2, seed=1)
    np.testing.assert_array_equal(np.asarray(layer(x, training=False)), x)
    assert np.abs(np.asarray(layer(x, training=True)) - x).mean(axis=(1, 2)).min() > 0.1
    still = SpectrogramWarp(time=0.0, bins=0.0)
    np.testing.assert_allclose(np.asarray(still(x, training=True)), x, atol=1e-5)


def test_a_warp_stretches_time_about_the_middle_and_frequency_from_below():
    x = np.zeros((256, 41, 40), np.float32)
    x[:, 30, 20] = 1.0  # ten frames behind the middle
    out = np.asarray(SpectrogramWarp(time=0.3, bins=0.2, seed=0)(x, training=True))
    shares = out / out.sum(axis=(1, 2), keepdims=True)
    behind = (shares.sum(axis=2) * (np.arange(41) - 20)).sum(axis=1)
    height = (shares.sum(axis=1) * np.arange(40)).sum(axis=1)
    for found, where, largest in ((behind, 10, 0.3), (height, 20, 0.2)):
        low, high = where * np.exp(-largest), where * np.exp(largest)
        assert low - 1 < found.min() < where * 0.85
        assert where * 1.15 < found.max() < high + 1
    assert abs(np.corrcoef(behind, height)[0, 1]) < 0.3  # drawn apart


def test_what_a_warp_brings_in_is_silence():
    x = np.full((8, 30, 20), 3.0, np.float32)
    x[:, 12, :] = -2.0  # the least value of each bin
    out = np.asarray(SpectrogramWarp(time=0.5, bins=0.0, seed=3)(x, training=True))
    assert out.min() >= -2.0 - 1e-5
    assert (np.abs(out[:, 0] + 2.0).max(axis=1) < 1e-4).any()  # a faster clip starts in silence


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
