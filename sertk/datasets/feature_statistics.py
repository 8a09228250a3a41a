"""Feature statistics for standardization: per bin, over frames that hold sound.

In: cached spectra and the names of utterances. Out: what to subtract and what to divide by, each
of the shape of a finished frame.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from sertk.cache import Features
from sertk.preprocessing import Preprocessing

_LEAST = 1e-6  # of its size, by which a number must vary: functionals may be small, and vary less


def frame_statistics(
    features: Features, utterances: list[str], prep: Preprocessing
) -> tuple[np.ndarray, np.ndarray]:
    """Compute mean and standard deviation per bin over all frames of finished utterances.

    Returns:
        Two arrays of the shape of a finished frame, float32; the deviation of a bin that does not
        vary is 1.
    """
    count, total, squares = 0, np.zeros(1), np.zeros(1)
    for frames in _finished(features, utterances, prep):
        count += len(frames)
        total = total + frames.sum(axis=0)
        squares = squares + np.square(frames).sum(axis=0)
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - np.square(mean), 0))
    deviation[deviation <= _LEAST * np.maximum(np.abs(mean), _LEAST)] = 1
    return mean.astype(np.float32), deviation.astype(np.float32)


def frame_limits(
    features: Features, utterances: list[str], prep: Preprocessing
) -> tuple[np.ndarray, np.ndarray]:
    """Find the least value per bin over all frames of finished utterances, and the range.

    Returns:
        Two arrays of the shape of a finished frame, float32; the range is at least 0.001.
    """
    lowest, highest = np.array(np.inf), np.array(-np.inf)
    for frames in _finished(features, utterances, prep):
        lowest = np.minimum(lowest, frames.min(axis=0))
        highest = np.maximum(highest, frames.max(axis=0))
    span = np.maximum(highest - lowest, 1e-3)
    return np.asarray(lowest, np.float32), np.asarray(span, np.float32)


def _finished(
    features: Features, utterances: list[str], prep: Preprocessing
) -> Iterator[np.ndarray]:
    """Finish every clip of some utterances, and give its frames that hold sound."""
    for name in utterances:
        spectrum = features[name]
        for start, clip in zip(prep.clip_starts(spectrum), prep.clips(spectrum), strict=True):
            first, last = max(-start, 0), min(len(spectrum) - start, len(clip))
            yield prep.finish(clip)[first:last].astype(np.float64)


def speaker_statistics(
    originals: pd.DataFrame, features: Features, prep: Preprocessing
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Compute mean and standard deviation of each speaker's own utterances.

    Args:
        originals: Rows with `speaker`, no copies.
        features: Their spectra; rows without one are left out.
        prep: How clips are cut and finished.
    """
    voices = originals[[u in features for u in originals["utterance_id"]]].groupby("speaker")
    return {
        str(speaker): frame_statistics(features, ids.tolist(), prep)
        for speaker, ids in voices["utterance_id"]
    }
