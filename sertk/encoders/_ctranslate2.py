"""Read CTranslate2's model.bin of Whisper: float32, float16, bfloat16, int16 and int8."""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from pathlib import Path

import numpy as np

from sertk._utils import plain_files
from sertk.encoders import whisper
from sertk.encoders._checkpoint import Checkpoint, UnfitError

_VERSION = 6
MAGIC = struct.pack("<I", _VERSION)  # of which the file begins
_TYPES = ("<f4", "<i1", "<i2", "<i4", "<f2", "<u2")  # the last is bfloat16
_NORMS = {"self_attention": "self_attn_layer_norm", "ffn": "final_layer_norm"}
_DENSE = {"self_attention/linear_1": "self_attn.out_proj", "ffn/linear_0": "fc1",
          "ffn/linear_1": "fc2"}  # fmt: skip
_CONV = re.compile(r"encoder/(conv[12])/(weight|bias)")
_BLOCK = re.compile(r"encoder/layer_(\d+)/(self_attention|ffn)/(layer_norm|linear_[01])/(\w+)")


@dataclass(frozen=True)
class _Variable:
    kind: str
    shape: tuple[int, ...]
    offset: int  # bytes from the beginning of the file


def read(path: Path) -> Checkpoint:
    """Read the size and the names of a file; arrays are read when they are asked for."""
    try:
        with plain_files.opened(path) as file:
            variables = _variables(file)
        return _checkpoint(path, variables)
    except (struct.error, UnicodeError, KeyError) as error:
        raise UnfitError(f"it ends early, or is no model.bin: {error}") from error


def _variables(file: BufferedReader) -> dict[str, _Variable]:
    """List the variables, and under other names those that are stored once."""
    (version,) = _numbers(file, "I")
    if version != _VERSION:
        raise UnfitError(f"it has the binary version {version}, not CTranslate2's {_VERSION}")
    if (kind := _string(file)) != "WhisperSpec":
        raise UnfitError(f"it is a {kind}, not a WhisperSpec")
    _, count = _numbers(file, "II")
    end = _size(file)
    found = {}
    for _ in range(count):
        name = _string(file)
        (rank,) = _numbers(file, "B")
        shape = _numbers(file, f"{rank}I")
        kind_number, size = _numbers(file, "BI")
        if kind_number >= len(_TYPES):
            raise UnfitError(f"{name} has an unknown type, {kind_number}")
        kind = _TYPES[kind_number]
        if size != np.prod(shape, dtype=float) * np.dtype(kind).itemsize:
            raise UnfitError(f"{name} has {size} bytes, which do not fit its shape {shape}")
        found[name] = _Variable(kind, shape, file.tell())
        if file.seek(size, 1) > end:
            raise UnfitError("it ends early")
    (aliases,) = _numbers(file, "I")
    for _ in range(aliases):
        name, same = _string(file), _string(file)
        found[name] = found[same]
    return found


def _checkpoint(path: Path, variables: dict[str, _Variable]) -> Checkpoint:
    kernel = variables["encoder/conv1/weight"]
    units, n_mels = kernel.shape[:2]
    blocks = 1 + max((int(m[1]) for name in variables if (m := _BLOCK.fullmatch(name))), default=-1)
    heads = variables.get("encoder/num_heads")
    num_heads = int(_values(path, heads).item()) if heads else units // 64
    arrays: dict[str, Callable[[], np.ndarray]] = {}
    for name in variables:
        if name.endswith("_scale"):
            continue
        if conv := _CONV.fullmatch(name):
            arrays[f"encoder.{conv[1]}.{conv[2]}"] = partial(_array, path, variables, name)
        elif block := _BLOCK.fullmatch(name):
            number, part, layer, which = block.groups()
            prefix, reader = f"encoder.layers.{number}", partial(_array, path, variables, name)
            if layer == "layer_norm":
                word = {"gamma": "weight", "beta": "bias"}[which]
                arrays[f"{prefix}.{_NORMS[part]}.{word}"] = reader
            elif (part, layer) == ("self_attention", "linear_0"):
                for place, projection in enumerate(("q_proj", "k_proj", "v_proj")):
                    if (projection, which) != ("k_proj", "bias"):  # CTranslate2 fills it with zeros
                        key = f"{prefix}.self_attn.{projection}.{which}"
                        arrays[key] = partial(_third, reader, place)
            else:
                arrays[f"{prefix}.{_DENSE[f'{part}/{layer}']}.{which}"] = reader
    return Checkpoint("whisper", whisper.Config(units, blocks, num_heads, n_mels), arrays)


def _third(reader: Callable[[], np.ndarray], place: int) -> np.ndarray:
    """Take query, key or value out of the matrix that holds all three."""
    return np.split(reader(), 3)[place]


def _array(path: Path, variables: dict[str, _Variable], name: str) -> np.ndarray:
    """Read a variable; a quantized one is divided by its scale, one per row or one in all."""
    values = _values(path, variables[name])
    scale = variables.get(f"{name}_scale")
    if scale is None:
        return values
    by_row = _values(path, scale).reshape(-1, *[1] * (values.ndim - 1))
    quotient: np.ndarray = values / by_row
    return quotient


def _values(path: Path, variable: _Variable) -> np.ndarray:
    with plain_files.opened(path) as file:
        file.seek(variable.offset)
        count = int(np.prod(variable.shape, dtype=np.int64))
        text = file.read(count * np.dtype(variable.kind).itemsize)
    flat = np.frombuffer(text, variable.kind, count)
    if variable.kind == "<u2":  # bfloat16, the upper half of float32
        flat = (flat.astype("<u4") << 16).view("<f4")
    return flat.astype(np.float32).reshape(variable.shape)


def _size(file: BufferedReader) -> int:
    here = file.tell()
    end = file.seek(0, 2)
    file.seek(here)
    return end


def _numbers(file: BufferedReader, form: str) -> tuple[int, ...]:
    form = f"<{form}"
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _string(file: BufferedReader) -> str:
    (length,) = _numbers(file, "H")
    return file.read(length)[:-1].decode()
