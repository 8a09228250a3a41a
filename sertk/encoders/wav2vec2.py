"""wav2vec 2.0 and its relatives: HuBERT, XLS-R, data2vec-audio and WavLM, in all published sizes.

In: waveforms at 16 kHz. Out: hidden states, about 50 frames per second. The weights are the user's:
`sertk encoder convert` reads them from Hugging Face's files.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sertk.encoders import _weights
from sertk.features.waveform import Waveform

LICENSE = "Apache-2.0, Meta Platforms"
REFERENCE = (
    "Baevski et al. 2020, wav2vec 2.0, arXiv 2006.11477; Hsu et al. 2021, HuBERT, arXiv "
    "2106.07447; Babu et al. 2021, XLS-R, arXiv 2111.09296; Baevski et al. 2022, data2vec, arXiv "
    "2202.03555; Chen et al. 2022, WavLM, arXiv 2110.13900"
)
PADDABLE = False  # the waveform's mean and variance, and GroupNorm's, are those of all samples
KERNELS, STRIDES = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)  # of every published network
SHORTEST = 400  # samples of a waveform that has a state


@dataclass(frozen=True)
class Config:
    """Describe the size and the variant of an encoder.

    Args:
        units: int >= 1. Width of the hidden states.
        blocks: int >= 1. Transformer blocks.
        num_heads: int >= 1. Attention heads, a divisor of `units`.
        hidden: int >= 1. Units between the dense layers of a block.
        conv_units: int >= 1. Width of the convolutions over the waveform.
        conv_norm: `"group"` normalizes the first convolution over time, `"layer"` each frame of
            each convolution.
        conv_bias: bool. Whether these convolutions have a bias.
        norm_first: bool. Pre-norm, or post-norm.
        position_convs: int >= 1. Convolutions that encode positions; several are normalized.
        position_kernel: int >= 1. Frames of their kernels.
        position_groups: int >= 1. Their groups, a divisor of `units`.
        num_buckets: int. Buckets of WavLM's gated relative positions; 0 is without.
        max_distance: int. Frames, the distance of the last bucket.
        normalize: bool. Whether waveforms are normalized to zero mean and unit variance.
    """

    units: int
    blocks: int
    num_heads: int
    hidden: int
    conv_units: int = 512
    conv_norm: str = "group"
    conv_bias: bool = False
    norm_first: bool = False
    position_convs: int = 1
    position_kernel: int = 128
    position_groups: int = 16
    num_buckets: int = 0
    max_distance: int = 800
    normalize: bool = True


_BASE = Config(768, 12, 12, 3072)
_LARGE = Config(1024, 24, 16, 4096, conv_norm="layer", conv_bias=True, norm_first=True)
_HUGE = replace(_LARGE, units=1280, blocks=48, hidden=5120)
_DATA2VEC = replace(_BASE, conv_norm="layer", position_convs=5, position_kernel=19)
CONFIGS = {
    "wav2vec2-base": _BASE,
    "wav2vec2-large": replace(_BASE, units=1024, blocks=24, num_heads=16, hidden=4096),
    "wav2vec2-large-lv60": _LARGE,
    "wav2vec2-large-robust": _LARGE,
    "wav2vec2-large-xlsr-53": _LARGE,
    "wav2vec2-xls-r-300m": _LARGE,
    "wav2vec2-xls-r-1b": _HUGE,
    "wav2vec2-xls-r-2b": replace(_HUGE, units=1920, hidden=7680),
    "hubert-base-ls960": _BASE,
    "hubert-large-ll60k": _LARGE,
    "hubert-xlarge-ll60k": _HUGE,
    "data2vec-audio-base": _DATA2VEC,
    "data2vec-audio-large": replace(_DATA2VEC, units=1024, blocks=24, num_heads=16, hidden=4096),
    "wavlm-base": replace(_BASE, num_buckets=320, normalize=False),
    "wavlm-base-plus": replace(_BASE, num_buckets=320, normalize=False),
    "wavlm-large": replace(_LARGE, conv_bias=False, num_buckets=320),
}
_MICROSOFT = "MIT (microsoft/unilm) or CC BY-SA 3.0 (microsoft/UniSpeech), Microsoft"
LICENSES = {name: _MICROSOFT if "wavlm" in name else LICENSE for name in CONFIGS}
DOWNLOADS: dict[str, tuple[str, str]] = {}  # no place offers them as one file with its sha256


def front_end(config: Config) -> Waveform:
    """Give the feature that the encoder takes, at 16 kHz."""
    return Waveform()


def frames(config: Config, samples: int) -> int:
    """Count the hidden states of a waveform of some samples at 16 kHz."""
    for kernel, stride in zip(KERNELS, STRIDES, strict=True):
        samples = (samples - kernel) // stride + 1
    return max(samples, 0)


def build(config: Config, blocks: int) -> Any:
    """Build the encoder without weights: (batch, samples, 1) to a list of hidden states.

    Args:
        config: Its size.
        blocks: How many transformer blocks are kept, from the first.

    Returns:
        A `keras.Model` whose outputs are the states before the first block and after each block,
        shape (batch, about samples / 320, units).
    """
    import keras
    from keras import layers

    from sertk.layers.speech_encoder import UnitVariance
    from sertk.layers.transformer import RelativePositions, TransformerBlock

    inputs = keras.Input((None, 1), name="waveform")
    x = UnitVariance(name="normalize")(inputs) if config.normalize else inputs
    x = _convolved(config, x)
    x = layers.LayerNormalization(epsilon=1e-5, name="projection_norm")(x)
    x = layers.Dense(config.units, name="projection")(x)
    x = layers.Add(name="with_positions")([x, _positions(config, x)])
    if not config.norm_first:
        x = layers.LayerNormalization(epsilon=1e-5, name="norm")(x)
    states, bias = [x], None
    if config.num_buckets and blocks:
        bias = RelativePositions(
            config.num_heads, config.num_buckets, config.max_distance, name="relative_positions"
        )(x)
    for number in range(1, blocks + 1):
        block = TransformerBlock(
            config.num_heads, config.hidden, norm_first=config.norm_first,
            gated=bool(config.num_buckets), name=f"block{number}",
        )  # fmt: skip
        states.append(block(states[-1], bias))
    return keras.Model(inputs, states, name="wav2vec2")


def _convolved(config: Config, x: Any) -> Any:
    """Apply the convolutions over the waveform: (batch, samples, 1) to (batch, frames, units)."""
    from keras import layers

    from sertk.layers.speech_encoder import TimeNormalization
    from sertk.layers.transformer import gelu

    for number, (kernel, stride) in enumerate(zip(KERNELS, STRIDES, strict=True)):
        x = layers.Conv1D(
            config.conv_units, kernel, stride, use_bias=config.conv_bias, name=f"conv{number}"
        )(x)
        if config.conv_norm == "layer":
            x = layers.LayerNormalization(epsilon=1e-5, name=f"conv_norm{number}")(x)
        elif number == 0:
            x = TimeNormalization(name=f"conv_norm{number}")(x)
        x = layers.Activation(gelu, name=f"conv_gelu{number}")(x)
    return x


def _positions(config: Config, x: Any) -> Any:
    """Encode positions by convolutions over the frames."""
    from keras import layers

    from sertk.layers.speech_encoder import GroupedConv1D
    from sertk.layers.transformer import gelu

    for number in range(config.position_convs):
        name = f"positions{number}"
        x = GroupedConv1D(config.position_kernel, config.position_groups, name=name)(x)
        if config.position_convs > 1:
            x = layers.LayerNormalization(
                epsilon=1e-5, center=False, scale=False, name=f"positions_norm{number}"
            )(x)
        x = layers.Activation(gelu, name=f"positions_gelu{number}")(x)
    return x


def variables(model: Any) -> Iterator[_weights.Place]:
    """Name the array of each variable, as Hugging Face's files do."""
    known = {layer.name: layer for layer in model.layers}
    for number in range(len(KERNELS)):
        prefix = f"feature_extractor.conv_layers.{number}"
        yield from _weights.of_conv(known[f"conv{number}"], f"{prefix}.conv")
        if f"conv_norm{number}" in known:
            yield from _weights.of_norm(known[f"conv_norm{number}"], f"{prefix}.layer_norm")
    yield from _weights.of_norm(known["projection_norm"], "feature_projection.layer_norm")
    yield from _weights.of_dense(known["projection"], "feature_projection.projection")
    several = "positions1" in known
    for number in range(sum(name.startswith("positions_gelu") for name in known)):
        middle = f"layers.{number}." if several else ""
        name = f"encoder.pos_conv_embed.{middle}conv"
        yield from _weights.of_conv(known[f"positions{number}"], name)
    if "norm" in known:
        yield from _weights.of_norm(known["norm"], "encoder.layer_norm")
    names = {
        "attention": "attention",
        "attention_norm": "layer_norm",
        "fc1": "feed_forward.intermediate_dense",
        "fc2": "feed_forward.output_dense",
        "final_norm": "final_layer_norm",
    }
    for number in range(len(model.outputs) - 1):
        block, prefix = known[f"block{number + 1}"], f"encoder.layers.{number}"
        yield from _weights.of_block(block, prefix, names)
        if block.gated:
            yield from _weights.of_dense(
                block.attention.gate, f"{prefix}.attention.gru_rel_pos_linear"
            )
            yield block.attention.gate_scale, f"{prefix}.attention.gru_rel_pos_const", None
    if "relative_positions" in known:
        name = "encoder.layers.0.attention.rel_attn_embed.weight"
        yield known["relative_positions"].embedding, name, None


