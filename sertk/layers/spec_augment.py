"""SpecAugment: random time and frequency masks in training.

In and out: (batch, frames, bins[, channels]) tensors.
"""

import keras
from keras import ops

from sertk.layers._base import Layer


@keras.saving.register_keras_serializable("sertk")
class SpecAugment(Layer):
    """Hide stretches of time and of frequency in training; pass everything on otherwise.

    Hidden values become 0, the mean of standardized features.

    Args:
        masks: Stretches of each kind.
        time_share: Longest hidden stretch of time, as a share of the frames.
        bins_share: Widest hidden stretch of bins, as a share of the bins.
        seed: int. Seed of the masks; random where it is not given.

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
