"""Compare a manifest with a folder: what is missing, changed, damaged, or there besides.

In: a manifest and the root of its corpus. Out: a table of `utterance_id, path, status, detail`.
"""

from collections import defaultdict
from pathlib import Path, PurePosixPath

import pandas as pd

from sertk import audio
from sertk import manifest as manifests
from sertk.corpora import _files
from sertk.errors import AudioError, CorpusError

STATUSES = ("ok", "missing", "extra", "changed", "unreadable")


def compare(manifest: pd.DataFrame, root: str | Path | None) -> pd.DataFrame:
    """Look for every row's file, and for sound that no row names."""
    records = []
    if root is not None:
        parts = [(Path(root).expanduser(), manifest)]
    else:
        parts = [
            (manifests.root_of(manifest, str(corpus)), rows)
            for corpus, rows in manifest.groupby("corpus", sort=False)
        ]
    for folder, rows in parts:
        if not folder.is_dir():
            raise CorpusError(
                f"There is no folder {folder}.",
                f"{len(rows)} files were looked for there.",
                "Check root= (--root DIR).",
            )
        records += _compare_one(rows, folder)
    return pd.DataFrame(records, columns=["utterance_id", "path", "status", "detail"])


def _compare_one(rows: pd.DataFrame, root: Path) -> list[tuple[str | None, str, str, str]]:
    there = [path for path in _files.find(root) if path.suffix.lower() in audio.SUFFIXES]
    there = [path for path in there if not _files.of_macos(path)]
    by_name = defaultdict(list)
    for path in there:
        by_name[path.name].append(path)
    records: list[tuple[str | None, str, str, str]] = []
    named = set()
    seen: dict[PurePosixPath, tuple[str, str]] = {}
    hashes = rows["sha256"] if "sha256" in rows else [None] * len(rows)
    for name, row_path, sha256 in zip(rows["utterance_id"], rows["path"], hashes, strict=True):
        wanted = PurePosixPath(row_path)
        places = [p for p in by_name[wanted.name] if p == wanted or _ends_with(p, wanted)]
        if not places:
            elsewhere = by_name[wanted.name]
            detail = f"a file of this name is at {elsewhere[0]}" if elsewhere else ""
            records.append((name, row_path, "missing", detail))
            continue
        place = places[0]
        named.add(place)
        if place not in seen:
            seen[place] = _state(root / place, sha256)
        status, detail = seen[place]
        if place != wanted:
            detail = f"{detail} at {place}".strip()
        records.append((name, row_path, status, detail))
    taken = {path.name for path in named}
    for path in there:
        if path not in named:
            again = "a file of this name is there already" if path.name in taken else ""
            records.append((None, str(path), "extra", again))
    return records


def _ends_with(path: PurePosixPath, wanted: PurePosixPath) -> bool:
    """Tell whether a file lies where it should, but deeper."""
    return path.parts[-len(wanted.parts) :] == wanted.parts


def _state(path: Path, sha256: object) -> tuple[str, str]:
    try:
        audio.info(path)
    except AudioError as error:
        return "unreadable", str(error)
    if isinstance(sha256, str) and sha256:
        found = _files.sha256(path)
        if found != sha256:
            return "changed", f"sha256 {found[:12]}..., expected {sha256[:12]}..."
    return "ok", ""
