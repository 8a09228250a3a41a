"""Augmentation: pure in its seed, only for training rows, and doing what its name says."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from sertk import augment, splits
from sertk.errors import ConfigurationError, UnknownNameError
from tests.test_features import voice

RECIPES = [*augment.names(), "noise+pitch", "pitch+shift+noise"]


@pytest.mark.parametrize("name", RECIPES)
def test_conformance(name):
    wave = voice()
    one, same, other = (augment.apply(name, wave, 16_000, seed) for seed in (2, 2, 3))
    np.testing.assert_array_equal(one, same)
    assert one.shape == wave.shape
    assert one.dtype == np.float32
    assert np.isfinite(one).all()
    assert not np.array_equal(one, other) or name == "light"


def test_the_same_sound_whatever_the_threads():
    wave = voice(seconds=0.5)
    seeds = list(range(24))
    alone = [augment.apply("noise+shift", wave, 16_000, s) for s in seeds]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda s: augment.apply("noise+shift", wave, 16_000, s), seeds))
    np.testing.assert_array_equal(alone, together)


def test_noise_has_the_level_it_says():
    wave = voice(seconds=3)
    for seed in range(5):
        noise = augment.apply("noise", wave, 16_000, seed) - wave
        snr = 10 * np.log10(np.mean(wave**2) / np.mean(noise**2))
        assert 9.5 < snr < 30.5


def test_pitch_moves_the_pitch_and_not_the_length():
    time = np.arange(16_000) / 16_000
    tone = np.sin(2 * np.pi * 440 * time).astype(np.float32)
    moved = [
        np.abs(np.fft.rfft(augment.apply("pitch", tone, 16_000, s))).argmax() for s in range(8)
    ]
    semitones = 12 * np.log2(np.array(moved) / 440)
    assert np.abs(semitones).max() < 2.1
    assert np.ptp(semitones) > 1


def test_shift_moves_silence_in():
    wave = np.ones(16_000, np.float32)
    zeros = [int((augment.apply("shift", wave, 16_000, s) == 0).sum()) for s in range(8)]
    assert 200 < max(zeros) <= 1600


def test_copies_are_made_of_training_rows_only(small):
    divided = splits.by_speaker(small, val=1, test=1)
    made = augment.copies(divided, "noise", count=2, seed=3)
    train = divided[divided["split"] == "train"]
    assert len(made) == 2 * len(train)
    assert set(made["parent"]) == set(train["utterance_id"])
    assert made["utterance_id"].is_unique
    assert set(made["split"]) == {"train"}


def test_unknown_recipe_and_undivided_manifest(small):
    with pytest.raises(UnknownNameError, match="Did you mean 'noise'"):
        augment.recipe("pitch+nois")
    with pytest.raises(ConfigurationError, match="divided first"):
        augment.copies(small, "noise")
    with pytest.raises(ConfigurationError, match="0 copies of each"):
        augment.copies(pd.DataFrame({"utterance_id": ["a"], "split": ["train"]}), "noise", count=0)
