"""AlexNet on spectrograms (reference system R1): five convolutions and three dense layers.

clip (frames, bins[, channels]) -> [picture] -> AlexNet's convolutions -> 6 x 6 averages
-> dropout, dense 4096 -> dropout, dense 4096 -> probabilities
"""

import keras
from keras import layers

from sertk.layers import AdaptiveAveragePooling2D, SpectrogramImage
from sertk.models import _alexnet
from sertk.models._shape import as_image, scaled


def build(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    width: float = 1.0,
    dropout: float = 0.5,
    image_size: int | None = None,
    colors: str = "grey",
    weights: str | None = None,
) -> keras.Model:
    """Build torchvision's AlexNet with a new last layer, 57,020,228 parameters for 4 classes.

    Args:
        input_shape: (frames, bins) or (frames, bins, channels), at least 63 of the first two.
        num_classes: Number of classes.
        width: Scales filters and units.
        dropout: Rate before each of the two hidden dense layers.
        image_size: Turn the spectrogram into a picture, low frequencies at the bottom, whose
            shorter side has so many pixels; `None` takes it as it is. R1 uses 256, and features
            scaled to [0, 1] (`standardize="minmax"`).
        colors: `"grey"`, or the name of a matplotlib color map such as `"jet"`.
        weights: File (.npz or .safetensors) with torchvision's weights to start from. Where torch
            is installed, `python -c "import torch, numpy; numpy.savez('alexnet.npz', **{k:
            v.numpy() for k, v in torch.load('alexnet-owt-7be5be79.pth').items()})"` makes one.

    Returns:
        An uncompiled model.

    Raises:
        ConfigurationError: If the shape or the weights do not fit.

    References:
        Krizhevsky 2014, One weird trick for parallelizing convolutional neural networks,
        arXiv 1404.5997; torchvision's variant of it.
    """
    inputs, x = trunk("alexnet", input_shape, width, image_size, colors)
    x = layers.Flatten()(x)
    for number in range(2):
        x = layers.Dropout(dropout)(x)
        x = layers.Dense(scaled(4096, width), activation="relu", name=f"dense{number}")(x)
    outputs = layers.Dense(num_classes, activation="softmax", name="probabilities")(x)
    model = keras.Model(inputs, outputs, name="alexnet")
    if weights is not None:
        _alexnet.load_weights(model, weights, transposed=image_size is None)
    return model


def trunk(
    name: str, input_shape: tuple[int, ...], width: float, image_size: int | None, colors: str
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Build the part up to the 6 x 6 averages, which `alexnet_gap` shares.

    Returns:
        The input, and a tensor (batch, 6, 6, 256).
    """
    smallest = _alexnet.SMALLEST if image_size is None else 2
    inputs, x = as_image(name, input_shape, frames=smallest, bins=smallest)
    if image_size is not None:
        x = SpectrogramImage(image_size, colors, name="picture")(x)
    x = _alexnet.convolutions(x, width)
    return inputs, AdaptiveAveragePooling2D(6)(x)
