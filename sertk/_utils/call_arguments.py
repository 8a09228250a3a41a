"""Check keyword options against the function that takes them, before it runs.

In: a function, or a dataclass, and options as a user wrote them. Out: nothing, or the error that
names the nearest option, or says what kind of value it takes; for help, what its docstring says.
"""

import inspect
import math
import numbers
import re
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from sertk.errors import ConfigurationError, UnknownNameError

_WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a finite number",
    bool: "true or false",
    str: "a string",
    Path: "a path",
    type(None): "null",
    Mapping: 'a mapping, such as {"word": "other"}',
    Sequence: "a list",
}


def check(
    function: Callable[..., Any],
    options: Mapping[str, Any],
    *,
    owner: str,
    kind: str,
    known: Collection[str],
) -> None:
    """Refuse options that a function does not take, and values of another kind than it takes.

    The annotations say what it takes; with `**kwargs` it takes names beyond `known`, too.
    """
    parameters = inspect.signature(function).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    try:
        hints = typing.get_type_hints(function)
    except NameError:  # a function of the user's, annotated with what only a type checker sees
        hints = {}
    for name, value in options.items():
        if name not in known:
            if open_ended:
                continue
            if not known:
                raise ConfigurationError(
                    f"{owner} received the option {name!r}.",
                    "It has no options.",
                    "Omit the option.",
                    code="unexpected-option",
                )
            raise UnknownNameError(kind, name, known)
        if name in hints and not _fits(value, hints[name]):
            default = parameters[name].default
            raise ConfigurationError(
                f"{owner} received {name}={value!r}.",
                f"{name} must be {_in_words(hints[name])}.",
                "Correct the value."
                if default is inspect.Parameter.empty
                else f"Omit it to use the default, {default!r}.",
                code="wrong-argument-type",
            )


def _fits(value: object, hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, part) for part in typing.get_args(hint))
    kind = origin or hint
    if kind is Sequence:
        inside = typing.get_args(hint)[:1]
        return (
            isinstance(value, Sequence)
            and not isinstance(value, str)
            and all(_fits(item, inner) for item in value for inner in inside)
        )
    if kind is Any:
        return True
    if isinstance(value, bool):
        return kind in (bool, object)
    if kind is int:
        return isinstance(value, numbers.Integral)
    if kind is float:
        return isinstance(value, numbers.Real) and math.isfinite(value)
    if kind is Path:
        return isinstance(value, (str, Path))
    return not isinstance(kind, type) or isinstance(value, kind)


def _in_words(hint: Any) -> str:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        parts = [_in_words(part) for part in typing.get_args(hint)]
        return " or ".join(dict.fromkeys(parts))
    kind = typing.get_origin(hint) or hint
    return _WORDS.get(kind) or f"a {getattr(kind, '__name__', kind)}"


def described(documented: Any) -> dict[str, str]:
    """Read the `Args` section of a docstring in Google style.

    Examples:
        >>> def pitch(semitones):
        ...     '''Shift the pitch.
        ...
        ...     Args:
        ...         semitones: float, up is
        ...             positive.
        ...     '''
        >>> described(pitch)
        {'semitones': 'float, up is positive.'}
    """
    text = inspect.getdoc(documented) or ""
    section = re.search(r"^Args:\n((?: +.*\n?|\n)+)", text, re.MULTILINE)
    entries = re.findall(r"^ {4}(\w+): (.*(?:\n {8,}.*)*)", section[1] if section else "", re.M)
    return {name: " ".join(description.split()) for name, description in entries}
