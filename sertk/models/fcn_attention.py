"""AlexNet's convolutions with attention over every place of the map (reference system R2).

clip (frames, bins[, channels]) -> batch norm -> [conv, batch norm, ReLU] x 5 with three poolings
-> attention over time and frequency -> dense 256 -> dropout -> probabilities
"""

import keras
from keras import layers

from sertk.layers import MapAttention
from sertk.models import _alexnet
from sertk.models._shape import as_image, scaled


def build(
    input_shape: tuple[int | None, ...],
    num_classes: int,
    *,
    width: float = 1.0,
    dropout: float = 0.2,
    normalize: bool = True,
    units: int = 256,
) -> keras.Model:
    """Build a fully convolutional network with attention, 2,605,387 parameters for 4 classes.

    Nothing in it depends on the length of a clip: `(None, bins, channels)` takes any.

    Args:
        input_shape: (frames, bins) or (frames, bins, channels), at least 63 of the first two.
        num_classes: Number of classes.
        width: Scales filters and units.
        dropout: Rate before the last layer.
        normalize: Batch normalization after each convolution; without it, this is R2's variant
            that keeps torchvision's layers.
        units: int >= 1. Units of the dense layer before the last one.

    Returns:
        An uncompiled model.

    Raises:
        ConfigurationError: If the shape does not fit.

    References:
        Zhang et al. 2018, Attention Based Fully Convolutional Network for Speech Emotion
        Recognition, arXiv 1806.01506.
    """
    smallest = _alexnet.SMALLEST
    inputs, x = as_image(
        "fcn_attention", input_shape, frames=smallest, bins=smallest, any_length=True
    )
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    x = _alexnet.convolutions(x, width, normalize=normalize)
    x = MapAttention(scaled(256, width))(x)  # (batch, 256)
    x = layers.Dense(scaled(units, width))(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    x = layers.ReLU()(x)
    x = layers.Dropout(dropout)(x)
    outputs = layers.Dense(num_classes, activation="softmax", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="fcn_attention")
