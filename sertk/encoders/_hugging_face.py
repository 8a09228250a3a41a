"""Read Hugging Face's folders: config.json beside .safetensors, or beside pytorch_model.bin."""

import dataclasses
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sertk._utils import json_records, plain_files
from sertk.encoders import _torch_files, wav2vec2, whisper
from sertk.encoders._checkpoint import Checkpoint, UnfitError

_ARCHITECTURES = {
    "whisper": whisper, "wav2vec2": wav2vec2, "hubert": wav2vec2, "data2vec-audio": wav2vec2,
    "wavlm": wav2vec2,
}  # fmt: skip
_FILES = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")
_PREFIX = re.compile(r"^(model|wav2vec2|hubert|data2vec_audio|wavlm)\.")
_POSITIONS = "encoder.pos_conv_embed.conv"
_SPELLINGS = (  # of a kernel with weight normalization: its lengths, and its directions
    (f"{_POSITIONS}.weight_g", f"{_POSITIONS}.weight_v"),
    (f"{_POSITIONS}.parametrizations.weight.original0",
     f"{_POSITIONS}.parametrizations.weight.original1"),
)  # fmt: skip


def read(source: Path) -> Checkpoint:
    """Read the size and the names of a folder or file; arrays are read when they are asked for."""
    folder = source if source.is_dir() else source.parent
    record = _record(folder / "config.json")
    kind = record.get("model_type")
    if kind not in _ARCHITECTURES:
        raise UnfitError(f"config.json has the model_type {kind}, not {', '.join(_ARCHITECTURES)}")
    if plain_files.is_file(folder / "preprocessor_config.json"):
        preprocessor = _record(folder / "preprocessor_config.json")
        record = {**record, "do_normalize": preprocessor.get("do_normalize", True)}
    module: Any = _ARCHITECTURES[kind]
    try:
        if why := module.unsupported(record):
            raise UnfitError(f"sertk does not build networks with {why}")
        config = module.config_of(record)
        json_records.require(dataclasses.asdict(config), module.Config)
    except KeyError as error:
        raise UnfitError(f"config.json has no {error}") from error
    except (IndexError, TypeError, json_records.DamagedError) as error:
        raise UnfitError(f"config.json: {error}") from error
    arrays: dict[str, Callable[[], np.ndarray]] = {}
    for file in _files(source):
        arrays |= {_PREFIX.sub("", key): reader for key, reader in _readers(file)}
    for lengths, directions in _SPELLINGS:
        if lengths in arrays and directions in arrays:
            folded = partial(_folded, arrays.pop(lengths), arrays.pop(directions))
            arrays[f"{_POSITIONS}.weight"] = folded
    return Checkpoint(module.__name__.rsplit(".", 1)[-1], config, arrays)


def _record(path: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json_records.read(path, dict[str, Any])
    except json_records.DamagedError as error:
        raise UnfitError(f"{path.name}: {error}") from error
    return record


def _files(source: Path) -> list[Path]:
    """List the files of weights: one, or the parts that an index names."""
    if not source.is_dir():
        return [source]
    found = [source / name for name in _FILES if plain_files.is_file(source / name)]
    if not found:
        raise UnfitError(f"the folder has none of {', '.join(_FILES)}")
    if found[0].suffix != ".json":
        return found[:1]
    parts = set(_record(found[0]).get("weight_map", {}).values())
    if any(Path(part).name != part for part in parts):
        raise UnfitError("its index names files in other folders")
    return [source / part for part in sorted(parts)]


def _readers(path: Path) -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
    """Name the arrays of a file, with a function that reads each."""
    if path.suffix == ".bin":
        saved = _torch_files.read(path)
        for key, tensor in saved.items():
            if isinstance(tensor, _torch_files.Tensor):
                yield key, tensor.read
        return
    for key in _keys(path):
        yield key, partial(_array, path, key)


def _keys(path: Path) -> list[str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            return list(file.keys())
    except SafetensorError as error:
        raise UnfitError(f"{path.name}: {error}") from error


def _array(path: Path, key: str) -> np.ndarray:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            array: np.ndarray = file.get_tensor(key)
    except (SafetensorError, TypeError) as error:
        raise UnfitError(f"{path.name}: {error}") from error
    return array


def _folded(lengths: Callable[[], np.ndarray], directions: Callable[[], np.ndarray]) -> np.ndarray:
    """Multiply out weight normalization over all but the last axis, that of the frames."""
    kernel = directions().astype(np.float64)
    norm = np.sqrt(np.square(kernel).sum(axis=(0, 1), keepdims=True))
    folded: np.ndarray = lengths().astype(np.float64) * kernel / norm
    return folded
