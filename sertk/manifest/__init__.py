"""The manifest: a pandas table with one row per utterance, which every stage takes and returns.

In: rows found by a corpus, or a CSV file. Out: a validated DataFrame. `path` is relative to the
root of the row's corpus; roots come from the call, from `attrs["roots"]` (which a scan leaves
there) or from the environment variable `SERTK_CORPORA`, never from the file.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from sertk._utils import atomic, plain_files, spelling
from sertk.errors import ManifestError, listing
from sertk.manifest.division import SPLITS, divided
from sertk.manifest.locations import clean, locate, paths, root_of, roots_below, spans, stays_inside

__all__ = [
    "GENDERS", "INTEGERS", "NULLABLE", "NUMBERS", "OPTIONAL", "REQUIRED", "SPLITS", "concatenate",
    "describe", "divided", "from_rows", "is_copy", "locate", "paths", "read", "root_of",
    "roots_below", "select", "validate", "write",
]  # fmt: skip

REQUIRED = {
    "utterance_id": "unique name, prefixed by the corpus",
    "corpus": "name of the published collection",
    "path": "file, relative to the root of its corpus, with forward slashes",
    "speaker": "who speaks, prefixed by the corpus; empty only where nobody knows",
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
    "label": "class of the task, after a grouping",
    "split": "train, val or test",
    "fold": "the fold in which this row is tested",
    "val_folds": "the folds in which it is validated, space-separated",
}
NUMBERS = {"duration": "float64", "start": "float64", "end": "float64"}
INTEGERS = ("sample_rate", "fold", "copy")
GENDERS = ("male", "female")


def read(
    path: str | Path,
    *,
    root: str | Path | None = None,
    roots: Mapping[str, str | Path] | None = None,
) -> pd.DataFrame:
    """Read a manifest file (CSV, UTF-8 with or without a byte-order mark) and check it.

    Args:
        path: The file.
        root: Folder of the corpus; of several corpora, the folder above theirs.
        roots: Corpus name -> folder, for several.

    Returns:
        The manifest. Names of speakers and emotions are in composed letters (NFC) without spaces
        around them; `attrs["division"]` names what was changed in `split`, `fold` and
        `val_folds`, such as `Train`, which is read as `train`.

    Raises:
        ManifestError: If there is no such file, or it breaks the schema.

    Examples:
        >>> import tempfile
        >>> frame = pd.DataFrame([{"utterance_id": "my_1", "corpus": "my", "path": "a.wav",
        ...                        "speaker": "my_ann", "emotion": "happy"}])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write(frame, Path(folder) / "my.csv")
        ...     read(Path(folder) / "my.csv")["speaker"].tolist()
        ['my_ann']
    """
    path = Path(path).expanduser()
    if not plain_files.is_file(path):
        raise ManifestError(
            f"No manifest at {path}.",
            "A manifest is a CSV file with one row per utterance.",
            "Make one with `sertk scan CORPUS --root DIR -o manifest.csv`.",
        )
    try:
        frame = _table(path)
    except (ValueError, OSError) as error:  # what pandas and the system raise
        raise ManifestError(
            f"{path} is not a CSV table in UTF-8 ({str(error).strip()}).",
            "A manifest has a header line and commas between its columns.",
            "Save it as 'CSV UTF-8', or rebuild it with `sertk scan`.",
        ) from error
    if len(frame.columns) == 1 and any(mark in frame.columns[0] for mark in ";\t"):
        raise ManifestError(
            f"{path} has one column, {frame.columns[0]!r}.",
            "A manifest separates its columns with commas.",
            "Save it with commas, or read it as `--corpus table`, which takes any separator.",
        )
    frame = _composed(_typed(frame, path))
    frame.attrs["source"] = path.name
    if root is not None:
        roots = roots_below(root, list(frame.get("corpus", pd.Series(dtype=str)).unique()))
    if roots:
        frame.attrs["roots"] = {c: str(Path(r).expanduser()) for c, r in roots.items()}
    return validate(frame)


def _table(path: Path) -> pd.DataFrame:
    """Read the cells as they stand; only an empty one is missing."""
    plain = {"dtype": str, "encoding": "utf-8-sig", "keep_default_na": False, "na_values": [""]}
    header = pd.read_csv(path, header=None, nrows=1, **plain).iloc[0]  # type: ignore[call-overload]
    if header.duplicated().any():
        # pandas would rename the second one, and nobody would look at it
        raise pd.errors.ParserError(f"two columns are called {header[header.duplicated()].iloc[0]}")
    frame: pd.DataFrame = pd.read_csv(path, **plain)  # type: ignore[call-overload]
    if not isinstance(frame.index, pd.RangeIndex):
        # pandas would take the first columns of longer rows for an index
        raise pd.errors.ParserError("rows have more cells than the header")
    frame = frame.rename(columns=_usual_name)
    if frame.columns.duplicated().any():
        twice = frame.columns[frame.columns.duplicated()][0]
        raise pd.errors.ParserError(f"two columns are called {twice}")
    if "path" in frame:
        # what Windows calls a folder; a name with a backslash would be no file elsewhere
        frame["path"] = frame["path"].str.replace("\\", "/")
    return frame


def _usual_name(column: str) -> str:
    """Name a column of the schema as the schema does: `Split` would steer nothing."""
    plain = spelling.composed(column).lower()
    return plain if plain in {**REQUIRED, **NULLABLE, **OPTIONAL} else column


def _typed(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    for column in (*NUMBERS, *INTEGERS):
        if column in frame:
            numbers = pd.to_numeric(frame[column], errors="coerce")
            whole = column in INTEGERS
            wrong = frame[column].notna() & ~np.isfinite(numbers)
            if whole:
                # larger ones are no longer told apart in double precision
                wrong |= frame[column].notna() & (
                    (numbers != numbers.round()) | (numbers.abs() >= 2**53)
                )
            if wrong.any():
                cells = [f"{frame[column][row]} in line {row + 2}" for row in frame.index[wrong]]
                kind = "whole number" if whole else "number"
                raise ManifestError(
                    f"Column {column!r} of {path} holds something that is no {kind} "
                    f"({listing(cells)}).",
                    f"It takes {kind}s, or nothing.",
                    "Correct the cells, or empty them.",
                )
            frame[column] = numbers.astype("Int64" if whole else "float64")
    return frame


def _composed(frame: pd.DataFrame) -> pd.DataFrame:
    """Write names in one normal form, so that one speaker is one and one word one."""
    for column in ("speaker", "emotion", "label"):
        if column in frame:
            frame[column] = frame[column].map(spelling.composed, na_action="ignore")
    return frame


def write(manifest: pd.DataFrame, path: str | Path) -> None:
    """Check a manifest and write it as CSV, whole or not at all; its folder is made."""
    path = Path(path).expanduser()
    validate(manifest)
    atomic.folder(path.parent)
    with atomic.whole(path) as temporary:
        atomic.to_csv(manifest, temporary)


def from_rows(rows: Iterable[Mapping[str, object]], corpus: str, root: Path) -> pd.DataFrame:
    """Build the manifest of one corpus from the rows a scan found, in order of their paths.

    Columns that every manifest has are added where the rows lack them; a corpus's own columns
    come last, as they are.
    """
    frame = pd.DataFrame(list(rows))
    frame.insert(0, "corpus", corpus)
    for column in NULLABLE:
        if column not in frame:
            frame[column] = None
    order = [c for c in (*REQUIRED, *NULLABLE, *OPTIONAL) if c in frame]
    own = [c for c in frame if c not in order]
    frame = frame[[*order, *own]].sort_values(["path", "utterance_id"], ignore_index=True)
    for column in order:
        if column in NUMBERS:
            frame[column] = frame[column].astype("float64")
        elif column in INTEGERS:
            frame[column] = frame[column].astype("Int64")
        else:
            frame[column] = frame[column].astype("str")
    frame.attrs["roots"] = {corpus: str(root)}
    return validate(frame)


def validate(manifest: pd.DataFrame) -> pd.DataFrame:
    """Check a manifest against the schema.

    Returns:
        The manifest itself; where its division is spelt in another way, a copy as `divided`
        makes it.

    Raises:
        ManifestError: If a column is missing, a required cell is empty, an utterance or a file
            occurs twice, a path leaves its root, a gender is misspelt, or `split`, `fold` or
            `val_folds` holds what it does not take. All rows at fault are counted and the first
            ones named.
    """
    missing = [column for column in REQUIRED if column not in manifest]
    if missing:
        raise ManifestError(
            f"The manifest lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)} "
            f"(it has: {', '.join(map(str, manifest.columns))}).",
            f"Every manifest has {', '.join(REQUIRED)}.",
            "Rebuild it with `sertk scan`, or read your own table with `--corpus table`.",
        )
    if manifest.empty:
        raise ManifestError(
            "The manifest has no rows.",
            "Each row is an utterance, and there must be one.",
            "Rebuild it with `sertk scan`.",
        )
    for column in ("utterance_id", "corpus", "path", "emotion"):
        blank = manifest[column].isna() | (manifest[column].astype(str).str.strip() == "")
        _refuse(manifest, blank, f"no {column}", "Fill the cells.")
    _refuse(
        manifest,
        manifest["utterance_id"].duplicated(keep=False),
        "an utterance_id that occurs twice",
        "Remove the second rows, or rename them.",
    )
    place = manifest["corpus"].astype(str) + "/" + manifest["path"].map(clean) + spans(manifest)
    _refuse(
        manifest,
        place.where(~is_copy(manifest)).duplicated(keep=False) & ~is_copy(manifest),
        "the same file as another row",
        "Keep one row per utterance; parts of one file need `start` and `end`.",
    )
    _refuse(
        manifest,
        ~manifest["path"].map(stays_inside).astype(bool),
        "a path that is absolute or leaves the root of its corpus",
        "Write paths relative to the root, such as Actor_01/a.wav.",
    )
    _refuse(
        manifest,
        _no_time(manifest),
        "a start and end that hold no time",
        "Write seconds from the beginning of the file, end after start; empty is the whole file.",
    )
    if "gender" in manifest:
        known = manifest["gender"].isna() | manifest["gender"].isin(GENDERS)
        _refuse(
            manifest, ~known, "a gender that is neither male nor female", "Correct or empty it."
        )
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
            "A manifest names each utterance once, and a file below its root.",
            remedy,
        )


def concatenate(manifests: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Put corpora under each other; roots and counts of what was skipped come along.

    Columns that one of them lacks are empty in its rows.
    """
    frames = _divided_alike(list(manifests))
    together = pd.concat(
        [frame.set_axis(frame.columns, axis=1) for frame in frames], ignore_index=True
    )
    skipped: Counter[str] = Counter()
    for frame in frames:
        skipped.update(frame.attrs.get("skipped", {}))
    divisions = [note for frame in frames for note in frame.attrs.get("division", ())]
    together.attrs = {
        **({"division": divisions} if divisions else {}),
        "roots": {c: r for frame in frames for c, r in frame.attrs.get("roots", {}).items()},
        "skipped": dict(skipped),
        "unreadable": [entry for frame in frames for entry in frame.attrs.get("unreadable", ())],
        "notes": [note for frame in frames for note in frame.attrs.get("notes", ())],
    }
    return validate(together)


