"""Ways in which a record can be damaged, each field after the other, as no writer leaves it."""

import copy
import json
from collections.abc import Iterator
from typing import Any

_DEEP = "@deep@"
_LONG = "@long@"
REPLACED: dict[str, Any] = {
    "nothing": None,
    "a word": "word",
    "an empty word": "",
    "a number": -1,
    "a fraction": 0.5,
    "a huge number": 10**30,
    "a number of 6,000 digits": _LONG,
    "no number": float("nan"),
    "endless": float("inf"),
    "a list": [[1], "a"],
    "an empty list": [],
    "a record": {"a": {}},
    "nesting": _DEEP,
    "a long word": "w" * 30_000,
    "half a character": "\ud800",
    "control characters": "a\x00\x1b[31m\x07",
    "true": True,
}


def paths(record: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """List every place in a record, the first entry of each list only."""
    if isinstance(record, dict):
        for key in record:
            yield (*at, key)
            yield from paths(record[key], (*at, key))
    elif isinstance(record, list) and record:
        yield (*at, 0)
        yield from paths(record[0], (*at, 0))


def mutations(record: Any) -> Iterator[tuple[str, str]]:
    """Name each damage, and write the record with it."""
    for path in paths(record):
        name = ".".join(map(str, path))
        damaged = copy.deepcopy(record)
        inside = damaged
        for step in path[:-1]:
            inside = inside[step]
        kept = inside[path[-1]]
        del inside[path[-1]]
        yield f"{name} missing", _text(damaged)
        for what, value in REPLACED.items():
            # a list was one shorter
            if isinstance(inside, list):
                inside[:] = [value, *inside[1:]] if what != "nothing" else [value, *inside]
            else:
                inside[path[-1]] = value
            yield f"{name} is {what}", _text(damaged)
        if isinstance(kept, dict):
            inside[path[-1]] = {**kept, "stranger": {"a": [1]}}
            yield f"{name} with a stranger", _text(damaged)


def cuts(content: bytes, step: int = 97) -> Iterator[tuple[str, bytes]]:
    """Cut a file off at many places, and change a byte at others."""
    for place in range(0, len(content), max(step, len(content) // 40)):
        yield f"cut at {place}", content[:place]
        yield f"changed at {place}", content[:place] + b"\xff" + content[place + 1 :]
        yield f"zero at {place}", content[:place] + b"\0" + content[place + 1 :]


def _text(record: Any) -> str:
    deep = "[" * 5000 + "]" * 5000
    text = json.dumps(record)
    return text.replace(f'"{_DEEP}"', deep).replace(f'"{_LONG}"', "9" * 6000)
