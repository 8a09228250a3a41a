"""List and prune the feature cache.

In: the cache folder. Out: a table with a row per family of spectra, or per pack of an older sertk,
and the names of what was removed. What a process is computing is never touched.
"""

import shutil
import time
from contextlib import suppress
from pathlib import Path

import filelock
import pandas as pd

from sertk import cache
from sertk._utils import atomic, plain_files, temporary_names
from sertk.cache import parts, shards
from sertk.errors import CacheError, ConfigurationError

COLUMNS = ("folder", "state", "utterances", "megabytes", "days")
_DAY = 86_400.0  # seconds


def contents(folder: str | Path | None = None) -> pd.DataFrame:
    """List what a cache holds.

    Args:
        folder: Folder of the cache; `sertk.cache.default_folder()` if not given.

    Returns:
        A row per folder: `folder` (its name; one per preprocessing), `state` (`whole`,
        `unfinished`, `damaged`, or `old`: of an older sertk, not used any more), `utterances`,
        `megabytes`, and `days` since it was last used.
    """
    families, packs = _inside(_home(folder))
    rows = [_row(family, *_state(family)) for family in families]
    rows += [_row(pack, "old", None) for pack in packs]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"utterances": "Int64"})


def prune(folder: str | Path | None = None, *, days: float | None = None) -> list[Path]:
    """Remove what killed processes and older versions left, and what was not used for some time.

    Args:
        folder: Folder of the cache; `sertk.cache.default_folder()` if not given.
        days: Remove spectra that were last used before so many days, by what was computed
            together; float, >= 0. `None` removes nothing that this version can use.

    Returns:
        What was removed.

    Raises:
        ConfigurationError: If `days` is negative or no number.
        OutputError: If something cannot be removed.
    """
    if days is not None and not 0 <= days < 1e6:
        raise ConfigurationError(
            f"Received days={days}.",
            "It must be a number of days, 0 or more.",
            "Omit it to keep all features.",
            code="invalid-days",
        )
    home = _home(folder)
    families, packs = _inside(home)
    removed = []
    for path in (*families, *packs):
        with atomic.into(path), suppress(filelock.Timeout), parts.lock(path, timeout=0):
            if path in packs:
                shutil.rmtree(path)
                removed.append(path)
            else:
                removed += _prune_family(path, days)
    return removed + temporary_names.sweep(home)


def _prune_family(family: Path, days: float | None) -> list[Path]:
    """Remove unused shards of a family whose lock is held; and the family with its last one."""
    pieces = _pieces(family) or [family]
    removed = [path for piece in {family, *pieces} for path in temporary_names.sweep(piece)]
    if days is None:
        return removed
    unused = [piece for piece in pieces if _idle_days(piece) >= days]
    if unused == pieces:
        unused = [family]
    for path in unused:
        shutil.rmtree(path)
    return removed + unused


def _home(folder: str | Path | None) -> Path:
    home = Path(folder).expanduser() if folder is not None else cache.default_folder()
    if plain_files.is_file(home):
        raise CacheError(
            f"{home} is a file.",
            "The cache must be a folder.",
            "Pass a folder with --cache, or set SERTK_CACHE.",
            code="cache-not-a-folder",
        )
    return home


def _inside(home: Path) -> tuple[list[Path], list[Path]]:
    """List families and old packs, and nothing else that may lie there, such as runs."""
    inside = sorted(home.iterdir()) if plain_files.is_folder(home) else []
    families, packs = (
        [path for path in inside if name.fullmatch(path.name) and path.is_dir()]
        for name in (shards.NAME, cache.OLD_NAME)
    )
    return families, packs


def _pieces(family: Path) -> list[Path]:
    """List the shards of a family, and its parts."""
    return [
        path for path in sorted(family.iterdir())
        if path.name == parts.FOLDER or shards.NAME.fullmatch(path.name)
    ]  # fmt: skip


def _state(family: Path) -> tuple[str, int | None]:
    """Tell whether a family is whole, and how many spectra it holds."""
    whole = shards.of(family)
    if not whole:
        return "unfinished", None
    try:
        count = sum(len(shards.read_record(folder / shards.INDEX)["rows"]) for folder in whole)
    except CacheError:
        return "damaged", None
    return "whole" if _pieces(family) == whole else "unfinished", count


def _row(path: Path, state: str, count: int | None) -> tuple[str, str, int | None, float, float]:
    size = 0
    for file in path.rglob("*"):
        with suppress(OSError):  # finished and moved in the meantime
            size += file.lstat().st_size
    days = min(map(_idle_days, _pieces(path) or [path]))
    return path.name, state, count, round(size / 1e6, 1), round(days, 1)


def _idle_days(folder: Path) -> float:
    newest = 0.0
    for path in (folder, folder / shards.INDEX):
        with suppress(OSError):
            newest = max(newest, path.stat().st_mtime)
    return max(0.0, time.time() - newest) / _DAY
