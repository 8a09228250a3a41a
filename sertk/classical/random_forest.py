"""Random forest: the mean of decision trees, each grown on resampled utterances."""

from typing import Any

import keras
import numpy as np

from sertk.classical._fitted import Fitted, network
from sertk.layers.kernels import LogProbabilities, Trees

POOLS = False
RANGES: dict[str, Any] = {"trees": 1, "max_depth": 1, "min_leaf": 1}
_LEAST = 1e-3  # probability whose logarithm is taken at least: no tree has seen everything


def fit(
    inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray, num_classes: int, *,
    seed: int = 0, trees: int = 300, max_depth: int | None = None, min_leaf: int = 1,
) -> Fitted:  # fmt: skip
    """Fit a random forest.

    Args:
        inputs: shape (clips, 1, numbers).
        labels: shape (clips,), int. Class indices.
        weights: shape (clips,). Weight of each clip.
        num_classes: Number of classes.
        seed: int. Seed of the resampling and of the choice of inputs at each node.
        trees: int >= 1. Number of trees.
        max_depth: int >= 1. Largest depth of a tree; unlimited by default.
        min_leaf: int >= 1. Fewest examples in a leaf.

    References:
        Breiman 2001, Random Forests, Machine Learning 45, 5-32.
    """
    from sklearn.ensemble import RandomForestClassifier

    vectors = inputs.reshape(len(inputs), -1)
    estimator = RandomForestClassifier(
        trees, max_depth=max_depth, min_samples_leaf=min_leaf, random_state=seed, n_jobs=-1
    )
    estimator.fit(vectors, labels, sample_weight=weights)
    logarithm = LogProbabilities(_LEAST, name="scores")
    net = network(
        "random_forest", inputs.shape[1:], keras.layers.Flatten(), _layer(estimator), logarithm
    )
    return Fitted(estimator, net, estimator.feature_importances_)


def _layer(estimator: Any) -> Trees:
    """Lay the nodes of all trees behind each other."""
    grown = [tree.tree_ for tree in estimator.estimators_]
    roots = np.cumsum([0, *(tree.node_count for tree in grown)])[:-1]
    parts: dict[str, list[np.ndarray]] = {
        name: [] for name in ("feature", "threshold", "left", "right", "shares")
    }
    for root, tree in zip(roots, grown, strict=True):
        own = np.arange(tree.node_count)
        leaf = tree.children_left < 0
        parts["feature"].append(np.where(leaf, 0, tree.feature))
        # inputs are float32: the largest one up to the threshold compares as the threshold does
        threshold = tree.threshold.astype(np.float32)
        above = threshold.astype(np.float64) > tree.threshold
        threshold[above] = np.nextafter(threshold[above], np.float32(-np.inf))
        parts["threshold"].append(threshold)
        parts["left"].append(root + np.where(leaf, own, tree.children_left))
        parts["right"].append(root + np.where(leaf, own, tree.children_right))
        counts = tree.value[:, 0, :]
        parts["shares"].append(counts / counts.sum(axis=1, keepdims=True))
    arrays = {name: np.concatenate(values) for name, values in parts.items()}
    depth = max(tree.max_depth for tree in grown)
    return Trees.holding({"roots": roots, **arrays}, depth=depth, name="trees")
