"""The train, validation and test rows of each fold, without copies of the table.

In: a manifest with `split`, or with `fold` and `val_folds`. Out: `Part`s, one at a time. A fold
names its few test and validation rows; all others train, so that thousands of folds are compared
in the memory of one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

OUTSIDE, TRAIN, VAL, TEST = -1, 0, 1, 2
NAMES = {TRAIN: "train", VAL: "val", TEST: "test"}
PAIRS = ((TRAIN, TEST), (TRAIN, VAL), (VAL, TEST))


@dataclass(frozen=True)
class Part:
    """One division of the rows.

    Args:
        fold: Its number; `None` for a manifest with `split`.
        roles: shape (rows,), int8: `TRAIN`, `VAL`, `TEST`, or `OUTSIDE` for a row in no split.
            The array is used again for the next part.
        test: Places of the test rows.
        val: Places of the validation rows that are not tested.
        both: Places of the rows that both validate and are tested.
    """

    fold: int | None
    roles: np.ndarray
    test: np.ndarray
    val: np.ndarray
    both: np.ndarray

    def counts(self, column: "Codes", codes: np.ndarray) -> dict[int, np.ndarray]:
        """Count the rows of each split by value.

        Args:
            column: The values of all rows.
            codes: The values to count, sorted; all that are tested or validate are among them.

        Returns:
            Split -> counts in the order of `codes`.
        """
        held = {}
        for split, rows in ((TEST, self.test), (VAL, self.val)):
            of_rows = column.codes[rows]
            places = np.searchsorted(codes, of_rows[of_rows >= 0])
            held[split] = np.bincount(places, minlength=len(codes))
        return {**held, TRAIN: column.totals(self)[codes] - held[TEST] - held[VAL]}

    def shared(self, column: "Codes") -> Iterator[tuple[int, int, list[int]]]:
        """Find the values that two splits share: `(split, other split, their codes)`."""
        codes = np.unique(column.codes[np.concatenate([self.test, self.val])])
        codes = codes[codes >= 0]
        counts = self.counts(column, codes)
        for one, other in PAIRS:
            shared_codes = codes[(counts[one] > 0) & (counts[other] > 0)]
            if len(shared_codes):
                yield one, other, shared_codes.tolist()


class Codes:
    """Numbers for the values of a column, in their order; -1 for none.

    Args:
        column: A column of the manifest.

    Attributes:
        codes: shape (rows,), int.
        names: The values.
    """

    def __init__(self, column: pd.Series):
        self.codes, self.names = pd.factorize(column, sort=True)
        self._totals: np.ndarray | None = None

    def totals(self, part: Part) -> np.ndarray:
        """Count the rows by value; those in no split are the same in every part."""
        if self._totals is None:
            used = self.codes[(self.codes >= 0) & (part.roles != OUTSIDE)]
            self._totals = np.bincount(used, minlength=len(self.names))
        return self._totals

    def rows(self, values: list[int]) -> np.ndarray:
        """Return which rows have one of some values."""
        chosen = np.zeros(len(self.names) + 1, bool)  # the last is that of -1
        chosen[values] = True
        return chosen[self.codes]


def parts(manifest: pd.DataFrame) -> Iterator[Part]:
    """Go through the divisions of a manifest; a manifest without any has none."""
    if "fold" in manifest:
        yield from _of_folds(manifest)
    elif "split" in manifest:
        roles = np.full(len(manifest), OUTSIDE, np.int8)
        for role, name in NAMES.items():
            roles[(manifest["split"] == name).fillna(False).to_numpy(bool)] = role
        nothing = np.zeros(0, np.intp)
        yield Part(None, roles, np.nonzero(roles == TEST)[0], np.nonzero(roles == VAL)[0], nothing)


def ever_trained(manifest: pd.DataFrame, *, and_validated: bool = False) -> pd.DataFrame:
    """Mark as `train` each row that trains in any fold: augmented copies are made of these.

    With `and_validated`, those that validate as well.
    """
    trained = np.zeros(len(manifest), bool)
    for part in parts(manifest):
        trained |= part.roles == TRAIN
        if and_validated:
            trained |= part.roles == VAL
    return manifest.assign(split=np.where(trained, "train", "test"))


def folds(manifest: pd.DataFrame) -> list[int]:
    """List the folds of a manifest, in order; one division counts as fold 0."""
    if "fold" not in manifest:
        return [0]
    return sorted(int(fold) for fold in manifest["fold"].dropna().unique())


def validation_folds(manifest: pd.DataFrame) -> pd.Series:
    """Name the folds in which each row validates, space-separated; empty where it never does."""
    nowhere = pd.Series("", index=manifest.index)
    return manifest.get("val_folds", nowhere).fillna("").astype(str)


def _of_folds(manifest: pd.DataFrame) -> Iterator[Part]:
    numbers = pd.to_numeric(manifest["fold"]).reset_index(drop=True).dropna().astype("int64")
    groups = numbers.groupby(numbers).groups
    tested = {int(str(fold)): rows.to_numpy() for fold, rows in groups.items()}
    validating: dict[str, list[np.ndarray]] = {}
    lists = validation_folds(manifest).reset_index(drop=True)
    for text, rows in lists.groupby(lists, sort=False).groups.items():
        for word in dict.fromkeys(str(text).split()):
            validating.setdefault(word, []).append(rows.to_numpy())
    roles = np.zeros(len(manifest), np.int8)
    nothing = np.zeros(0, np.intp)
    for fold, test in sorted(tested.items()):
        held = np.sort(np.concatenate([nothing, *validating.get(str(fold), [])]))
        roles[held] = VAL
        roles[test] = TEST
        val = held[roles[held] == VAL]
        yield Part(fold, roles, test, val, held[roles[held] == TEST])
        roles[held] = TRAIN
        roles[test] = TRAIN
