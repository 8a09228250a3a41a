"""A baseline without time: mean and standard deviation of each bin, and two dense layers."""

import keras
from keras import layers, ops

from sertk.models._shape import require_frames_by_bins, scaled


def build(
    input_shape: tuple[int, ...], num_classes: int, *, width: float = 1.0, dropout: float = 0.3
) -> keras.Model:
    """Build a perceptron on the statistics of a clip: the floor that other models must clear.

    Args:
        input_shape: (frames, bins).
        num_classes: Number of classes.
        width: Scales the hidden units.
        dropout: Rate before each dense layer.

    Returns:
        An uncompiled model.

    Raises:
        ConfigurationError: If the shape does not fit.
    """
    require_frames_by_bins("mlp", input_shape, frames=2)
    inputs = keras.Input(input_shape)
    x = ops.concatenate([ops.mean(inputs, axis=1), ops.std(inputs, axis=1)], axis=-1)
    for units in (256, 128):
        x = layers.Dropout(dropout)(x)
        x = layers.Dense(scaled(units, width), activation="relu")(x)
    outputs = layers.Dense(num_classes, activation="softmax", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="mlp")
