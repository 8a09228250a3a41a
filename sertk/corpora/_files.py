"""What every corpus does with a folder: list it, count what it skips, read headers.

In: a root and a corpus's `parse`, which turns one path into a row or the reason to skip it.
Out: a manifest with `attrs["skipped"]`; then the durations, rates and hashes of its files.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import TypeAlias

import pandas as pd

from sertk import _input, audio
from sertk import manifest as manifests
from sertk.errors import AudioError, CorpusError

Row: TypeAlias = dict[str, object]
Parse: TypeAlias = Callable[[PurePosixPath], Row | str]

MACOS = "macOS metadata (._ files)"
AGAIN = "the same recording again"
_SILENT_SECONDS = 2.0


def find(root: Path) -> list[PurePosixPath]:
    """List every file below a root, relative to it, the shallowest first.

    Links to folders are followed, each folder once; hidden folders, such as .venv, are not.
    """
    found, seen = [], set()
    for folder, folders, files in os.walk(root, followlinks=True):
        where = os.path.realpath(folder)
        if where in seen:
            folders.clear()
            continue
        seen.add(where)
        folders[:] = [name for name in folders if not name.startswith(".")]
        inside = PurePosixPath(Path(folder).relative_to(root).as_posix())
        found += [inside / name for name in files]
    return sorted(found, key=lambda path: (len(path.parts), str(path)))


def of_macos(path: PurePosixPath) -> bool:
    """Tell the shadow files of macOS, which are named like recordings, from recordings."""
    return path.name.startswith("._") or path.name == ".DS_Store" or "__MACOSX" in path.parts


def _no_text(name: str) -> bool:
    """Tell a name whose bytes are no UTF-8: no manifest could hold it."""
    return any("\ud800" <= letter <= "\udfff" for letter in name)


def no_sound(path: PurePosixPath) -> str | None:
    """Say why a path cannot be a recording at all; `None` if it can be one."""
    suffix = path.suffix.lower()
    if of_macos(path):
        return MACOS
    if _no_text(str(path)):
        return "a name that is not UTF-8"
    if suffix in audio.SUFFIXES or suffix in audio.UNREAD_SUFFIXES:
        return None
    return f"not sound (*{suffix})" if suffix else "not sound (no suffix)"


def unread(path: PurePosixPath) -> str | None:
    """Say that sound in this format is not read; `None` if it is."""
    suffix = path.suffix.lower()
    return f"not read here (*{suffix})" if suffix in audio.UNREAD_SUFFIXES else None


def gather(
    root: Path, parse: Parse, *, corpus: str, title: str, example: str, remedy: str
) -> pd.DataFrame:
    """Build a manifest of the files below a root whose paths `parse` understands.

    Of two files with the same utterance_id the shallower one is taken, the other one counted:
    many copies of a corpus hold its tree twice.

    Args:
        root: The folder.
        parse: Path relative to the root -> row, or the reason why it is none.
        corpus: Name of the corpus.
        title: What the error calls its files, for example `"RAVDESS speech"`.
        example: A right path, for the error.
        remedy: What to do, for the error.

    Raises:
        CorpusError: If not one file is taken.
    """
    files = find(root)
    rows: dict[object, Row] = {}
    skipped: Counter[str] = Counter()
    for path in files:
        row = no_sound(path) or parse(path)
        if not isinstance(row, str):
            row = unread(path) or row
        if isinstance(row, str):
            skipped[row] += 1
        elif row["utterance_id"] in rows:
            skipped[AGAIN] += 1
        else:
            rows[row["utterance_id"]] = {**row, "path": str(path)}
    if not rows:
        raise nothing(root, files, title, f"Expected names like {example}.", remedy)
    manifest = manifests.from_rows(rows.values(), corpus, root)
    manifest.attrs["skipped"] = dict(sorted(skipped.items()))
    return manifest


def nothing(
    root: Path, files: Iterable[PurePosixPath], title: str, needed: str, remedy: str
) -> CorpusError:
    """Build the error for a folder without a corpus's files, with what is there instead."""
    suffixes = Counter(path.suffix.lower() for path in files if not of_macos(path))
    wavs = suffixes.pop(".wav", 0)
    shown = [f"{n} *{suffix}" if suffix else f"{n} bare" for suffix, n in suffixes.most_common(5)]
    return CorpusError(
        f"No {title} files in {root} (found {', '.join([*shown, f'{wavs} *.wav'])}).",
        needed,
        remedy,
    )


def read_headers(manifest: pd.DataFrame, *, hash_files: bool) -> pd.DataFrame:
    """Fill `duration` and `sample_rate` from the files' headers, and `sha256` if asked.

    Returns:
        A copy; `attrs["unreadable"]` lists (path, reason) of the files that are damaged.
    """
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
    threads = joblib.Parallel(
        n_jobs=min(8, os.cpu_count() or 1), prefer="threads", return_as="generator"
    )
    looks = list(
        tqdm(
            threads(joblib.delayed(look)(file) for file in files),
            total=len(files),
            desc="reading headers",
            unit="file",
            delay=_SILENT_SECONDS,
            leave=False,
        )
    )
    filled = manifest.copy()
    durations, rates, digests, reasons = zip(*looks, strict=True)
    index = manifest.index
    seconds = pd.Series(durations, index, dtype="float64")
    # a segment lasts as long as it says, not as its file
    end = manifest["end"].fillna(seconds) if "end" in manifest else seconds
    start = manifest["start"].fillna(0) if "start" in manifest else 0
    filled["duration"] = (end - start).round(6)
    filled["sample_rate"] = pd.Series(rates, index, dtype="Int64")
    if hash_files:
        filled["sha256"] = pd.Series(digests, index, dtype="str")
    filled.attrs["unreadable"] = [
        (path, reason) for path, reason in zip(manifest["path"], reasons, strict=True) if reason
    ]
    return filled


def sha256(path: Path) -> str:
    """Hash the bytes of a file."""
    with _input.opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
