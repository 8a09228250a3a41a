"""Layers before the transformer of wav2vec 2.0, HuBERT, data2vec and WavLM.

In: waveforms (batch, samples, 1), or (batch, frames, units) tensors. Out: the same shape.
"""

import keras
from keras import ops

from sertk.layers._base import Layer


@keras.saving.register_keras_serializable("sertk")
class UnitVariance(Layer):
    """Normalize each waveform to zero mean and unit variance.

    Input shape:
        (batch, samples, 1).
    """

    def call(self, inputs):
        centered = inputs - ops.mean(inputs, axis=1, keepdims=True)
        variance = ops.mean(ops.square(centered), axis=1, keepdims=True)
        return centered / ops.sqrt(variance + 1e-7)


@keras.saving.register_keras_serializable("sertk")
class TimeNormalization(Layer):
    """Normalize each unit over time, which is group normalization with a group per unit.

    Args:
        epsilon: float > 0. Added to the variance.

    Input shape:
        (batch, frames, units).
    """

    def __init__(self, epsilon: float = 1e-5, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        units = input_shape[-1]
        self.gamma = self.add_weight(name="gamma", shape=(units,), initializer="ones")
        self.beta = self.add_weight(name="beta", shape=(units,), initializer="zeros")
        self.built = True

    def call(self, inputs):
        centered = inputs - ops.mean(inputs, axis=1, keepdims=True)
        variance = ops.mean(ops.square(centered), axis=1, keepdims=True)
        return centered / ops.sqrt(variance + self.epsilon) * self.gamma + self.beta


@keras.saving.register_keras_serializable("sertk")
class GroupedConv1D(Layer):
    """Convolve groups of units separately, with zero padding that keeps the number of frames.

    One convolution per group: TensorFlow has no grouped convolution on a CPU, and compiles one for
    each number of frames. An even kernel begins half its length before its frame.

    Args:
        kernel_size: int >= 1. Frames.
        groups: int >= 1. It divides the units of the input.

    Input shape:
        (batch, frames, units).
    """

    def __init__(self, kernel_size: int, groups: int, **kwargs):
        super().__init__(**kwargs)
        self.kernel_size, self.groups = kernel_size, groups

    def build(self, input_shape):
        units = input_shape[-1]
        shape = (self.kernel_size, units // self.groups, units)
        self.kernel = self.add_weight(name="kernel", shape=shape)
        self.bias = self.add_weight(name="bias", shape=(units,), initializer="zeros")
        self.built = True

    def call(self, inputs):
        before = self.kernel_size // 2
        padded = ops.pad(inputs, ((0, 0), (before, self.kernel_size - 1 - before), (0, 0)))
        parts = ops.split(padded, self.groups, axis=-1)
        kernels = ops.split(ops.convert_to_tensor(self.kernel), self.groups, axis=-1)
        convolved = [ops.conv(x, kernel) for x, kernel in zip(parts, kernels, strict=True)]
        return ops.concatenate(convolved, axis=-1) + self.bias
