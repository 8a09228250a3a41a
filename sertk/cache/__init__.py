"""Compute every utterance's spectrum once, and keep it in memory-mapped packs.

In: a manifest and a `Preprocessing`. Out: `Features`, which gives `(frames, bins)` by
utterance_id. A pack is one folder: features.npy, all utterances under each other, and index.json.
Parts of 32 utterances are written first, each whole or not at all, so that a run killed at any
moment goes on from its last part; a lock lets two processes share the work of one.
"""

import hashlib
import json
import os
import shlex
import shutil
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sertk import augment, corpora
from sertk import manifest as manifests
from sertk._utils import atomic, json_records, schemas, seeding, temporary_names
from sertk.errors import AudioError, CacheError
from sertk.preprocessing import Preprocessing

PART_ROWS = 32
INDEX = "index.json"
_FORMAT = 1  # change it when what is stored changes


class Pack:
    """The spectra of one manifest under one preprocessing, on disk.

    Args:
        folder: That `compute` finished.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        index = _read_record(folder / INDEX, folder)
        self.unreadable: list[dict[str, str]] = index["unreadable"]
        self._rows = {row[0]: tuple(row[1:]) for row in index["rows"]}
        self._sound: set[str] = set()
        self._data: np.ndarray | None = None

    def __contains__(self, utterance_id: str) -> bool:
        return utterance_id in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, utterance_id: str) -> np.ndarray:
        """Read one spectrum, shape (frames, bins), float32; checked when first read."""
        if self._data is None:  # opened late, so that a Pack travels to other processes
            try:
                self._data = np.load(self.folder / "features.npy", mmap_mode="r")
            except (OSError, EOFError, ValueError) as error:
                raise _damaged("The cached features", self.folder) from error
        start, frames, checksum = self._rows[utterance_id]
        spectrum = self._data[start : start + frames]
        if utterance_id not in self._sound:
            if zlib.crc32(spectrum.data) != checksum:
                raise _damaged(f"The cached features of {utterance_id}", self.folder)
            self._sound.add(utterance_id)
        return spectrum

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_data": None}


def _damaged(what: str, folder: Path) -> CacheError:
    return CacheError(
        f"{what} in {folder} are damaged.",
        "What is cached must be as it was written.",
        f"Delete the folder and run again: rm -r {shlex.quote(str(folder))}",
    )


def _read_record(path: Path, folder: Path) -> dict[str, Any]:
    schema = schemas.Pack if path.name == INDEX else schemas.PartOfPack
    try:
        return dict(json_records.read(path, schema))
    except json_records.DamagedError as error:
        raise _damaged("The cached features", folder) from error


class Features:
    """Spectra of originals and copies by utterance_id; `in` tells whether one was readable.

    Attributes:
        unreadable: Originals that could not be read: `utterance_id, path, reason`.
    """

    def __init__(self, originals: list[Pack], copies: Sequence[Pack] = ()):
        self._packs = [*originals, *copies]
        self.unreadable = [row for pack in originals for row in pack.unreadable]

    def __contains__(self, utterance_id: str) -> bool:
        return any(utterance_id in pack for pack in self._packs)

    def __getitem__(self, utterance_id: str) -> np.ndarray:
        for pack in self._packs:
            if utterance_id in pack:
                return pack[utterance_id]
        raise KeyError(utterance_id)

    def frame(self, manifest: pd.DataFrame) -> pd.DataFrame:
        """Tell frames per utterance of a manifest: `utterance_id, frames` (0: unreadable)."""
        frames = [len(self[u]) if u in self else 0 for u in manifest["utterance_id"]]
        return pd.DataFrame({"utterance_id": manifest["utterance_id"], "frames": frames})


def default_folder() -> Path:
    """Say where features are kept: `SERTK_CACHE`, else the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("SERTK_CACHE") or Path(home) / "sertk" / "features").expanduser()


def compute(
    manifest: pd.DataFrame,
    prep: Preprocessing,
    *,
    folder: str | Path | None = None,
    jobs: int | None = None,
) -> Features:
    """Compute, or find, the spectra of every row.

    Args:
        manifest: Originals, copies or both.
        prep: How a recording becomes a spectrum.
        folder: Where packs are kept; `default_folder()` if not given.
        jobs: Workers, -1 for every core; `None` is what `joblib.parallel_config` says, else one.
            They are threads, unless `joblib.parallel_config` chooses another joblib backend.

    Returns:
        The spectra. Files that cannot be read are skipped, counted and listed in `unreadable`.

    Raises:
        CacheError: If nothing at all can be read, or the folder cannot be written.
        ManifestError: If a start or end lies past the end of its file.
    """
    manifest = corpora.check_times(manifest)
    home = Path(folder).expanduser() if folder is not None else default_folder()
    recipe = manifest.get("augmentation", pd.Series(None, manifest.index, dtype=object))
    originals = manifest[recipe.isna()]
    groups = [originals, *(manifest[recipe == name] for name in recipe.dropna().unique())]
    try:
        packs = [_pack(rows, prep, home, jobs) for rows in groups if len(rows)]
    except OSError as error:
        reason = atomic.refusal(error)
        if reason is None:
            raise
        raise CacheError(
            f"The cache folder {home} cannot be written: {reason[0]}.",
            "Features are kept on disk between runs.",
            f"{reason[1]} Another folder: --cache DIR, or SERTK_CACHE.",
        ) from error
    of_originals = int(len(originals) > 0)  # their pack comes first, if there are any
    features = Features(packs[:of_originals], packs[of_originals:])
    if len(features.unreadable) == len(originals) > 0:
        raise CacheError(
            f"None of the {len(manifest)} files could be read, the first because: "
            f"{features.unreadable[0]['reason']}",
        )
    return features


