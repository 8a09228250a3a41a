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

    Weights:
        ratio: shape (bins[, channels]), >= 0. See `sertk.datasets.enrolment.Enrolment`.
        mean: shape (bins[, channels]). Mean over enrolled recordings of their mean frame.
        count: shape (1,). Enrolled recordings.

    Input shape:
        (batch, frames, bins[, channels]).

    Output shape:
        The same.
    """

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

    def call(self, inputs):
        return subtract(inputs, self.mean, self.count, self.ratio)


def subtract(inputs, mean, count, ratio):
    """Subtract a mean, by so much as its count of recordings makes it sure."""
    return inputs - mean * (count / ops.maximum(count + ratio, 1e-6))
