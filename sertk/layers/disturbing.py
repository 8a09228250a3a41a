"""Disturb clips in training, each in its own way; at any other time they pass.

In and out: (batch, frames, bins[, channels]) tensors.
"""

import keras
from keras import ops


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
        (batch, frames, bins[, channels]).

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
        return inputs * ops.reshape(keep, (batch, frames, bins, *(1,) * (len(inputs.shape) - 3)))

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


@keras.saving.register_keras_serializable("sertk")
class SpectrogramWarp(keras.layers.Layer):
    """Let clips be spoken faster or slower, by a shorter or longer vocal tract, in training.

    Time is stretched about the middle of the clip, frequency from its lowest bin; both by linear
    interpolation, as two matrix products. What comes from outside the clip is the least value of
    each bin, which is silence. At any other time clips pass unchanged.

    Args:
        time: Natural logarithm of the largest factor of time; 0.2 is 0.82 to 1.22 times.
        bins: The same of the height of a bin; 0.12 is 0.89 to 1.13 times.
        seed: Of the factors; drawn where it is not given.

    Input shape:
        (batch, frames, bins).

    References:
        Jaitly and Hinton 2013, Vocal Tract Length Perturbation improves speech recognition.
    """

    def __init__(self, time: float = 0.2, bins: float = 0.12, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.time, self.bins, self.seed = time, bins, seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if not training:
            return inputs
        batch, frames, bins = ops.shape(inputs)[0], inputs.shape[1], inputs.shape[2]
        middle = (frames - 1) / 2
        moments = (ops.arange(frames, dtype="float32") - middle) * self._factor(batch, self.time)
        heights = ops.arange(bins, dtype="float32") * self._factor(batch, self.bins)
        rows = _between(moments + middle, frames)
        columns = _between(ops.minimum(heights, bins - 1.0), bins)
        warped = ops.matmul(ops.matmul(rows, inputs), ops.transpose(columns, (0, 2, 1)))
        outside = 1.0 - ops.sum(rows, axis=2, keepdims=True)
        return warped + outside * ops.min(inputs, axis=1, keepdims=True)

    def _factor(self, batch, largest: float):
        """Draw one factor per example, shape (batch, 1)."""
        drawn = keras.random.uniform((batch, 1), -largest, largest, seed=self.generator)
        return ops.exp(drawn)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        own = {"time": self.time, "bins": self.bins, "seed": self.seed}
        return {**super().get_config(), **own}


def _between(places, size: int):
    """Say how much each of `size` neighbours counts at places between them: (batch, n, size)."""
    distance = places[:, :, None] - ops.arange(size, dtype="float32")[None, None, :]
    return ops.relu(1.0 - ops.abs(distance))
