"""Probe: mean and deviation of the frames, and logistic regression on them."""

import keras
import numpy as np

from sertk.classical import logreg
from sertk.classical._fitted import Fitted, linear, network
from sertk.layers.pooling import StatisticsPooling

POOLS = True
RANGES = logreg.RANGES


def fit(
    inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray, num_classes: int, *,
    seed: int = 0, C: float = 0.01, max_iter: int = 1000,
) -> Fitted:  # fmt: skip
    """Pool frames, standardize what was pooled, and fit logistic regression to its optimum.

    It tells what a feature or the states of an encoder hold: nothing but one linear layer is
    learned.

    Args:
        inputs: shape (clips, frames, bins), standardized.
        labels: shape (clips,), int. Class indices.
        weights: shape (clips,). Weight of each clip.
        num_classes: Number of classes.
        seed: Not used: the problem is convex.
        C: float > 0. Inverse strength of the L2 penalty.
        max_iter: int >= 1. Largest number of iterations.

    References:
        Alain & Bengio 2016, Understanding intermediate layers using linear classifier probes,
        arXiv 1610.01644.
    """
    pooling = StatisticsPooling(name="pooling")
    parts = [inputs[k : k + 64] for k in range(0, len(inputs), 64)]
    pooled = np.concatenate([keras.ops.convert_to_numpy(pooling(part)) for part in parts])
    mean, deviation = pooled.mean(axis=0), pooled.std(axis=0)
    deviation = np.where(deviation > 1e-6, deviation, 1)
    solved = logreg.fit(
        ((pooled - mean) / deviation)[:, None], labels, weights, num_classes, C=C, max_iter=max_iter
    )
    kernel, bias = solved.network.get_layer("scores").get_weights()
    # the standardization of what was pooled is part of the linear layer
    kernel = kernel / deviation[:, None]
    scores = linear(kernel.T, bias - mean @ kernel, name="scores")
    return Fitted(
        solved.estimator,
        network("probe", inputs.shape[1:], pooling, scores),
        solved.relevance,
    )
