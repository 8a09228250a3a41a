"""Layers that score classes as kernel machines and tree ensembles of scikit-learn do.

In: (batch, numbers) tensors. Out: one score or probability per class. Their weights are set from a
fitted estimator by `sertk.classical`; they are not trained by gradients.
"""

import itertools

import keras
import numpy as np
from keras import ops

from sertk.layers._base import Layer


class _Fixed(Layer):
    """What these layers share: weights that are set once, and whose shapes are its configuration.

    Args:
        shapes: Name of a weight -> its shape.
    """

    integers: tuple[str, ...] = ()

    def __init__(self, shapes: dict[str, list[int]], **kwargs):
        super().__init__(**kwargs)
        self.shapes = {name: list(map(int, shape)) for name, shape in shapes.items()}

    @classmethod
    def holding(cls, arrays: dict[str, np.ndarray], **kwargs) -> "_Fixed":
        """Build the layer with these weights."""
        layer = cls({name: list(array.shape) for name, array in arrays.items()}, **kwargs)
        layer.build(None)
        for name, array in arrays.items():
            getattr(layer, name).assign(array)
        return layer

    def build(self, input_shape):
        for name, shape in self.shapes.items():
            kind = "int32" if name in self.integers else "float32"
            weight = self.add_weight(
                shape=shape, initializer="zeros", dtype=kind, trainable=False, name=name
            )
            setattr(self, name, weight)
        self.built = True


@keras.saving.register_keras_serializable("sertk")
class RadialBasis(_Fixed):
    """Compute the radial basis function kernel between inputs and support vectors.

    `exp(-gamma * |x - v|^2)` for each support vector `v`.

    Weights:
        vectors: shape (support vectors, numbers).
        gamma: shape (1,).

    Input shape:
        (batch, numbers).

    Output shape:
        (batch, support vectors), in (0, 1].
    """

    def call(self, inputs):
        squares = ops.sum(ops.square(inputs), axis=1, keepdims=True)
        own = ops.sum(ops.square(self.vectors), axis=1)
        products = ops.matmul(inputs, ops.transpose(self.vectors))
        return ops.exp(-self.gamma * ops.maximum(squares - 2 * products + own, 0.0))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.shapes["vectors"][0])


@keras.saving.register_keras_serializable("sertk")
class PairwiseVotes(Layer):
    """Turn the scores of all pairs of classes into one score per class.

    A class gets one vote for each pair that it wins; ties are broken by the sum of its margins,
    scaled into (-1/3, 1/3), as `sklearn.svm.SVC(break_ties=True)` does.

    Args:
        num_classes: int >= 2.

    Input shape:
        (batch, num_classes * (num_classes - 1) / 2): pairs in the order 0-1, 0-2, ..., 1-2, ...;
        positive where the first class of a pair wins.

    Output shape:
        (batch, num_classes).
    """

    def __init__(self, num_classes: int, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        pairs = list(itertools.combinations(range(num_classes), 2))
        self._first, self._second = np.zeros((2, len(pairs), num_classes), "float32")
        for row, (first, second) in enumerate(pairs):
            self._first[row, first] = self._second[row, second] = 1

    def call(self, inputs):
        won = ops.cast(inputs > 0, inputs.dtype)
        votes = ops.matmul(won, self._first) + ops.matmul(1 - won, self._second)
        margins = ops.matmul(inputs, self._first - self._second)
        return votes + margins / (3 * (ops.abs(margins) + 1))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.num_classes)


@keras.saving.register_keras_serializable("sertk")
class Trees(_Fixed):
    """Average the class frequencies in the leaves of decision trees.

    The nodes of all trees lie behind each other; a leaf leads to itself.

    Args:
        shapes: Shapes of the weights.
        depth: int >= 0. Steps from the root to the deepest leaf.

    Weights:
        roots: shape (trees,), int. Number of each tree's first node.
        feature: shape (nodes,), int. Which input a node compares.
        threshold: shape (nodes,). Inputs up to it go left.
        left: shape (nodes,), int. Node that follows on the left.
        right: shape (nodes,), int. Node that follows on the right.
        shares: shape (nodes, classes). Class frequencies of the training examples in a node.

    Input shape:
        (batch, numbers).

    Output shape:
        (batch, classes), probabilities.
    """

    integers = ("roots", "feature", "left", "right")

    def __init__(self, shapes: dict[str, list[int]], depth: int, **kwargs):
        super().__init__(shapes, **kwargs)
        self.depth = depth

    def call(self, inputs):
        # (batch, trees): the node that each tree has come to
        node = ops.zeros_like(inputs[:, :1], dtype="int32") + self.roots
        for _ in range(self.depth):
            value = ops.take_along_axis(inputs, ops.take(self.feature, node, axis=0), axis=1)
            goes_left = value <= ops.take(self.threshold, node, axis=0)
            left, right = (ops.take(side, node, axis=0) for side in (self.left, self.right))
            node = ops.where(goes_left, left, right)
        return ops.mean(ops.take(self.shares, node, axis=0), axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.shapes["shares"][1])


@keras.saving.register_keras_serializable("sertk")
class CorpusMixture(_Fixed):
    """Mix linear classifiers by how much the input resembles the corpora that they are for.

    Weights:
        kernels: shape (heads, numbers, classes).
        biases: shape (heads, classes).
        gate_kernel: shape (numbers, corpora).
        gate_bias: shape (corpora,).
        heads: shape (corpora, heads), rows of one 1: which classifier serves a corpus.

    Input shape:
        (batch, 2 * numbers): what is classified, and behind it what tells the corpus.

    Output shape:
        (batch, classes), logarithms of probabilities.

    References:
        Jacobs et al. 1991, Adaptive mixtures of local experts.
    """

    def call(self, inputs):
        numbers = inputs.shape[-1] // 2
        z, plain = inputs[:, :numbers], inputs[:, numbers:]
        gate = ops.matmul(
            ops.softmax(ops.matmul(plain, self.gate_kernel) + self.gate_bias), self.heads
        )
        shares = [
            ops.softmax(ops.matmul(z, self.kernels[k]) + self.biases[k]) * gate[:, k : k + 1]
            for k in range(self.shapes["kernels"][0])
        ]
        return ops.log(ops.maximum(sum(shares), 1e-12))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.shapes["kernels"][2])


@keras.saving.register_keras_serializable("sertk")
class LogProbabilities(Layer):
    """Take the logarithm of probabilities, those below `least` as `least`.

    Args:
        least: float > 0.

    Input shape:
        (batch, classes).

    Output shape:
        The same.
    """

    def __init__(self, least: float, **kwargs):
        super().__init__(**kwargs)
        self.least = least

    def call(self, inputs):
        return ops.log(ops.maximum(inputs, self.least))


@keras.saving.register_keras_serializable("sertk")
class Temperature(_Fixed):
    """Turn scores into probabilities: `softmax(scores / temperature)`.

    Weights:
        temperature: shape (1,), > 0.

    Input shape:
        (batch, classes): scores, or logarithms of probabilities.

    Output shape:
        The same, probabilities.

    References:
        Guo et al. 2017, On Calibration of Modern Neural Networks, arXiv 1706.04599.
    """

    def call(self, inputs):
        return ops.softmax(inputs / self.temperature)
