"""The default network: three convolution blocks, a bidirectional GRU, attention over time.

clip (frames, bins) -> parts of it hidden, in training
-> [conv 3x3, max pool, batch norm, SiLU] x 3, down to frames / 4 and bins / 16
-> BiGRU over time -> attentive mean and deviation -> dropout -> probabilities
"""

import keras
from keras import layers

from sertk.layers import AttentionPooling, SpecAugment
from sertk.models._shape import require_frames_by_bins, scaled

_BLOCKS = ((24, (2, 2)), (48, (2, 2)), (64, (1, 4)))  # filters, pooling over (time, bins)


def build(
    input_shape: tuple[int, ...], num_classes: int, *, width: float = 1.0, dropout: float = 0.3
) -> keras.Model:
    """Build a small convolutional-recurrent network, about 200,000 parameters.

    In training stretches of time and of frequency are hidden from it.

    Args:
        input_shape: (frames, bins), at least 4 frames and 16 bins.
        num_classes: Number of classes.
        width: Scales filters and units.
        dropout: Rate before the last layer; between the blocks it is half as high.

    Returns:
        An uncompiled model.

    Raises:
        ConfigurationError: If the shape does not fit.
    """
    require_frames_by_bins("compact", input_shape, frames=4, bins=16)
    inputs = keras.Input(input_shape)
    x = SpecAugment()(inputs)
    x = layers.Reshape((*input_shape, 1))(x)
    for filters, pool in _BLOCKS:
        x = layers.Conv2D(scaled(filters, width), 3, padding="same", use_bias=False)(x)
        x = layers.MaxPooling2D(pool)(x)  # first: as good or better, and what follows is cheaper
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.Activation("silu")(x)
        x = layers.SpatialDropout2D(dropout / 2)(x)
    frames, bins, filters = x.shape[1:]
    x = layers.Reshape((frames, bins * filters))(x)  # (batch, frames / 4, bins / 16 * filters)
    x = layers.Bidirectional(layers.GRU(scaled(64, width), return_sequences=True))(x)
    x = AttentionPooling(scaled(64, width))(x)
    x = layers.Dropout(dropout)(x)
    outputs = layers.Dense(num_classes, activation="softmax", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="compact")