def _divided_alike(frames: list[pd.DataFrame]) -> list[pd.DataFrame]:
    """Leave a division out that not all of some manifests have: it says nothing of the others."""
    if sum("split" in frame for frame in frames) in (0, len(frames)):
        return frames
    bare = [frame.drop(columns="split", errors="ignore") for frame in frames]
    bare[0].attrs["division"] = ["the column split is left out, since not all manifests have it"]
    return bare


def describe(manifest: pd.DataFrame) -> pd.DataFrame:
    """Count utterances, speakers, genders and minutes per corpus and emotion.

    Returns:
        One row per corpus and emotion, with `utterances, speakers, male, female, minutes`.
    """
    genders = manifest.get("gender", pd.Series(index=manifest.index, dtype=str))
    counted = manifest.assign(
        male=genders == "male",
        female=genders == "female",
        minutes=manifest.get("duration", pd.Series(index=manifest.index, dtype=float)) / 60,
    )
    return (
        counted.groupby(["corpus", "emotion"])
        .agg(
            utterances=("utterance_id", "size"),
            speakers=("speaker", "nunique"),
            male=("male", "sum"),
            female=("female", "sum"),
            minutes=("minutes", "sum"),
        )
        .reset_index()
        .round({"minutes": 1})
    )


def select(manifest: pd.DataFrame, **wanted: object) -> pd.DataFrame:
    """Keep the rows whose columns hold the wanted values.

    Args:
        manifest: Any manifest.
        **wanted: Column name -> one value or a list of values.

    Raises:
        ManifestError: If a column does not exist, or no row is left.

    Examples:
        >>> frame = pd.DataFrame({"gender": ["male", "female"], "style": ["speech", "song"]})
        >>> len(select(frame, gender="male", style=["speech", "song"]))
        1
    """
    kept = manifest
    for column, value in wanted.items():
        if column not in kept:
            raise ManifestError(
                f"The manifest has no column {column!r} to select by.",
                f"It has: {', '.join(map(str, kept.columns))}.",
                "Choose one of these.",
            )
        values = (
            [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
        )
        cells = kept[column].astype(str)
        found = sorted(cells[kept[column].notna()].unique())
        kept = kept[
            cells.map(spelling.composed, na_action="ignore").isin(
                [spelling.composed(str(v)) for v in values]
            )
        ]
        if kept.empty:
            raise ManifestError(
                f"No row has {column} = {', '.join(map(str, values))}.",
                f"The values there are: {listing(found, 12) or 'none'}.",
                "Select one of these, or leave the selection out.",
            )
    return kept
