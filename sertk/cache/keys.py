"""Cache keys: a hash of everything that decides an utterance's spectrum.

In: a manifest. Out: one `Row` per utterance with its key: a hash of the file's place in its corpus,
its size and time of change, the segment, and for an augmented copy its recipe, number and seed.
The utterance_id of an original, other rows and their order change nothing.
"""

import hashlib
import os
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from sertk import manifest as manifests

_FORMAT = 1  # change it when a spectrum changes although its preprocessing does not


class Row(NamedTuple):
    """What one spectrum is computed from.

    Args:
        key: Hash of all that decides the spectrum, 32 hexadecimal digits.
        utterance_id: Name of the row.
        path: File on this machine.
        start: Begin of a segment in seconds, or `None`.
        end: End of a segment in seconds, or `None`.
        augmentation: Recipe of a copy; `None` for an original.
        copy: Number of a copy, or `None`.
        seed: Seed of a copy; 0 for an original.
    """

    key: str
    utterance_id: str
    path: Path
    start: float | None
    end: float | None
    augmentation: Any
    copy: int | None
    seed: int


def rows(manifest: pd.DataFrame) -> list[Row]:
    """List the rows of a manifest with their keys, in order."""
    names = ["utterance_id", "corpus", "path", "start", "end", "augmentation", "copy", "seed"]
    columns = (
        column.astype(object).where(column.notna(), None).tolist()
        for _, column in manifest.reindex(columns=names).items()
    )
    states: dict[tuple[str, str], str] = {}
    result = []
    for path, name, corpus, place, start, end, augmentation, copy, seed in zip(
        manifests.paths(manifest), *columns, strict=True
    ):
        file = (str(corpus), str(place))
        state = states.get(file) or states.setdefault(file, _state(path))
        start, end, copy = _as(float, start), _as(float, end), _as(int, copy)  # pandas holds 3.0
        seed = _as(int, seed) or 0
        what = [_FORMAT, *file, state, start, end]
        if augmentation is not None:
            what += [augmentation, copy, seed]
        key = hashlib.blake2b(repr(what).encode("utf-8", "surrogatepass"), digest_size=16)
        result.append(Row(key.hexdigest(), name, path, start, end, augmentation, copy, seed))
    return result


def _as(kind: type, value: Any) -> Any:
    return None if value is None else kind(value)


def _state(path: Path) -> str:
    """Identify the content of a file by size and modification time.

    A file that is missing or may not be read is named by its place on this machine: it is tried
    again under another root, and as soon as it can be opened.
    """
    try:
        status = path.stat()
    except OSError:
        return f"closed {path}"
    readable = os.access(path, os.R_OK)
    return f"{status.st_size} {status.st_mtime_ns}" if readable else f"closed {path}"
