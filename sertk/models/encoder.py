"""A pretrained encoder, fine-tuned: its blocks, pooling over time, and one linear layer.

clip of the encoder's front end -> encoder -> mean and deviation over the frames that hold sound, of
the states after some blocks -> dropout -> probabilities
"""

import keras
from keras import layers

from sertk import encoders
from sertk.errors import ConfigurationError
from sertk.layers import SoundStatistics, Standardize

STANDARDIZE = "none"  # clips are what the encoder was pretrained on
# of the command line, for Whisper
OPTIONS = (
    "--feature log_mel --feature-option n_mels=80 --feature-option n_fft=400 "
    "--feature-option hop_length=160 --db-reference full_scale --target-rms-db -26"
)


def build(
    input_shape: tuple[int, ...], num_classes: int, *, encoder: str = "whisper-tiny.en",
    blocks: str | int = "1,2,3", trained_blocks: int = 2, lora_rank: int = 0, dropout: float = 0.1,
) -> keras.Model:  # fmt: skip
    """Build an encoder with pretrained weights and a classifier on its pooled states.

    Start the classifier from the convex solution (`head_start="convex"`), so that the first steps
    do not destroy what the encoder knows, and let lower layers learn more slowly (`layer_decay`).

    Args:
        input_shape: Shape of a clip of the encoder's front end; of Whisper (frames, 80), log-mel
            in dB with `n_fft=400, hop_length=160`, `db_reference="full_scale"`.
        num_classes: Number of classes.
        encoder: As of `sertk.features.HiddenStates`.
        blocks: Numbers of the blocks whose states are pooled, with commas.
        trained_blocks: int >= 0. How many of the last blocks learn; the rest stays as it is.
        lora_rank: int >= 0. Learn low-rank changes of the blocks' matrices only; 0 learns all.
        dropout: Rate before the last layer.

    Returns:
        An uncompiled model.

    Raises:
        ConfigurationError: If the shape is not that of the front end, or a number is out of range.
        ModelError: If the weights are not on this machine, or have too few blocks.

    References:
        Hu et al. 2021, LoRA: Low-Rank Adaptation of Large Language Models, arXiv 2106.09685.
    """
    chosen = encoders.block_numbers(blocks)
    last = max(chosen)
    if not 0 <= trained_blocks <= last or lora_rank < 0:
        raise ConfigurationError(
            f"The model encoder received trained_blocks={trained_blocks}, lora_rank={lora_rank}.",
            f"trained_blocks must be 0 to {last} (the last of blocks={blocks}), lora_rank 0 or "
            "more.",
            "For example --model-option trained_blocks=2 --model-option lora_rank=8.",
            code="invalid-model-arguments",
        )
    found = encoders.find(encoder, last)
    wanted = found.front_end.shape(input_shape[0])
    if tuple(input_shape) != wanted:
        raise ConfigurationError(
            f"The model 'encoder' received clips of shape {input_shape}.",
            f"{encoder} takes {wanted}: {found.front_end}.",
            f"For Whisper: --standardize {STANDARDIZE} {OPTIONS}",
            code="clips-too-small",
        )
    whole = found.build(last)
    for layer in whole.layers:
        layer.trainable = False
    for number in range(last - trained_blocks + 1, last + 1):
        block = whole.get_layer(f"block{number}")
        block.trainable = True
        if lora_rank:
            block.enable_lora(lora_rank)
    # frames of padding are left out of the means, where the encoder tells them
    sound = [whole.get_layer("scale").output[1]] if found.paddable else []
    pooled = [
        SoundStatistics(name=f"pooling{block}", dtype="float32")(whole.outputs[block], *sound)
        for block in chosen
    ]
    x = layers.Concatenate(name="pooled")(pooled) if len(pooled) > 1 else pooled[0]
    # states differ in scale; the statistics are set by head_start="convex"
    x = Standardize(name="standardize_states", dtype="float32")(layers.Reshape((1, -1))(x))
    x = layers.Flatten()(x)
    x = layers.Dropout(dropout)(x)
    outputs = layers.Dense(
        num_classes, activation="softmax", name="probabilities", dtype="float32"
    )(x)
    return keras.Model(whole.input, outputs, name="encoder")
