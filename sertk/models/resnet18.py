"""ResNet-18 on spectrograms, from scratch (reference system R5).

clip (frames, bins[, channels]) -> stem 7 x 7 -> four stages of two residual blocks
-> mean over the map -> dense 256, layer norm -> probabilities
"""

import keras
from keras import layers

from sertk.models._shape import as_image, scaled
from sertk.models.alexnet_tuned import head

_STAGES = (64, 128, 256, 512)


def build(
    input_shape: tuple[int | None, ...],
    num_classes: int,
    *,
    width: float = 1.0,
    dropout: float = 0.5,
) -> keras.Model:
    """Build a ResNet-18, 11,304,136 trainable parameters for one channel and 8 classes.

    `(None, bins, channels)` takes clips of any length.

    Args:
        input_shape: (frames, bins) or (frames, bins, channels), at least 32 of the first two.
        num_classes: Number of classes.
        width: Scales filters and units.
        dropout: Rate around the dense layer.

    Returns:
        An uncompiled model.

    Raises:
        ConfigurationError: If the shape does not fit.

    References:
        He et al. 2016, Deep Residual Learning for Image Recognition, arXiv 1512.03385.
    """
    inputs, x = as_image("resnet18", input_shape, frames=32, bins=32, any_length=True)
    x = _conv(x, scaled(64, width), 7, strides=2)
    x = layers.ReLU()(x)
    x = layers.ZeroPadding2D(1)(x)  # zeros are as low as ReLU gets
    x = layers.MaxPooling2D(3, strides=2)(x)
    for number, filters in enumerate(_STAGES):
        for block in range(2):
            x = _block(x, scaled(filters, width), strides=2 if number and not block else 1)
    x = layers.GlobalAveragePooling2D()(x)
    outputs = head(x, num_classes, scaled(256, width), dropout)
    return keras.Model(inputs, outputs, name="resnet18")


def _block(x, filters: int, strides: int):
    y = layers.ReLU()(_conv(x, filters, 3, strides))
    y = _conv(y, filters, 3)
    if strides > 1 or x.shape[-1] != filters:
        x = _conv(x, filters, 1, strides)
    return layers.ReLU()(layers.Add()([x, y]))


def _conv(x, filters: int, size: int, strides: int = 1):
    # padding is explicit: with a stride, Keras's "same" pads unevenly
    x = layers.ZeroPadding2D(size // 2)(x)
    x = layers.Conv2D(filters, size, strides=strides, use_bias=False)(x)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
