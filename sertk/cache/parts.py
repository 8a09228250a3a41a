"""Compute missing spectra in parts, so that a killed process resumes.

In: rows and their keys. Out: one more shard. Parts of 32 utterances are written first, each whole
or not at all; the next process that computes this family resumes from them. A lock lets one process
compute at a time, and the next one finds its results.
"""

import hashlib
import json
import shutil
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sertk import augment
from sertk._utils import temporary_names
from sertk.audio import ffmpeg
from sertk.cache import shards
from sertk.cache.keys import Row
from sertk.errors import AudioError
from sertk.preprocessing import Preprocessing

PART_ROWS = 32
FOLDER = "parts"


def lock(family: Path, timeout: float = -1) -> Any:
    """Build the lock under which a family is changed; `timeout` in seconds, -1 waits."""
    import filelock

    return filelock.FileLock(family / ".lock", timeout=timeout)


def fill(
    family: Path, rows: Mapping[str, Row], prep: Preprocessing, n_jobs: int | None
) -> shards.Found:
    """Compute missing spectra of some rows, and find them all.

    Args:
        family: Folder, made if it is missing.
        rows: By key, those that were not found.
        prep: How a recording becomes a spectrum.
        n_jobs: Workers, see `sertk.cache.compute`.
    """
    family.mkdir(parents=True, exist_ok=True)
    parts = family / FOLDER
    with lock(family):
        if (parts / shards.INDEX).is_file():  # left by a process that was killed during the move
            _move(parts)
        parts.mkdir(exist_ok=True)
        results = shards.find(shards.of(family), rows)  # another process may have added some
        computed = {*results}
        for record in map(shards.read_record, _records(parts)):
            computed.update(key for key, *_ in record["rows"])
            computed.update(shards.refused(record))
        missing = [row for key, row in rows.items() if key not in computed]
        _compute(missing, len(rows), parts, prep, n_jobs)
        return results | shards.find(_join(parts), rows)


def _records(parts: Path) -> list[Path]:
    return sorted(parts.glob("[0-9]*.json"))


def _compute(
    rows: list[Row], total: int, parts: Path, prep: Preprocessing, n_jobs: int | None
) -> None:
    from joblib import Parallel, delayed, effective_n_jobs
    from tqdm import tqdm

    if n_jobs is None and prep.feature.source.in_processes and effective_n_jobs() == 1:
        n_jobs = -1  # threads that wait for one process per core
    first = max((int(record.stem) + 1 for record in _records(parts)), default=0)
    tasks = [
        (parts / f"{first + n // PART_ROWS:06d}", rows[n : n + PART_ROWS])
        for n in range(0, len(rows), PART_ROWS)
    ]
    done = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator_unordered")(
        delayed(_write_part)(*task, prep) for task in tasks
    )
    with tqdm(total=total, initial=total - len(rows), desc="features", unit="file", delay=2) as bar:
        for count in done:
            bar.update(count)


def _write_part(name: Path, rows: list[Row], prep: Preprocessing) -> int:
    """Write the spectra of a few rows, and last the record that makes the part valid."""
    spectra, index, unreadable = [], [], []
    for row in rows:
        try:
            spectrum = _spectrum(row, prep)
        except AudioError as error:
            unreadable.append((row.key, str(error), ffmpeg.installed()))
            continue
        index.append((row.key, len(spectrum), zlib.crc32(spectrum.data)))
        spectra.append(spectrum)
    shape = (sum(map(len, spectra)), *(spectra[0].shape[1:] if spectra else (0,)))
    _write_array(name.with_suffix(".npy"), shape, prep.feature.source.cached_as, spectra)
    _write_record(name.with_suffix(".json"), index, unreadable)
    return len(rows)


def _spectrum(row: Row, prep: Preprocessing) -> np.ndarray:
    kind = prep.feature.source.cached_as
    if row.augmentation is None:
        return np.ascontiguousarray(prep.spectrum(row.path, row.start, row.end), dtype=kind)
    place = (row.path, row.start, row.end)
    return np.ascontiguousarray(
        copied(prep, place, row.augmentation, row.seed, row.copy), dtype=kind
    )


def copied(
    prep: Preprocessing, place: tuple[Path, float | None, float | None], recipe: Any, seed: int,
    number: int | None = None,
) -> np.ndarray:  # fmt: skip
    """Compute the spectrum of an augmented copy.

    Args:
        prep: How a recording becomes a spectrum.
        place: File, start and end in seconds.
        recipe: Of `sertk.augment`.
        seed: Of the copy.
        number: Of the copy, for recipes that are sets.
    """
    if augment.is_of_recordings(recipe):
        changed = augment.apply(recipe, prep.read(*place), prep.sample_rate, seed, number)
        return prep.extract(prep.prepare(changed))
    return prep.extract(augment.apply(recipe, prep.load(*place), prep.sample_rate, seed, number))


def _write_array(
    path: Path, shape: tuple[int, ...], kind: str, pieces: Iterable[np.ndarray]
) -> None:
    """Write arrays under each other.

    Not with np.save, which does not report a full disk, and not with a memory map, with which a
    full disk would kill the process.
    """
    with temporary_names.whole(path) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": np.dtype(kind).str, "fortran_order": False, "shape": shape}
        )
        for piece in pieces:
            file.write(piece.data)


def _write_record(path: Path, rows: list[Any], unreadable: list[Any]) -> None:
    with temporary_names.whole(path) as temporary:
        temporary.write_text(json.dumps({"rows": rows, "unreadable": unreadable}))


def _join(parts: Path) -> list[Path]:
    """Make a shard of the parts, if there are any; its index, written last, makes it valid."""
    records = _records(parts)
    if not records:  # another process has computed everything
        shutil.rmtree(parts)
        return []
    contents = [shards.read_record(record) for record in records]
    rows = [row for record in contents for row in record["rows"]]
    arrays = [record.with_suffix(".npy") for record in records]
    opened = [shards.load(path) for path in arrays]
    example = next((array for array in opened if len(array)), opened[0])
    shape = (sum(frames for _, frames, _ in rows), *example.shape[1:])
    _write_array(parts / shards.FEATURES, shape, example.dtype.str, opened)
    _write_record(parts / shards.INDEX, rows, [row for f in contents for row in f["unreadable"]])
    return [_move(parts)]


def _move(parts: Path) -> Path:
    """Name a shard that is whole by its keys, so that a name never means other spectra."""
    record = shards.read_record(parts / shards.INDEX)
    keys = "".join(key for key, *_ in record["rows"] + record["unreadable"])
    target = parts.with_name(hashlib.blake2b(keys.encode(), digest_size=8).hexdigest())
    for path in parts.iterdir():
        if path.name not in (shards.FEATURES, shards.INDEX):
            path.unlink()
    shutil.rmtree(target, ignore_errors=True)  # without an index, or its keys would be known
    return parts.rename(target)
