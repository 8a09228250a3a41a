"""Read the weights of an encoder from a file of safetensors, and put them into its layers.

In: a file with Hugging Face's names. Out: variables that hold its numbers, in float32.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from sertk._utils import plain_files
from sertk.errors import ModelError

KEY = "sertk"  # of the metadata: architecture, config, license and source, as JSON

# a variable, the name of its array, and the order of that array's axes in Keras
Place: TypeAlias = tuple[Any, str, tuple[int, ...] | None]


def of_block(block: Any, prefix: str, names: Mapping[str, str]) -> Iterator[Place]:
    """Name the arrays of a `TransformerBlock`, part by part."""
    for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
        layer = getattr(block.attention, part)
        yield from of_dense(layer, f"{prefix}.{names['attention']}.{part}")
    for part in ("attention_norm", "final_norm"):
        yield from of_norm(getattr(block, part), f"{prefix}.{names[part]}")
    for part in ("fc1", "fc2"):
        yield from of_dense(getattr(block, part), f"{prefix}.{names[part]}")


def of_dense(layer: Any, name: str) -> Iterator[Place]:
    """Name the arrays of a dense layer."""
    return _of_kernel(layer, name, (1, 0))


def of_conv(layer: Any, name: str) -> Iterator[Place]:
    """Name the arrays of a convolution over time."""
    return _of_kernel(layer, name, (2, 1, 0))


def of_norm(layer: Any, name: str) -> Iterator[Place]:
    """Name the arrays of a normalization."""
    yield layer.gamma, f"{name}.weight", None
    yield layer.beta, f"{name}.bias", None


def _of_kernel(layer: Any, name: str, axes: tuple[int, ...]) -> Iterator[Place]:
    yield layer.kernel, f"{name}.weight", axes
    if layer.bias is not None:
        yield layer.bias, f"{name}.bias", None


def read_metadata(path: Path) -> dict[str, Any]:
    """Read what a file says of itself.

    Raises:
        ModelError: If it is no file of safetensors, or not one that sertk wrote.
    """
    with _opened(path) as file:
        text = (file.metadata() or {}).get(KEY)
    if text is None:
        raise ModelError(
            f"{path} does not say which encoder it holds.",
            "The weights of an encoder are read from a file that `sertk encoder convert` wrote.",
            f"Convert it first: sertk encoder convert {path} encoder.safetensors",
            code="unconverted-encoder",
        )
    try:
        return dict(json.loads(text))
    except (TypeError, ValueError) as error:
        raise unfit(path, str(error)) from error


def assign(places: Iterable[Place], path: Path) -> None:
    """Set variables from the arrays of a file.

    Raises:
        ModelError: If an array is missing, or has another shape.
    """
    with _opened(path) as file:
        known = set(file.keys())
        for variable, name, axes in places:
            if name not in known:
                raise unfit(path, f"it has no array {name}")
            array = file.get_tensor(name)
            array = array if axes is None else array.transpose(axes)
            if array.shape != tuple(variable.shape):
                raise unfit(path, f"{name} gives {array.shape}, not {tuple(variable.shape)}")
            variable.assign(array.astype(np.float32))


def _opened(path: Path) -> Any:
    from safetensors import SafetensorError, safe_open

    if not plain_files.is_file(path):
        raise ModelError(
            f"No file of weights at {path}.",
            "An encoder is read from a .safetensors file.",
            "Check the path.",
            code="missing-encoder-weights",
        )
    try:
        return safe_open(path, "numpy")
    except (SafetensorError, OSError) as error:
        raise unfit(path, str(error)) from error


def unfit(path: Path, why: str) -> ModelError:
    """Word the error of a file that is damaged, or not one that sertk wrote."""
    return ModelError(
        f"Cannot read the encoder {path} ({why}).",
        "The file must be whole, and hold every array that its metadata announce.",
        "Download or convert it again.",
        code="damaged-encoder-weights",
    )
