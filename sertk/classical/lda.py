"""Linear discriminant analysis with a shrunk covariance."""

from typing import Any

import keras
import numpy as np

from sertk.classical._fitted import Fitted, linear, network

POOLS = False
RANGES: dict[str, Any] = {"shrinkage": 0.0}


def fit(
    inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray, num_classes: int, *,
    seed: int = 0, shrinkage: float = 0.6,
) -> Fitted:  # fmt: skip
    """Fit one Gaussian per class with a covariance that all classes share.

    What varies within a class, such as the speaker, counts little. Classes are as probable
    beforehand as the sum of their weights, so that `class_weight="inverse"` makes them equal.

    Args:
        inputs: shape (clips, 1, numbers), standardized.
        labels: shape (clips,), int. Class indices.
        weights: shape (clips,). Weight of each clip.
        num_classes: Number of classes.
        seed: Not used: the solution is unique.
        shrinkage: float in [0, 1]. Share of the covariance that is replaced by a multiple of the
            identity, which matters where numbers are many and speakers few.

    References:
        Friedman 1989, Regularized Discriminant Analysis.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    vectors = inputs.reshape(len(inputs), -1).astype(np.float64)
    priors = np.bincount(labels, weights, num_classes) / weights.sum()
    estimator = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage, priors=priors)
    estimator.fit(vectors, labels)
    coefficients, intercept = estimator.coef_, estimator.intercept_
    if num_classes == 2:  # one score, of the second class against the first
        coefficients = np.concatenate([np.zeros_like(coefficients), coefficients])
        intercept = np.concatenate([np.zeros_like(intercept), intercept])
    scores = linear(coefficients, intercept, name="scores")
    net = network("lda", inputs.shape[1:], keras.layers.Flatten(), scores)
    return Fitted(estimator, net, np.linalg.norm(coefficients, axis=0))
