"""The layer that a speaker is enrolled in: it subtracts what their voice always has.

In and out: (batch, frames, bins[, channels]) tensors, standardized.
"""

import keras
from keras import ops

from sertk.layers._base import Layer


@keras.saving.register_keras_serializable("sertk")
class SubtractSpeaker(Layer):
    """Subtract the mean of a speaker's enrolled recordings, shrunk by how few they are.

    `x - mean * count / (count + ratio)`. With nobody enrolled, `count` is 0 and nothing changes.

    Args:
        beside: bool. Give the input as it is behind the result, for what tells corpora apart.

    Weights:
        ratio: shape (bins[, channels]), >= 0. See `sertk.datasets.enrolment.Enrolment`.
        mean: shape (bins[, channels]). Mean over enrolled recordings of their mean frame.
        count: shape (1,). Enrolled recordings.

    Call arguments:
        inputs: shape (batch, frames, bins[, channels]).
        mean: shape (1, bins[, channels]); the weight by default.
        count: shape (1, 1); the weight by default.

    Output shape:
        The same; with `beside`, twice the bins.
    """

    def __init__(self, beside: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.beside = beside

    def build(self, input_shape):
        shape = input_shape[2:]
        for name in ("ratio", "mean"):
            setattr(self, name, self._weight(shape, name))
        self.count = self._weight((1,), "count")

    def _weight(self, shape, name: str):
        return self.add_weight(shape=shape, initializer="zeros", trainable=False, name=name)

    def enrol(self, mean, count: int) -> None:
        """Set the mean of enrolled recordings, and their number; 0 forgets them."""
        self.mean.assign(mean)
        self.count.assign([count])

    def call(self, inputs, mean=None, count=None):
        if mean is None:
            mean, count = self.mean, self.count
        else:  # (1, bins[, channels]) and (1, 1), as an exported graph takes them
            mean, count = mean[:, None], ops.reshape(count, (1,) * len(inputs.shape))
        result = inputs - mean * (count / ops.maximum(count + self.ratio, 1e-6))
        return ops.concatenate([result, inputs], axis=2) if self.beside else result

    def compute_output_shape(self, inputs_shape, mean_shape=None, count_shape=None):
        batch, frames, bins, *channels = inputs_shape
        return (batch, frames, 2 * bins if self.beside else bins, *channels)


def of_model(model) -> SubtractSpeaker | None:
    """Find the layer in an assembled model; `None` if its speakers cannot be enrolled."""
    return next((layer for layer in model.layers if isinstance(layer, SubtractSpeaker)), None)
