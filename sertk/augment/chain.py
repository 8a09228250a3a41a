"""A list of transforms in place of a name: functions, objects of audiomentations, words.

In: the list. Out: a `Chain`, which does what they do one after the other, and knows what it is: two
chains are equal, in any process, when they would make the same copies. Of a function that is its
code, defaults, closure and the constants it names, of an object its attributes, of a file its
content; what a function calls is known by name only, so that a change there is not noticed.
"""

import functools
import hashlib
import inspect
import json
import types
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sertk import _seeding, audio
from sertk.augment import folders
from sertk.augment.words import Step
from sertk.errors import ConfigurationError

_CONSTANTS = (bool, int, float, str, tuple, np.ndarray)  # of a module, that a function may name
# what audiomentations changes in its own objects while they work
_STATE = (
    "parameters", "are_parameters_frozen", "should_apply", "time_info_arr", "transform_index",
    "transform_indexes", "post_gain_factor", "room",
)  # fmt: skip


class Chain:
    """Transforms that are applied one after the other.

    Args:
        transforms: Functions `(waveform, sample_rate, generator) -> waveform`, which draw from
            `generator` alone; callables `(samples, sample_rate) -> samples` such as transforms of
            audiomentations, which may draw from the global generators of `random` and numpy; or
            words of a recipe.
        word: Names a word, wherever its folder of recordings is, and builds its steps.

    Attributes:
        steps: What is done.
        record: What run.json says of it: one entry per transform.
        name: Short, the same for the same transforms.

    Raises:
        ConfigurationError: If the list is empty, or holds what is none of these, or what cannot
            be told apart from something else.
    """

    def __init__(
        self, transforms: Iterable[Any], word: Callable[[str], tuple[str, tuple[Step, ...]]]
    ):
        given = list(transforms)
        if not given:
            raise ConfigurationError(
                "The list of transforms is empty.",
                "It holds functions, transforms of audiomentations, or words.",
                "Leave it out (augment=None) to train on the originals alone.",
            )
        parts = [
            word(item) if isinstance(item, str) else (_described(item), (_step(item),))
            for item in given
        ]
        self.steps: tuple[Step, ...] = tuple(step for _, steps in parts for step in steps)
        self.record = [described for described, _ in parts]
        text = json.dumps(self.record, sort_keys=True)
        self.name = f"list-{hashlib.blake2b(text.encode(), digest_size=5).hexdigest()}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Chain) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:  # the cache names its packs by it
        return self.name


def _step(transform: Any) -> Step:
    if not callable(transform):
        raise ConfigurationError(
            f"The list of transforms holds {transform!r}.",
            "It holds functions, transforms of audiomentations, or words.",
            "Write a function (waveform, sample_rate, generator) -> waveform.",
        )
    taken = 2 if _of_library(transform) else _num_arguments(transform)
    if taken not in (2, 3):
        raise ConfigurationError(
            f"The transform {transform!r} takes {taken} arguments.",
            "A transform takes (waveform, sample_rate, generator), or (samples, sample_rate) as "
            "those of audiomentations do.",
            "Wrap it in a function that does.",
        )
    drawing = taken == 3

    def step(waveform: np.ndarray, sample_rate: int, seed: int) -> np.ndarray:
        if drawing:
            changed = transform(waveform.copy(), sample_rate, np.random.default_rng(seed))
        else:
            with _seeding.seeded(seed):
                changed = transform(waveform.copy(), sample_rate)
        result = np.asarray(changed, np.float32)
        if result.ndim != 1 or not len(result) or not np.isfinite(result).all():
            raise ConfigurationError(
                f"The transform {transform!r} returned the shape {result.shape}"
                + (", with values that are no numbers." if result.size else "."),
                "A transform returns a waveform, shape (samples,), of finite numbers.",
                "Correct it, and try it with sertk.augment.apply.",
            )
        return result

    return step


def _of_library(transform: Any) -> bool:
    return any(kind.__module__.startswith("audiomentations") for kind in type(transform).__mro__)


def _num_arguments(transform: Any) -> int:
    """Count the arguments that must be given by place."""
    parameters = inspect.signature(transform).parameters.values()
    by_place = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return sum(p.default is p.empty for p in by_place)


def _described(value: Any) -> Any:
    """Say in plain values what something is, so that what would act otherwise reads otherwise."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Path) and value.is_file():
        of_sound = value.suffix.lower() in audio.SUFFIXES
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
        return {str(key): _described(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_described(inner) for inner in value]
    if isinstance(value, functools.partial):
        return {"partial": _described(value.func), "of": _described([value.args, value.keywords])}
    if isinstance(value, types.MethodType):
        return {"method": value.__name__, "of": _described(value.__self__)}
    if isinstance(value, types.FunctionType):
        return _described_function(value)
    if isinstance(value, type) or inspect.isbuiltin(value):
        return {"name": f"{value.__module__}.{value.__qualname__}"}
    if not hasattr(value, "__dict__"):
        raise ConfigurationError(
            f"The list of transforms holds something of the kind {type(value).__name__}, of which "
            "nobody can tell what it does.",
            "Copies are cached under what made them, so that it must be known.",
            "Use a function, or an object whose attributes are plain values.",
        )
    state = _STATE if _of_library(value) else ()
    own = {k: v for k, v in vars(value).items() if k not in state and not k.startswith("__")}
    return {"name": _qualified(type(value)), **{k: _described(v) for k, v in sorted(own.items())}}


def _described_function(function: types.FunctionType) -> dict[str, Any]:
    found: dict[str, Any] = {"name": _qualified(function), "code": _hash(_code(function.__code__))}
    if function.__defaults__ or function.__kwdefaults__:
        found["defaults"] = _described([function.__defaults__, function.__kwdefaults__])
    if function.__closure__:
        held = [cell.cell_contents for cell in function.__closure__]
        found["closure"] = _described([value for value in held if value is not function])
    known = {name: function.__globals__.get(name) for name in function.__code__.co_names}
    constants = {name: value for name, value in known.items() if isinstance(value, _CONSTANTS)}
    if constants:
        found["constants"] = _described(constants)
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
