"""Atomic file writing, and error messages for places that cannot be written.

In: where a file shall stand. Out: a temporary name beside it for the length of a block. A
process killed in the block leaves the file as it was.
"""

import csv
import errno
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sertk._utils import temporary_names
from sertk.errors import OutputError

if TYPE_CHECKING:
    import pandas as pd

# numbers of the system's refusals, how to put the system's reason, and what to do
_REFUSALS = (
    ((errno.ENOSPC, errno.EDQUOT), "the disk is full ({})",
     "Free some space, and run the same command again; finished work is kept."),
    ((errno.EFBIG,), "the file size limit is reached ({})",
     "Raise the limit (ulimit -f unlimited), or choose a location without one."),
    ((errno.EACCES, errno.EPERM, errno.EROFS), "{}",
     "Choose a location with write permission, or change its permissions."),
    ((errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENOTEMPTY), "this name is taken ({})",
     "Choose another name."),
    ((errno.ENOENT, errno.ENAMETOOLONG, errno.EINVAL), "the path is invalid ({})",
     "Choose another path."),
)  # fmt: skip


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Lend a temporary name beside `path`, and move it there when the block has ended well.

    The name keeps the suffix, by which some writers choose the format.
    """
    with into(path), temporary_names.whole(path) as temporary:
        yield temporary


@contextmanager
def into(path: Path) -> Iterator[None]:
    """Say of an operating system's refusal in the block that `path` cannot be written, and why."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        reason = refusal(_of_system(error))
        if reason is None:
            raise
        raise OutputError(
            f"Cannot write {path}: {reason[0]}.", "", reason[1], code="unwritable-path"
        ) from error


def _of_system(error: BaseException) -> OSError:
    """Find the refusal of the system behind an error that a library words in its own way."""
    if isinstance(error, OSError) and error.errno is not None:
        return error
    number = re.search(r"errno[ =:]+(\d+)", str(error), re.IGNORECASE)  # as HDF5 writes it
    if number is not None:
        return OSError(int(number[1]), os.strerror(int(number[1])))
    behind = error.__cause__ or error.__context__
    return OSError() if behind is None else _of_system(behind)


def folder(path: Path) -> Path:
    """Make a folder and those above it, where they are missing."""
    with into(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record as JSON, whole or not at all."""
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def to_csv(table: "pd.DataFrame", target: Path | None = None, **options: Any) -> str | None:
    """Write a table as CSV that reads back as it is, without its index; no target gives the text.

    Python quotes a cell with the line end that is written, and no cell with a lone carriage
    return, which readers take for a line end.
    """
    words = [*map(str, table.columns)]
    for name in table.columns[table.dtypes.map(lambda kind: kind.kind not in "biufcM")]:
        words += map(str, table[name].unique())
    quoting = csv.QUOTE_ALL if any("\r" in word for word in words) else csv.QUOTE_MINIMAL
    fixed: dict[str, Any] = {"index": False, "lineterminator": "\n", "quoting": quoting}
    return table.to_csv(target, **fixed, **options)


def refusal(error: OSError) -> tuple[str, str] | None:
    """Say why nothing can be written, and what to do; `None` for any other trouble."""
    reason = (error.strerror or str(error)).lower()
    for numbers, why, remedy in _REFUSALS:
        if error.errno in numbers:
            return why.format(reason), remedy
    return None
