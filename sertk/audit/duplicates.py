"""Duplicates in a manifest: identical sound, identical segments, similar speaker names.

In: a manifest. Out: a key per row that is equal where the sound is, with words on what was
compared; speakers that are spelled alike; recordings that are labeled in several ways.
"""

import os
from collections.abc import Hashable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from sertk import audio
from sertk import manifest as manifests
from sertk._utils import spelling
from sertk.errors import AudioError, ManifestError
from sertk.manifest import locations

_SILENT_SECONDS = 2.0
_Stretch = tuple[Path, float | None, float | None]


class Sound(NamedTuple):
    """What the rows of a manifest sound like.

    Args:
        keys: Hash of each row's samples, else of its file's bytes, else nothing.
        words: How rows are compared.
        missed: Rows whose samples were to be compared and cannot be read.
    """

    keys: pd.Series
    words: str
    missed: pd.Series


def sound(manifest: pd.DataFrame, compare_audio: bool | None) -> Sound:
    """Hash the sound of each row.

    Args:
        manifest: Any manifest.
        compare_audio: Decode the files and hash their samples. `None` does so where files are at
            hand; `True` requires it.

    Raises:
        ManifestError: If it is required, and no folder is known for a corpus.
        AudioError: If it is required, and no file can be read.
    """
    sha = manifest.get("sha256", pd.Series(None, index=manifest.index, dtype=object))
    sha = sha.astype(object).where(sha.notna() & (sha != ""), None)
    keys = sha.where(sha.isna(), sha.astype(str) + locations.spans(manifest))
    by_name = "by name and sha256" if keys.notna().any() else "by name"
    nothing = pd.Series(False, index=manifest.index)
    if compare_audio is False:
        return Sound(keys, by_name, nothing)
    files, reason = _at_hand(manifest, required=compare_audio is True)
    hashes, wrong = _hashes(files)
    if compare_audio and not hashes:
        raise AudioError(
            f"None of the {len(manifest)} files can be read. The first error: {wrong[0]}",
            code="no-readable-files",
        )
    if not hashes:
        why = reason or (wrong[0].rstrip(".") if wrong else "no file exists at its path")
        return Sound(keys, f"{by_name}; the audio is not compared, since {why}", nothing)
    samples = files.map(hashes, na_action="ignore")
    missed = samples.isna()
    words = "by name and by their samples" + (f" (but {reason})" if reason else "")
    return Sound(samples.where(~missed, keys), words, missed)


def _at_hand(manifest: pd.DataFrame, *, required: bool) -> tuple[pd.Series, str]:
    """List for each row what to decode, none where the file is not available; and why not."""
    spans = manifest.reindex(columns=["start", "end"]).astype(object)
    spans = spans.where(spans.notna(), None)
    roots: dict[str, Path | None] = dict.fromkeys(manifest["corpus"].unique())
    for corpus in roots:
        with nullcontext() if required else suppress(ManifestError):
            roots[corpus] = manifests.root_of(manifest, corpus)
    stretches: list[_Stretch | None] = []
    for corpus, path, (start, end) in zip(
        manifest["corpus"], manifest["path"], spans.to_numpy(), strict=True
    ):
        root = roots[corpus]
        file = None if root is None else locations.locate(root, path)
        taken = file is not None and (required or file.is_file())
        stretches.append((file, start, end) if file is not None and taken else None)
    unknown = [corpus for corpus, root in roots.items() if root is None]
    reason = f"no root folder is known for {', '.join(unknown)}" if unknown else ""
    return pd.Series(stretches, index=manifest.index, dtype=object), reason


def _hashes(files: pd.Series) -> tuple[dict[Hashable, str], list[str]]:
    """Hash each stretch once, in every core; list why others cannot be read."""
    import joblib
    from tqdm import tqdm

    def look(stretch: _Stretch) -> tuple[str | None, str]:
        try:
            return audio.content_hash(*stretch), ""
        except AudioError as error:
            return None, str(error)

    different = list(dict.fromkeys(files.dropna()))
    threads = joblib.Parallel(n_jobs=os.cpu_count() or 1, prefer="threads", return_as="generator")
    looks = list(
        tqdm(
            threads(joblib.delayed(look)(stretch) for stretch in different),
            total=len(different), desc="comparing sound", unit="file", delay=_SILENT_SECONDS,
            leave=False,
        )
    )  # fmt: skip
    pairs = zip(different, looks, strict=True)
    hashes: dict[Hashable, str] = {stretch: key for stretch, (key, _) in pairs if key is not None}
    return hashes, [reason for key, reason in looks if key is None]


def speakers(manifest: pd.DataFrame) -> list[list[str]]:
    """Group the speakers that are spelled alike, and may be one.

    Examples:
        >>> speakers(pd.DataFrame({"speaker": ["my_Ann", "my_ann", "my_1", "my_01", "my_2"]}))
        [['my_01', 'my_1'], ['my_Ann', 'my_ann']]
    """
    groups: dict[str, list[str]] = {}
    for speaker in sorted(manifest["speaker"].dropna().astype(str).unique()):
        groups.setdefault(spelling.key(speaker), []).append(speaker)
    return sorted(group for group in groups.values() if len(group) > 1)


def contradictions(manifest: pd.DataFrame, keys: pd.Series) -> pd.DataFrame:
    """Find rows of one place or one sound that have different emotions."""
    mask = np.zeros(len(manifest), bool)
    emotions = manifest["emotion"].reset_index(drop=True)
    for key in (locations.keys(manifest), keys):
        plain = key.reset_index(drop=True)  # rows of several tables may share an index
        mask |= (emotions.groupby(plain).transform("nunique") > 1).to_numpy()
    return manifest[mask]
