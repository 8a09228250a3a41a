"""Spectrograms as images for image networks.

In: (batch, frames, bins, channels) tensors. Out: (batch, height, width, 3).
"""

import keras
import numpy as np
from keras import ops

from sertk.errors import ConfigurationError, UnknownNameError
from sertk.layers._base import Layer


def _resizing(length: int, size: int) -> np.ndarray:
    """Say how much each place counts for each pixel: bilinear, smoothed where it shrinks."""
    places = (np.arange(size) + 0.5) * length / size - 0.5
    reach = max(length / size, 1.0)
    shares = np.maximum(1 - np.abs(places - np.arange(length)[:, None]) / reach, 0)
    return (shares / shares.sum(axis=0)).astype("float32")  # (length, size)


@keras.saving.register_keras_serializable("sertk")
class SpectrogramImage(Layer):
    """Turn spectrograms into pictures as image networks know them.

    Time runs to the right and frequency upwards; the shorter side gets `size` pixels; a single
    channel becomes three, grey or by a color map; the statistics of ImageNet scale the result.

    Args:
        size: Pixels of the shorter side.
        colors: `"grey"`, or the name of a matplotlib color map.

    Input shape:
        (batch, frames, bins, 1 or 3), in [0, 1]. A color map wants one channel.

    Output shape:
        (batch, height, width, 3).

    Raises:
        UnknownNameError: If there is no such color map.
        ConfigurationError: If the channels do not fit.
    """

    mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet

    def __init__(self, size: int = 224, colors: str = "grey", **kwargs):
        super().__init__(**kwargs)
        if colors != "grey":
            import matplotlib

            if colors not in matplotlib.colormaps:
                raise UnknownNameError("color map", colors, ["grey", *matplotlib.colormaps])
            self.palette = matplotlib.colormaps[colors](range(256))[:, :3].astype("float32")
        self.size, self.colors = size, colors

    def build(self, input_shape):
        channels = (1, 3) if self.colors == "grey" else (1,)
        if input_shape[-1] not in channels:
            raise ConfigurationError(
                f"colors={self.colors!r} received an input with {input_shape[-1]} channels.",
                f"It needs {' or '.join(map(str, channels))}.",
                "Use a feature of one channel such as log_mel, or colors='grey'.",
                code="wrong-number-of-channels",
            )

    def call(self, inputs):
        pictures = ops.flip(ops.transpose(inputs, (0, 2, 1, 3)), axis=1)
        if self.colors != "grey":
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

    @classmethod
    def from_config(cls, config):
        # files of before 0.1.0 was released spell it otherwise
        return cls(**{{"colours": "colors"}.get(name, name): v for name, v in config.items()})
