"""Keras layers that networks are made of, on every backend and exportable.

In and out: (batch, frames, bins[, channels]) tensors; each layer's docstring gives its shapes.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable("sertk")
class Standardize(keras.layers.Layer):
    """Subtract a mean and divide by a standard deviation per bin, both fixed beforehand.

    Unlike `keras.layers.Normalization` it exports on every backend, and its statistics come
    from the caller, who knows which utterances are for training.

    Input shape:
        (batch, frames, bins[, channels]).

    Output shape:
        The same.
    """

    def build(self, input_shape):
        shape = input_shape[2:]
        self.mean = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="mean")
        self.deviation = self.add_weight(
            shape=shape, initializer="ones", trainable=False, name="deviation"
        )

    def set_statistics(self, mean, deviation) -> None:
        """Store the statistics, each of shape (bins[, channels])."""
        self.mean.assign(mean)
        self.deviation.assign(ops.maximum(deviation, 1e-3))

    def call(self, inputs):
        return (inputs - self.mean) / self.deviation

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable("sertk")
class AttentionPooling(keras.layers.Layer):
    """Pool over time: the mean and standard deviation of the frames that matter.

    A small network scores each frame; softmax over time turns scores to weights. The weighted
    standard deviation beside the weighted mean keeps how much a voice moves.

    Args:
        units: Width of the scoring network.

    Input shape:
        (batch, frames, channels).

    Output shape:
        (batch, 2 * channels).

    References:
        Okabe, Koshinaka, Shinoda 2018, Attentive Statistics Pooling, arXiv 1803.10963.
    """

    def __init__(self, units: int = 64, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hidden = keras.layers.Dense(units, activation="tanh", name="hidden")
        self.score = keras.layers.Dense(1, use_bias=False, name="score")

    def build(self, input_shape):
        self.hidden.build(input_shape)
        self.score.build((*input_shape[:-1], self.units))

    def call(self, inputs):
        weights = ops.softmax(self.score(self.hidden(inputs)), axis=1)  # (batch, frames, 1)
        mean = ops.sum(weights * inputs, axis=1)
        variance = ops.sum(weights * ops.square(inputs), axis=1) - ops.square(mean)
        deviation = ops.sqrt(ops.maximum(variance, 1e-6))
        return ops.concatenate([mean, deviation], axis=-1)  # (batch, 2 * channels)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 2 * input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable("sertk")
class SpecAugment(keras.layers.Layer):
    """Hide stretches of time and of frequency in training; pass everything on otherwise.

    Hidden values become 0, the mean of standardised features.

    Args:
        masks: Stretches of each kind.
        time_share: Longest hidden stretch of time, as a share of the frames.
        bins_share: Widest hidden stretch of bins, as a share of the bins.
        seed: Of the masks; drawn where it is not given.

    Input shape:
        (batch, frames, bins).

    References:
        Park et al. 2019, SpecAugment, arXiv 1904.08779.
    """

    def __init__(
        self, masks: int = 2, time_share: float = 0.1, bins_share: float = 0.12, seed=None, **kwargs
    ):
        super().__init__(**kwargs)
        self.masks, self.time_share, self.bins_share = masks, time_share, bins_share
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if not training:
            return inputs
        batch, frames, bins = ops.shape(inputs)[0], inputs.shape[1], inputs.shape[2]
        keep = 1.0
        for _ in range(self.masks):
            keep = keep * self._keep(batch, frames, self.time_share)[:, :, None]
            keep = keep * self._keep(batch, bins, self.bins_share)[:, None, :]
        return inputs * keep

    def _keep(self, batch, size: int, share: float):
        """Draw one stretch per example: 0 inside, 1 outside, shape (batch, size)."""
        length = keras.random.uniform((batch, 1), 0.0, share * size, seed=self.generator)
        first = keras.random.uniform((batch, 1), seed=self.generator) * (size - length)
        position = ops.arange(size, dtype="float32")[None, :]
        inside = ops.logical_and(position >= first, position < first + length)
        return 1.0 - ops.cast(inside, "float32")

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        own = {"masks": self.masks, "time_share": self.time_share, "bins_share": self.bins_share}
        return {**super().get_config(), **own, "seed": self.seed}
