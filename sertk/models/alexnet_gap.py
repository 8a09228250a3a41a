"""AlexNet's convolutions with a fully convolutional head (reference system R1, FCN + GAP).

clip (frames, bins[, channels]) -> [picture] -> AlexNet's convolutions -> 6 x 6 averages
-> convolution 1 x 1 to the classes -> mean of the 36 places -> probabilities
"""

import keras
from keras import layers

from sertk.models import _alexnet
from sertk.models.alexnet import trunk


def build(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    width: float = 1.0,
    image_size: int | None = None,
    colors: str = "grey",
    weights: str | None = None,
) -> keras.Model:
    """Build AlexNet with global average pooling, 2,470,724 parameters for 4 classes.

    The averages over 6 x 6 places stay before the last convolution, as in the original: on a
    map that is no multiple of six this is not plain global average pooling.

    Args:
        input_shape: (frames, bins) or (frames, bins, channels), at least 63 of the first two.
        num_classes: Number of classes.
        width: Scales filters.
        image_size: See `sertk.models.alexnet.build`.
        colors: See `sertk.models.alexnet.build`.
        weights: File with torchvision's weights; see `sertk.models.alexnet.build`.

    Returns:
        An uncompiled model.

    Raises:
        ConfigurationError: If the shape or the weights do not fit.
    """
    inputs, x = trunk("alexnet_gap", input_shape, width, image_size, colors)
    x = layers.Conv2D(num_classes, 1, name="classes")(x)
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Activation("softmax", name="probabilities")(x)
    model = keras.Model(inputs, outputs, name="alexnet_gap")
    if weights is not None:
        _alexnet.load_weights(model, weights, transposed=image_size is None)
    return model
