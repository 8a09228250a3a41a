"""Convert the weights of an encoder, as others publish them, to a file of safetensors.

In: a file or folder of OpenAI, Hugging Face or CTranslate2. Out: the encoder's arrays in
float16, with Hugging Face's names, and metadata; the decoder and unused arrays are left out.
"""

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sertk import encoders
from sertk._utils import atomic, lookup, plain_files
from sertk.encoders import _ctranslate2, _hugging_face, _openai, _published, _weights
from sertk.encoders._checkpoint import Checkpoint, UnfitError
from sertk.errors import ModelError

_BLOCK = re.compile(r"encoder\.layers\.(\d+)\.(.+)")
_ONLY_FIRST = {"attention.rel_attn_embed.weight"}  # which all blocks share
_LARGEST = 60_000  # absolute value; float16 ends at 65,504


def convert(
    source: Path, target: Path, *, name: str | None, blocks: int | None, license: str | None,
    origin: str | None = None,
) -> Path:  # fmt: skip
    """Write the encoder of a file or folder; see `sertk.encoders.convert`."""
    from safetensors.numpy import save_file

    if target.suffix != encoders.SUFFIX:
        raise ModelError(
            f"Cannot write an encoder to {target}.",
            f"The name of its file must end with {encoders.SUFFIX}.",
            f"Write {target.with_suffix(encoders.SUFFIX).name}.",
            code="invalid-encoder-target",
        )
    terms = _terms(source, name, license)
    try:
        checkpoint = _read(source)
        checkpoint = _selected(checkpoint, blocks)
        if name is not None:
            _require_size(source, name, checkpoint)
        arrays = {key: _narrow(key, read()) for key, read in checkpoint.arrays.items()}
    except (UnfitError, OSError) as error:
        raise ModelError(
            f"Cannot convert {source} ({error}).",
            "It must be a whole model of an architecture that `sertk encoder list` lists: OpenAI's "
            ".pt, Hugging Face's folder or .safetensors with config.json, or CTranslate2's "
            "model.bin.",
            "Check the path, or download the file again.",
            code="unconvertible-encoder",
        ) from error
    record = encoders.describe(
        checkpoint.architecture, checkpoint.config, _blocks(arrays), terms,
        f"{name}, from {origin or source.name}" if name else source.name,
    )  # fmt: skip
    atomic.folder(target.parent)
    with atomic.whole(target) as temporary:
        save_file(arrays, temporary, {_weights.KEY: record})
    return target


def _terms(source: Path, name: str | None, license: str | None) -> str:
    """Find the license: the user's words, else that of the published weights."""
    if name is not None:
        known: str = _published.module_of(name).LICENSES[name]
        return license or known
    if license:
        return license
    raise ModelError(
        f"The license of {source} is unknown.",
        "A file of weights records its license, which is known for published names only.",
        "Pass name= (--name whisper-base), or license= (--license TEXT) for other weights.",
        code="unknown-encoder-license",
    )


def _read(source: Path) -> Checkpoint:
    """Choose the reader by the names of the files, and by what they begin with."""
    if source.is_dir():
        binary = source / "model.bin"
        return _ctranslate2.read(binary) if binary.is_file() else _hugging_face.read(source)
    with plain_files.opened(source) as file:
        start = file.read(4)
    if start == _ctranslate2.MAGIC:
        return _ctranslate2.read(source)
    if source.suffix in (encoders.SUFFIX, ".bin"):
        return _hugging_face.read(source)
    return _openai.read(source)


def _selected(checkpoint: Checkpoint, blocks: int | None) -> Checkpoint:
    """Keep the arrays that layers read, of the first blocks; refuse a file that lacks some."""
    config = checkpoint.config
    wanted = config.blocks if blocks is None else blocks
    if not 1 <= wanted <= config.blocks:
        raise ModelError(
            f"{wanted} blocks were requested of an encoder that has {config.blocks}.",
            "At least one block is needed.",
            f"Choose from 1 to {config.blocks}.",
            code="invalid-encoder-blocks",
        )
    module = lookup.load("sertk.encoders", checkpoint.architecture, "encoder")
    outside = module.outside_blocks(config)
    parts: list[set[str]] = [set() for _ in range(wanted)]
    arrays = {}
    for key, read in checkpoint.arrays.items():
        block = _BLOCK.fullmatch(key)
        if block and int(block[1]) < wanted:
            parts[int(block[1])].add(block[2])
        if key in outside or (block and int(block[1]) < wanted):
            arrays[key] = read
    for number, found in enumerate(parts):
        missing = (parts[0] | parts[-1]) - found - _ONLY_FIRST
        if missing or not found:
            raise UnfitError(f"block {number + 1} has no {min(missing, default='arrays')}")
    if absent := set(outside) - set(arrays):
        raise UnfitError(f"it has no {min(absent)}")
    return dataclasses.replace(checkpoint, arrays=arrays)


def _require_size(source: Path, name: str, checkpoint: Checkpoint) -> None:
    """Refuse to record the name of a published encoder of another size."""
    published = _published.module_of(name).CONFIGS[name]
    found = checkpoint.config
    if type(published) is not type(found) or (published.units, published.blocks) != (
        found.units, found.blocks
    ):  # fmt: skip
        raise ModelError(
            f"{source} is {checkpoint.architecture} with {found.units} units and {found.blocks} "
            f"blocks; the name {name} was given.",
            f"{name} has {published.units} units and {published.blocks} blocks.",
            "Pass the right name, or only a license.",
            code="encoder-of-another-name",
        )


def _narrow(key: str, array: np.ndarray) -> np.ndarray:
    """Store an array in float16, or in float32 if its values are too large for it."""
    array = np.ascontiguousarray(array, np.float32)
    largest = np.abs(array).max(initial=0)
    if not np.isfinite(largest):
        raise UnfitError(f"{key} has infinite values")
    return array if largest > _LARGEST else array.astype(np.float16)


def _blocks(arrays: Mapping[str, np.ndarray]) -> int:
    return 1 + max(int(match[1]) for key in arrays if (match := _BLOCK.fullmatch(key)))
