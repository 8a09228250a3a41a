"""Locations of a manifest's files: roots, paths, segments.

In: a manifest. Out: folders and files on this machine, or a key per row. macOS writes names
decomposed (NFD) and most tables hold them composed (NFC): a file is found under either.
"""

import os
import unicodedata
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pandas as pd

from sertk._utils import spelling
from sertk.errors import ManifestError


def roots_below(root: str | Path, corpora: list[str]) -> dict[str, str]:
    """Say where corpora are: one in the folder itself, several in folders of their names.

    Of several, one without a folder of its name is looked for in the root itself.
    """
    home = Path(root).expanduser()
    if len(corpora) == 1:
        return {corpora[0]: str(home)}
    return {c: str(home / c if (home / c).is_dir() else home) for c in corpora}


def with_roots(manifest: pd.DataFrame, roots: Mapping[str, str | Path]) -> pd.DataFrame:
    """Set the root folders of corpora on this machine.

    Args:
        manifest: Any manifest.
        roots: Corpus -> folder; rows of other corpora keep the root they have.

    Returns:
        A copy with the column `root`; the manifest itself where there are no roots.

    Examples:
        >>> rows = pd.DataFrame({"corpus": ["my"], "path": ["a.wav"]})
        >>> with_roots(rows, {"my": "/data/my"})["root"].tolist()
        ['/data/my']
    """
    if not roots:
        return manifest
    folders = {corpus: str(Path(root).expanduser()) for corpus, root in roots.items()}
    root = manifest["corpus"].astype(object).map(folders)
    if "root" in manifest:
        root = root.where(root.notna(), manifest["root"].astype(object))
    return manifest.assign(root=pd.Categorical(root))


def roots(manifest: pd.DataFrame) -> dict[str, str]:
    """List the roots in a manifest: corpus -> folder; the first, if a corpus has two."""
    if "root" not in manifest:
        return {}
    rooted = manifest.dropna(subset=["root"]).drop_duplicates("corpus")
    return dict(zip(rooted["corpus"].astype(str), rooted["root"].astype(str), strict=True))


def root_of(manifest: pd.DataFrame, corpus: str) -> Path:
    """Find the folder of a corpus: in the column `root`, else below `SERTK_CORPORA`.

    Raises:
        ManifestError: If neither is there.
    """
    folders = roots(manifest[manifest["corpus"] == corpus])
    return Path(folders[corpus]) if corpus in folders else _from_environment(corpus)


def _from_environment(corpus: str) -> Path:
    home = os.environ.get("SERTK_CORPORA")
    if home and (Path(home).expanduser() / corpus).is_dir():
        return Path(home).expanduser() / corpus
    raise ManifestError(
        f"No root folder is known for the corpus {corpus!r} (SERTK_CORPORA is "
        f"{home or 'not set'}).",
        "Paths in a manifest are relative to the root of their corpus.",
        f"Pass --root DIR (root= or roots= in Python), or set SERTK_CORPORA to the folder above "
        f"{corpus}/.",
        code="no-root-folder",
    )


def paths(manifest: pd.DataFrame) -> list[Path]:
    """Resolve every row's file against the root of its corpus.

    Raises:
        ManifestError: If a row has no root.
    """
    root = manifest["root"] if "root" in manifest else pd.Series(None, index=manifest.index)
    codes, names = pd.factorize(root)
    folders, defaults = [Path(name) for name in names], {}
    result = []
    for corpus, code, path in zip(manifest["corpus"], codes, manifest["path"], strict=True):
        if code < 0 and corpus not in defaults:
            defaults[corpus] = _from_environment(corpus)
        result.append(locate(defaults[corpus] if code < 0 else folders[code], path))
    return result


def locate(root: Path, path: str) -> Path:
    """Find a file below a root, with its name in any Unicode normal form.

    Returns:
        The existing file, else the path as written.
    """
    written = root / path
    if path.isascii() or written.exists():
        return written
    current = root
    for name in PurePosixPath(path).parts:
        forms = [name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))]
        existing = next((n for n in forms if (current / n).exists()), None)
        if existing is None:
            return written
        current /= existing
    return current


def stays_inside(path: str) -> bool:
    """Return whether a path is relative and stays below its root."""
    # without pathlib, which takes several seconds for a million rows
    slashed = path.replace("\\", "/")
    parts = [part for part in slashed.split("/") if part not in ("", ".")]
    odd = slashed[:1] == "/" or ".." in parts or path[1:2] == ":" or "\0" in path
    return not odd and bool(parts)


def clean(path: str) -> str:
    """Write a path without `.` and empty parts.

    Examples:
        >>> clean("./a//b.wav")
        'a/b.wav'
    """
    if "//" not in path and "./" not in path:
        return path
    return "/".join(part for part in path.split("/") if part not in ("", "."))


def spans(manifest: pd.DataFrame) -> pd.Series:
    """Name the stretch of its file that each row is: `start-end`; nothing for a whole file."""
    nothing = pd.Series(float("nan"), index=manifest.index)
    start = manifest.get("start", nothing).astype("float64").fillna(0.0)
    end = manifest.get("end", nothing).astype("float64")
    # by map: a cast keeps an open end as a missing value, and every such row would be one place
    named = " " + start.map(str) + "-" + end.map(str)
    return named.where((start > 0) | end.notna(), "")


def keys(manifest: pd.DataFrame) -> pd.Series:
    """Name the place of each row, equal where two rows are one stretch of one file."""
    path = manifest["path"].astype(str).map(clean).map(spelling.composed)
    return manifest["corpus"].astype(str) + "/" + path + spans(manifest)
