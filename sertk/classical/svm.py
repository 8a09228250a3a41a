"""Support vector machine, linear or with a radial basis function kernel."""

import itertools
from typing import Any

import keras
import numpy as np

from sertk.classical._fitted import Fitted, linear, network
from sertk.layers.kernels import PairwiseVotes, RadialBasis

POOLS = False
RANGES: dict[str, Any] = {"C": 1e-9, "kernel": ("linear", "rbf"), "gamma": 0.0}


def fit(
    inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray, num_classes: int, *,
    seed: int = 0, C: float | None = None, kernel: str = "linear", gamma: float | None = None,
) -> Fitted:  # fmt: skip
    """Fit one support vector machine per pair of classes, and let them vote.

    It predicts what `sklearn.svm.SVC(break_ties=True)` predicts.

    Args:
        inputs: shape (clips, 1, numbers), standardized.
        labels: shape (clips,), int. Class indices.
        weights: shape (clips,). Weight of each clip.
        num_classes: Number of classes.
        seed: Not used: the problem is convex.
        C: float > 0. Inverse strength of the penalty; 0.01 for the linear kernel and 10 for `rbf`
            by default.
        kernel: `"linear"` or `"rbf"`.
        gamma: float > 0. Width of the `rbf` kernel; by default one over the number of inputs times
            their variance.

    References:
        Chang & Lin 2011, LIBSVM: a library for support vector machines.
    """
    from sklearn.svm import SVC

    vectors = inputs.reshape(len(inputs), -1)
    strength = C if C is not None else {"linear": 0.01, "rbf": 10.0}[kernel]
    estimator = SVC(C=strength, kernel=kernel, gamma=gamma or "scale")
    estimator.fit(vectors, labels, sample_weight=weights)
    if kernel == "linear":
        # of two classes, scikit-learn's score is that of the second
        sign = -1 if num_classes == 2 else 1
        margins = linear(sign * estimator.coef_, sign * estimator.intercept_, name="pairs")
        before: list[Any] = [margins]
        relevance = np.linalg.norm(estimator.coef_, axis=0)
    else:
        arrays = {"vectors": estimator.support_vectors_, "gamma": np.array([estimator._gamma])}
        before = [RadialBasis.holding(arrays, name="kernel"), _pairs(estimator, num_classes)]
        relevance = None
    votes = PairwiseVotes(num_classes, name="scores")
    net = network("svm", inputs.shape[1:], keras.layers.Flatten(), *before, votes)
    return Fitted(estimator, net, relevance)


def _pairs(estimator: Any, num_classes: int) -> keras.layers.Dense:
    """Build the layer from the kernel's values to the margins of all pairs of classes."""
    ends = np.cumsum([0, *estimator.n_support_])
    of_class = [slice(first, end) for first, end in itertools.pairwise(ends)]
    pairs = list(itertools.combinations(range(num_classes), 2))
    weights = np.zeros((len(pairs), ends[-1]))
    for row, (i, j) in enumerate(pairs):
        weights[row, of_class[i]] = estimator.dual_coef_[j - 1, of_class[i]]
        weights[row, of_class[j]] = estimator.dual_coef_[i, of_class[j]]
    sign = -1 if num_classes == 2 else 1
    return linear(sign * weights, sign * estimator.intercept_, name="pairs")