def outside_blocks(config: Config) -> list[str]:
    """Name the arrays that are not of a block."""
    both, found = ("weight", "bias"), []
    for number in range(len(KERNELS)):
        home = f"feature_extractor.conv_layers.{number}"
        found += [f"{home}.conv.{part}" for part in both[: 1 + config.conv_bias]]
        if config.conv_norm == "layer" or number == 0:
            found += [f"{home}.layer_norm.{part}" for part in both]
    homes = ["feature_projection.layer_norm", "feature_projection.projection"]
    middles = [f"layers.{n}." for n in range(config.position_convs)]
    for middle in middles if config.position_convs > 1 else [""]:
        homes.append(f"encoder.pos_conv_embed.{middle}conv")
    if not config.norm_first:
        homes.append("encoder.layer_norm")
    return found + [f"{home}.{part}" for home in homes for part in both]


def unsupported(record: Mapping[str, Any]) -> str:
    """Name what this architecture lacks of a network of Hugging Face's config.json; or nothing."""
    wanted = {
        "hidden_act": "gelu", "feat_extract_activation": "gelu", "layer_norm_eps": 1e-5,
        "conv_kernel": list(KERNELS), "conv_stride": list(STRIDES), "feat_proj_layer_norm": True,
        "conv_pos_batch_norm": False, "adapter_attn_dim": None,
    }  # fmt: skip
    for name, value in wanted.items():
        if record.get(name, value) != value:
            return f"{name} {record[name]}"
    widths = set(record.get("conv_dim", ()))
    return f"conv_dim {record['conv_dim']}" if len(widths) > 1 else ""


def config_of(record: Mapping[str, Any]) -> Config:
    """Read the size out of Hugging Face's config.json, and of preprocessor_config.json."""
    kind = record["model_type"]
    data2vec = kind == "data2vec-audio"
    norm = "layer" if data2vec else record.get("feat_extract_norm", "group")
    return Config(
        record["hidden_size"], record["num_hidden_layers"], record["num_attention_heads"],
        record["intermediate_size"],
        conv_units=record.get("conv_dim", [512])[0], conv_norm=norm,
        conv_bias=record.get("conv_bias", False),
        norm_first=record.get("do_stable_layer_norm", False) and not data2vec,
        position_convs=record.get("num_conv_pos_embeddings", 5) if data2vec else 1,
        position_kernel=record.get("conv_pos_kernel_size", 19) if data2vec
        else record.get("num_conv_pos_embeddings", 128),
        position_groups=record.get("num_conv_pos_embedding_groups", 16),
        num_buckets=record.get("num_buckets", 320) if kind == "wavlm" else 0,
        max_distance=record.get("max_bucket_distance", 800) if kind == "wavlm" else 800,
        normalize=record.get("do_normalize", kind != "wavlm" or norm == "layer"),
    )  # fmt: skip
