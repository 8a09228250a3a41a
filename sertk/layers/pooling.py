"""Pooling layers: statistics over time, attention, and regions.

In: (batch, frames[, bins], channels) tensors. Out: what is left of them; each docstring says it.
"""

import math

import keras
import numpy as np
from keras import ops

from sertk.layers._base import Layer


@keras.saving.register_keras_serializable("sertk")
class AttentionPooling(Layer):
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

    def attention(self, inputs):
        """Say how much each frame matters, (batch, frames, 1); the sum over frames is 1."""
        return ops.softmax(self.score(self.hidden(inputs)), axis=1)

    def call(self, inputs):
        weights = self.attention(inputs)
        mean = ops.sum(weights * inputs, axis=1)
        variance = ops.sum(weights * ops.square(inputs), axis=1) - ops.square(mean)
        deviation = ops.sqrt(ops.maximum(variance, 1e-6))
        return ops.concatenate([mean, deviation], axis=-1)  # (batch, 2 * channels)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 2 * input_shape[-1])


@keras.saving.register_keras_serializable("sertk")
class StatisticsPooling(Layer):
    """Pool over time: mean and standard deviation of each bin.

    Input shape:
        (batch, frames, bins[, channels]).

    Output shape:
        (batch, 2 * bins [* channels]); of single frames (batch, bins [* channels]), the mean alone.
    """

    def call(self, inputs):
        x = ops.reshape(inputs, (-1, inputs.shape[1], math.prod(inputs.shape[2:])))
        mean = ops.mean(x, axis=1)
        if x.shape[1] == 1:
            return mean
        return ops.concatenate([mean, ops.std(x, axis=1)], axis=-1)

    def compute_output_shape(self, input_shape):
        numbers = math.prod(input_shape[2:])
        return (input_shape[0], numbers * (1 if input_shape[1] == 1 else 2))


@keras.saving.register_keras_serializable("sertk")
class SoundStatistics(Layer):
    """Pool over time: mean and standard deviation over the frames that hold sound.

    Call arguments:
        inputs: shape (batch, frames, units).
        sound: shape (batch, 2 * frames, 1), or one less: 1 for sound, 0 for padding, of which every
            second counts; all frames by default.

    Output shape:
        (batch, 2 * units).
    """

    def call(self, inputs, sound=None):
        if sound is None:
            return ops.concatenate([ops.mean(inputs, axis=1), ops.std(inputs, axis=1)], axis=-1)
        weights = ops.cast(sound[:, ::2], inputs.dtype)
        weights = weights / ops.maximum(ops.sum(weights, axis=1, keepdims=True), 1.0)
        mean = ops.sum(weights * inputs, axis=1)
        squares = ops.sum(weights * ops.square(inputs - mean[:, None]), axis=1)
        return ops.concatenate([mean, ops.sqrt(ops.maximum(squares, 1e-8))], axis=-1)

    def compute_output_shape(self, inputs_shape, sound_shape=None):
        return (inputs_shape[0], 2 * inputs_shape[-1])


@keras.saving.register_keras_serializable("sertk")
class MixBlocks(Layer):
    """Average the hidden states of several blocks with learnt weights, whose sum is 1.

    Input shape:
        (batch, frames, units, blocks).

    Output shape:
        (batch, frames, units).
    """

    def build(self, input_shape):
        self.weights_of_blocks = self.add_weight(
            shape=(input_shape[-1],), initializer="zeros", name="weights"
        )

    def call(self, inputs):
        return ops.sum(inputs * ops.softmax(self.weights_of_blocks), axis=-1)

    def compute_output_shape(self, input_shape):
        return input_shape[:-1]


@keras.saving.register_keras_serializable("sertk")
class MapAttention(Layer):
    """Pool a map over time and frequency by attention: the mean of the places that matter.

    Args:
        units: Width of the network that scores each place.
        scale: What scores are multiplied by before the softmax; small values spread attention.

    Input shape:
        (batch, frames, bins, channels).

    Output shape:
        (batch, channels).

    References:
        Zhang et al. 2018, arXiv 1806.01506, whose lambda `scale` is.
    """

    def __init__(self, units: int = 256, scale: float = 0.3, **kwargs):
        super().__init__(**kwargs)
        self.units, self.scale = units, scale
        self.hidden = keras.layers.Dense(units, activation="tanh", name="hidden")
        self.score = keras.layers.Dense(1, name="score")

    def build(self, input_shape):
        self.hidden.build(input_shape)
        self.score.build((*input_shape[:-1], self.units))

    def attention(self, inputs):
        """Say how much each place matters, (batch, frames, bins, 1); the sum over places is 1."""
        scores = self.scale * self.score(self.hidden(inputs))
        # a softmax by hand, since Keras warns of one over a single place, which short clips leave
        weights = ops.exp(scores - ops.max(scores, axis=(1, 2), keepdims=True))
        return weights / ops.sum(weights, axis=(1, 2), keepdims=True)

    def call(self, inputs):
        return ops.sum(self.attention(inputs) * inputs, axis=(1, 2))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])


@keras.saving.register_keras_serializable("sertk")
class SigmoidAttention(Layer):
    """Pool over time by the attention of 3D-ACRNN: softmax over a scaled sigmoid of each frame.

    Input shape:
        (batch, frames, channels).

    Output shape:
        (batch, channels).

    References:
        Chen et al. 2018, in the form of the authors' own code, which has a sigmoid where the
        paper has a hyperbolic tangent.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.score = keras.layers.Dense(1, activation="sigmoid", name="score")

    def build(self, input_shape):
        self.score.build(input_shape)
        self.scale = self.add_weight(
            shape=(1,), initializer=keras.initializers.RandomNormal(stddev=0.1), name="scale"
        )

    def attention(self, inputs):
        """Say how much each frame matters, (batch, frames, 1); the sum over frames is 1."""
        return ops.softmax(self.score(inputs) * self.scale, axis=1)

    def call(self, inputs):
        return ops.sum(self.attention(inputs) * inputs, axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])


@keras.saving.register_keras_serializable("sertk")
class AdaptiveAveragePooling2D(Layer):
    """Average a map of any size over `size` x `size` regions, as torch's layer of that name does.

    Regions overlap where the map is no multiple of `size`, and repeat where it is smaller, which
    Keras's own layer refuses on TensorFlow.

    Input shape:
        (batch, frames, bins, channels), frames and bins known.

    Output shape:
        (batch, size, size, channels).
    """

    def __init__(self, size: int = 6, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def call(self, inputs):
        rows, columns = map(self._shares, inputs.shape[1:3])
        pooled = ops.tensordot(inputs, columns, axes=[[2], [0]])  # (batch, frames, channels, size)
        pooled = ops.tensordot(pooled, rows, axes=[[1], [0]])  # (batch, channels, size, size)
        return ops.transpose(pooled, (0, 3, 2, 1))

    def _shares(self, length: int) -> np.ndarray:
        """Say how much each place counts in each region, shape (length, size)."""
        shares = np.zeros((length, self.size), "float32")
        for region in range(self.size):
            first, end = region * length // self.size, -(-(region + 1) * length // self.size)
            shares[first:end, region] = 1 / (end - first)
        return shares

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.size, self.size, input_shape[-1])
