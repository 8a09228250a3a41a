"""Differences between two evaluations of the same test speakers.

In: two evaluations. Out: an `Interval` of their difference in UAR, from drawing whole speakers,
each with both of its results: what makes a speaker hard for one makes it hard for the other too.
"""

import numpy as np

from sertk.errors import ConfigurationError
from sertk.evaluation import Evaluation, Interval, intervals, metrics


def difference(one: Evaluation, other: Evaluation) -> Interval:
    """Subtract the UAR of `other` from that of `one`, on the utterances that both have.

    Raises:
        ConfigurationError: If no utterance is in both, or they have other classes.

    References:
        Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 8 (clusters).
    """
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
    sides = [_by_speaker(result, both, one.classes) for result in (one, other)]
    stacked = np.stack(sides, axis=1)  # (speakers, 2, classes, classes)

    def gap(matrices: np.ndarray) -> np.ndarray:
        scores = metrics.uar(matrices)
        return scores[..., 0] - scores[..., 1]

    return intervals.interval(float(gap(stacked.sum(0))), gap, stacked)


def _by_speaker(result: Evaluation, both: set[str], classes: tuple[str, ...]) -> np.ndarray:
    """Count confusions per speaker as shares of the seeds, shape (speakers, classes, classes)."""
    rows = result.rows[result.rows["utterance_id"].isin(both)]
    place = {name: code for code, name in enumerate(classes)}
    speakers = sorted(rows["speaker"].unique())
    matrices = metrics.count(
        rows["label"].map(place).to_numpy(int),
        rows["predicted"].map(place).to_numpy(int),
        len(classes),
        [rows["speaker"].map({s: k for k, s in enumerate(speakers)}).to_numpy(int)],
        [len(speakers)],
    )
    return matrices / rows["seed"].nunique()
