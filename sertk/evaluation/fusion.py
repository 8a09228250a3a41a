"""Late fusion: combine the probabilities of several models for the same utterances.

In: probabilities, shape (models, utterances, classes). Out: weights or a stacking layer fitted on
validation utterances, and fused probabilities.
"""

from typing import Any

import numpy as np

METHODS = ("mean", "weighted", "stacking")
_LEAST = 1e-6  # probability whose logarithm is taken at least


def fit(method: str, shares: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """Fit a method on validation utterances.

    Args:
        method: `"mean"`: equal weights; `"weighted"`: the weights, not negative and summing to
            one, with the largest likelihood; `"stacking"`: logistic regression on the
            log-probabilities of all models.
        shares: shape (models, utterances, classes), probabilities.
        truth: shape (utterances,), int. Class indices.

    Returns:
        `weights`, shape (models,); or `kernel`, shape (models * classes, classes), and `bias`.

    Examples:
        >>> good, bad = np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([[0.4, 0.6], [0.6, 0.4]])
        >>> fit("weighted", np.stack([good, bad]), np.array([0, 1]))["weights"].round(3).tolist()
        [1.0, 0.0]

    References:
        Wolpert 1992, Stacked generalization, Neural Networks 5(2), 241-259.
    """
    models = len(shares)
    if method == "mean":
        return {"weights": np.full(models, 1 / models)}
    given = shares[:, np.arange(len(truth)), truth]  # (models, utterances)
    if method == "weighted":
        return {"weights": _likeliest(np.maximum(given, _LEAST))}
    from sklearn.linear_model import LogisticRegression

    present = np.unique(truth)
    classes = shares.shape[2]
    solved = LogisticRegression(C=0.1, max_iter=1000).fit(_logarithms(shares), truth)
    kernel, bias = np.zeros((models * classes, classes)), np.full(classes, -20.0)
    if len(present) == 2:  # one score, of the second class against the first
        kernel[:, present[1]], bias[present] = solved.coef_[0], (0.0, solved.intercept_[0])
    else:
        kernel[:, present], bias[present] = solved.coef_.T, solved.intercept_
    return {"kernel": kernel, "bias": bias}


def _likeliest(given: np.ndarray) -> np.ndarray:
    """Find the mixture weights of largest likelihood, by expectation maximization.

    The likelihood of a mixture is concave in its weights, so that there is one maximum.
    """
    weights = np.full(len(given), 1 / len(given))
    for _ in range(2000):
        parts = weights[:, None] * given
        after = (parts / parts.sum(axis=0)).mean(axis=1)
        if np.abs(after - weights).max() < 1e-9:
            break
        weights = after
    return after


def combine(fitted: dict[str, Any], shares: np.ndarray) -> np.ndarray:
    """Fuse probabilities.

    Args:
        fitted: What `fit` returns.
        shares: shape (models, utterances, classes), probabilities.

    Returns:
        shape (utterances, classes), rows sum to one.

    Examples:
        >>> combine({"weights": [0.5, 0.5]}, np.array([[[1.0, 0.0]], [[0.5, 0.5]]])).tolist()
        [[0.75, 0.25]]
    """
    if "weights" in fitted:
        mixed = np.tensordot(np.asarray(fitted["weights"], float), shares, axes=1)
        fused: np.ndarray = mixed / mixed.sum(axis=1, keepdims=True)
        return fused
    scores = _logarithms(shares) @ np.asarray(fitted["kernel"]) + np.asarray(fitted["bias"])
    exponents = np.exp(scores - scores.max(axis=1, keepdims=True))
    fused = exponents / exponents.sum(axis=1, keepdims=True)
    return fused


def _logarithms(shares: np.ndarray) -> np.ndarray:
    """Lay the log-probabilities of all models beside each other, (utterances, models * classes)."""
    return np.concatenate(list(np.log(np.maximum(shares, _LEAST))), axis=1)
