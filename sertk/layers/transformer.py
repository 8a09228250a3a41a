"""Layers of transformers: attention, blocks, and the exact GELU.

In: (batch, frames, units) tensors, and which frames are padding. Out: the same shape.
"""

import math

import keras
import numpy as np
from keras import ops

from sertk.layers._base import Layer


@keras.saving.register_keras_serializable("sertk")
def gelu(x):
    """Compute the exact Gaussian error linear unit by the operator Erf, which ONNX has."""
    return 0.5 * x * (1.0 + ops.erf(x * (1 / math.sqrt(2))))


@keras.saving.register_keras_serializable("sertk")
class SelfAttention(Layer):
    """Let each frame attend to all frames that are not padding.

    Args:
        num_heads: int >= 1. It divides the units of the input.
        key_bias: bool. Whether keys have a bias, which changes no attention; Whisper's have none.

    Call arguments:
        inputs: shape (batch, frames, units).
        bias: Added to the scores before the softmax, broadcast to (batch, heads, frames, frames):
            -3e4 hides a key. `None` hides nothing.

    References:
        Vaswani et al. 2017, Attention is all you need, arXiv 1706.03762.
    """

    def __init__(self, num_heads: int, key_bias: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.num_heads, self.key_bias = num_heads, key_bias

    def build(self, input_shape):
        units = input_shape[-1]
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            biased = self.key_bias or name != "k_proj"
            layer = keras.layers.Dense(units, use_bias=biased, name=name, dtype=self.dtype_policy)
            layer.build(input_shape)
            setattr(self, name, layer)
        self.built = True

    def call(self, inputs, bias=None):
        units = inputs.shape[-1]
        query, key, value = (
            self._heads(layer(inputs)) for layer in (self.q_proj, self.k_proj, self.v_proj)
        )  # (batch, heads, frames, units / heads)
        scale = 1 / math.sqrt(units / self.num_heads)
        scores = ops.matmul(query * scale, ops.transpose(key, (0, 1, 3, 2)))
        if bias is not None:
            scores = scores + ops.cast(bias, scores.dtype)
        # of one frame, Keras warns that a softmax does nothing
        mixed = ops.matmul(ops.softmax(scores), value) if scores.shape[-1] != 1 else value
        frames = ops.shape(inputs)[1]
        joined = ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (-1, frames, units))
        return self.out_proj(joined)

    def _heads(self, x):
        """Split units into heads: (batch, frames, units) to (batch, heads, frames, units/heads)."""
        split = (-1, ops.shape(x)[1], self.num_heads, x.shape[-1] // self.num_heads)
        return ops.transpose(ops.reshape(x, split), (0, 2, 1, 3))


@keras.saving.register_keras_serializable("sertk")
class GatedAttention(SelfAttention):
    """Scale the bias of attention by a gate that is computed from each frame and head.

    References:
        Chen et al. 2022, WavLM, arXiv 2110.13900.
    """

    def build(self, input_shape):
        super().build(input_shape)
        width = input_shape[-1] // self.num_heads
        self.gate = keras.layers.Dense(8, name="gate", dtype=self.dtype_policy)
        self.gate.build((*input_shape[:-1], width))
        self.gate_scale = self.add_weight(
            name="gate_scale", shape=(1, self.num_heads, 1, 1), initializer="ones"
        )

    def call(self, inputs, bias=None):
        gates = self.gate(self._heads(inputs))  # (batch, heads, frames, 8)
        first, second = (ops.sum(part, -1, keepdims=True) for part in ops.split(gates, 2, axis=-1))
        scale = ops.sigmoid(first) * (ops.sigmoid(second) * self.gate_scale - 1.0) + 2.0
        return super().call(inputs, scale * bias)


@keras.saving.register_keras_serializable("sertk")
class RelativePositions(Layer):
    """Learn a bias of attention for each distance between two frames, by head.

    Near distances have a bucket each; farther ones share buckets that grow logarithmically.

    Args:
        num_heads: int >= 1. Attention heads.
        num_buckets: int >= 4, divisible by 4. Buckets, half of them for frames ahead.
        max_distance: int > num_buckets / 4. Frames; farther ones are in the last bucket.

    Input shape:
        (batch, frames, units), of which only the number of frames is used.

    Output shape:
        (1, num_heads, frames, frames).

    References:
        Chen et al. 2022, WavLM, arXiv 2110.13900.
    """

    def __init__(self, num_heads: int, num_buckets: int, max_distance: int, **kwargs):
        super().__init__(**kwargs)
        self.num_heads, self.num_buckets = num_heads, num_buckets
        self.max_distance = max_distance

    def build(self, input_shape):
        self.embedding = self.add_weight(name="embedding", shape=(self.num_buckets, self.num_heads))
        self.built = True

    def call(self, inputs):
        frame = ops.arange(ops.shape(inputs)[1], dtype="int32")
        farthest = self.max_distance
        distance = ops.clip(frame[None, :] - frame[:, None], -farthest, farthest)
        by_distance = ops.take(self.embedding, self._buckets(), axis=0)
        bias = ops.take(by_distance, distance + farthest, axis=0)  # (frames, frames, heads)
        return ops.transpose(bias, (2, 0, 1))[None]

    def _buckets(self):
        """Give the bucket of each distance, from -max_distance to max_distance."""
        half = self.num_buckets // 2
        exact = half // 2
        distance = np.arange(-self.max_distance, self.max_distance + 1)
        size = np.abs(distance)
        ratio = np.log(np.maximum(size, 1) / exact) / math.log(self.max_distance / exact)
        far = np.minimum(exact + (ratio * (half - exact)).astype(int), half - 1)
        return (half * (distance > 0) + np.where(size < exact, size, far)).astype("int32")

    def compute_output_shape(self, input_shape):
        return (1, self.num_heads, input_shape[1], input_shape[1])


@keras.saving.register_keras_serializable("sertk")
class TransformerBlock(Layer):
    """Attend, then transform each frame, with a residual connection around both.

    Args:
        num_heads: int >= 1. Heads of the attention.
        hidden: int >= 1. Units between the two dense layers.
        norm_first: bool. Normalize before attention and dense layers (pre-norm), or after the
            residual connection, as in the original transformer.
        key_bias: bool. See `SelfAttention`.
        epsilon: float > 0. Added to the variance in the layer normalizations.
        gated: bool. Whether the bias of attention is scaled for each frame: `GatedAttention`.

    Call arguments:
        inputs: shape (batch, frames, units).
        bias: See `SelfAttention`.
    """

    def __init__(
        self, num_heads: int, hidden: int, norm_first: bool = True, key_bias: bool = True,
        epsilon: float = 1e-5, gated: bool = False, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.num_heads, self.hidden, self.norm_first = num_heads, hidden, norm_first
        self.key_bias, self.epsilon, self.gated = key_bias, epsilon, gated

    def build(self, input_shape):
        units, words = input_shape[-1], {"dtype": self.dtype_policy}
        kind = GatedAttention if self.gated else SelfAttention
        self.attention = kind(self.num_heads, self.key_bias, name="attention", **words)
        self.attention_norm = keras.layers.LayerNormalization(
            epsilon=self.epsilon, name="attention_norm", **words
        )
        self.fc1 = keras.layers.Dense(self.hidden, activation=gelu, name="fc1", **words)
        self.fc2 = keras.layers.Dense(units, name="fc2", **words)
        self.final_norm = keras.layers.LayerNormalization(
            epsilon=self.epsilon, name="final_norm", **words
        )
        for layer in (self.attention, self.attention_norm, self.fc1, self.final_norm):
            layer.build(input_shape)
        self.fc2.build((*input_shape[:-1], self.hidden))
        self.built = True

    def enable_lora(self, rank: int) -> None:
        """Learn low-rank changes of the matrices, and nothing else; they are merged when saved."""
        inside = self.attention
        matrices = (inside.q_proj, inside.k_proj, inside.v_proj, inside.out_proj)
        for layer in (*matrices, self.fc1, self.fc2):
            layer.enable_lora(rank)
            if layer.use_bias:
                layer.bias.trainable = False
        self.attention_norm.trainable = self.final_norm.trainable = False

    def call(self, inputs, bias=None):
        if self.norm_first:
            x = inputs + self.attention(self.attention_norm(inputs), bias)
            return x + self.fc2(self.fc1(self.final_norm(x)))
        x = self.attention_norm(inputs + self.attention(inputs, bias))
        return self.final_norm(x + self.fc2(self.fc1(x)))


@keras.saving.register_keras_serializable("sertk")
class Sinusoids(Layer):
    """Add fixed sine and cosine position embeddings, of any number of frames.

    Input shape:
        (batch, frames, units).

    References:
        Radford et al. 2022, Robust Speech Recognition via Large-Scale Weak Supervision (Whisper),
        arXiv 2212.04356.
    """

    def call(self, inputs):
        half = inputs.shape[-1] // 2
        rates = np.exp(-math.log(10_000) / (half - 1) * np.arange(half)).astype("float32")
        frame = ops.cast(ops.arange(ops.shape(inputs)[1], dtype="int32"), "float32")
        phase = frame[:, None] * rates  # (frames, units / 2)
        positions = ops.concatenate([ops.sin(phase), ops.cos(phase)], axis=-1)
        return inputs + ops.cast(positions, inputs.dtype)


@keras.saving.register_keras_serializable("sertk")
class WhisperScale(Layer):
    """Scale log-mel spectrograms as Whisper's own front end does, and find their padding.

    Values in dB are floored 80 dB below the maximum of the clip; then `(dB / 10 + 4) / 4`. Frames
    that are at the floor in every bin are padding, and become 0, which is what convolutions pad
    with: a clip that is padded has the states of one that is not.

    Input shape:
        (batch, frames, bins), dB re full scale.

    Output shape:
        (batch, frames, bins), and (batch, frames, 1): 1 for sound, 0 for padding.
    """

    def call(self, inputs):
        floor = ops.max(inputs, axis=(1, 2), keepdims=True) - 80.0
        sound = ops.cast(ops.any(inputs > floor, axis=-1, keepdims=True), inputs.dtype)
        return (ops.maximum(inputs, floor) / 10.0 + 4.0) / 4.0 * sound, sound

    def compute_output_shape(self, input_shape):
        return input_shape, (*input_shape[:-1], 1)


@keras.saving.register_keras_serializable("sertk")
class HidePadding(Layer):
    """Make the bias of attention that hides padding.

    Args:
        stride: int >= 1. Frames of the input per frame of the attention.

    Input shape:
        (batch, frames, 1): 1 for sound, 0 for padding.

    Output shape:
        (batch, 1, 1, ceil(frames / stride)): 0 for sound, -3e4 for padding, which float16 has, too.
    """

    def __init__(self, stride: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.stride = stride

    def call(self, inputs):
        return ((inputs[:, :: self.stride, 0] - 1.0) * 3e4)[:, None, None, :]

    def compute_output_shape(self, input_shape):
        batch, frames, _ = input_shape
        return (batch, 1, 1, None if frames is None else -(-frames // self.stride))
