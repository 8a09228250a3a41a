"""Validate and normalize the columns `split`, `fold` and `val_folds`.

In: a manifest whose division was written elsewhere. Out: the same rows with split names train, val
and test, whole numbers for folds and their list in `val_folds`; remarks name what was changed. A
value without a meaning is refused: its rows would be in no part.
"""

import re

import pandas as pd

from sertk.errors import ManifestError, listing
from sertk.manifest import remarks

SPLITS = ("train", "val", "test")
_SPELLINGS = {
    "train": "train training trn tr",
    "val": "val valid validation validate validating dev devel development",
    "test": "test testing tst",
}
_SPLIT_OF = {word: split for split, words in _SPELLINGS.items() for word in words.split()}
_DIGITS = 9  # of the number of a fold
_FEWEST = 3  # folds of which one can validate another


def divided(manifest: pd.DataFrame) -> pd.DataFrame:
    """Check the columns of a division, and normalize them.

    Usual spellings of splits (`Train`, `dev`, `Validation`) are translated. Where folds come
    without `val_folds`, the next fold validates, if there are three or more. An empty column is
    no division.

    Returns:
        The manifest itself where nothing is to do, else a copy whose remarks list the changes.

    Raises:
        ManifestError: If a cell holds none of the values that its column takes.

    Examples:
        >>> rows = pd.DataFrame({"utterance_id": ["a", "b"], "split": ["Train", "Dev"]})
        >>> divided(rows)["split"].tolist(), remarks.of(divided(rows)).division
        (['train', 'val'], ["split 'Dev' is read as val, 'Train' as train"])
    """
    changed: dict[str, pd.Series] = {}
    notes: list[str] = []
    if _filled(manifest, "split"):
        splits = _splits(manifest, notes)
        if notes:
            changed["split"] = splits
    if _filled(manifest, "fold"):
        folds = _folds(manifest)
        if not pd.api.types.is_integer_dtype(manifest["fold"].dtype):
            changed["fold"] = folds
        lists = _validated(manifest, folds, notes)
        if lists is not None:
            changed["val_folds"] = lists
    elif _filled(manifest, "val_folds") and not _filled(manifest, "split"):
        raise ManifestError(
            "The manifest has a column 'val_folds' but no column 'fold'.",
            "`fold` is the fold whose test set has the row; `val_folds` are the folds whose "
            "validation set has it.",
            "Add the column `fold`, or remove `val_folds`.",
            code="val-folds-without-fold",
        )
    empty = [c for c in ("split", "fold") if c in manifest and not _filled(manifest, c)]
    if not (changed or empty or notes):
        return manifest
    result = manifest.drop(columns=empty).assign(**changed)
    before = remarks.of(manifest)
    return remarks.put(result, before, division=list(dict.fromkeys([*before.division, *notes])))


def _filled(manifest: pd.DataFrame, column: str) -> bool:
    return column in manifest and bool((manifest[column].notna() & (manifest[column] != "")).any())


def _splits(manifest: pd.DataFrame, notes: list[str]) -> pd.Series:
    written = manifest["split"].astype(object).where(manifest["split"].notna(), "")
    counts = written.astype(str).value_counts()
    of = {word: _SPLIT_OF.get(word.strip().casefold()) for word in counts.index}
    unknown = [
        f"{repr(word) if word.strip() else 'nothing'} in {counts[word]} rows"
        for word in sorted(of)
        if of[word] is None
    ]
    if unknown:
        raise ManifestError(
            f"Column 'split' has the values {listing(unknown)}.",
            f"Each row needs one of {', '.join(SPLITS)}; common spellings such as Training or dev "
            "are accepted.",
            "Correct the cells, or remove these rows.",
            code="invalid-split-cells",
        )
    odd = [f"{word!r} as {of[word]}" for word in sorted(of) if word != of[word]]
    if odd:
        first, *rest = odd
        notes.append(f"split {', '.join([first.replace(' as', ' is read as', 1), *rest])}")
    return written.astype(str).map(of)


def _folds(manifest: pd.DataFrame) -> pd.Series:
    """Read the folds as whole numbers; a row without one is tested in none."""
    written = manifest["fold"].where(manifest["fold"] != "")
    numbers = pd.to_numeric(written, errors="coerce")
    unlike = (numbers % 1 != 0) | (numbers < 0) | (numbers >= 10**_DIGITS)
    wrong = written.notna() & unlike.fillna(True)
    if wrong.any():
        raise ManifestError(
            f"Column 'fold' has invalid values in {wrong.sum()} rows: "
            f"{listing(sorted({repr(cell) for cell in written[wrong]}))}.",
            f"A fold is a whole number from 0, of at most {_DIGITS} digits; an empty cell means "
            "that the row is never in the test set.",
            "Correct the cells.",
            code="invalid-fold-cells",
        )
    return numbers.astype("Int64")


def _validated(manifest: pd.DataFrame, folds: pd.Series, notes: list[str]) -> pd.Series | None:
    """Read or derive each row's validation folds; `None` if the column needs no change."""
    numbers = sorted(int(fold) for fold in folds.dropna().unique())
    if not _filled(manifest, "val_folds"):
        if len(numbers) < _FEWEST:
            notes.append(
                f"no validation rows: the column val_folds is missing, and {len(numbers)} folds "
                f"are too few to use the next one ({_FEWEST} are needed)"
            )
            return pd.Series("", index=manifest.index, dtype=object)
        notes.append("the column val_folds is missing: each fold uses the next one for validation")
        before = {fold: str(numbers[place - 1]) for place, fold in enumerate(numbers)}
        return folds.map(before).astype(object).where(folds.notna(), "")
    cells = manifest["val_folds"].astype(object).where(manifest["val_folds"].notna(), "")
    written = cells.map(str)  # a cell may hold a list
    lists = {cell: _list(cell) for cell in written.unique()}
    named = {fold for listed in lists.values() for fold in listed.split()}
    unknown = sorted(repr(fold) for fold in named if not fold.isdecimal() or len(fold) > _DIGITS)
    if unknown:
        raise ManifestError(
            f"Column 'val_folds' has the values {listing(unknown)}.",
            f"A cell has fold numbers separated by spaces; the folds are {listing(numbers, 30)}.",
            "Correct the cells, or remove the column to validate on the next fold.",
            code="invalid-val-folds",
        )
    absent = sorted({int(fold) for fold in named} - set(numbers))
    if absent:
        notes.append(
            f"val_folds contains {listing(absent)}, but no row has this fold; the folds "
            f"are {listing(numbers, 30)}"
        )
    # by values: a column of pyarrow cannot be compared with one that holds lists
    if cells.tolist() == written.tolist() and all(cell == listed for cell, listed in lists.items()):
        return None
    return written.map(lists)


def _list(cell: str) -> str:
    """Write a list of folds with single spaces; 2.0, as a table may hold it, is 2."""
    words = [word for word in re.split(r"[\s,;|()\[\]]+", cell) if word]
    return " ".join(word.removesuffix(".0") for word in words)
