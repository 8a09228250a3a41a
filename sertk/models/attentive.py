"""A head for hidden states: mixture of blocks, a dense layer or a GRU, attention over time.

clip (frames, units[, blocks]) -> weighted mean of the blocks -> dense per frame, SiLU
[-> BiGRU over time] -> attentive mean and deviation -> dropout -> probabilities
"""

import keras
from keras import layers

from sertk.errors import ConfigurationError
from sertk.layers import AttentionPooling, MixBlocks
from sertk.models._shape import scaled


def build(
    input_shape: tuple[int, ...], num_classes: int, *, width: float = 1.0, recurrent: bool = False,
    dropout: float = 0.3,
) -> keras.Model:  # fmt: skip
    """Build a small network on the hidden states of an encoder, or any other frames.

    Args:
        input_shape: (frames, units), or (frames, units, blocks), whose blocks are mixed with learnt
            weights.
        num_classes: Number of classes.
        width: Scales units.
        recurrent: Whether a bidirectional GRU goes over the frames.
        dropout: Rate before the last layer; over the frames it is half as high.

    Returns:
        An uncompiled model.

    Raises:
        ConfigurationError: If the shape does not fit.

    References:
        Pepino, Riera, Ferrer 2021, Emotion recognition from speech using wav2vec 2.0 embeddings,
        arXiv 2104.03502 (the mixture of blocks).
    """
    if len(input_shape) not in (2, 3) or input_shape[0] == 1:
        raise ConfigurationError(
            f"The model 'attentive' received clips of shape {input_shape}.",
            "It needs (frames, units) or (frames, units, blocks), and at least 2 frames.",
            "Use a feature that gives frames, such as hidden_states or log_mel.",
            code="clips-too-small",
        )
    inputs = keras.Input(input_shape)
    x = inputs if len(input_shape) == 2 else MixBlocks(name="mixture")(inputs)
    x = layers.SpatialDropout1D(dropout / 2)(x)
    x = layers.Dense(scaled(128, width), activation="silu")(x)
    if recurrent:
        x = layers.Bidirectional(layers.GRU(scaled(64, width), return_sequences=True))(x)
    x = AttentionPooling(scaled(64, width))(x)
    x = layers.Dropout(dropout)(x)
    outputs = layers.Dense(num_classes, activation="softmax", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="attentive")
