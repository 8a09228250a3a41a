"""Keras layers that networks are made of, on every backend and exportable.

In and out: (batch, frames, bins[, channels]) tensors; each layer's docstring gives its shapes.
"""

import keras
import numpy as np
from keras import ops

from sertk.errors import ConfigurationError, UnknownNameError


@keras.saving.register_keras_serializable("sertk")
class Standardize(keras.layers.Layer):
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
        """Store the statistics, each of shape (bins[, channels])."""
        self.mean.assign(mean)
        self.deviation.assign(ops.maximum(deviation, 1e-3))

    def call(self, inputs):
        scaled = (inputs - self.mean) / self.deviation
        return ops.clip(scaled, 0.0, 1.0) if self.clip else scaled

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "clip": self.clip}


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
class MapAttention(keras.layers.Layer):
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

    def call(self, inputs):
        places = ops.reshape(inputs, (ops.shape(inputs)[0], -1, inputs.shape[-1]))
        scores = self.scale * self.score(self.hidden(places))  # (batch, frames * bins, 1)
        # a softmax by hand, since Keras warns of one over a single place, which short clips leave
        weights = ops.exp(scores - ops.max(scores, axis=1, keepdims=True))
        return ops.sum(weights * places, axis=1) / ops.sum(weights, axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "units": self.units, "scale": self.scale}


@keras.saving.register_keras_serializable("sertk")
class SigmoidAttention(keras.layers.Layer):
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

    def call(self, inputs):
        weights = ops.softmax(self.score(inputs) * self.scale, axis=1)  # (batch, frames, 1)
        return ops.sum(weights * inputs, axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])


@keras.saving.register_keras_serializable("sertk")
class AdaptiveAveragePooling2D(keras.layers.Layer):
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

    def get_config(self):
        return {**super().get_config(), "size": self.size}


def _resizing(length: int, size: int) -> np.ndarray:
    """Say how much each place counts for each pixel: bilinear, smoothed where it shrinks."""
    places = (np.arange(size) + 0.5) * length / size - 0.5
    reach = max(length / size, 1.0)
    shares = np.maximum(1 - np.abs(places - np.arange(length)[:, None]) / reach, 0)
    return (shares / shares.sum(axis=0)).astype("float32")  # (length, size)


@keras.saving.register_keras_serializable("sertk")
class SpectrogramImage(keras.layers.Layer):
    """Turn spectrograms into pictures as image networks know them.

    Time runs to the right and frequency upwards; the shorter side gets `size` pixels; a single
    channel becomes three, grey or by a colour map; the statistics of ImageNet scale the result.

    Args:
        size: Pixels of the shorter side.
        colours: `"grey"`, or the name of a matplotlib colour map.

    Input shape:
        (batch, frames, bins, 1 or 3), in [0, 1]. A colour map wants one channel.

    Output shape:
        (batch, height, width, 3).

    Raises:
        UnknownNameError: If there is no such colour map.
        ConfigurationError: If the channels do not fit.
    """

    mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet

    def __init__(self, size: int = 224, colours: str = "grey", **kwargs):
        super().__init__(**kwargs)
        if colours != "grey":
            import matplotlib

            if colours not in matplotlib.colormaps:
                raise UnknownNameError("colour map", colours, ["grey", *matplotlib.colormaps])
            self.palette = matplotlib.colormaps[colours](range(256))[:, :3].astype("float32")
        self.size, self.colours = size, colours

    def build(self, input_shape):
        channels = (1, 3) if self.colours == "grey" else (1,)
        if input_shape[-1] not in channels:
            raise ConfigurationError(
                f"A picture in {self.colours} was asked for of {input_shape[-1]} channels.",
                f"It is made of {' or '.join(map(str, channels))}.",
                "Use a feature of one channel such as log_mel, or colours='grey'.",
            )

    def call(self, inputs):
        pictures = ops.flip(ops.transpose(inputs, (0, 2, 1, 3)), axis=1)
        if self.colours != "grey":
            shades = ops.cast(ops.round(ops.clip(pictures[..., 0], 0, 1) * 255), "int32")
            pictures = ops.take(self.palette, shades, axis=0)
        height, width = self.compute_output_shape(inputs.shape)[1:3]
        # `ops.image.resize(antialias=True)` as matrix products: it does not export
        rows, columns = map(_resizing, pictures.shape[1:3], (height, width))
        pictures = ops.tensordot(pictures, rows, axes=[[1], [0]])  # (batch, frames, channels, h)
        pictures = ops.tensordot(pictures, columns, axes=[[1], [0]])  # (batch, channels, h, w)
        pictures = ops.transpose(pictures, (0, 2, 3, 1))
        if pictures.shape[-1] == 1:
            pictures = ops.repeat(pictures, 3, axis=-1)
        return (pictures - np.float32(self.mean)) / np.float32(self.deviation)

    def compute_output_shape(self, input_shape):
        batch, frames, bins, _ = input_shape
        shorter = min(frames, bins)
        return (batch, round(bins * self.size / shorter), round(frames * self.size / shorter), 3)

    def get_config(self):
        return {**super().get_config(), "size": self.size, "colours": self.colours}


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
