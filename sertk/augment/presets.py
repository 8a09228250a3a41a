"""Presets: sets, in which copy number n is made by the n-th transform, and chains of words.

In: a waveform, its rate and a source of random numbers. Out: the changed waveform.
"""

import numpy as np
from numpy.random import Generator

from sertk import audio
from sertk.augment import noises
from sertk.augment.registry import (
    FUNCTIONS,
    Function,
    add_white_noise,
    as_loud_as,
    raise_pitch,
    stretch,
)

_TOP_DB = 40.0  # what lies so far below the loudest frame is silence
_FIFTHS = 4  # of a second, R5's largest shift


def _raise_pitch(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
    """Raise the pitch by 0 to 4 semitones, and keep the level."""
    return as_loud_as(waveform, raise_pitch(waveform, sample_rate, generator))


def _shift(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
    """Shift by whole fifths of a second, up to four either way; silence moves in.

    R5's clips last 2.1 s. A clip of less than 1.6 s goes so far only that half of it stays.
    """
    limit = min(_FIFTHS, int(len(waveform) / sample_rate * 5 / 2))
    move = round(int(generator.integers(-limit, limit + 1)) * sample_rate / 5)
    stays = waveform[max(-move, 0) : len(waveform) - max(move, 0)]
    return np.pad(stays, (max(move, 0), max(-move, 0)))


def _faster(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
    """Play at 1.2 times the tempo, cut the silent ends, and keep the level."""
    faster = stretch(1.2)(waveform, sample_rate, generator)
    return as_loud_as(waveform, audio.trim(faster, _TOP_DB))


def _left_trim(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
    """Cut the silence before the sound, if there is any."""
    return waveform[_sound(waveform)[0] :]


def _right_trim(waveform: np.ndarray, sample_rate: int, generator: Generator) -> np.ndarray:
    """Cut the silence after the sound, if there is any."""
    return waveform[: _sound(waveform)[1]]


def _sound(waveform: np.ndarray) -> np.ndarray:
    """Find where the sound begins and ends, as `sertk.audio.trim` does."""
    import librosa

    return librosa.effects.trim(waveform, top_db=_TOP_DB)[1]


# The two copies that reference system R3's published run was made with.
R3: dict[str, Function] = {"noise": FUNCTIONS["r3_noise"], "pitch": FUNCTIONS["r3_pitch"]}
# The seven copies of reference system R5, at the published strengths. Where the preprocessing
# trims by 40 dB, as the usual one does, the last two leave nothing to cut and equal the original.
R5: dict[str, Function] = {
    "noise": add_white_noise(0.01),
    "pitch": _raise_pitch,
    "shift": _shift,
    "slow": stretch(0.8),
    "fast": _faster,
    "left_trim": _left_trim,
    "right_trim": _right_trim,
}

# named recipes: their transforms, and the probability with which each is applied
NAMED: dict[str, dict[str, float]] = {
    "light": dict.fromkeys(("pitch", "shift", "noise"), 0.5),
    "strong": dict.fromkeys(
        ("stretch", "pitch", "dynamic", "reverb", "strong_noise", "time_mask"), 0.5
    ),
    "field": dict.fromkeys(("voice", "band_limit", "part", "steady_noise"), 0.5),
    "everyday": {
        "speed": 0.5, "pitch": 0.3, "excerpt": 0.25, "reverb": 0.25, "telephone": 0.25,
        "colored_noise": 0.6,
    },
}  # fmt: skip
# recipes that change a recording before its silent ends are cut: noise and rooms fill them
OF_RECORDINGS = ("everyday",)

PRESETS: dict[str, dict[str, Function]] = {"r3": R3, "r5": R5, "mixnoise": noises.MIXED}


def entry_name(name: str, entry: str) -> str:
    """Name one entry of a set.

    Examples:
        >>> entry_name("mixnoise@corpora/demand", "park")
        'mixnoise:park@corpora/demand'
    """
    plain, at, folder = name.partition("@")
    return f"{plain}:{entry}{at}{folder}"
