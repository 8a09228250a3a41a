"""Class balance: class weights and oversampling.

In: labels of the training utterances. Out: weights per class, for the loss; or the rows to visit
more than once.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

_BETA = 0.9999  # of the effective number of examples


def class_weights(
    labels: Sequence[str], classes: Sequence[str], how: str = "inverse"
) -> dict[int, float]:
    """Weigh each class by its size, mean 1 over utterances.

    Args:
        labels: shape (utterances,), labels of the training utterances.
        classes: list of str, every class in order.
        how: `inverse` of the number of utterances, or of their `effective` number,
            (1 - beta^n) / (1 - beta) with beta 0.9999, which grows more slowly; `none` is 1.

    Returns:
        Class index -> weight.

    Examples:
        >>> class_weights(["sad", "sad", "sad", "happy"], ["happy", "sad"])
        {0: 2.0, 1: 0.6666666666666666}

    References:
        Cui et al. 2019, Class-Balanced Loss Based on Effective Number of Samples, arXiv 1901.05555.
    """
    by_class = pd.Series(list(labels)).value_counts()
    counts = np.array([int(by_class[name]) for name in classes], float)
    sizes = {
        "none": np.ones_like(counts),
        "inverse": counts,
        "effective": (1 - _BETA**counts) / (1 - _BETA),
    }[how]
    weights = len(labels) / (counts / sizes).sum() / sizes
    return dict(enumerate(weights.tolist()))


def oversampled(labels: Sequence[str], how: str, seed: int) -> list[int]:
    """Repeat utterances of small classes until these are as large as the largest.

    Args:
        labels: shape (utterances,), labels of the training utterances.
        how: `minority` fills up the smallest class, `minority_twice` the two smallest one after
            the other, `full` every class; `none` repeats nothing.
        seed: int. Seed of the choice of repeated utterances.

    Returns:
        Row numbers: each once, in order, then the repeated ones.

    Examples:
        >>> rows = oversampled(["sad", "sad", "sad", "happy"], "minority", seed=0)
        >>> rows[:4], rows[4:]
        ([0, 1, 2, 3], [3, 3])
    """
    codes, names = pd.factorize(pd.Series(list(labels)))
    counts = np.bincount(codes, minlength=len(names))
    smaller = sorted(np.flatnonzero(counts < counts.max()), key=lambda k: (counts[k], k))
    chosen = {"none": 0, "minority": 1, "minority_twice": 2, "full": len(names)}[how]
    generator = np.random.default_rng(seed)
    extra = [
        generator.choice(np.flatnonzero(codes == k), counts.max() - counts[k])
        for k in smaller[:chosen]
    ]
    return [int(row) for rows in [np.arange(len(codes)), *extra] for row in rows]
