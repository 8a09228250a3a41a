"""Differences between evaluations of the same test speakers.

In: pairs of evaluations. Out: an `Interval` of the difference in UAR, from drawing whole speakers,
each with all of its results: what makes a speaker hard for one makes it hard for the other too.
"""

import numpy as np

from sertk.errors import ConfigurationError
from sertk.evaluation import Evaluation, Interval, intervals, metrics


def difference(*pairs: tuple[Evaluation, Evaluation]) -> Interval:
    """Subtract the UAR of each second from that of its first, and take the mean over pairs.

    Args:
        *pairs: Of one pair both have the same classes, and are scored on the utterances that
            both have. Several pairs may have different classes.

    Raises:
        ConfigurationError: If no utterance is in both, or they have other classes.

    References:
        Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 8.
    """
    speakers = sorted({s for pair in pairs for result in pair for s in result.rows["speaker"]})
    blocks, sizes = [], []
    for one, other in pairs:
        both = _in_both(one, other)
        stacked = np.stack([_by_speaker(r, both, one.classes, speakers) for r in (one, other)], 1)
        sizes.append(len(one.classes))
        blocks.append(stacked.reshape(len(speakers), -1))
    flat = np.concatenate(blocks, axis=1)  # (speakers, cells of all matrices)
    heard = flat.sum(1) > 0
    flat = flat[heard]
    ends = np.cumsum([2 * size**2 for size in sizes])

    def mean_gap(cells: np.ndarray) -> np.ndarray:
        gaps = []
        for size, end in zip(sizes, ends, strict=True):
            block = cells[..., end - 2 * size**2 : end]
            scores = metrics.uar(block.reshape(*cells.shape[:-1], 2, size, size))
            gaps.append(scores[..., 0] - scores[..., 1])
        return np.mean(gaps, axis=0)

    return intervals.interval(float(mean_gap(flat.sum(0))), mean_gap, flat)


def _in_both(one: Evaluation, other: Evaluation) -> set[str]:
    if set(one.classes) != set(other.classes):
        raise ConfigurationError(
            f"One has the classes {', '.join(one.classes)}; the other {', '.join(other.classes)}.",
            "A difference is taken over the same classes.",
            "Regroup them first: evaluation.regroup(...).",
        )
    both = set(one.rows["utterance_id"]) & set(other.rows["utterance_id"])
    if not both:
        raise ConfigurationError(
            "The two evaluations have no utterance in common.",
            "A paired difference is taken on the same test speakers.",
            "Compare runs of the same corpus and protocol.",
        )
    return both


def _by_speaker(
    result: Evaluation, both: set[str], classes: tuple[str, ...], speakers: list[str]
) -> np.ndarray:
    """Count confusions per speaker, as a mean over seeds: shape (speakers, classes, classes)."""
    rows = result.rows[result.rows["utterance_id"].isin(both)]
    place = {name: code for code, name in enumerate(classes)}
    seat = {name: code for code, name in enumerate(speakers)}
    matrices = metrics.count(
        rows["label"].map(place).to_numpy(int),
        rows["predicted"].map(place).to_numpy(int),
        len(classes),
        [rows["speaker"].map(seat).to_numpy(int)],
        [len(speakers)],
    )
    return matrices / rows["seed"].nunique()
