"""Start the last dense layer of a network from the convex solution.

In: an assembled model that was not trained. Out: the same model, whose last layer is logistic
regression on what the rest gives for the training clips, standardized inside where the network has
a layer for it.
"""

import keras
import numpy as np

from sertk.classical import logreg
from sertk.datasets import ClipDataset
from sertk.errors import ConfigurationError
from sertk.layers import Standardize

_C = 0.01  # inverse strength of the penalty, where inputs are standardized


def start(model: keras.Model, train: ClipDataset) -> None:
    """Set the weights of the last dense layer.

    Args:
        model: An assembled model, whose network ends with a dense layer.
        train: Its training set; the clips of the first epoch are used.

    Raises:
        ConfigurationError: If the network does not end with a dense layer.
    """
    net = next(layer for layer in model.layers if isinstance(layer, keras.Model))
    last = last_dense(net)
    scale = next((layer for layer in net.layers if isinstance(layer, Standardize)), None)
    if scale is not None:
        states, _ = _of_clips(model, net, scale.input, train)
        scale.set_statistics(states.mean(axis=(0, 1)), states.std(axis=(0, 1)))
    vectors, labels = _of_clips(model, net, last.input, train)
    mean, deviation = vectors.mean(axis=0), vectors.std(axis=0)
    deviation = np.where(deviation > 1e-6, deviation, 1)
    solved = logreg.fit(
        ((vectors - mean) / deviation)[:, None], labels, np.ones(len(labels)), train.num_classes,
        C=_C,
    )  # fmt: skip
    kernel, bias = solved.network.get_layer("scores").get_weights()
    kernel = kernel / deviation[:, None]
    last.set_weights([kernel, bias - mean @ kernel])


def last_dense(net: keras.Model) -> keras.layers.Dense:
    """Find the layer that is set.

    Raises:
        ConfigurationError: If the network does not end with a dense layer.
    """
    last = net.layers[-1]
    if not isinstance(last, keras.layers.Dense):
        raise ConfigurationError(
            f"Training received head_start=convex for the model {net.name!r}.",
            "It sets the last dense layer, which this network does not end with.",
            "Omit head_start, or use another model, such as encoder or mlp.",
            code="no-dense-head",
        )
    return last


def _of_clips(
    model: keras.Model, net: keras.Model, tensor: keras.KerasTensor, train: ClipDataset
) -> tuple[np.ndarray, np.ndarray]:
    """Compute a tensor of the network inside a model for the clips of an epoch; their labels."""
    x = model.input
    for layer in model.layers[1 : model.layers.index(net)]:
        x = layer(x)
    front = keras.Model(model.input, keras.Model(net.input, tensor)(x))
    batches = [train[k] for k in range(len(train))]
    values = np.concatenate([np.asarray(front.predict_on_batch(clips)) for clips, _ in batches])
    return values, np.concatenate([target.argmax(axis=1) for _, target in batches])
