"""Clips of an utterance: where they start, and how their predictions are aggregated.

In: numbers of frames. Out: first frames of clips; one row of probabilities per utterance.
"""

import numpy as np

from sertk.errors import UnknownNameError

CLIP_AGGREGATIONS = ("mean", "geometric_mean", "max")


def clip_starts(frames: int, clip_frames: int) -> list[int]:
    """Say where the clips of an utterance start.

    A short utterance is one clip in the middle of its padding. A longer one is covered by the
    fewest clips that do it, evenly spread, so that no frame is left out and none is padded.

    Args:
        frames: Length of the utterance.
        clip_frames: Length of a clip.

    Returns:
        First frames; negative where padding comes first.

    Examples:
        >>> clip_starts(250, 100), clip_starts(60, 100)
        ([0, 75, 150], [-20])
    """
    if frames <= clip_frames:
        return [-((clip_frames - frames) // 2)]
    count = -(-frames // clip_frames)
    return [round(k * (frames - clip_frames) / (count - 1)) for k in range(count)]


def aggregate_clips(probabilities: np.ndarray, counts: list[int], how: str = "mean") -> np.ndarray:
    """Join the probabilities of the clips of each utterance.

    Args:
        probabilities: shape (clips, classes), clips of one utterance behind each other.
        counts: Clips of each utterance.
        how: `mean`, `geometric_mean` (mean of log-probabilities) or `max`; rows sum to 1.

    Returns:
        shape (utterances, classes).

    Examples:
        >>> aggregate_clips(np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]), [2, 1]).tolist()
        [[0.75, 0.25], [0.0, 1.0]]
    """
    if how not in CLIP_AGGREGATIONS:
        raise UnknownNameError("clip_aggregation", how, CLIP_AGGREGATIONS)
    first = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(int)
    if how == "max":
        joined = np.maximum.reduceat(probabilities, first, axis=0)
    elif how == "mean":
        joined = np.add.reduceat(probabilities, first, axis=0) / np.asarray(counts)[:, None]
    else:
        logs = np.log(np.maximum(probabilities, 1e-12))
        joined = np.exp(np.add.reduceat(logs, first, axis=0) / np.asarray(counts)[:, None])
    return joined / joined.sum(axis=1, keepdims=True)
