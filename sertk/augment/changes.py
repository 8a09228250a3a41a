"""Changes of loudness, tempo, place and band: what more words of a recipe do to a waveform.

In: a waveform, its rate and a source of random numbers. Out: the changed waveform. A factory
such as `noise_between` or `speed_between` makes a function with ranges of your own, for a list
of transforms.
"""

from pathlib import Path

import numpy as np

from sertk import audio
from sertk.augment.folders import recorded, response, sounds
from sertk.augment.words import Function, as_loud_as, stretch

_TURN = 0.5  # seconds between the turns of a level that wanders
_EDGE = 0.1  # seconds that may be cut off an end
_SHARE = 0.1  # of the length, or of the mel scale, that a mask hides at most
_MEL = 700.0  # Hz, where the mel scale turns from linear to logarithmic


def noise_between(min_snr_db: float, max_snr_db: float) -> Function:
    """Make a function that adds white Gaussian noise at a ratio drawn from a range.

    Args:
        min_snr_db: Lowest signal-to-noise ratio, in dB.
        max_snr_db: Highest.

    Example:
        >>> wave = np.sin(np.arange(16_000, dtype="float32") / 9)
        >>> added = noise_between(6, 6)(wave, 16_000, np.random.default_rng(0))
        >>> added.shape
        (16000,)
    """

    def function(
        waveform: np.ndarray, sample_rate: int, generator: np.random.Generator
    ) -> np.ndarray:
        snr_db = generator.uniform(min_snr_db, max_snr_db)
        return audio.noise_at_snr(waveform, generator.normal(size=len(waveform)), snr_db)

    return function


def background(
    folder: str | Path, *, min_snr_db: float = 0.0, max_snr_db: float = 20.0
) -> Function:
    """Make a function that adds recorded noise at a ratio drawn from a range.

    Args:
        folder: Holds the recordings, in any format that is read, also in folders below.
        min_snr_db: Lowest signal-to-noise ratio, in dB.
        max_snr_db: Highest.

    Raises:
        ConfigurationError: If there is no such folder, or no recording in it.
    """
    files = sounds(folder)

    def function(
        waveform: np.ndarray, sample_rate: int, generator: np.random.Generator
    ) -> np.ndarray:
        noise = recorded(files, len(waveform), sample_rate, generator)
        return audio.noise_at_snr(waveform, noise, generator.uniform(min_snr_db, max_snr_db))

    return function


def room(folder: str | Path) -> Function:
    """Make a function that puts a waveform into a room whose impulse response was measured.

    The level is kept, and so is the moment of the direct sound.

    Args:
        folder: Holds impulse responses, in any format that is read, also in folders below.

    Raises:
        ConfigurationError: If there is no such folder, or no recording in it.
    """
    files = sounds(folder)

    def function(
        waveform: np.ndarray, sample_rate: int, generator: np.random.Generator
    ) -> np.ndarray:
        measured = response(files[generator.integers(len(files))], sample_rate)
        return as_loud_as(waveform, audio.reverberate(waveform, measured))

    return function


def gain(waveform: np.ndarray, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Change the level by up to 12 dB either way; nothing is clipped."""
    return waveform * 10 ** (generator.uniform(-12, 12) / 20)


def wander(waveform: np.ndarray, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Let the level wander by up to 6 dB either way, with two turns in a second."""
    seconds = len(waveform) / sample_rate
    knots = np.arange(int(seconds / _TURN) + 2) * _TURN
    levels = generator.uniform(-6, 6, len(knots))
    decibels = np.interp(np.arange(len(waveform)) / sample_rate, knots, levels)
    return waveform * 10 ** (decibels / 20)


def change_tempo(
    waveform: np.ndarray, sample_rate: int, generator: np.random.Generator
) -> np.ndarray:
    """Play at 0.8 to 1.25 times the tempo, the pitch kept; the length changes."""
    return stretch(float(np.exp(generator.uniform(np.log(0.8), np.log(1.25)))))(
        waveform, sample_rate, generator
    )


def speed_between(slowest: float, fastest: float) -> Function:
    """Make a function that plays faster or slower, pitch, formants and all.

    Args:
        slowest: Least factor of the speed.
        fastest: Largest.

    Example:
        >>> wave = np.sin(np.arange(16_000, dtype="float32") / 9)
        >>> speed_between(0.8, 0.8)(wave, 16_000, np.random.default_rng(0)).shape
        (20000,)
    """

    def function(
        waveform: np.ndarray, sample_rate: int, generator: np.random.Generator
    ) -> np.ndarray:
        factor = float(np.exp(generator.uniform(np.log(slowest), np.log(fastest))))
        return audio.resample(waveform, round(sample_rate * factor), sample_rate)

    return function


def trim_shift(
    waveform: np.ndarray, sample_rate: int, generator: np.random.Generator
) -> np.ndarray:
    """Cut up to 0.1 s off either end, at most half of the waveform: it begins elsewhere."""
    longest = min(round(_EDGE * sample_rate), len(waveform) // 4)
    first, last = generator.integers(0, longest + 1, 2)
    return waveform[first : len(waveform) - last]


def time_mask(waveform: np.ndarray, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Silence one stretch of up to a tenth of the length."""
    length = int(generator.uniform(0, _SHARE) * len(waveform))
    first = int(generator.uniform() * (len(waveform) - length))
    changed = waveform.copy()
    changed[first : first + length] = 0
    return changed


def band_mask(waveform: np.ndarray, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Silence one band of up to a tenth of the mel scale, and keep the rest as it is."""
    top = np.log1p(sample_rate / 2 / _MEL)
    width = generator.uniform(0, _SHARE) * top
    low = generator.uniform() * (top - width)
    spectrum = np.fft.rfft(waveform)
    frequency = np.fft.rfftfreq(len(waveform), 1 / sample_rate)
    inside = (frequency >= _MEL * np.expm1(low)) & (frequency < _MEL * np.expm1(low + width))
    return np.fft.irfft(np.where(inside, 0, spectrum), len(waveform))


CHANGES: dict[str, Function] = {
    "strong_noise": noise_between(0, 10),
    "stretch": change_tempo,
    "dynamic": wander,
    "speed_pitch": speed_between(0.9, 1.1),
    "voice": speed_between(0.8, 1.25),
    "gain": gain,
    "trim_shift": trim_shift,
    "time_mask": time_mask,
    "band_mask": band_mask,
}
# words that take recordings, as in background@FOLDER
FROM_FOLDER = {"background": background, "room": room}
