"""Whisper: the encoder of OpenAI's speech recognizer, in all published sizes.

In: log-mel spectrograms in dB, 100 frames per second. Out: hidden states, 50 frames per second.
Whisper pads recordings to 30 s; here they keep their own length, which changes states a little and
costs a tenth.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sertk.encoders import _weights
from sertk.features.log_mel import LogMel

LICENSE = "MIT, Copyright (c) 2022 OpenAI"
REFERENCE = (
    "Radford et al. 2022, Robust Speech Recognition via Large-Scale Weak Supervision, arXiv "
    "2212.04356"
)
PADDABLE = True  # frames at or below the floor are padding, and change no state of the others
SHORTEST = 1  # sample of a waveform that has a state


@dataclass(frozen=True)
class Config:
    """Describe the size of an encoder.

    Args:
        units: int >= 1. Width of the hidden states; the dense layers are four times as wide.
        blocks: int >= 1. Transformer blocks.
        num_heads: int >= 1. Attention heads, a divisor of `units`.
        n_mels: int >= 1. Mel bands of the input.
    """

    units: int
    blocks: int
    num_heads: int
    n_mels: int = 80


_SIZES = {
    "tiny": Config(384, 4, 6),
    "base": Config(512, 6, 8),
    "small": Config(768, 12, 12),
    "medium": Config(1024, 24, 16),
    "large": Config(1280, 32, 20),
}
CONFIGS = {
    **{f"whisper-{size}": config for size, config in _SIZES.items()},
    **{f"whisper-{size}.en": _SIZES[size] for size in ("tiny", "base", "small", "medium")},
    "whisper-large-v2": _SIZES["large"],
    "whisper-large-v3": Config(1280, 32, 20, n_mels=128),
    "whisper-large-v3-turbo": Config(1280, 32, 20, n_mels=128),
}
LICENSES = dict.fromkeys(CONFIGS, LICENSE)
# file and sha256 of OpenAI's weights, as the package openai-whisper lists them
DOWNLOADS = {
    "whisper-tiny.en": (
        "tiny.en.pt", "d3dd57d32accea0b295c96e26691aa14d8822fac7d9d27d5dc00b4ca2826dd03"
    ),
    "whisper-tiny": (
        "tiny.pt", "65147644a518d12f04e32d6f3b26facc3f8dd46e5390956a9424a650c0ce22b9"
    ),
    "whisper-base.en": (
        "base.en.pt", "25a8566e1d0c1e2231d1c762132cd20e0f96a85d16145c3a00adf5d1ac670ead"
    ),
    "whisper-base": (
        "base.pt", "ed3a0b6b1c0edf879ad9b11b1af5a0e6ab5db9205f891f668f8b0e6c6326e34e"
    ),
    "whisper-small.en": (
        "small.en.pt", "f953ad0fd29cacd07d5a9eda5624af0f6bcf2258be67c92b79389873d91e0872"
    ),
    "whisper-small": (
        "small.pt", "9ecf779972d90ba49c06d968637d720dd632c55bbf19d441fb42bf17a411e794"
    ),
    "whisper-medium.en": (
        "medium.en.pt", "d7440d1dc186f76616474e0ff0b3b6b879abc9d1a4926b7adfa41db2d497ab4f"
    ),
    "whisper-medium": (
        "medium.pt", "345ae4da62f9b3d59415adc60127b97c714f32e89e936602e85993674d08dcb1"
    ),
    "whisper-large": (
        "large-v1.pt", "e4b87e7e0bf463eb8e6956e646f1e277e901512310def2c24bf0e11bd3c28e9a"
    ),
    "whisper-large-v2": (
        "large-v2.pt", "81f7c96c852ee8fc832187b0132e569d6c3065a3252ed18e56effd0b6a73e524"
    ),
    "whisper-large-v3": (
        "large-v3.pt", "e5b1a55b89c1367dacf97e3e19bfd829a01529dbfdeefa8caeb59b3f1b81dadb"
    ),
    "whisper-large-v3-turbo": (
        "large-v3-turbo.pt", "aff26ae408abcba5fbf8813c21e62b0941638c5f6eebfb145be0c9839262a19a"
    ),
}  # fmt: skip


def front_end(config: Config) -> LogMel:
    """Give the feature that the encoder takes, at 16 kHz."""
    return LogMel(n_mels=config.n_mels, n_fft=400, hop_length=160)


def frames(config: Config, samples: int) -> int:
    """Count the hidden states of a waveform of some samples at 16 kHz."""
    return (front_end(config).frames(samples) + 1) // 2


def build(config: Config, blocks: int) -> Any:
    """Build the encoder without weights: (batch, frames, n_mels) to a list of hidden states.

    Args:
        config: Its size.
        blocks: How many transformer blocks are kept, from the first.

    Returns:
        A `keras.Model` whose outputs are the states before the first block and after each block,
        shape (batch, frames / 2, units).
    """
    import keras
    from keras import layers

    from sertk.layers.transformer import (
        HidePadding,
        Sinusoids,
        TransformerBlock,
        WhisperScale,
        gelu,
    )

    inputs = keras.Input((None, config.n_mels), name="log_mel")
    x, sound = WhisperScale(name="scale", dtype="float32")(inputs)
    x = layers.ZeroPadding1D(1)(x)
    x = layers.Conv1D(config.units, 3, activation=gelu, name="conv1")(x)
    x = layers.ZeroPadding1D(1)(layers.Multiply()([x, sound]))
    x = layers.Conv1D(config.units, 3, strides=2, activation=gelu, name="conv2")(x)
    x = Sinusoids(name="positions")(x)
    hide = HidePadding(2, name="hide")(sound)
    states = [x]
    for number in range(1, blocks + 1):
        block = TransformerBlock(
            config.num_heads, 4 * config.units, key_bias=False, name=f"block{number}"
        )
        states.append(block(states[-1], hide))
    return keras.Model(inputs, states, name="whisper")


def variables(model: Any) -> Iterator[_weights.Place]:
    """Name the array of each variable, as Hugging Face's files do."""
    for name in ("conv1", "conv2"):
        yield from _weights.of_conv(model.get_layer(name), f"encoder.{name}")
    for number in range(len(model.outputs) - 1):
        names = {
            "attention": "self_attn",
            "attention_norm": "self_attn_layer_norm",
            "fc1": "fc1",
            "fc2": "fc2",
            "final_norm": "final_layer_norm",
        }
        block = model.get_layer(f"block{number + 1}")
        yield from _weights.of_block(block, f"encoder.layers.{number}", names)


def outside_blocks(config: Config) -> list[str]:
    """Name the arrays that are not of a block."""
    return [f"encoder.conv{n}.{part}" for n in (1, 2) for part in ("weight", "bias")]


def unsupported(record: Mapping[str, Any]) -> str:
    """Name what this architecture lacks of a network of Hugging Face's config.json; or nothing."""
    kind = record.get("activation_function", "gelu")
    if kind != "gelu":
        return f"activation_function {kind}"
    wide = record.get("encoder_ffn_dim", 4 * record["d_model"])
    return "" if wide == 4 * record["d_model"] else f"encoder_ffn_dim {wide}"


def config_of(record: Mapping[str, Any]) -> Config:
    """Read the size out of Hugging Face's config.json."""
    return Config(
        record["d_model"], record["encoder_layers"], record["encoder_attention_heads"],
        record["num_mel_bins"],
    )  # fmt: skip
