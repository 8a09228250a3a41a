"""The registry of augmentations by name.

In: a waveform, its rate and a source of random numbers. Out: the changed waveform. A function is
`(waveform, sample_rate, generator) -> waveform` and draws from `generator` alone.
"""

import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.random import Generator

from sertk import audio
from sertk._utils import seeding
from sertk.augment.fingerprints import named

Function = Callable[[np.ndarray, int, Generator], np.ndarray]
Step = Callable[[np.ndarray, int, int], np.ndarray]  # waveform, sample rate, seed

_R3_RATE = 44_100  # Hz; R3 states its shift in samples at this rate
_SHIFT = 0.1  # seconds, either way
_FRAME = 2048  # samples; librosa's stretch warns of anything shorter
_SILENT = 1e-7  # root mean square below which a waveform has no level to keep


def add_white_noise(amplitude: float) -> Function:
    """Add white noise of `amplitude * U(0, 1)` times the waveform's maximum."""

    def function(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
        level = amplitude * generator.uniform() * waveform.max()
        return waveform + level * generator.normal(size=len(waveform))

    return named("add_white_noise", function, amplitude=amplitude)


def raise_pitch(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
    """Raise the pitch by 0 to 4 semitones, and keep the length."""
    import librosa

    steps = 4.0 * generator.uniform()
    padded = _at_least_a_frame(waveform, 2 ** (steps / 12))
    return librosa.effects.pitch_shift(padded, sr=sample_rate, n_steps=steps)[: len(waveform)]


def stretch(rate: float) -> Function:
    """Play at `rate` times the tempo, the pitch kept: the length becomes `1 / rate` times."""

    def function(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
        import librosa

        stretched = librosa.effects.time_stretch(_at_least_a_frame(waveform), rate=rate)
        return stretched[: max(round(len(waveform) / rate), 1)]

    return named("stretch", function, rate=rate)


def _at_least_a_frame(waveform: np.ndarray, factor: float = 1.0) -> np.ndarray:
    """Put silence behind a waveform that is shorter than librosa's frame."""
    return np.pad(waveform, (0, max(math.ceil(_FRAME * factor) - len(waveform), 0)))


def roll(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
    """Roll by up to 57 ms either way; what leaves at one end comes in at the other."""
    samples_of_r3 = int(generator.uniform(-5, 5) * 500)
    return np.roll(waveform, round(samples_of_r3 * sample_rate / _R3_RATE))


def change_gain(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
    """Multiply by 1.5 to 3; nothing is clipped."""
    return waveform * generator.uniform(1.5, 3.0)


def speed_up(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
    """Play 1 to 1.25 times as fast, pitch and all, by linear interpolation; the end is silent."""
    places = np.arange(0, len(waveform), 1 / generator.uniform(0.8, 1.0))
    faster = np.interp(places, np.arange(len(waveform)), waveform)[: len(waveform)]
    return np.pad(faster, (0, len(waveform) - len(faster)))


def reverberate(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
    """Put into a room that takes 0.2 to 0.8 s to fall by 60 dB, and keep the level."""
    seconds, room = generator.uniform(0.2, 0.8), int(generator.integers(2**31))
    response = audio.room_response(seconds, sample_rate, room)
    return as_loud_as(waveform, audio.reverberate(waveform, response))


def as_loud_as(waveform: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """Give what was changed the root mean square of the waveform that it was."""
    level = math.sqrt(np.mean(np.square(waveform, dtype=float)))
    return changed if level < _SILENT else audio.normalize_rms(changed, 20 * math.log10(level))


_REACH = {"min_shift": -_SHIFT, "max_shift": _SHIFT, "shift_unit": "seconds"}
# words made by audiomentations: its class, and what that takes
TRANSFORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "noise": ("AddGaussianSNR", {"min_snr_db": 10.0, "max_snr_db": 30.0}),
    "pitch": ("PitchShift", {"min_semitones": -2.0, "max_semitones": 2.0}),
    "shift": ("Shift", {**_REACH, "rollover": False}),
}
# words made here
FUNCTIONS: dict[str, Function] = {
    "reverb": reverberate,
    "r3_noise": add_white_noise(0.005),
    "r3_shift": roll,
    "r3_stretch": stretch(0.8),
    "r3_pitch": raise_pitch,
    "r3_dynamic": change_gain,
    "r3_speed_pitch": speed_up,
}


def pipeline(words: Sequence[str | Function], chance: float = 1.0) -> tuple[Step, ...]:
    """Build the steps of words of the library and of functions; neighbors of the library join.

    Args:
        words: Names in `TRANSFORMS`, or functions.
        chance: With which each is applied.
    """
    steps: list[Step] = []
    for of_library, group in itertools.groupby(words, key=lambda word: isinstance(word, str)):
        if of_library:
            steps.append(_library(tuple(map(str, group)), chance))
        else:
            steps += [_own(function, chance) for function in group if not isinstance(function, str)]
    return tuple(steps)


@lru_cache(maxsize=32)
def _library(words: tuple[str, ...], chance: float) -> Step:
    with warnings.catch_warnings():
        # its import loads a progress bar that warns of missing widgets in a notebook
        warnings.filterwarnings("ignore", message="IProgress not found")
        import audiomentations as library

    pairs = [(getattr(library, n), options) for n, options in map(TRANSFORMS.__getitem__, words)]
    composed = library.Compose([transform(**options, p=chance) for transform, options in pairs])

    def step(waveform: np.ndarray, sample_rate: int, seed: int) -> np.ndarray:
        # the library cannot shift by more than the length of the waveform
        lacking = max(0, math.ceil(_SHIFT * sample_rate) + 1 - len(waveform))
        with seeding.seeded(seed):
            changed = composed(samples=np.pad(waveform, (0, lacking)), sample_rate=sample_rate)
        return changed[: len(waveform)]

    return step


def _own(function: Function, chance: float) -> Step:
    def step(waveform: np.ndarray, sample_rate: int, seed: int) -> np.ndarray:
        generator = np.random.default_rng(seed)
        if chance < 1 and generator.uniform() >= chance:
            return waveform
        return np.asarray(function(waveform, sample_rate, generator), np.float32)

    return step
