"""A baseline without time: mean and standard deviation of each bin, and two dense layers."""

import keras
from keras import layers, ops

from sertk.models._shape import require_frames_by_bins, scaled


def build(
    input_shape: tuple[int, ...], num_classes: int, *, width: float = 1.0, dropout: float = 0.3
) -> keras.Model:
    """Build a perceptron on the statistics of a clip: the floor that other models must clear.

    Args:
        input_shape: (frames, bins); of a single frame, such as a pooled embedding, the bins are
            taken as they are.
        num_classes: Number of classes.
        width: Scales the hidden units.
        dropout: Rate before each dense layer.

    Returns:
        An uncompiled model.

    Raises:
        ConfigurationError: If the shape does not fit.
    """
    single = len(input_shape) == 2 and input_shape[0] == 1
    require_frames_by_bins("mlp", input_shape, bins=2 if single else 1)
    inputs = keras.Input(input_shape)
    statistics = [ops.mean, *(() if single else (ops.std,))]
    x = ops.concatenate([statistic(inputs, axis=1) for statistic in statistics], axis=-1)
    for units in (256, 128):
        x = layers.Dropout(dropout)(x)
        x = layers.Dense(scaled(units, width), activation="relu")(x)
    outputs = layers.Dense(num_classes, activation="softmax", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="mlp")
