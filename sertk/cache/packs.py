"""What the cache of features holds: list it, and remove what is no longer wanted.

In: the cache folder. Out: a table with a row per pack, and the names of what was removed. A pack
that a process is computing is never touched.
"""

import re
import shutil
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd

from sertk import cache
from sertk._utils import atomic, plain_files, temporary_names
from sertk.errors import CacheError, ConfigurationError

COLUMNS = ("pack", "state", "utterances", "megabytes", "days")
_DAY = 86_400.0  # seconds
_NAME = re.compile(r"[0-9a-f]{16}-[0-9a-f]{16}")  # of a pack: the hashes of spectra and of rows


def contents(folder: str | Path | None = None) -> pd.DataFrame:
    """List the packs of a cache.

    Args:
        folder: Of the cache; `sertk.cache.default_folder()` if not given.

    Returns:
        A row per pack: `pack` (its folder), `state` (`whole`, or `unfinished`), `utterances`,
        `megabytes`, and `days` since it was last used.
    """
    home = _home(folder)
    rows = [_row(pack) for pack in _packs(home)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def prune(folder: str | Path | None = None, *, days: float | None = None) -> list[Path]:
    """Remove what killed processes left, and packs that were not used for some time.

    Args:
        folder: Of the cache; `sertk.cache.default_folder()` if not given.
        days: Remove packs, whole or not, that were last used before so many days; >= 0. `None`
            removes no pack.

    Returns:
        What was removed.

    Raises:
        ConfigurationError: If `days` is negative or no number.
        OutputError: If something cannot be removed.
    """
    if days is not None and not 0 <= days < 1e6:
        raise ConfigurationError(
            f"days={days}.", "It is a number of days, 0 or more.", "Leave it out to keep packs."
        )
    home = _home(folder)
    removed = []
    for pack in _packs(home):
        removed += temporary_names.sweep(pack) + temporary_names.sweep(pack / "parts")
        if days is not None and _idle_days(pack) >= days and _remove(pack):
            removed.append(pack)
    return removed + temporary_names.sweep(home)


def _home(folder: str | Path | None) -> Path:
    return Path(folder).expanduser() if folder is not None else cache.default_folder()


def _packs(home: Path) -> list[Path]:
    """List the folders of packs, and nothing else that may lie there, such as runs.

    Raises:
        CacheError: If there is a file of this name.
    """
    if plain_files.is_file(home):
        raise CacheError(
            f"{home} is a file.", "The cache is a folder.", "Name it with --cache or SERTK_CACHE."
        )
    inside = sorted(home.iterdir()) if plain_files.is_folder(home) else []
    return [path for path in inside if _NAME.fullmatch(path.name) and path.is_dir()]


def _row(pack: Path) -> tuple[str, str, int | None, float, float]:
    size = 0
    for path in pack.rglob("*"):
        with suppress(OSError):  # finished and moved in the meantime
            size += path.lstat().st_size
    state, count = "unfinished", None
    if (pack / cache.INDEX).is_file():
        try:
            state, count = "whole", len(cache.Pack(pack))
        except CacheError:
            state = "damaged"
    return pack.name, state, count, round(size / 1e6, 1), round(_idle_days(pack), 1)


def _idle_days(pack: Path) -> float:
    newest = 0.0
    for path in (pack, pack / "parts", pack / cache.INDEX):
        with suppress(OSError):
            newest = max(newest, path.stat().st_mtime)
    return max(0.0, time.time() - newest) / _DAY


def _remove(pack: Path) -> bool:
    """Remove a pack unless a process is computing it."""
    import filelock

    with atomic.into(pack):
        try:
            with filelock.FileLock(pack / ".lock", timeout=0):
                shutil.rmtree(pack)
        except filelock.Timeout:
            return False
    return True
