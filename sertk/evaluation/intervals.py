"""Intervals that know that utterances of one speaker are not independent.

In: one confusion matrix per speaker. Out: percentile intervals of any score, from drawing whole
speakers with replacement. A resample is a sum of matrices, so ten thousand cost milliseconds.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_BLOCK = 2_000  # resamples at once: bounds memory for corpora of a thousand speakers
FEW_SPEAKERS = 6
# two speakers can be drawn in three ways only: what that spans is no 95 %
MIN_SPEAKERS = 3


@dataclass(frozen=True)
class Interval:
    """A score with its interval; all values are fractions, not percentages.

    Args:
        value: The score itself.
        low: Lower end, NaN where there is none.
        high: Upper end, NaN where there is none.
        level: Coverage, for example 0.95.
        speakers: How many speakers were drawn from.
        note: What to know about it, or nothing.

    Example:
        >>> print(Interval(0.612, 0.55, 0.661, 0.95, 20))
        61.2 (55.0 to 66.1)
    """

    value: float
    low: float
    high: float
    level: float
    speakers: int
    note: str = ""

    @property
    def known(self) -> bool:
        return not (math.isnan(self.low) or math.isnan(self.high))

    def __str__(self) -> str:
        if not self.known:
            return f"{100 * self.value:.1f} (no interval: {self.note})"
        return f"{100 * self.value:.1f} ({100 * self.low:.1f} to {100 * self.high:.1f})"


def bootstrap(
    statistic: Callable[..., np.ndarray], *strata: np.ndarray, resamples: int, seed: int
) -> np.ndarray:
    """Draw speakers with replacement, and compute a statistic of the summed matrices.

    Args:
        statistic: Takes one array of shape (resamples, classes, classes) per stratum.
        *strata: Arrays of shape (speakers, classes, classes); speakers are drawn within each.
        resamples: How often to draw.
        seed: Of the draws.

    Returns:
        The statistic of each resample, shape (resamples, ...).

    Example:
        >>> right = np.array([[[2.0, 0.0], [0.0, 2.0]]] * 3)
        >>> bootstrap(lambda m: m.sum((1, 2)), right, resamples=2, seed=0).tolist()
        [12.0, 12.0]
    """
    rng = np.random.default_rng(seed)
    results = []
    for start in range(0, resamples, _BLOCK):
        draws = min(_BLOCK, resamples - start)
        sums = [np.tensordot(_draw(rng, len(s), draws), s, axes=1) for s in strata]
        results.append(statistic(*sums))
    return np.concatenate(results)


def _draw(rng: np.random.Generator, speakers: int, draws: int) -> np.ndarray:
    """How often each speaker is drawn; floats, for a matrix product of integers is slow."""
    return rng.multinomial(speakers, np.full(speakers, 1 / speakers), size=draws).astype(float)


def interval(
    value: float,
    statistic: Callable[..., np.ndarray],
    *strata: np.ndarray,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """Put a percentile interval around a score; with one or two speakers none, and why."""
    speakers = sum(len(stratum) for stratum in strata)
    fewest = min(len(stratum) for stratum in strata)
    if fewest < MIN_SPEAKERS:
        note = (
            "one speaker says nothing about others"
            if fewest == 1
            else f"{fewest} speakers are too few"
        )
        return Interval(value, math.nan, math.nan, level, speakers, note)
    drawn = bootstrap(statistic, *strata, resamples=resamples, seed=seed)
    low, high = percentiles(drawn, level)
    note = f"rests on {speakers} speakers only" if speakers < FEW_SPEAKERS else ""
    return Interval(value, float(low), float(high), level, speakers, note)


def percentiles(drawn: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper end over the first axis; resamples without a value (NaN) are left out."""
    tail = (1 - level) / 2
    columns = drawn.reshape(len(drawn), -1).T
    ends = [
        np.quantile(kept, [tail, 1 - tail])
        if len(kept := column[~np.isnan(column)])
        else (np.nan,) * 2
        for column in columns
    ]
    low, high = np.array(ends, dtype=float).T
    return low.reshape(drawn.shape[1:]), high.reshape(drawn.shape[1:])
