"""Multinomial logistic regression, solved to its optimum."""

from typing import Any

import keras
import numpy as np

from sertk.classical._fitted import Fitted, linear, network

POOLS = False
RANGES: dict[str, Any] = {"C": 1e-9, "max_iter": 1}


def fit(
    inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray, num_classes: int, *,
    seed: int = 0, C: float = 0.01, max_iter: int = 1000,
) -> Fitted:  # fmt: skip
    """Fit logistic regression with an L2 penalty by L-BFGS.

    Args:
        inputs: shape (clips, 1, numbers), standardized.
        labels: shape (clips,), int. Class indices.
        weights: shape (clips,). Weight of each clip.
        num_classes: Number of classes.
        seed: Not used: the problem is convex, and the solver starts from zero.
        C: float > 0. Inverse strength of the penalty.
        max_iter: int >= 1. Largest number of iterations.

    References:
        Liu & Nocedal 1989, On the limited memory BFGS method for large scale optimization.
    """
    from sklearn.linear_model import LogisticRegression

    vectors = inputs.reshape(len(inputs), -1)
    estimator = LogisticRegression(C=C, max_iter=max_iter)
    estimator.fit(vectors, labels, sample_weight=weights)
    coefficients, intercept = estimator.coef_, estimator.intercept_
    if num_classes == 2:  # one score, of the second class against the first
        coefficients = np.concatenate([np.zeros_like(coefficients), coefficients])
        intercept = np.concatenate([np.zeros_like(intercept), intercept])
    scores = linear(coefficients, intercept, name="scores")
    net = network("logreg", inputs.shape[1:], keras.layers.Flatten(), scores)
    return Fitted(estimator, net, np.linalg.norm(coefficients, axis=0))
