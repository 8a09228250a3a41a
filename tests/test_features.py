"""Features against librosa, and their layers against their numpy form."""

import librosa
import numpy as np
import pytest

from sertk import features
from sertk.errors import AudioError, ConfigurationError, UnknownNameError
from sertk.features import (
    LogMel,
    LogMelDelta,
    LogSpectrogram,
    Mfcc,
    MfccTrace,
    NoiseReverbSpectrogram,
)
from tests.errors import raises

OUTSIDE = ("compare", "egemaps", "embedding")  # of the graph; they have tests of their own
COMPUTED = [name for name in features.names() if name not in OUTSIDE]
OF_ENCODERS = ("hidden_states", "pooled_states")
LINEAR = ("log_spectrogram", "noise_reverb_spectrogram")


def voice(seconds=1.5, sample_rate=16_000, seed=0):
    """A gliding harmonic tone over noise, with a silent end."""
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    phase = 2 * np.pi * np.cumsum(120 + 60 * np.sin(3 * time)) / sample_rate
    wave = sum(np.sin(k * phase) / k for k in range(1, 20)) * (time < 0.8 * seconds)
    return (0.1 * wave + 1e-3 * generator.normal(size=len(time))).astype(np.float32)


def within(reference, decibels=80):
    return reference > reference.max(axis=(0, 1), keepdims=True) - decibels


@pytest.mark.parametrize(
    "feature",
    [
        LogMel(),
        LogMel(n_mels=40, n_fft=1024, hop_length=160, win_length=400),
        LogMel(fmin=50, fmax=4000),
    ],
)
def test_log_mel_is_librosas(feature):
    wave = voice()
    mel = librosa.feature.melspectrogram(
        y=wave, sr=16_000, n_fft=feature.n_fft, hop_length=feature.hop_length, fmin=feature.fmin,
        win_length=feature.win_length, n_mels=feature.n_mels, fmax=feature.fmax,
    )  # fmt: skip
    expected = librosa.power_to_db(mel, top_db=None).T
    given = feature(wave)
    loud = within(expected)
    assert given.dtype == np.float32
    np.testing.assert_allclose(given[loud], expected[loud], atol=1e-3)


@pytest.mark.parametrize("deltas", [0, 1, 2])
def test_mfcc_is_librosas(deltas):
    wave = voice()
    static = librosa.feature.mfcc(
        y=wave, sr=16_000, n_fft=512, hop_length=256, n_mels=64, n_mfcc=13
    )
    parts = [static, *(librosa.feature.delta(static, order=k) for k in range(1, deltas + 1))]
    np.testing.assert_allclose(Mfcc(deltas=deltas)(wave), np.concatenate(parts).T, atol=1e-3)


@pytest.mark.parametrize("window", ["hann", "hamming"])
def test_log_spectrogram_is_librosas(window):
    wave = voice()
    emphasized = librosa.effects.preemphasis(wave, coef=0.97, zi=[0.0])
    spectrum = librosa.stft(emphasized, n_fft=800, hop_length=160, win_length=640, window=window)
    expected = librosa.amplitude_to_db(np.abs(spectrum), top_db=None).T[:, :200]
    given = LogSpectrogram(window=window)(wave)
    assert given.shape == expected.shape == (151, 200)
    loud = within(expected)
    np.testing.assert_allclose(given[loud], expected[loud], atol=2e-3)


def test_deltas_as_channels_are_librosas():
    wave = voice()
    feature = LogMelDelta()
    static = feature.source(wave)
    delta = librosa.feature.delta(static.T, width=5, mode="nearest")
    twice = librosa.feature.delta(delta, width=5, mode="nearest")
    expected = np.stack([static, delta.T, twice.T], axis=-1)
    np.testing.assert_allclose(feature(wave), expected, atol=1e-4)
    emphasized = librosa.effects.preemphasis(wave, coef=0.97, zi=[0.0])
    plain = LogMel(40, 512, 160, 400, window="hamming")(emphasized)
    np.testing.assert_allclose(static, plain, atol=1e-4)


@pytest.mark.parametrize(("seconds", "frames"), [(2.5, 216), (3.0, 259)])
def test_the_trace_is_the_mean_of_librosas_mfcc(seconds, frames):
    wave = voice(seconds, sample_rate=44_100)
    expected = librosa.feature.mfcc(y=wave, sr=44_100, n_mfcc=13).mean(axis=0)
    given = MfccTrace(sample_rate=44_100)(wave)
    assert given.shape == (frames, 1)
    np.testing.assert_allclose(given[:, 0], expected, atol=1e-3)


