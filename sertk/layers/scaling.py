"""Standardization layer with fixed statistics.

In and out: (batch, frames, bins[, channels]) tensors.
"""

import keras
from keras import ops

from sertk.layers._base import Layer


@keras.saving.register_keras_serializable("sertk")
class Standardize(Layer):
    """Subtract a mean and divide by a standard deviation per bin, both fixed beforehand.

    Unlike `keras.layers.Normalization` it exports on every backend, and its statistics come
    from the caller, who knows which utterances are for training.

    Args:
        clip: Cut the result to [0, 1], for statistics that are a least value and a range.

    Input shape:
        (batch, frames, bins[, channels]).

    Output shape:
        The same.
    """

    def __init__(self, clip: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.clip = clip

    def build(self, input_shape):
        shape = input_shape[2:]
        self.mean = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="mean")
        self.deviation = self.add_weight(
            shape=shape, initializer="ones", trainable=False, name="deviation"
        )

    def set_statistics(self, mean, deviation) -> None:
        """Store the statistics, each of shape (bins[, channels]); a deviation of 0 counts as 1."""
        self.mean.assign(mean)
        self.deviation.assign(ops.where(deviation > 0, deviation, 1.0))

    def call(self, inputs):
        scaled = (inputs - self.mean) / self.deviation
        return ops.clip(scaled, 0.0, 1.0) if self.clip else scaled
