"""DenseNet-121 on spectrograms as pictures (reference system R4).

clip (frames, bins[, channels]) -> [picture] -> DenseNet-121 -> mean over the map
-> dense 512 -> probabilities
"""

import keras
from keras import layers

from sertk.errors import ConfigurationError, UnknownNameError
from sertk.layers import SpectrogramImage
from sertk.models._shape import as_image, scaled

_BLOCKS = (6, 12, 24, 16)
_SMALLEST = 32


def build(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    width: float = 1.0,
    image_size: int | None = None,
    colors: str = "grey",
    weights: str | None = None,
) -> keras.Model:
    """Build a DenseNet-121 with R4's head.

    Args:
        input_shape: (frames, bins) or (frames, bins, channels), at least 32 of the first two.
        num_classes: Number of classes.
        width: Scales the layers of each dense block, their filters, and the units of the head.
        image_size: Turn the spectrogram into a picture, low frequencies at the bottom, whose
            shorter side has so many pixels; `None` takes it as it is. R4 uses 224, and features
            scaled to [0, 1] (`standardize="minmax"`).
        colors: `"grey"`, or the name of a matplotlib color map such as `"viridis"`.
        weights: `"imagenet"` starts from Keras's weights, which it downloads; they need three
            channels: `colors`, or a feature with three. `None` starts from random weights.

    Returns:
        An uncompiled model.

    Raises:
        ConfigurationError: If the shape does not fit, or the weights do not.

    References:
        Huang et al. 2017, Densely Connected Convolutional Networks, arXiv 1608.06993.
    """
    smallest = _SMALLEST if image_size is None else 2
    inputs, x = as_image("densenet121", input_shape, frames=smallest, bins=smallest)
    if image_size is not None:
        x = SpectrogramImage(image_size, colors, name="picture")(x)
    if weights not in (None, "imagenet"):
        raise UnknownNameError("densenet121 weights", str(weights), ["imagenet"])
    if weights == "imagenet" and (width != 1 or x.shape[-1] != 3):
        raise ConfigurationError(
            f"densenet121 received width={width} and {x.shape[-1]} channels with "
            "weights='imagenet'.",
            "The ImageNet weights fit only the published size and three channels.",
            "Use width=1 and image_size=224.",
            code="weights-of-other-size",
        )
    body = keras.Model(inputs, _convolutions(x, width))
    if weights == "imagenet":
        # the layers were made in Keras's order
        imagenet = keras.applications.DenseNet121(include_top=False, weights="imagenet")
        body.set_weights(imagenet.get_weights())
    x = layers.GlobalAveragePooling2D()(body.output)
    x = layers.Dense(scaled(512, width))(x)
    x = layers.LeakyReLU(0.01)(x)
    outputs = layers.Dense(num_classes, activation="softmax", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="densenet121")


def _convolutions(x, width: float):
    """Apply DenseNet-121 without its head, as `keras.applications` builds it."""
    growth = scaled(32, width)
    x = layers.ZeroPadding2D(3)(x)
    x = layers.Conv2D(2 * growth, 7, strides=2, use_bias=False)(x)
    x = _norm_relu(x)
    x = layers.ZeroPadding2D(1)(x)
    x = layers.MaxPooling2D(3, strides=2)(x)
    for number, count in enumerate(_BLOCKS):
        if number:
            x = layers.Conv2D(x.shape[-1] // 2, 1, use_bias=False)(_norm_relu(x))
            x = layers.AveragePooling2D(2)(x)
        for _ in range(max(1, round(count * width))):
            y = layers.Conv2D(4 * growth, 1, use_bias=False)(_norm_relu(x))
            y = layers.Conv2D(growth, 3, padding="same", use_bias=False)(_norm_relu(y))
            x = layers.Concatenate()([x, y])
    return _norm_relu(x)


def _norm_relu(x):
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9, epsilon=1.001e-5)(x))
