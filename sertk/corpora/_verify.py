"""Compare a manifest with the files on disk: missing, changed, damaged, additional.

In: a manifest and the roots of its corpora. Out: a table of `utterance_id, path, status, detail`.
"""

import os
from collections import defaultdict
from pathlib import Path, PurePosixPath

import pandas as pd

from sertk import audio
from sertk import manifest as manifests
from sertk._utils import spelling
from sertk.audio import walk
from sertk.corpora import _files, _spans
from sertk.errors import AudioError, CorpusError

Record = tuple[str | None, str, str, str]


def compare(manifest: pd.DataFrame, root: str | Path | None) -> pd.DataFrame:
    """Look for every row's file below its own root, and for sound that no row names."""
    corpora = [str(corpus) for corpus in manifest["corpus"].unique()]
    if root is not None:
        manifest = manifests.with_roots(manifest, manifests.roots_below(root, corpora))
    folders = {corpus: manifests.root_of(manifest, corpus) for corpus in corpora}
    place = manifest["corpus"].map(lambda corpus: os.path.realpath(folders[corpus]))
    listed, named = [], []
    for _, rows in manifest.groupby(place, sort=False):  # corpora may share a folder
        folder = folders[rows["corpus"].iloc[0]]
        if not folder.is_dir():
            raise CorpusError(
                f"No folder at {folder}.",
                f"{len(rows)} files of the manifest are expected there.",
                "Check root= (--root DIR).",
                code="missing-corpus-folder",
            )
        listed.append(_Folder(folder))
        named.append(listed[-1].look_for(rows))
    records = [record for part in named for record in part]
    taken = {path for one in listed for path in one.taken}
    # a folder inside another one lists its own sound: the deepest first
    for inner in sorted(listed, key=lambda one: -len(one.real)):
        records += inner.extra(taken)
    return pd.DataFrame(records, columns=["utterance_id", "path", "status", "detail"])


class _Folder:
    """The sound below one root, and which of it rows name."""

    def __init__(self, root: Path):
        self.root, self.real = root, os.path.realpath(root)
        self.sounds = [file.path for file in walk.walk(root) if file.reason is None]
        self.taken: set[str] = set()
        self._names: set[str] = set()

    def look_for(self, rows: pd.DataFrame) -> list[Record]:
        """Return the status of each row's file."""
        by_name = defaultdict(list)
        for path in self.sounds:
            by_name[spelling.composed(path.name)].append(path)
        seen: dict[PurePosixPath, tuple[str, str, float]] = {}
        records: list[Record] = []
        hashes = rows["sha256"] if "sha256" in rows else [None] * len(rows)
        start, end = _spans.times(rows)
        for name, path, sha256, first, last in zip(
            rows["utterance_id"], rows["path"], hashes, start, end, strict=True
        ):
            expected = PurePosixPath(path)
            elsewhere = by_name[spelling.composed(expected.name)]
            place = next((p for p in elsewhere if _ends_with(p, expected)), None)
            if place is None:
                detail = f"a file with this name is at {elsewhere[0]}" if elsewhere else ""
                records.append((name, path, "missing", detail))
                continue
            self.taken.add(self._real(place))
            self._names.add(place.name)
            if place not in seen:
                seen[place] = _state(self.root / place, sha256)
            status, detail, seconds = seen[place]
            beyond = _spans.beyond(first, last, seconds)
            if status == "ok" and beyond:
                status, detail = "changed", beyond
            if place != expected:
                detail = f"{detail} at {place}".strip()
            records.append((name, path, status, detail))
        return records

    def extra(self, taken: set[str]) -> list[Record]:
        """List the sound that no row names, and note it as taken."""
        records: list[Record] = []
        for path in self.sounds:
            real = self._real(path)
            if real not in taken:
                taken.add(real)
                again = "a file with this name exists already" if path.name in self._names else ""
                records.append((None, str(path), "extra", again))
        return records

    def _real(self, path: PurePosixPath) -> str:
        whole = self.root / path
        return os.path.join(os.path.realpath(whole.parent), whole.name)  # noqa: PTH118


def _ends_with(path: PurePosixPath, expected: PurePosixPath) -> bool:
    """Return whether a file is at the expected path, or deeper."""
    parts = tuple(map(spelling.composed, path.parts[-len(expected.parts) :]))
    return parts == tuple(map(spelling.composed, expected.parts))


def _state(path: Path, sha256: object) -> tuple[str, str, float]:
    """Return status, detail and length of a file."""
    try:
        seconds, _ = audio.info(path)
    except AudioError as error:
        return "unreadable", str(error), float("nan")
    if isinstance(sha256, str) and sha256:
        digest = _files.sha256(path)
        if digest != sha256:
            return "changed", f"sha256 {digest[:12]}..., expected {sha256[:12]}...", seconds
    return "ok", "", seconds
