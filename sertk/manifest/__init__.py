"""The manifest: a pandas table with one row per utterance.

In: rows found by a corpus, or a CSV file. Out: a validated DataFrame. `path` is relative to the
root of the row's corpus; the root comes from the call, from the column `root`, which a scan fills,
or from the environment variable `SERTK_CORPORA`, never from a file.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sertk._utils import atomic, plain_files, spelling
from sertk.errors import ManifestError, MissingManifestError, listing
from sertk.manifest import remarks, sidecar
from sertk.manifest.division import SPLITS, divided
from sertk.manifest.locations import locate, paths, root_of, roots, roots_below, with_roots
from sertk.manifest.schema import (
    GENDERS,
    INTEGERS,
    LOCAL,
    NULLABLE,
    NUMBERS,
    OPTIONAL,
    REQUIRED,
    is_copy,
    validate,
)  # fmt: skip

__all__ = [
    "GENDERS", "INTEGERS", "LOCAL", "NULLABLE", "NUMBERS", "OPTIONAL", "REQUIRED", "SPLITS",
    "concatenate", "constant", "describe", "divided", "from_rows", "is_copy", "locate", "paths",
    "read", "root_of", "roots", "roots_below", "select", "validate", "with_roots", "write",
]  # fmt: skip


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
        around them; its remarks name what was changed in `split`, `fold` and `val_folds`, such
        as `Train`, which is read as `train`. Labels are in the order that the file
        NAME.csv-metadata.json beside it gives, if there is one.

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
        raise MissingManifestError(
            f"No manifest at {path}.",
            "A manifest is a CSV file with one row per utterance.",
            "Create one with `sertk scan CORPUS --root DIR -o manifest.csv`.",
            code="missing-manifest-file",
        )
    try:
        frame = _table(path)
    except (ValueError, OSError) as error:  # what pandas and the system raise
        raise ManifestError(
            f"{path} is not a CSV table in UTF-8 ({str(error).strip()}).",
            "A manifest has a header line, and columns separated by commas.",
            "Save it as 'CSV UTF-8', or create it again with `sertk scan`.",
            code="unreadable-manifest",
        ) from error
    if len(frame.columns) == 1 and any(mark in frame.columns[0] for mark in ";\t"):
        raise ManifestError(
            f"{path} has a single column, {frame.columns[0]!r}.",
            "The columns of a manifest are separated by commas.",
            "Save it with commas, or read it with `--corpus table`, which detects the separator.",
            code="single-column-manifest",
        )
    frame = _typed(frame, path).drop(columns=list(LOCAL), errors="ignore")
    frame = validate(sidecar.read(frame, path))
    if root is not None:
        roots = roots_below(root, list(frame["corpus"].unique()))
    return with_roots(frame, roots or {})


def _table(path: Path) -> pd.DataFrame:
    """Read the cells as text; only an empty one is missing."""
    plain = {"dtype": str, "encoding": "utf-8-sig", "keep_default_na": False, "na_values": [""]}
    header = pd.read_csv(path, header=None, nrows=1, **plain).iloc[0]  # type: ignore[call-overload]
    if header.duplicated().any():
        # pandas would rename the second one, and it would be ignored
        raise pd.errors.ParserError(f"duplicate column {header[header.duplicated()].iloc[0]}")
    frame: pd.DataFrame = pd.read_csv(path, **plain)  # type: ignore[call-overload]
    if not isinstance(frame.index, pd.RangeIndex):
        # pandas would take the first columns of longer rows for an index
        raise pd.errors.ParserError("rows have more cells than the header")
    frame = frame.rename(columns=_usual_name)
    if frame.columns.duplicated().any():
        twice = frame.columns[frame.columns.duplicated()][0]
        raise pd.errors.ParserError(f"duplicate column {twice}")
    if "path" in frame:
        # what Windows calls a folder; a name with a backslash would be no file elsewhere
        frame["path"] = frame["path"].str.replace("\\", "/")
    return frame


def _usual_name(column: str) -> str:
    """Name a column of the schema as the schema does: `Split` would steer nothing."""
    plain = spelling.composed(column).lower()
    return plain if plain in {**REQUIRED, **NULLABLE, **OPTIONAL} else column


def _typed(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Read numbers, and write names in one normal form: one speaker is one, one word is one."""
    for column in ("speaker", "emotion", "label"):
        if column in frame:
            frame[column] = frame[column].map(spelling.composed, na_action="ignore")
    for column in (*NUMBERS, *INTEGERS):
        if column in frame:
            numbers = pd.to_numeric(frame[column], errors="coerce")
            whole = column in INTEGERS
            wrong = frame[column].notna() & ~np.isfinite(numbers)
            if whole:
                # larger ones are not exact in double precision
                wrong |= frame[column].notna() & (
                    (numbers != numbers.round()) | (numbers.abs() >= 2**53)
                )
            if wrong.any():
                cells = [f"{frame[column][row]} in line {row + 2}" for row in frame.index[wrong]]
                kind = "whole number" if whole else "number"
                raise ManifestError(
                    f"Column {column!r} of {path} has cells that are not a {kind} "
                    f"({listing(cells)}).",
                    f"A cell must be a {kind}, or empty.",
                    "Correct the cells, or empty them.",
                    code="wrong-cell-type",
                )
            frame[column] = numbers.astype("Int64" if whole else "float64")
    return frame


