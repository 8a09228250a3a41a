"""Find and read cached spectra.

In: a family, the folder of all spectra of one `Preprocessing.spectrum_key`, and keys. Out: where
each spectrum is. A family holds shards, one per computation that added something: a shard is a
folder with features.npy, its spectra under each other, memory-mapped, and index.json. It is never
changed, so that it is read without a lock.
"""

import re
import shlex
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from sertk._utils import json_records, schemas
from sertk.audio import ffmpeg
from sertk.errors import CacheError

FEATURES, INDEX = "features.npy", "index.json"
NAME = re.compile(r"[0-9a-f]{16}")  # of a family, and of a shard in it


class Shard:
    """A folder of spectra; opened when first read, so that it travels to other processes."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._data: np.ndarray | None = None

    def read(self, start: int, frames: int) -> np.ndarray:
        """Read some frames, shape (frames, bins), as they are stored.

        Raises:
            CacheError: If the file is damaged.
        """
        if self._data is None:
            self._data = load(self.folder / FEATURES)
        return self._data[start : start + frames]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_data": None}


class Entry(NamedTuple):
    """Where a spectrum is: frames of a shard, with their crc32."""

    shard: Shard
    start: int
    frames: int
    checksum: int


Found: TypeAlias = dict[str, Entry | str]  # by key; a string is the reason of an unreadable file


def damaged(what: str, folder: Path) -> CacheError:
    """Build the error for what is cached and not as it was written."""
    return CacheError(
        f"{what} in {folder} are damaged.",
        "Cached features must be unchanged since they were written.",
        f"Delete the folder, and run the command again: rm -r {shlex.quote(str(folder))}",
        code="damaged-cache",
    )


def read_record(path: Path) -> dict[str, Any]:
    """Read the record of a shard or of a part of one.

    Raises:
        CacheError: If it is damaged.
    """
    try:
        return dict(json_records.read(path, schemas.Shard))
    except json_records.DamagedError as error:
        raise damaged("The cached features", path.parent) from error


def load(path: Path) -> np.ndarray:
    """Map the array of a shard or of a part of one into memory, shape (frames, bins).

    Raises:
        CacheError: If it is damaged.
    """
    try:
        # a plain view: slices of a memmap take twice as long
        return np.asarray(np.load(path, mmap_mode="r"))
    except (OSError, EOFError, ValueError) as error:
        raise damaged("The cached features", path.parent) from error


def refused(record: dict[str, Any]) -> dict[str, str]:
    """List the files of a record that could not be read, key -> reason.

    Those that were tried without ffmpeg are left out once it is installed: it may read them.
    """
    here = ffmpeg.installed()
    return {key: reason for key, reason, tried in record["unreadable"] if tried or not here}


def of(family: Path) -> list[Path]:
    """List the whole shards of a family."""
    inside = sorted(family.iterdir()) if family.is_dir() else []
    return [path for path in inside if NAME.fullmatch(path.name) and (path / INDEX).is_file()]


def find(folders: Iterable[Path], wanted: Collection[str]) -> Found:
    """Look up keys in some shards; a key that is in none is left out.

    Raises:
        CacheError: If the index of a shard is damaged.
    """
    results: Found = {}
    for folder in folders:
        record, shard, start = read_record(folder / INDEX), Shard(folder), 0
        for key, frames, checksum in record["rows"]:
            if key in wanted:
                results[key] = Entry(shard, start, frames, checksum)
            start += frames
        for key, reason in refused(record).items():
            if key in wanted:
                results.setdefault(key, reason)  # it may have been read since
    return results
