"""Count and score confusion matrices, one or many at once.

In: class indices. Out: counts of shape (..., classes, classes), rows true and columns predicted,
and the scores of every matrix in such an array. A recall without support is NaN here; whether it
counts as zero (the given class list) or is left out (the classes present) is the caller's choice.
"""

from collections.abc import Callable, Sequence

import numpy as np


def count(
    truth: np.ndarray,
    predicted: np.ndarray,
    num_classes: int,
    codes: Sequence[np.ndarray] = (),
    sizes: Sequence[int] = (),
) -> np.ndarray:
    """Count confusions, one matrix per combination of the given codes.

    Args:
        truth: shape (rows,), class indices.
        predicted: shape (rows,), class indices.
        num_classes: Number of classes.
        codes: Arrays of shape (rows,): the index of the row's speaker, seed, ...
        sizes: How many values each of them has.

    Returns:
        float64 of shape (*sizes, num_classes, num_classes).

    Examples:
        >>> count(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
        [[1.0, 1.0], [0.0, 1.0]]
    """
    shape = (*sizes, num_classes, num_classes)
    flat = np.ravel_multi_index((*codes, truth, predicted), shape)
    return np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape).astype(float)


def divide(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Divide, with NaN where the divisor is zero, and no warning."""
    upper, lower = np.broadcast_arrays(np.asarray(upper, float), np.asarray(lower, float))
    return np.divide(upper, lower, out=np.full(upper.shape, np.nan), where=lower > 0)


def mean_known(scores: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is not NaN; NaN where nothing is.

    Examples:
        >>> mean_known(np.array([[0.5, np.nan, 1.0], [np.nan] * 3])).tolist()
        [0.75, nan]
    """
    return divide(np.nan_to_num(scores).sum(-1), (~np.isnan(scores)).sum(-1))


def _diagonal(matrix: np.ndarray) -> np.ndarray:
    return np.diagonal(matrix, axis1=-2, axis2=-1)


def recall(matrix: np.ndarray) -> np.ndarray:
    """Share of each true class that was found, shape (..., classes); NaN without support."""
    return divide(_diagonal(matrix), matrix.sum(-1))


def precision(matrix: np.ndarray) -> np.ndarray:
    """Share of each predicted class that is right, shape (..., classes); NaN if never predicted."""
    return divide(_diagonal(matrix), matrix.sum(-2))


def f1(matrix: np.ndarray) -> np.ndarray:
    """Harmonic mean of recall and precision, shape (..., classes); 0 where neither is defined."""
    return np.nan_to_num(divide(2 * _diagonal(matrix), matrix.sum(-1) + matrix.sum(-2)))


def uar(matrix: np.ndarray) -> np.ndarray:
    """Mean recall over the given classes; a class that never occurs counts as zero.

    Examples:
        >>> float(uar(np.array([[3.0, 1.0], [0.0, 0.0]])))
        0.375
    """
    return np.nan_to_num(recall(matrix)).mean(-1)


def uar_present(matrix: np.ndarray) -> np.ndarray:
    """Mean recall over the classes that occur; NaN for a matrix without counts.

    Examples:
        >>> float(uar_present(np.array([[3.0, 1.0], [0.0, 0.0]])))
        0.75
    """
    return mean_known(recall(matrix))


def wa(matrix: np.ndarray) -> np.ndarray:
    """Share of utterances that are right (accuracy); NaN for a matrix without counts."""
    return divide(_diagonal(matrix).sum(-1), matrix.sum((-2, -1)))


def macro_f1(matrix: np.ndarray) -> np.ndarray:
    """Mean F1 over the given classes."""
    return f1(matrix).mean(-1)


def macro_f1_present(matrix: np.ndarray) -> np.ndarray:
    """Mean F1 over the classes that occur; NaN for a matrix without counts."""
    return mean_known(np.where(matrix.sum(-1) > 0, f1(matrix), np.nan))


METRICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "uar": uar,
    "wa": wa,
    "macro_f1": macro_f1,
}
# the same over the classes that occur: for a part of the speakers, who may lack a class by chance
PRESENT: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "uar": uar_present,
    "wa": wa,
    "macro_f1": macro_f1_present,
}


def of_resamples(metric: str, pooled: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Choose how resamples of a confusion matrix are scored.

    A class that a resample lacks is left out of its mean: no speaker of it was drawn, which is no
    error. A class that `pooled` lacks counts as zero, as it does in the score itself.

    Args:
        metric: Name of one of `METRICS`.
        pooled: shape (classes, classes), the confusion matrix that is resampled.

    Examples:
        >>> pooled, without_b = np.diag([2.0, 1.0, 0.0]), np.diag([2.0, 0.0, 0.0])
        >>> round(float(of_resamples("uar", pooled)(without_b)), 3), round(float(uar(pooled)), 3)
        (0.667, 0.667)
    """
    share = 1.0 if metric == "wa" else float((pooled.sum(-1) > 0).mean())
    return lambda matrices: share * PRESENT[metric](matrices)