def _pack(manifest: pd.DataFrame, prep: Preprocessing, home: Path, jobs: int | None) -> Pack:
    import filelock

    paths = manifests.paths(manifest)
    folder = home / f"{prep.spectrum_key}-{_manifest_key(manifest, paths)}"
    if not (folder / INDEX).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / ".lock"):
            if not (folder / INDEX).is_file():
                _compute_parts(manifest, paths, prep, folder / "parts", jobs)
                _merge(folder)
    with suppress(OSError):  # a cache that is only read
        os.utime(folder / INDEX)  # when it was used last, for `sertk cache`
    return Pack(folder)


def _manifest_key(manifest: pd.DataFrame, paths: list[Path]) -> str:
    """Hash what the rows are and which bytes they point at (size and time of change)."""
    digest = hashlib.blake2b(str(_FORMAT).encode(), digest_size=8)
    stats: dict[Path, str] = {}
    for path in paths:
        if path not in stats:
            try:
                found = path.stat()
                stats[path] = f"{found.st_size} {found.st_mtime_ns}"
            except OSError:
                stats[path] = "missing"
    columns = ["utterance_id", "path", "start", "end", "augmentation"]
    if "copy" in manifest and "augmentation" in manifest and manifest["augmentation"].notna().any():
        columns.append("copy")  # decides which entry of a set a copy is
    what = manifest.reindex(columns=columns)
    for row, path in zip(what.itertuples(index=False, name=None), paths, strict=True):
        digest.update(f"{row} {stats[path]}\n".encode())
    return digest.hexdigest()


def _compute_parts(
    manifest: pd.DataFrame, paths: list[Path], prep: Preprocessing, parts: Path, jobs: int | None
) -> None:
    from joblib import Parallel, delayed
    from tqdm import tqdm

    parts.mkdir(exist_ok=True)
    columns = ("utterance_id", "start", "end", "augmentation", "copy")
    rows = manifest.reindex(columns=list(columns)).astype(object).to_dict("records")
    rows = [{k: None if pd.isna(v) else v for k, v in row.items()} for row in rows]
    jobs_left = [
        (parts / f"{n // PART_ROWS:06d}", rows[n : n + PART_ROWS], paths[n : n + PART_ROWS])
        for n in range(0, len(rows), PART_ROWS)
        if not (parts / f"{n // PART_ROWS:06d}.json").is_file()
    ]
    done = Parallel(n_jobs=jobs, prefer="threads", return_as="generator_unordered")(
        delayed(_write_part)(*task, prep) for task in jobs_left
    )
    with tqdm(
        total=len(rows), initial=len(rows) - sum(len(task[1]) for task in jobs_left),
        desc="features", unit="file", delay=2,
    ) as bar:  # fmt: skip
        for count in done:
            bar.update(count)


def _write_part(
    name: Path, rows: list[dict[str, Any]], paths: list[Path], prep: Preprocessing
) -> int:
    """Write the spectra of a few rows, and last the record that makes the part valid."""
    spectra, index, unreadable = [], [], []
    for row, path in zip(rows, paths, strict=True):
        try:
            spectrum = _spectrum(row, path, prep)
        except AudioError as error:
            unreadable.append(
                {"utterance_id": row["utterance_id"], "path": path.name, "reason": str(error)}
            )
            continue
        index.append([row["utterance_id"], len(spectrum), zlib.crc32(spectrum.data)])
        spectra.append(spectrum)
    data = np.concatenate(spectra) if spectra else np.zeros((0, 0), np.float32)
    with temporary_names.whole(name.with_suffix(".npy")) as temporary, temporary.open("wb") as file:
        # np.save would not say that the disk is full, only how much it has written
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<f4", "fortran_order": False, "shape": data.shape}
        )
        file.write(data.data)
    with temporary_names.whole(name.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps({"rows": index, "unreadable": unreadable}))
    return len(rows)


def _spectrum(row: dict[str, Any], path: Path, prep: Preprocessing) -> np.ndarray:
    if row["augmentation"] is None:
        return np.ascontiguousarray(prep.spectrum(path, row["start"], row["end"]), dtype=np.float32)
    waveform = prep.load(path, row["start"], row["end"])
    seed = seeding.derive(0, row["utterance_id"])
    number = None if row["copy"] is None else int(row["copy"])  # pandas may hold 3.0
    waveform = augment.apply(row["augmentation"], waveform, prep.sample_rate, seed, number)
    return np.ascontiguousarray(prep.extract(waveform), dtype=np.float32)


def _merge(folder: Path) -> None:
    """Join the parts to one pack; its index, written last, makes it valid."""
    records = sorted((folder / "parts").glob("*.json"))
    index = [_read_record(record, folder) for record in records]
    total = sum(frames for part in index for _, frames, _ in part["rows"])
    arrays = (np.load(r.with_suffix(".npy"), mmap_mode="r") for r in records)
    shape = next((a.shape[1:] for a in arrays if len(a)), (0,))
    rows: list[list[Any]] = []
    start = 0
    with temporary_names.whole(folder / "features.npy") as temporary, temporary.open("wb") as file:
        # written, not mapped: a full disk would kill a process that writes to a map
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<f4", "fortran_order": False, "shape": (total, *shape)}
        )
        for record, part in zip(records, index, strict=True):
            file.write(np.load(record.with_suffix(".npy")).data)
            for utterance_id, frames, checksum in part["rows"]:
                rows.append([utterance_id, start, frames, checksum])
                start += frames
    unreadable = [row for part in index for row in part["unreadable"]]
    with temporary_names.whole(folder / INDEX) as temporary:
        temporary.write_text(json.dumps({"rows": rows, "unreadable": unreadable}))
    shutil.rmtree(folder / "parts", ignore_errors=True)
