"""Augmentation: pure in its seed, only for training rows, and doing what its name says."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import librosa
import numpy as np
import pandas as pd
import pytest

from sertk import augment
from sertk.errors import ConfigurationError, UnknownNameError
from tests.errors import raises
from tests.test_features import voice

RATE = 16_000
SETS = [name for name in augment.names() if len(augment.recipe(name)) > 1]
ENTRIES = [f"{name}:{entry}" for name in SETS for entry in augment.recipe(name)]
RECIPES = [*augment.names(), *ENTRIES, "noise+pitch", "pitch+shift+noise", "r3_noise+pitch+reverb"]
# their seed changes nothing, and they may change the length
FIXED = ("r3_stretch", "r5:slow", "r5:fast", "r5:left_trim", "r5:right_trim", "telephone")
# their length is drawn
STRETCHING = (
    "stretch", "speed_pitch", "speed", "voice", "trim_shift", "part", "excerpt", "strong", "field",
    "everyday", "r5",
)  # fmt: skip


def tone(hertz=440.0, seconds=2.0, rate=RATE):
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype("f4")


def rms(wave):
    return float(np.sqrt(np.mean(np.square(wave, dtype=float))))


def peak_hertz(wave, rate=RATE):
    return np.abs(np.fft.rfft(wave * np.hanning(len(wave)))).argmax() * rate / len(wave)


@pytest.mark.parametrize("name", RECIPES)
def test_conformance(name):
    wave = voice()
    before = wave.copy()
    one, same, *others = (augment.apply(name, wave, RATE, seed) for seed in (2, 2, 3, 4, 5))
    np.testing.assert_array_equal(one, same)
    np.testing.assert_array_equal(wave, before)
    assert one.shape == wave.shape or name in (*FIXED, *STRETCHING)
    assert one.dtype == np.float32
    assert np.isfinite(one).all()
    changes = any(not np.array_equal(one, other) for other in others)
    assert changes == (name not in FIXED)


@pytest.mark.parametrize("name", [*augment.FUNCTIONS, *SETS, *ENTRIES])
@pytest.mark.parametrize("samples", [1, 700])
def test_short_and_silent_waveforms(name, samples):
    for wave in (voice()[:samples], np.zeros(samples, np.float32)):
        changed = augment.apply(name, wave, RATE, 4)
        assert len(changed) >= 1
        assert np.isfinite(changed).all()
        assert wave.any() or not changed.any()


@pytest.mark.parametrize(
    ("name", "digest"),
    [("noise", "403684411f5caba0"), ("shift", "c8202305d07f7a28")],
)
def test_the_sounds_of_old_recipes_stay(name, digest):
    # sums of products (pitch) differ between processors in the last bit; these do not
    sounds = b"".join(augment.apply(name, tone(), RATE, seed).tobytes() for seed in range(4))
    assert hashlib.blake2b(sounds, digest_size=8).hexdigest() == digest


@pytest.mark.parametrize("name", ["noise+shift", "mixnoise", "r5", "r3_pitch+noise+reverb"])
def test_the_same_sound_whatever_the_threads(name):
    wave = voice(seconds=0.5)
    numbers = [n % 7 for n in range(21)]
    alone = [augment.apply(name, wave, RATE, s, s % 7) for s in range(21)]
    with ThreadPoolExecutor(6) as pool:
        together = pool.map(lambda s, n: augment.apply(name, wave, RATE, s, n), range(21), numbers)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_pitch_moves_the_pitch_and_not_the_length():
    moved = [peak_hertz(augment.apply("pitch", tone(), RATE, s)) for s in range(8)]
    semitones = 12 * np.log2(np.array(moved) / 440)
    assert np.abs(semitones).max() < 2.1
    assert np.ptp(semitones) > 1


def test_shift_moves_silence_in():
    wave = np.ones(16_000, np.float32)
    zeros = [int((augment.apply("shift", wave, 16_000, s) == 0).sum()) for s in range(8)]
    assert 200 < max(zeros) <= 1600


def test_copies_are_made_of_training_rows_only(divided):
    made = augment.copies(divided, "noise", count=2, seed=3)
    train = divided[divided["split"] == "train"]
    assert len(made) == 2 * len(train)
    assert set(made["parent"]) == set(train["utterance_id"])
    assert made["utterance_id"].is_unique
    assert set(made["split"]) == {"train"}


@pytest.mark.parametrize(("name", "most"), [("r3_noise", 0.005), ("r5:noise", 0.01)])
def test_white_noise_of_the_reference_systems(name, most):
    wave = tone(seconds=3)
    levels = np.array([rms(augment.apply(name, wave, RATE, s) - wave) for s in range(100)])
    shares = levels / (most * wave.max())  # U(0, 1), as the normal noise has a deviation of 1
    assert 0 <= shares.min() < 0.05
    assert 0.95 < shares.max() < 1.02
    assert abs(shares.mean() - 0.5) < 0.1


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100])
def test_r3_shift_rolls_by_up_to_57_ms(rate):
    wave = np.random.default_rng(0).normal(size=rate).astype("f4")
    moves = []
    for seed in range(60):
        moved = augment.apply("r3_shift", wave, rate, seed)
        likeness = np.fft.irfft(np.fft.rfft(moved) * np.conj(np.fft.rfft(wave)), rate)
        lag = int(likeness.argmax())
        np.testing.assert_array_equal(moved, np.roll(wave, lag))
        moves.append((lag + rate // 2) % rate - rate // 2)
    seconds = np.array(moves) / rate
    assert np.abs(seconds).max() <= 2500 / 44_100 + 1 / rate
    assert seconds.min() < -0.05
    assert seconds.max() > 0.05


@pytest.mark.parametrize("name", ["r3_stretch", "r5:slow"])
def test_slow_is_librosas(name):
    wave = voice()
    changed = augment.apply(name, wave, RATE, 0)
    np.testing.assert_array_equal(changed, librosa.effects.time_stretch(wave, rate=0.8))
    assert len(changed) == 1.25 * len(wave)
    assert peak_hertz(augment.apply(name, tone(), RATE, 0)) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("name", ["r3_pitch", "r5:pitch"])
def test_pitch_rises_by_up_to_four_semitones(name):
    wave = tone()
    sounds = [augment.apply(name, wave, RATE, s) for s in range(40)]
    semitones = np.array([12 * np.log2(peak_hertz(sound) / 440) for sound in sounds])
    assert -0.05 < semitones.min() < 0.5
    assert 3.5 < semitones.max() < 4.05
    steps = 4 * np.random.default_rng(3).uniform()
    expected = librosa.effects.pitch_shift(wave, sr=RATE, n_steps=steps)
    if name == "r3_pitch":
        np.testing.assert_array_equal(sounds[3], expected)
    else:
        np.testing.assert_allclose(sounds[3], expected * rms(wave) / rms(expected), atol=1e-6)
        np.testing.assert_allclose([rms(sound) for sound in sounds], rms(wave), rtol=1e-5)


def test_r3_dynamic_is_a_gain_of_1_5_to_3():
    wave = voice()
    gains = []
    for seed in range(100):
        changed = augment.apply("r3_dynamic", wave, RATE, seed)
        gains.append(rms(changed) / rms(wave))
        np.testing.assert_allclose(changed, wave * gains[-1], rtol=1e-5)
    assert 1.5 <= min(gains) < 1.55
    assert 2.95 < max(gains) <= 3.0001


def test_r3_speed_pitch_plays_faster_and_ends_silent():
    for seed in range(40):
        wave = voice(seed=seed)
        factor = 1 / np.random.default_rng(seed).uniform(0.8, 1.0)
        played = np.interp(np.arange(0, len(wave), factor), np.arange(len(wave)), wave)
        expected = np.zeros_like(wave)
        length = min(len(wave), len(played))
        expected[:length] = played[:length]
        given = augment.apply("r3_speed_pitch", wave, RATE, seed)
        np.testing.assert_array_equal(given, expected)
    sounds = [augment.apply("r3_speed_pitch", tone(), RATE, s) for s in range(60)]
    factors = [peak_hertz(np.trim_zeros(sound, "b")) / 440 for sound in sounds]
    silent = np.array([len(w) - len(np.trim_zeros(w, "b")) for w in sounds]) / len(tone())
    assert 0.99 < min(factors) < 1.02
    assert 1.23 < max(factors) < 1.26
    np.testing.assert_allclose(silent, 1 - 1 / np.array(factors), atol=2e-3)


@pytest.mark.parametrize("name", ["reverb", "mixnoise:reverb"])
def test_reverb_rings_and_keeps_the_level(name):
    wave = np.zeros(RATE, np.float32)
    wave[0] = 0.5
    times = []
    for seed in range(60):
        changed = augment.apply(name, wave, RATE, seed)
        assert rms(changed) == pytest.approx(rms(wave), rel=1e-4)
        rest = np.cumsum(np.square(changed[:0:-1], dtype=float))[::-1]  # energy still to come
        decibels = 10 * np.log10(np.maximum(rest / rest[0], 1e-12))
        fell = np.argmax(decibels < -25) - np.argmax(decibels < -5)
        times.append(3 * fell / RATE)
    assert 0.17 < min(times) < 0.26
    assert 0.7 < max(times) < 0.9


def test_unknown_recipe_and_undivided_manifest(small):
    with raises(UnknownNameError, "unknown-name", "Did you mean 'noise'"):
        augment.recipe("pitch+nois")
    with raises(ConfigurationError, "undivided-manifest"):
        augment.copies(small, "noise")
    with raises(ConfigurationError, "invalid-copy-count"):
        augment.copies(pd.DataFrame({"utterance_id": ["a"], "split": ["train"]}), "noise", count=0)


@pytest.mark.parametrize("name", ["shift", "light", "r5", "r3_shift", "reverb"])
def test_a_waveform_of_a_few_frames_is_augmented_too(name):
    wave = voice()[:900]
    for seed in range(20):
        out = augment.apply(name, wave, 16_000, seed)
        assert np.isfinite(out).all()
        assert len(out) == 900 or name == "r5"
