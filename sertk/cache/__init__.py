"""The feature cache: each utterance's spectrum is computed once and memory-mapped from disk.

In: a manifest and a `Preprocessing`. Out: `Features`, which gives `(frames, bins)` by
utterance_id. Each spectrum is stored under its own key (`keys`), so that a subset, another
order, another protocol or one more speaker computes only what is new (`parts`) and finds the rest
(`shards`).
"""

import os
import re
import shlex
import warnings
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd

from sertk import corpora
from sertk._utils import atomic
from sertk.cache import keys, parts, shards
from sertk.cache.shards import Entry
from sertk.errors import CacheError
from sertk.preprocessing import Preprocessing

OLD_NAME = re.compile(r"[0-9a-f]{16}-[0-9a-f]{16}")  # of a pack, which held one manifest


class Features:
    """Spectra of originals and copies by utterance_id; `in` is True for readable files.

    Attributes:
        unreadable: Originals that could not be read: `utterance_id, path, reason`.
    """

    def __init__(self, entries: dict[str, Entry], unreadable: list[dict[str, str]]):
        self.unreadable = unreadable
        self._entries = entries
        self._sound: set[str] = set()

    def __contains__(self, utterance_id: str) -> bool:
        return utterance_id in self._entries

    def __getitem__(self, utterance_id: str) -> np.ndarray:
        """Read one spectrum, shape (frames, bins), float32; checked when first read."""
        shard, start, frames, checksum = self._entries[utterance_id]
        spectrum = shard.read(start, frames)
        if utterance_id not in self._sound:
            if zlib.crc32(spectrum.data) != checksum:
                raise shards.damaged(f"The cached features of {utterance_id}", shard.folder)
            self._sound.add(utterance_id)
        return spectrum.astype(np.float32, copy=False)

    def frame(self, manifest: pd.DataFrame) -> pd.DataFrame:
        """Count frames per utterance of a manifest: `utterance_id, frames` (0: unreadable)."""
        names = manifest["utterance_id"]
        frames = [self._entries[name].frames if name in self else 0 for name in names]
        return pd.DataFrame({"utterance_id": names, "frames": frames})


def default_folder() -> Path:
    """Return the feature cache folder: `SERTK_CACHE`, else the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("SERTK_CACHE") or Path(home) / "sertk" / "features").expanduser()


def compute(
    manifest: pd.DataFrame,
    prep: Preprocessing,
    *,
    folder: str | Path | None = None,
    n_jobs: int | None = None,
) -> Features:
    """Compute the spectra of all rows, or read them from the cache.

    A spectrum is found again whatever else is in the manifest, as long as the file's path in its
    corpus, size and time of change are the same. An unreadable file is tried again when it has
    changed, may be opened now, or ffmpeg was installed.

    Args:
        manifest: Originals, copies or both.
        prep: How a recording becomes a spectrum.
        folder: Where spectra are kept; `default_folder()` if not given.
        n_jobs: Workers, -1 for every core; `None` uses `joblib.parallel_config`, else one.
            They are threads, unless `joblib.parallel_config` chooses another joblib backend.

    Returns:
        The spectra. Files that cannot be read are skipped, counted and listed in `unreadable`.

    Raises:
        CacheError: If nothing at all can be read, or the folder cannot be written.
        ManifestError: If a start or end lies past the end of its file.
    """
    rows = keys.rows(corpora.check_times(manifest))
    home = Path(folder).expanduser() if folder is not None else default_folder()
    try:
        results = _find(rows, prep, home, n_jobs)
    except OSError as error:
        reason = atomic.refusal(error)
        if reason is None:
            raise
        raise CacheError(
            f"Cannot write the cache folder {home}: {reason[0]}.",
            "Features are cached on disk between runs.",
            f"{reason[1]} To use another folder, pass --cache DIR or set SERTK_CACHE.",
            code="unwritable-cache",
        ) from error
    entries, unreadable = {}, []
    for row in rows:
        spectrum = results[row.key]
        if isinstance(spectrum, Entry):
            entries[row.utterance_id] = spectrum
        elif row.augmentation is None:
            unreadable.append(
                {"utterance_id": row.utterance_id, "path": row.path.name, "reason": spectrum}
            )
    if len(unreadable) == sum(row.augmentation is None for row in rows) > 0:
        raise CacheError(
            f"None of the {len(rows)} files can be read. The first error: "
            f"{unreadable[0]['reason']}",
            code="no-readable-files",
        )
    return Features(entries, unreadable)


def _find(
    rows: list[keys.Row], prep: Preprocessing, home: Path, n_jobs: int | None
) -> shards.Found:
    family = home / prep.spectrum_key
    by_key = {row.key: row for row in rows}
    results = shards.find(shards.of(family), by_key)
    missing = {key: row for key, row in by_key.items() if key not in results}
    if missing:
        _warn_of_old_packs(home)
        results |= parts.fill(family, missing, prep, n_jobs)
    for used in {entry.shard.folder for entry in results.values() if isinstance(entry, Entry)}:
        with suppress(OSError):  # a read-only cache
            os.utime(used / shards.INDEX)  # time of last use, for `sertk cache`
    return results


def _warn_of_old_packs(home: Path) -> None:
    """Warn once, before spectra are first stored by utterance, that packs are not read."""
    names = [path.name for path in home.iterdir()] if home.is_dir() else []
    packs = sum(OLD_NAME.fullmatch(name) is not None for name in names)
    if packs and not any(shards.NAME.fullmatch(name) for name in names):
        warnings.warn(
            f"The cache {home} contains {packs} unused pack{'s' * (packs > 1)} of an older "
            f"version of sertk. Free the space with: sertk cache prune "
            f"--cache {shlex.quote(str(home))}",
            stacklevel=4,
        )
