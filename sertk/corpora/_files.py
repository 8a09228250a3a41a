"""Scan a folder for a corpus: list files, count skipped ones, read headers.

In: a root and a corpus's `parse`, which turns one path into a row or the reason to skip it.
Out: a manifest with remarks on what was skipped; then the durations, rates and hashes of its files.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from sertk import audio
from sertk import manifest as manifests
from sertk._utils import plain_files
from sertk.audio import walk
from sertk.corpora import _spans
from sertk.errors import AudioError, CorpusError, listing
from sertk.manifest import remarks

Row: TypeAlias = dict[str, object]
Parse: TypeAlias = Callable[[PurePosixPath], Row | str]

AGAIN = "duplicate recording"
_SILENT_SECONDS = 2.0
_LOSSLESS = (".wav", ".wave", ".flac", ".aif", ".aiff", ".aifc", ".au", ".caf")


def _best(root: Path, paths: Sequence[PurePosixPath]) -> tuple[PurePosixPath, Counter[str]]:
    """Choose one of several copies of a recording: readable, then lossless, then the first.

    `skipped` counts the copies passed over, by reason.
    """
    if len(paths) == 1:
        return paths[0], Counter()
    lossy = {path: path.suffix.lower() not in _LOSSLESS for path in paths}
    order = sorted(paths, key=lambda path: lossy[path])
    place = next((n for n, path in enumerate(order) if _is_readable(root / path)), 0)
    chosen = order[place]
    passed = [f"{AGAIN}, unreadable"] * place
    for path in order[place + 1 :]:
        passed.append(f"{AGAIN}, lossy" if lossy[path] > lossy[chosen] else AGAIN)
    return chosen, Counter(passed)


def _is_readable(path: Path) -> bool:
    """Return whether a file can be read; only a WAV header tells whether it is complete."""
    try:
        seconds, _ = audio.info(path)
        if path.suffix.lower() not in (".wav", ".wave"):
            audio.read(path)
    except AudioError:
        return False
    return seconds > 0


def gather(
    root: Path, parse: Parse, *, corpus: str, title: str, example: str, remedy: str
) -> pd.DataFrame:
    """Build a manifest of the files below a root whose paths `parse` understands.

    Of several files with the same utterance_id one is taken, as `best` chooses, and the others
    are counted: many copies of a corpus hold its tree twice, or in a second format.
    """
    files = walk.walk(root, as_text=True)
    by_id: dict[str, dict[PurePosixPath, Row]] = {}
    skipped: Counter[str] = Counter()
    for path, reason, _ in files:
        row = reason or parse(path)
        if isinstance(row, str):
            skipped[row] += 1
        else:
            by_id.setdefault(str(row["utterance_id"]), {})[path] = row
    if not by_id:
        raise nothing(root, files, title, f"Expected names like {example}.", remedy)
    chosen, notes = choose(root, {name: list(copies) for name, copies in by_id.items()}, skipped)
    rows = [{**copies[chosen[name]], "path": str(chosen[name])} for name, copies in by_id.items()]
    manifest = manifests.from_rows(rows, corpus, root)
    return remarks.put(manifest, skipped=dict(sorted(skipped.items())), notes=notes)


def choose(
    root: Path, copies: Mapping[str, Sequence[PurePosixPath]], skipped: Counter[str]
) -> tuple[dict[str, PurePosixPath], list[str]]:
    """Choose one copy of each recording; count the others, and note where it is not the first."""
    chosen = {}
    instead = []
    for name, paths in copies.items():
        chosen[name], passed = _best(root, paths)
        skipped.update(passed)
        if chosen[name] != paths[0]:
            instead.append(f"{chosen[name]} for {paths[0]}")
    if not instead:
        return chosen, []
    note = (
        f"{len(instead)} recordings are read from a later copy, because the first one is lossy or "
        f"unreadable ({listing(instead, 3)})."
    )
    return chosen, [note]


def nothing(
    root: Path, files: Iterable[walk.File], title: str, needed: str, remedy: str
) -> CorpusError:
    """Build the error for a folder without a corpus's files, with what is there instead."""
    shown_files = [f.path for f in files if not f.folder and f.reason not in walk.CONCEALED]
    suffixes = Counter(path.suffix.lower() for path in shown_files)
    wavs = suffixes.pop(".wav", 0)
    shown = [f"{n} *{suffix}" if suffix else f"{n} bare" for suffix, n in suffixes.most_common(5)]
    return CorpusError(
        f"No {title} files in {root} (found {', '.join([*shown, f'{wavs} *.wav'])}).",
        needed,
        remedy,
        code="no-corpus-files",
    )


