"""Describe an object as JSON, so that it can be recorded and distinguished from others.

In: a function, an object, a file. Out: plain values, the same in any process. Of a function they
are its code, defaults, closure and the constants it names, of an object its attributes, of a file
its content; what a function calls is known by name only, so that a change there is not noticed.
"""

import dis
import functools
import hashlib
import inspect
import math
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sertk.audio import walk
from sertk.augment import folders
from sertk.errors import ConfigurationError

_CONSTANTS = (bool, int, float, str, tuple, np.ndarray)  # of a module, that a function may name
# what audiomentations changes in its own objects while they work
_STATE = (
    "parameters", "are_parameters_frozen", "should_apply", "time_info_arr", "transform_index",
    "transform_indexes", "post_gain_factor", "room",
)  # fmt: skip


def described(value: Any, within: tuple[Any, ...] = ()) -> Any:
    """Say in plain values what something is, so that what would act otherwise reads otherwise.

    Args:
        value: Anything of the caller's.
        within: What holds it, outermost first: something that contains itself is described once.

    Raises:
        ConfigurationError: If it cannot be described.

    Examples:
        >>> described(len), described((1, "a"))
        ({'name': 'builtins.len'}, [1, 'a'])
    """
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if any(value is holder for holder in within):
        return {"again": type(value).__name__}
    within = (*within, value)
    if isinstance(value, Path) and value.is_file():
        of_sound = walk.is_sound(value)
        content = folders.content(value) if of_sound else _hash(value.read_bytes())
        return {"file": value.name, "content": content}
    if isinstance(value, (Path, np.generic)):
        return str(value)
    if isinstance(value, (set, frozenset)):
        return _in_order(value)
    if isinstance(value, np.ndarray):
        return {
            "array": list(value.shape),
            "sha": _hash(value.tobytes() + str(value.dtype).encode()),
        }
    if isinstance(value, Mapping):
        return {str(key): described(inner, within) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [described(inner, within) for inner in value]
    if isinstance(value, functools.partial):
        given = [value.args, value.keywords]
        return {"partial": described(value.func, within), "of": described(given, within)}
    if isinstance(value, types.MethodType):
        return {"method": value.__name__, "of": described(value.__self__, within)}
    if isinstance(value, types.FunctionType):
        return _described_function(value, within)
    if isinstance(value, types.ModuleType):
        return {"module": value.__name__}
    if isinstance(value, type) or inspect.isbuiltin(value):
        return {"name": f"{value.__module__}.{value.__qualname__}"}
    if hasattr(value, "__wrapped__"):  # a function behind functools.cache
        inner = described(inspect.unwrap(value), within)
        return {"wrapped": inner, "by": _qualified(type(value))}
    if not hasattr(value, "__dict__"):
        raise ConfigurationError(
            f"An object is, or contains, a value of type {type(value).__name__}, which cannot be "
            "fingerprinted.",
            "Runs and caches are identified by the settings that produced them, so every object "
            "needs a stable fingerprint.",
            "Use a function, or an object whose attributes are plain values.",
            code="unidentifiable-object",
        )
    state = _STATE if of_audiomentations(value) else ()
    own = {k: v for k, v in vars(value).items() if k not in state and not k.startswith("__")}
    parameters = {k: described(v, within) for k, v in sorted(own.items())}
    return {"name": _qualified(type(value)), **parameters}


def _described_function(function: types.FunctionType, within: tuple[Any, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {"name": _qualified(function), "code": _hash(_code(function.__code__))}
    if function.__defaults__ or function.__kwdefaults__:
        found["defaults"] = described([function.__defaults__, function.__kwdefaults__], within)
    if function.__closure__:
        held = [cell.cell_contents for cell in function.__closure__]
        found["closure"] = described([value for value in held if value is not function], within)
    named = {step.argval for step in dis.get_instructions(function) if step.opname == "LOAD_GLOBAL"}
    known = {name: function.__globals__.get(name) for name in sorted(named)}
    constants = {name: value for name, value in known.items() if isinstance(value, _CONSTANTS)}
    if constants:
        found["constants"] = described(constants, within)
    return found


def _qualified(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def _code(code: types.CodeType) -> bytes:
    """Write down what a function does; what it calls is known by name."""
    constants = [
        _code(c) if isinstance(c, types.CodeType) else repr(_in_order(c)).encode()
        for c in code.co_consts
    ]
    return b"\0".join([code.co_code, repr(code.co_names).encode(), *constants])


def _in_order(value: Any) -> Any:
    """Sort a set, whose order differs from process to process."""
    return sorted(map(repr, value)) if isinstance(value, (set, frozenset)) else value


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=6).hexdigest()


def of_audiomentations(transform: Any) -> bool:
    """Whether a transform is one of audiomentations, or derived from one."""
    return any(kind.__module__.startswith("audiomentations") for kind in type(transform).__mro__)
