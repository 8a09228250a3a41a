"""Conv1D over time (reference system R3), as published and as its second authors modified it."""

import keras
from keras import layers

from sertk.errors import UnknownNameError
from sertk.models._shape import require_frames_by_bins, scaled


def build(
    input_shape: tuple[int, ...], num_classes: int, *, width: float = 1.0, variant: str = "modified"
) -> keras.Model:
    """Build a stack of one-dimensional convolutions with the bins as channels.

    Args:
        input_shape: (frames, bins), at least 64 frames; R3's own feature has one bin.
        num_classes: Number of classes.
        width: Scales the filters.
        variant: `"modified"` (batch normalization, ten layers) or `"original"` (four
            convolutions; the fifth and sixth are commented out in the published code).

    Returns:
        An uncompiled model; 1,283,202 parameters for (259, 1) and 2 classes as modified,
        364,170 for (216, 1) and 10 classes as original.

    Raises:
        ConfigurationError: If the shape does not fit.
        UnknownNameError: If there is no such variant.
    """
    variants = {"modified": _modified, "original": _original}
    if variant not in variants:
        raise UnknownNameError("conv1d variant", variant, variants)
    require_frames_by_bins("conv1d", input_shape, frames=64)
    inputs = keras.Input(input_shape)
    x = variants[variant](inputs, width)
    x = layers.Flatten()(x)
    outputs = layers.Dense(num_classes, activation="softmax", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="conv1d")


def _conv(x, units: int, size: int, *, normalize: bool = False):
    x = layers.Conv1D(units, size, padding="same")(x)  # (batch, frames, units)
    if normalize:
        x = layers.BatchNormalization()(x)
    return layers.ReLU()(x)


def _original(x, width: float):
    x = _conv(x, scaled(256, width), 5)
    x = _conv(x, scaled(128, width), 5)
    x = layers.Dropout(0.1)(x)
    x = layers.MaxPooling1D(8)(x)
    x = _conv(x, scaled(128, width), 5)
    return _conv(x, scaled(128, width), 5)


def _modified(x, width: float):
    x = _conv(x, scaled(256, width), 8)
    x = _conv(x, scaled(256, width), 8, normalize=True)
    x = layers.Dropout(0.25)(x)
    x = layers.MaxPooling1D(8)(x)
    for _ in range(3):
        x = _conv(x, scaled(128, width), 8)
    x = _conv(x, scaled(128, width), 8, normalize=True)
    x = layers.Dropout(0.25)(x)
    x = layers.MaxPooling1D(8)(x)
    x = _conv(x, scaled(64, width), 8)
    return _conv(x, scaled(64, width), 8)
