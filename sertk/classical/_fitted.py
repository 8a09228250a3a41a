"""`Fitted`: an estimator of scikit-learn and the Keras network that does what it does."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from sertk.layers.kernels import Temperature


@dataclass(frozen=True)
class Groups:
    """Where clips come from.

    Args:
        corpora: shape (clips,), int. Number of the corpus.
        speakers: shape (clips,). Names of the speakers.
        plain: shape (clips, 1, numbers). The inputs as they are with nobody enrolled.
    """

    corpora: np.ndarray
    speakers: np.ndarray
    plain: np.ndarray


@dataclass(frozen=True)
class Fitted:
    """A fitted classical model.

    Args:
        estimator: What scikit-learn fitted.
        network: From clips (batch, frames, bins) to probabilities (batch, classes); its last layer
            is a `Temperature`.
        relevance: shape (numbers,), >= 0. How much each input of the classifier decides: the norm
            of its coefficients over classes, or the impurity that it removes; `None` where the
            classifier has neither.
    """

    estimator: Any
    network: keras.Model
    relevance: np.ndarray | None

    def set_temperature(self, value: float) -> None:
        """Divide the scores by a temperature, which changes no predicted class."""
        self.network.layers[-1].temperature.assign([value])


def network(name: str, shape: tuple[int, ...], *layers: Any) -> keras.Model:
    """Build the network of a classical model: some layers, and softmax with temperature 1."""
    inputs = keras.Input(shape, name="clip")
    x = inputs
    last = Temperature.holding({"temperature": np.ones(1)}, name="probabilities")
    for layer in (*layers, last):
        x = layer(x)
    return keras.Model(inputs, x, name=name)


def linear(coefficients: np.ndarray, intercept: np.ndarray, **words: Any) -> keras.layers.Dense:
    """Build the dense layer of a linear classifier.

    Args:
        coefficients: shape (scores, numbers), as scikit-learn keeps them.
        intercept: shape (scores,).
        **words: Other arguments of the layer.
    """
    layer = keras.layers.Dense(len(coefficients), **words)
    layer.build((None, coefficients.shape[1]))
    layer.set_weights([coefficients.T.astype(np.float32), intercept.astype(np.float32)])
    return layer