class Headers(NamedTuple):
    """What the headers of a manifest's files contain, by row, with its index."""

    seconds: pd.Series
    rates: pd.Series  # Hz
    digests: pd.Series  # hash of the file's bytes, if requested
    reasons: pd.Series  # why the file cannot be read; `None` if it can


def headers(manifest: pd.DataFrame, *, hash_files: bool = False) -> Headers:
    """Read the header of each row's file, each file once."""
    import joblib
    from tqdm import tqdm

    def look(path: Path) -> tuple[float | None, int | None, str | None, str | None]:
        digest = sha256(path) if hash_files and path.is_file() else None
        try:
            duration, rate = audio.info(path)
        except AudioError as error:
            return None, None, digest, str(error)
        return round(duration, 6), rate, digest, None

    files = manifests.paths(manifest)
    different = list(dict.fromkeys(files))
    threads = joblib.Parallel(
        n_jobs=min(8, os.cpu_count() or 1), prefer="threads", return_as="generator"
    )
    looks = tqdm(
        threads(joblib.delayed(look)(file) for file in different),
        total=len(different),
        desc="reading headers",
        unit="file",
        delay=_SILENT_SECONDS,
        leave=False,
    )
    seen = dict(zip(different, looks, strict=True))
    seconds, rates, digests, reasons = zip(*(seen[file] for file in files), strict=True)
    index = manifest.index
    return Headers(
        pd.Series(seconds, index, dtype="float64"),
        pd.Series(rates, index, dtype="Int64"),
        pd.Series(digests, index, dtype=object),
        pd.Series(reasons, index, dtype=object),
    )


def read_headers(manifest: pd.DataFrame, *, hash_files: bool) -> pd.DataFrame:
    """Fill `duration` and `sample_rate` from the files' headers, and `sha256` if asked."""
    info = headers(manifest, hash_files=hash_files)
    filled = _spans.within(manifest, info.seconds, info.rates).copy()
    # a segment has its own duration, not that of its file
    start, end = _spans.times(filled)
    filled["duration"] = (end.fillna(info.seconds) - start).round(6)
    filled["sample_rate"] = info.rates
    if hash_files:
        filled["sha256"] = info.digests.astype("str")
    return remarks.put(filled, unreadable=_unreadable(manifest, info.reasons))


def check(manifest: pd.DataFrame, *, everything: bool) -> pd.DataFrame:
    """Compare a manifest with the headers of its files, or of rows with times only."""
    part = manifest.reindex(columns=["start", "end"]).notna().any(axis=1)
    if not everything and not part.any():
        return manifest
    rows = manifest if everything else manifest[part]
    info = headers(rows)
    lengths = np.full((2, len(manifest)), np.nan)
    lengths[:, part | everything] = info.seconds, info.rates.astype("float64")
    seconds, rates = (pd.Series(row, manifest.index) for row in lengths)
    checked = _spans.within(manifest, seconds, rates)
    if everything:
        unreadable = _unreadable(rows, info.reasons)
        checked = remarks.put(checked.assign(), unreadable=unreadable)
    return checked


def _unreadable(manifest: pd.DataFrame, reasons: pd.Series) -> list[tuple[str, str]]:
    return [(path, why) for path, why in zip(manifest["path"], reasons, strict=True) if why]


def sha256(path: Path) -> str:
    """Hash the bytes of a file."""
    with plain_files.opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
