"""A small AlexNet for log-mel spectrograms of two seconds (reference system R5).

clip (frames, bins[, channels]) -> five convolutions with heavy spatial dropout
-> dense 512, layer norm -> probabilities
"""

import keras
from keras import layers

from sertk.models import _alexnet
from sertk.models._shape import as_image, scaled


def build(
    input_shape: tuple[int, ...], num_classes: int, *, width: float = 1.0, dropout: float = 0.5
) -> keras.Model:
    """Build R5's tuned AlexNet, 4,123,848 parameters for (91, 128) and 8 classes.

    Args:
        input_shape: (frames, bins) or (frames, bins, channels), at least 63 of the first two.
        num_classes: Number of classes.
        width: Scales filters and units.
        dropout: Rate around the dense layer; whole filters are dropped at 1.4 and 1.2 times it.

    Returns:
        An uncompiled model.

    Raises:
        ConfigurationError: If the shape does not fit.
    """
    smallest = _alexnet.SMALLEST
    inputs, x = as_image("alexnet_tuned", input_shape, frames=smallest, bins=smallest)
    x = _conv(x, 96, 11, width, strides=4, padding=2)
    x = layers.MaxPooling2D(3, strides=2)(x)
    x = _conv(x, 256, 5, width, padding=2)
    x = layers.MaxPooling2D(3, strides=2)(x)
    x = layers.SpatialDropout2D(min(1.4 * dropout, 0.9))(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    x = _conv(x, 384, 3, width, padding=1)
    x = _conv(x, 384, 3, width, padding=1)
    x = _conv(x, 256, 3, width, padding=1, activation=None)  # as published, without ReLU
    x = layers.MaxPooling2D(3, strides=2)(x)
    x = layers.SpatialDropout2D(min(1.2 * dropout, 0.9))(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    x = layers.Flatten()(x)
    outputs = head(x, num_classes, scaled(512, width), dropout)
    return keras.Model(inputs, outputs, name="alexnet_tuned")


def _conv(x, filters: int, size: int, width: float, *, padding: int, strides=1, activation="relu"):
    # padding is explicit: with a stride, Keras's "same" pads unevenly
    x = layers.ZeroPadding2D(padding)(x)
    return layers.Conv2D(scaled(filters, width), size, strides=strides, activation=activation)(x)


def head(x: keras.KerasTensor, num_classes: int, units: int, dropout: float) -> keras.KerasTensor:
    """Add R5's head, which `resnet18` shares: dropout, dense, dropout, layer norm, classes."""
    x = layers.Dropout(dropout)(x)
    x = layers.Dense(units, activation="relu")(x)
    x = layers.Dropout(dropout)(x)
    x = layers.LayerNormalization(epsilon=1e-5)(x)
    return layers.Dense(num_classes, activation="softmax", name="probabilities")(x)
