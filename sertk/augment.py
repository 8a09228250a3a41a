"""Make augmented copies of training utterances: noise, pitch, shift and their combinations.

In: a divided manifest, or a waveform. Out: rows for the copies, each with its `parent`, or the
changed waveform. A copy's sound depends on nothing but its utterance_id, which carries the
recipe, the seed and a number: it is the same whatever the order and the number of workers.
"""

import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from sertk import _seeding
from sertk.errors import ConfigurationError, UnknownNameError


def _noise(chance: float) -> Any:
    from audiomentations import AddGaussianSNR

    return AddGaussianSNR(min_snr_db=10.0, max_snr_db=30.0, p=chance)


def _pitch(chance: float) -> Any:
    from audiomentations import PitchShift

    return PitchShift(min_semitones=-2.0, max_semitones=2.0, p=chance)


def _shift(chance: float) -> Any:
    from audiomentations import Shift

    return Shift(min_shift=-0.1, max_shift=0.1, shift_unit="seconds", rollover=False, p=chance)


# what a recipe's words mean; each takes the chance with which it is applied
TRANSFORMS: dict[str, Callable[[float], Any]] = {"noise": _noise, "pitch": _pitch, "shift": _shift}
# recipes with a name of their own: their transforms, each applied with this chance
NAMED = {"light": (("pitch", "shift", "noise"), 0.5)}


def names() -> list[str]:
    """List the words of a recipe; transforms are joined by `+`, such as `pitch+noise`."""
    return sorted([*TRANSFORMS, *NAMED])


@lru_cache(maxsize=32)
def recipe(name: str) -> Any:
    """Build the audiomentations pipeline of a recipe.

    Args:
        name: `noise` (white, 10 to 30 dB SNR), `pitch` (up to two semitones either way), `shift`
            (up to 0.1 s either way, silence moves in), several joined by `+` and applied in that
            order, or `light` (pitch, shift and noise, each to half of the copies).

    Raises:
        UnknownNameError: If a word names no transform.
        ConfigurationError: If a whole recipe is joined to something else.
    """
    with warnings.catch_warnings():
        # on the way it loads a download bar that misses its widgets in a notebook
        warnings.filterwarnings("ignore", message="IProgress not found")
        from audiomentations import Compose

    words, chance = NAMED.get(name, (tuple(name.split("+")), 1.0))
    unknown = [word for word in words if word not in TRANSFORMS]
    if unknown and unknown[0] in NAMED:
        raise ConfigurationError(
            f"The recipe {name!r} joins {unknown[0]!r} to something else.",
            f"{unknown[0]} is a whole recipe; joined by + are {', '.join(TRANSFORMS)}.",
            f"Use {unknown[0]} alone, or {'+'.join(NAMED[unknown[0]][0])}.",
        )
    if unknown:
        raise UnknownNameError("augmentation", unknown[0], names())
    return Compose([TRANSFORMS[word](chance) for word in words])


def apply(name: str, waveform: np.ndarray, sample_rate: int, seed: int) -> np.ndarray:
    """Augment a waveform.

    Args:
        name: Of a recipe.
        waveform: shape (samples,), float32.
        sample_rate: In Hz.
        seed: The same seed gives the same samples, in any process and thread.

    Returns:
        A waveform of the same length, float32.

    Example:
        >>> wave = np.sin(np.arange(8000, dtype="float32") / 9)
        >>> noisy = apply("noise", wave, 16_000, seed=1)
        >>> bool((noisy == apply("noise", wave, 16_000, seed=1)).all()), noisy.shape
        (True, (8000,))
    """
    pipeline = recipe(name)
    with _seeding.seeded(seed):
        return pipeline(samples=waveform, sample_rate=sample_rate)


def copies(manifest: pd.DataFrame, name: str, *, count: int = 2, seed: int = 0) -> pd.DataFrame:
    """List the augmented copies of the training rows; no sound is made yet.

    Args:
        manifest: Originals with `split`; only rows of `train` are copied.
        name: Of a recipe.
        count: Copies of each row.
        seed: Of the copies.

    Returns:
        Rows of the copies alone, with `parent` and `augmentation`.

    Raises:
        ConfigurationError: If the manifest is not divided, or `count` is not positive.

    Example:
        >>> frame = pd.DataFrame({"utterance_id": ["a", "b"], "split": ["train", "test"]})
        >>> copies(frame, "noise", count=1)[["utterance_id", "parent"]].values.tolist()
        [['a~noise.0.0', 'a']]
    """
    recipe(name)
    if count < 1:
        raise ConfigurationError(
            f"{count} copies of each utterance were asked for.",
            "An augmentation makes one at least.",
            "Leave it out (augment=None, no --augment) to train on the originals alone.",
        )
    if "split" not in manifest:
        raise ConfigurationError(
            "Copies of a manifest without splits were asked for.",
            "Copies are made of training rows only, so a manifest is divided first.",
            "Call sertk.splits.by_speaker(manifest) first.",
        )
    originals = manifest[manifest["split"] == "train"]
    made = [
        originals.assign(
            utterance_id=originals["utterance_id"] + f"~{name}.{seed}.{number}",
            parent=originals["utterance_id"],
            augmentation=name,
        )
        for number in range(count)
    ]
    rows = pd.concat(made, ignore_index=True)
    rows.attrs = dict(manifest.attrs)
    return rows