def test_noise_and_room_stand_beside_the_clean_spectrogram():
    wave = voice()
    clean, noisy, room = np.moveaxis(NoiseReverbSpectrogram()(wave), -1, 0)
    np.testing.assert_array_equal(clean, LogSpectrogram()(wave))
    silent = slice(-20, None)  # the voice has ended
    assert noisy[silent].mean() > clean[silent].mean() + 5
    after = slice(int(0.8 * len(wave)) // 160 + 3, int(0.8 * len(wave)) // 160 + 13)
    assert room[after].mean() > clean[after].mean() + 3
    # white noise of a deviation of 0.002 through a window has the sum of its squares as power
    window = librosa.filters.get_window("hamming", 640)
    expected = 10 * np.log10(0.002**2 * np.square(window).sum())
    still = NoiseReverbSpectrogram()(np.zeros(16_000, np.float32))[:, 2:, 1]
    assert 10 * np.log10((10 ** (still / 10)).mean()) == pytest.approx(expected, abs=0.3)


def test_r5_s_mel_has_91_frames():
    assert LogMel(128, 2048, 512, sample_rate=22_050).frames(46_305) == 91


@pytest.mark.backend
@pytest.mark.parametrize("name", COMPUTED)
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_the_layer_gives_the_same_numbers(name, rate):
    if rate != 16_000 and name in OF_ENCODERS:
        with raises(ConfigurationError, "encoder-sample-rate", str(rate)):
            features.get(name, sample_rate=rate)
        return
    feature = features.get(name, sample_rate=rate)
    waves = np.stack([voice(seed=1), 0.01 * voice(seed=2)])
    in_graph = np.asarray(feature.layer()(waves))
    for wave, given in zip(waves, in_graph, strict=True):
        expected = feature(wave)
        if name in ("log_mel", *LINEAR):
            # a single bin far below the peak is where float32 ends
            loud = within(expected, 60 if name in LINEAR else 80)
            given, expected = given[loud], expected[loud]
        np.testing.assert_allclose(given, expected, atol=2e-3 if name in LINEAR else 1e-3)


@pytest.mark.backend
@pytest.mark.parametrize("name", COMPUTED)
def test_the_layer_survives_saving(name, tmp_path):
    import keras

    inputs = keras.Input((None,))
    model = keras.Model(inputs, features.get(name).layer()(inputs))
    model.save(tmp_path / "front.keras")
    again = keras.saving.load_model(tmp_path / "front.keras", safe_mode=True)
    wave = voice()[None]
    np.testing.assert_array_equal(model.predict(wave, verbose=0), again.predict(wave, verbose=0))


@pytest.mark.parametrize("name", COMPUTED)
def test_conformance(name):
    feature = features.get(name)
    wave = voice(seconds=1.0)
    out = feature(wave)
    assert out.dtype == np.float32
    assert out.shape == feature.shape(feature.frames(len(wave)))
    assert np.isfinite(feature(np.zeros(8000, np.float32))).all()
    assert features.get(**features.to_dict(feature)) == feature
    assert hash(feature) == hash(features.get(name))
    np.testing.assert_array_equal(out, feature(wave.astype(np.float64)))


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 100), np.float32), np.zeros(0, np.float32), np.zeros(100, np.int16)]
)
def test_what_is_no_waveform_is_refused(wrong):
    with raises(AudioError, "invalid-waveform"):
        LogMel()(wrong)


def test_too_short_for_deltas():
    with raises(AudioError, "too-few-frames"):
        Mfcc()(np.ones(500, np.float32))


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"n_mels": 0}, "invalid-mel-bands"),
        ({"win_length": 600}, "invalid-fft-sizes"),
        ({"fmin": 9000.0}, "invalid-mel-bands"),
        ({"fmax": 9000.0}, "fmax-above-nyquist"),
        ({"preemphasis": 1.0}, "invalid-preemphasis"),
        ({"window": "han"}, "unknown-name"),
    ],
)
def test_parameters_out_of_range(parameters, code):
    with raises(ConfigurationError, code):
        LogMel(**parameters)


def test_unknown_feature_and_parameter():
    with raises(UnknownNameError, "unknown-name", "Did you mean 'log_mel'"):
        features.get("logmel")
    with raises(UnknownNameError, "unknown-name", "log_mel", "'n_mel'"):
        features.get("log_mel", n_mel=40)
    with raises(ConfigurationError, "invalid-coefficients", "n_mfcc=70", "n_mels=64"):
        Mfcc(n_mfcc=70)
