"""Transforms of a waveform: gain, tempo, time masks, filters, reverberation.

In: a waveform, its rate and a source of random numbers. Out: the changed waveform. A factory
such as `noise_between` or `speed_between` makes a function with ranges of your own, for a list
of transforms.
"""

import math
from pathlib import Path

import numpy as np
from numpy.random import Generator

from sertk import audio
from sertk.augment import noises
from sertk.augment.fingerprints import named
from sertk.augment.folders import recorded, response, sounds
from sertk.augment.registry import Function, as_loud_as, stretch
from sertk.errors import ConfigurationError

_TURN = 0.5  # seconds between the turns of a level that wanders
_EDGE = 0.1  # seconds that may be cut off an end
_SHARE = 0.1  # of the length, or of the mel scale, that a mask hides at most
_MEL = 700.0  # Hz, where the mel scale turns from linear to logarithmic
_OUTSIDE = 1e-3  # what is left of a spectrum outside its band


def noise_between(min_snr_db: float, max_snr_db: float) -> Function:
    """Make a function that adds white Gaussian noise at a ratio drawn from a range.

    Args:
        min_snr_db: Lowest signal-to-noise ratio, in dB.
        max_snr_db: Highest.

    Raises:
        ConfigurationError: If that is no range.

    Examples:
        >>> wave = np.sin(np.arange(16_000, dtype="float32") / 9)
        >>> added = noise_between(6, 6)(wave, 16_000, np.random.default_rng(0))
        >>> added.shape
        (16000,)
    """
    _check_range("SNR in dB", min_snr_db, max_snr_db)

    def function(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
        snr_db = generator.uniform(min_snr_db, max_snr_db)
        return audio.noise_at_snr(waveform, generator.normal(size=len(waveform)), snr_db)

    return named("noise_between", function, min_snr_db=min_snr_db, max_snr_db=max_snr_db)


def background(
    folder: str | Path, *, min_snr_db: float = 0.0, max_snr_db: float = 20.0
) -> Function:
    """Make a function that adds recorded noise at a ratio drawn from a range.

    Args:
        folder: Holds the recordings, in any format that is read, also in folders below.
        min_snr_db: Lowest signal-to-noise ratio, in dB.
        max_snr_db: Highest.

    Raises:
        ConfigurationError: If there is no such folder, no recording in it, or that is no range.
    """
    _check_range("SNR in dB", min_snr_db, max_snr_db)
    files = sounds(folder)

    def function(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
        noise = recorded(files, len(waveform), sample_rate, generator)
        return audio.noise_at_snr(waveform, noise, generator.uniform(min_snr_db, max_snr_db))

    return named(
        "background", function, recordings=files, min_snr_db=min_snr_db, max_snr_db=max_snr_db
    )


def room(folder: str | Path) -> Function:
    """Make a function that puts a waveform into a room whose impulse response was measured.

    The level is kept, and so is the moment of the direct sound.

    Args:
        folder: Holds impulse responses, in any format that is read, also in folders below.

    Raises:
        ConfigurationError: If there is no such folder, or no recording in it.
    """
    files = sounds(folder)

    def function(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
        measured = response(files[generator.integers(len(files))], sample_rate)
        return as_loud_as(waveform, audio.reverberate(waveform, measured))

    return named("room", function, recordings=files)


def gain(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
    """Change the level by up to 12 dB either way; nothing is clipped."""
    return waveform * 10 ** (generator.uniform(-12, 12) / 20)


def wander(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
    """Let the level wander by up to 6 dB either way, with two turns in a second."""
    seconds = len(waveform) / sample_rate
    knots = np.arange(int(seconds / _TURN) + 2) * _TURN
    levels = generator.uniform(-6, 6, len(knots))
    decibels = np.interp(np.arange(len(waveform)) / sample_rate, knots, levels)
    return waveform * 10 ** (decibels / 20)


def change_tempo(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
    """Play at 0.8 to 1.25 times the tempo, the pitch kept; the length changes."""
    return stretch(float(np.exp(generator.uniform(np.log(0.8), np.log(1.25)))))(
        waveform, sample_rate, generator
    )


def speed_between(slowest: float, fastest: float) -> Function:
    """Make a function that plays faster or slower, pitch, formants and all.

    Args:
        slowest: Least factor of the speed.
        fastest: Largest.

    Raises:
        ConfigurationError: If that is no range of positive numbers.

    Examples:
        >>> wave = np.sin(np.arange(16_000, dtype="float32") / 9)
        >>> speed_between(0.8, 0.8)(wave, 16_000, np.random.default_rng(0)).shape
        (20000,)
    """
    _check_range("speed", slowest, fastest, above=0.0)

    def function(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
        factor = float(np.exp(generator.uniform(np.log(slowest), np.log(fastest))))
        return audio.resample(waveform, round(sample_rate * factor), sample_rate)

    return named("speed_between", function, slowest=slowest, fastest=fastest)


def _check_range(what: str, lowest: float, highest: float, *, above: float = -math.inf) -> None:
    numbers = all(isinstance(end, int | float | np.number) for end in (lowest, highest))
    if not (numbers and above < lowest <= highest < math.inf):
        raise ConfigurationError(
            f"The range of {what} is {lowest!r} to {highest!r}.",
            f"A range is two numbers{f' above {above:g}' * (above > -math.inf)}, the lower one "
            "first; equal numbers give a constant.",
            "For example: noise_between(5, 20), or speed_between(0.8, 1.25).",
            code="invalid-random-range",
        )


def trim_shift(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
    """Cut up to 0.1 s off either end, at most half of the waveform: it begins elsewhere."""
    longest = min(round(_EDGE * sample_rate), len(waveform) // 4)
    first, last = generator.integers(0, longest + 1, 2)
    return waveform[first : len(waveform) - last]


def time_mask(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
    """Silence one stretch of up to a tenth of the length."""
    length = int(generator.uniform(0, _SHARE) * len(waveform))
    first = int(generator.uniform() * (len(waveform) - length))
    changed = waveform.copy()
    changed[first : first + length] = 0
    return changed


def band_mask(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
    """Silence one band of up to a tenth of the mel scale, and keep the rest as it is."""
    top = np.log1p(sample_rate / 2 / _MEL)
    width = generator.uniform(0, _SHARE) * top
    low = generator.uniform() * (top - width)
    spectrum = np.fft.rfft(waveform)
    frequency = np.fft.rfftfreq(len(waveform), 1 / sample_rate)
    inside = (frequency >= _MEL * np.expm1(low)) & (frequency < _MEL * np.expm1(low + width))
    return np.fft.irfft(np.where(inside, 0, spectrum), len(waveform))


def band_limit(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
    """Keep what lies below 2.5 to 7 kHz, half of the time only what lies above 100 to 400 Hz."""
    low = generator.uniform(100, 400) if generator.uniform() < 0.5 else 0.0
    high = generator.uniform(2500, 7000)
    spectrum = np.fft.rfft(waveform)
    frequency = np.fft.rfftfreq(len(waveform), 1 / sample_rate)
    inside = (frequency >= low) & (frequency <= high)
    return np.fft.irfft(np.where(inside, spectrum, spectrum * _OUTSIDE), len(waveform))


def _part_between(shortest: float, longest: float) -> Function:
    """Make a function that keeps a part of so many seconds of what is longer."""

    def function(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
        seconds = generator.uniform(shortest, longest)
        length = min(round(seconds * sample_rate), len(waveform))
        first = generator.integers(0, len(waveform) - length + 1)
        return waveform[first : first + length]

    return function


def steady_noise(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
    """Add noise at 0 to 40 dB SNR, from hiss to rumble: it falls by 0 to 6 dB per octave."""
    slope_db, snr_db = generator.uniform(-6, 0), generator.uniform(0, 40)
    everywhere = (20.0, sample_rate / 2)
    noise = noises.colored(len(waveform), sample_rate, slope_db, everywhere, generator)
    return audio.noise_at_snr(waveform, noise, snr_db)


def telephone(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
    """Send through a telephone line of 8 kHz."""
    return audio.telephone(waveform, sample_rate)


def colored_noise(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
    """Add white, pink or brown noise at 0 to 25 dB SNR."""
    slope_db, snr_db = -3.0 * generator.integers(0, 3), generator.uniform(0, 25)
    everywhere = (20.0, sample_rate / 2)
    noise = noises.colored(len(waveform), sample_rate, slope_db, everywhere, generator)
    return audio.noise_at_snr(waveform, noise, snr_db)


WAVEFORM_TRANSFORMS: dict[str, Function] = {
    "strong_noise": noise_between(0, 10),
    "steady_noise": steady_noise,
    "stretch": change_tempo,
    "dynamic": wander,
    "speed_pitch": speed_between(0.9, 1.1),
    "speed": speed_between(0.87, 1.15),
    "voice": speed_between(0.8, 1.25),
    "gain": gain,
    "trim_shift": trim_shift,
    "part": _part_between(0.8, 2.6),
    "excerpt": _part_between(0.5, 1.5),
    "telephone": telephone,
    "colored_noise": colored_noise,
    "band_limit": band_limit,
    "time_mask": time_mask,
    "band_mask": band_mask,
}
# words that take recordings, as in background@FOLDER
FROM_FOLDER = {"background": background, "room": room}