def write(manifest: pd.DataFrame, path: str | Path) -> None:
    """Check a manifest and write it as CSV, whole or not at all; its folder is made.

    Roots are left out. What CSV cannot hold, such as the order of the classes, is written to
    NAME.csv-metadata.json beside it.
    """
    path = Path(path).expanduser()
    validate(manifest)
    atomic.folder(path.parent)
    with atomic.whole(path) as temporary:
        atomic.to_csv(manifest.drop(columns=list(LOCAL), errors="ignore"), temporary)
    sidecar.write(manifest, path)


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
    return validate(with_roots(frame, {corpus: root}))


def constant(manifest: pd.DataFrame, **values: str) -> pd.DataFrame:
    """Set columns that hold one value in every row, in little memory.

    Examples:
        >>> constant(pd.DataFrame({"a": [1, 2]}), grouping="valence2")["grouping"].tolist()
        ['valence2', 'valence2']
    """

    def column(value: str) -> Any:
        return pd.Categorical([value]).take(np.zeros(len(manifest), np.intp))

    return manifest.assign(**{name: column(value) for name, value in values.items()})


def concatenate(manifests: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Put corpora under each other; roots and remarks come along.

    Columns that one of them lacks are empty in its rows.

    Raises:
        ManifestError: If their labels are of different classes.
    """
    frames = _divided_alike(list(manifests))
    together = pd.concat(
        [frame.set_axis(frame.columns, axis=1) for frame in frames], ignore_index=True
    )
    labels = [frame["label"] for frame in frames if "label" in frame]
    classes = {tuple(x.cat.categories) for x in labels if isinstance(x.dtype, pd.CategoricalDtype)}
    if len(classes) > 1:
        raise ManifestError(
            f"The manifests have labels of different classes ({listing(sorted(classes), 3)}).",
            "All rows of a manifest must have labels of one grouping.",
            "Join them first, then call sertk.labels.apply(manifest, GROUPING).",
            code="different-label-classes",
        )
    return remarks.put(validate(together), remarks.joined(frames))


def _divided_alike(frames: list[pd.DataFrame]) -> list[pd.DataFrame]:
    """Drop a division that only some of the manifests have."""
    if sum("split" in frame for frame in frames) in (0, len(frames)):
        return frames
    bare = [frame.drop(columns="split", errors="ignore") for frame in frames]
    note = "the column split is dropped, because not all manifests have it"
    return [remarks.put(bare[0], division=[note]), *bare[1:]]


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
                f"The manifest has no column {column!r}.",
                f"Its columns are: {', '.join(map(str, kept.columns))}.",
                "Select by one of these.",
                code="unknown-selection-column",
            )
        values = (
            [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
        )
        cells = kept[column].astype(str)
        available = sorted(cells[kept[column].notna()].unique())
        composed = cells.map(spelling.composed, na_action="ignore")
        kept = kept[composed.isin([spelling.composed(str(v)) for v in values])]
        if kept.empty:
            raise ManifestError(
                f"No row has {column} = {', '.join(map(str, values))}.",
                f"The values of this column are: {listing(available, 12) or '(none)'}.",
                "Select one of these, or omit the selection.",
                code="selection-matches-nothing",
            )
    return kept
