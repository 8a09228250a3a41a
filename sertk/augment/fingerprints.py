"""Identify an object as JSON: by its name and its parameters, the same in any process.

In: a function, a `named` one, or an object such as a transform of audiomentations. Out: plain
values. What a function computes is not looked at: change its name or a parameter when it changes.
"""

import functools
import hashlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sertk.audio import walk
from sertk.augment import folders
from sertk.errors import ConfigurationError

# what audiomentations changes in its own objects while they work
_STATE = (
    "parameters", "are_parameters_frozen", "should_apply", "time_info_arr", "transform_index",
    "transform_indexes", "post_gain_factor", "room",
)  # fmt: skip


class Named:
    """A function with a name and parameters that identify it; made by `named`."""

    def __init__(self, name: str, function: Callable[..., np.ndarray], parameters: dict[str, Any]):
        self.name, self.function, self.parameters = name, function, parameters

    def __call__(self, *arguments: Any) -> np.ndarray:
        return self.function(*arguments)


def named(name: str, function: Callable[..., np.ndarray], **parameters: Any) -> Named:
    """Name a function that has no name of its own: a lambda, or one defined inside another.

    Args:
        name: str. Identifies the function; choose another name when it changes.
        function: `(waveform, sample_rate, generator) -> waveform`.
        **parameters: What distinguishes it from other functions of that name: numbers, strings,
            paths, arrays, and lists or mappings of these.

    Returns:
        A callable that does the same.

    Examples:
        >>> halved = named("scale", lambda waveform, sample_rate, rng: 0.5 * waveform, factor=0.5)
        >>> described(halved)
        {'name': 'scale', 'parameters': {'factor': 0.5}}
    """
    return Named(name, function, parameters)


def described(value: Any) -> Any:
    """Describe an object in plain values, so that objects that act differently differ.

    Args:
        value: A function, an object, or a plain value.

    Raises:
        ConfigurationError: If it cannot be identified.

    Examples:
        >>> described(len), described((1, "a"))
        ({'name': 'builtins.len'}, [1, 'a'])
    """
    try:
        return _described(value)
    except RecursionError as error:
        raise _unidentifiable(value) from error


def _described(value: Any) -> Any:
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, Path) and value.is_file():
        sound = walk.is_sound(value)
        content = folders.content(value) if sound else _hash(value.read_bytes())
        return {"file": value.name, "content": content}
    if isinstance(value, (Path, np.generic)):
        return str(value)
    if isinstance(value, np.ndarray):
        sha = _hash(value.tobytes() + str(value.dtype).encode())
        return {"array": list(value.shape), "sha": sha}
    if isinstance(value, Mapping):
        return {str(key): _described(inner) for key, inner in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(map(repr, value))
    if isinstance(value, (list, tuple)):
        return [_described(inner) for inner in value]
    if isinstance(value, Named):
        return {"name": value.name, "parameters": _described(value.parameters)}
    if isinstance(value, functools.partial):
        return {**_described(value.func), "with": _described([value.args, value.keywords])}
    if hasattr(value, "__qualname__"):
        return {"name": _qualified(value)}
    if not hasattr(value, "__dict__"):
        raise _unidentifiable(value)
    state = _STATE if of_audiomentations(value) else ()
    own = {k: v for k, v in vars(value).items() if k not in state and not k.startswith("__")}
    parameters = {name: _described(inner) for name, inner in sorted(own.items())}
    return {"name": _qualified(type(value)), **parameters}


def _qualified(thing: Any) -> str:
    if "<" in thing.__qualname__:
        raise ConfigurationError(
            f"The function {thing.__qualname__} has no name of its own.",
            "Runs and caches identify a function by its name and parameters.",
            "Define it in a module, or name it: "
            "sertk.augment.named('my_noise', function, snr_db=10).",
            code="unnamed-function",
        )
    return f"{thing.__module__}.{thing.__qualname__}"


def _unidentifiable(value: Any) -> ConfigurationError:
    return ConfigurationError(
        f"An object is, or contains, a value of type {type(value).__name__}, which cannot be "
        "identified.",
        "Runs and caches are identified by the names and parameters of objects.",
        "Use a function, an object whose attributes are plain values, or sertk.augment.named().",
        code="unidentifiable-object",
    )


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=6).hexdigest()


def of_audiomentations(transform: Any) -> bool:
    """Whether a transform is one of audiomentations, or derived from one."""
    return any(kind.__module__.startswith("audiomentations") for kind in type(transform).__mro__)
