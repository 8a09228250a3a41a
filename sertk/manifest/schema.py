"""The schema of a manifest, and its validation.

In: a table. Out: the same, or a `ManifestError` that counts and names the rows at fault.
"""

from functools import partial

import numpy as np
import pandas as pd

from sertk.errors import ManifestError, listing
from sertk.manifest.division import divided
from sertk.manifest.locations import clean, spans, stays_inside

REQUIRED = {
    "utterance_id": "unique name, prefixed by the corpus",
    "corpus": "name of the published collection",
    "path": "file, relative to the root of its corpus, with forward slashes",
    "speaker": "who speaks, prefixed by the corpus; empty only where unknown",
    "emotion": "emotion word, canonical spelling (sertk.labels.EMOTIONS)",
}
NULLABLE = {
    "gender": "male or female",
    "duration": "seconds",
    "sample_rate": "Hz, as published",
    "sha256": "of the file's bytes",
}
OPTIONAL = {
    "session": "recording session, for corpora of dialogs",
    "text": "what is said, or the code of the sentence",
    "intensity": "normal or strong, or the corpus's own word",
    "repetition": "which take",
    "style": "speech, song, improvised or scripted",
    "language": "ISO 639-1 code",
    "start": "seconds into the file where the utterance starts",
    "end": "seconds into the file where it ends",
    "parent": "utterance_id that this row is an augmented copy of",
    "augmentation": "recipe that made the copy",
    "copy": "number of the copy among those of its parent, from 0",
    "seed": "seed of the copy's random draws",
    "label": "class of the task, after a grouping",
    "split": "train, val or test",
    "fold": "the fold in which this row is tested",
    "val_folds": "the folds in which it is validated, space-separated",
    "grouping": "name of the grouping that made the labels",
    "protocol": "name of the protocol that made split or folds, and a note after a colon",
}
LOCAL = {"root": "folder of the row's corpus on this machine; never written to a file"}
NUMBERS = {"duration": "float64", "start": "float64", "end": "float64"}
INTEGERS = ("sample_rate", "fold", "copy", "seed")
GENDERS = ("male", "female")


def validate(manifest: pd.DataFrame) -> pd.DataFrame:
    """Check a manifest against the schema.

    Returns:
        The manifest itself; where its division is spelled in another way, a copy as `divided`
        makes it.

    Raises:
        ManifestError: If a column is missing, a required cell is empty, an utterance or a file
            occurs twice, a path leaves its root, a gender is misspelled, or `split`, `fold` or
            `val_folds` holds what it does not take. All rows at fault are counted and the first
            ones named.
    """
    missing = [column for column in REQUIRED if column not in manifest]
    if missing:
        raise ManifestError(
            f"The manifest has no column{'s' * (len(missing) > 1)} {', '.join(missing)} (its "
            f"columns: {', '.join(map(str, manifest.columns))}).",
            f"Every manifest has the columns {', '.join(REQUIRED)}.",
            "Create it again with `sertk scan`, or read your own table with `--corpus table`.",
            code="missing-manifest-columns",
        )
    if manifest.empty:
        raise ManifestError(
            "The manifest has no rows.",
            "A manifest has one row per utterance, and at least one.",
            "Create it again with `sertk scan`.",
            code="empty-manifest",
        )
    refuse = partial(_refuse, manifest)
    for column in ("utterance_id", "corpus", "path", "emotion"):
        blank = manifest[column].isna() | (manifest[column].astype(str).str.strip() == "")
        refuse(blank, f"no {column}", "Fill the cells.")
    again = manifest["utterance_id"].duplicated(keep=False)
    refuse(again, "a duplicate utterance_id", "Remove or rename the duplicates.")
    place = manifest["corpus"].astype(str) + "/" + manifest["path"].map(clean) + spans(manifest)
    original = ~is_copy(manifest)
    refuse(
        place.where(original).duplicated(keep=False) & original,
        "the same file as another row",
        "Keep one row per utterance; parts of one file need `start` and `end`.",
    )
    refuse(
        ~manifest["path"].map(stays_inside).astype(bool),
        "an absolute path or a path outside the root of its corpus",
        "Write paths relative to the root, such as Actor_01/a.wav.",
    )
    refuse(
        _no_time(manifest),
        "an empty time span",
        "Use seconds from the beginning of the file, end after start; empty is the whole file.",
    )
    if "gender" in manifest:
        other = manifest["gender"].notna() & ~manifest["gender"].isin(GENDERS)
        refuse(other, "a gender that is neither male nor female", "Correct or empty the cells.")
    return divided(manifest)


def is_copy(manifest: pd.DataFrame) -> pd.Series:
    """Tell copies; `copy_of` marks those that a leaky protocol takes for utterances."""
    columns = manifest.reindex(columns=["parent", "copy_of"])
    return columns.notna().any(axis=1)


def _no_time(manifest: pd.DataFrame) -> pd.Series:
    """Find rows that start before their file, or end before they start."""
    nothing = pd.Series(index=manifest.index, dtype="float64")
    start, end = (manifest.get(column, nothing) for column in ("start", "end"))
    endless = np.isinf(start) | np.isinf(end)
    return endless | (start < 0) | (end <= start.fillna(0))


def _refuse(manifest: pd.DataFrame, at_fault: pd.Series, what: str, remedy: str) -> None:
    if at_fault.any():
        rows = manifest.loc[at_fault]
        named = [f"{u} ({p})" for u, p in zip(rows.utterance_id, rows.path, strict=True)]
        raise ManifestError(
            f"{len(rows)} of {len(manifest)} manifest rows have {what} ({listing(named)}).",
            "Each row needs a unique utterance_id and the path of a file below the root.",
            remedy,
            code="invalid-manifest-rows",
        )
