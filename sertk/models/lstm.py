"""A baseline of recurrence alone: one bidirectional LSTM, averaged over time."""

import keras
from keras import layers

from sertk.models._shape import require_frames_by_bins, scaled


def build(
    input_shape: tuple[int, ...], num_classes: int, *, width: float = 1.0, dropout: float = 0.3
) -> keras.Model:
    """Build a bidirectional LSTM over the frames.

    Args:
        input_shape: (frames, bins).
        num_classes: Number of classes.
        width: Scales the units.
        dropout: Rate before the last layer.

    Returns:
        An uncompiled model.

    Raises:
        ConfigurationError: If the shape does not fit.
    """
    require_frames_by_bins("lstm", input_shape, frames=4)
    inputs = keras.Input(input_shape)
    x = layers.AveragePooling1D(2)(inputs)  # halves the steps, which is most of the time
    x = layers.Bidirectional(layers.LSTM(scaled(96, width), return_sequences=True))(x)
    x = layers.GlobalAveragePooling1D()(x)
    x = layers.Dropout(dropout)(x)
    outputs = layers.Dense(num_classes, activation="softmax", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="lstm")
