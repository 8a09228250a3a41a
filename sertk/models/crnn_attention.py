"""3-D attention-based convolutional recurrent network (reference system R2b, 3D-ACRNN).

clip (frames, bins[, channels]) -> six convolutions 5 x 3, one pooling 2 x 4 -> dense 768 per frame
-> bidirectional LSTM -> attention over time -> dense 64 -> probabilities
"""

import keras
from keras import layers

from sertk.layers import SigmoidAttention
from sertk.models._shape import as_image, scaled

_SLOPE = 0.01


def build(
    input_shape: tuple[int | None, ...],
    num_classes: int,
    *,
    width: float = 1.0,
    dropout: float = 0.0,
    convolutions: int = 6,
    normalize: bool = False,
) -> keras.Model:
    """Build the 3D-ACRNN, 7,334,726 parameters for (300, 40, 3) and 4 classes.

    Three channels, the log-mel and its first two derivatives, make it three-dimensional.
    `(None, bins, channels)` takes clips of any length.

    Args:
        input_shape: (frames, bins) or (frames, bins, channels), at least 2 frames and 4 bins.
        num_classes: Number of classes.
        width: Scales filters and units.
        dropout: Rate before the last layer.
        convolutions: How many; the paper found 6 best on IEMOCAP and 5 on EmoDB.
        normalize: Batch normalization of the input and after each convolution, as a later
            re-implementation has it.

    Returns:
        An uncompiled model.

    Raises:
        ConfigurationError: If the shape does not fit.

    References:
        Chen et al. 2018, 3-D Convolutional Recurrent Neural Networks With Attention Model for
        Speech Emotion Recognition, IEEE Signal Processing Letters 25 (10).
    """
    inputs, x = as_image("crnn_attention", input_shape, frames=2, bins=4, any_length=True)
    if normalize:
        x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    for number in range(convolutions):
        x = layers.Conv2D(scaled(256 if number else 128, width), (5, 3), padding="same")(x)
        x = layers.LeakyReLU(_SLOPE)(x)
        if normalize:
            x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
        if number == 0:
            x = layers.MaxPooling2D((2, 4))(x)
    bins, filters = x.shape[2:]
    x = layers.Reshape((x.shape[1] or -1, bins * filters))(x)  # (batch, frames / 2, bins * filters)
    x = layers.Dense(scaled(768, width))(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-3)(x)
    x = layers.LeakyReLU(_SLOPE)(x)
    x = layers.Bidirectional(layers.LSTM(scaled(128, width), return_sequences=True))(x)
    x = SigmoidAttention()(x)  # (batch, 256)
    x = layers.Dense(scaled(64, width))(x)
    x = layers.LeakyReLU(_SLOPE)(x)
    x = layers.Dropout(dropout)(x)
    outputs = layers.Dense(num_classes, activation="softmax", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="crnn_attention")
