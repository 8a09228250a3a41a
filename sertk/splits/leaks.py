"""Leaks of a division: speakers, sound and copies that splits share.

In: a manifest with a division, and what each row sounds like. Out: `Leak`s, fold after fold, each
with the places of its rows. `sertk.audit` makes findings of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sertk.errors import listing
from sertk.splits.parts import NAMES, OUTSIDE, TEST, TRAIN, VAL, Codes, Part, parts


@dataclass(frozen=True)
class Leak:
    """What one division shares.

    Args:
        kind: str. Kind of finding, such as `"shared speakers"`.
        message: What was found, without its rows.
        rows: Places of the rows in the manifest, ascending.
        reaches_test: Whether it concerns the test: of a leak, whether a test row is among `rows`.
        severity: `"leak"` or `"note"`.
        complete: Whether the message needs no list of rows.
    """

    kind: str
    message: str
    rows: np.ndarray
    reaches_test: bool
    severity: str = "leak"
    complete: bool = False


def leaks(manifest: pd.DataFrame, sound: pd.Series, place: pd.Series) -> Iterator[Leak]:
    """Compare the splits of every division, one fold at a time.

    Args:
        manifest: Rows with `split`, or with `fold` and `val_folds`; with neither there is nothing.
        sound: What each row sounds like, or nothing.
        place: The file and the stretch of it that each row is.
    """
    copied = manifest["parent"].notna().to_numpy() if "parent" in manifest else False
    alike = {
        "identical sound": _repeats(sound, copied),
        "identical utterances": _repeats(place, copied),
    }
    speakers = Codes(manifest["speaker"])
    labels = Codes(manifest["label"]) if "label" in manifest else None
    copies, parents = _copies(manifest)
    for part in parts(manifest):
        at = "" if part.fold is None else f"fold {part.fold}, "
        yield from _shared(part, at, speakers)
        yield from _strayed(part, at, copies, parents)
        for kind, groups in alike.items():
            rows = _spread(part, *groups)
            if len(rows):
                yield _leak(part, kind, f"{at}{kind} in more than one split", rows)
        if len(part.both):
            words = f"{at}utterances are in both validation and test"
            yield _leak(part, "val == test", words, part.both)
        if labels is not None:
            yield from _unselected(part, at, labels)


def _leak(part: Part, kind: str, message: str, rows: np.ndarray) -> Leak:
    return Leak(kind, message, rows, bool((part.roles[rows] == TEST).any()))


def _shared(part: Part, at: str, speakers: Codes) -> Iterator[Leak]:
    for one, other, shared in part.shared(speakers):
        rows = np.flatnonzero(speakers.rows(shared) & ((part.roles == one) | (part.roles == other)))
        noun = "speaker" if len(shared) == 1 else "speakers"
        named = listing([str(speakers.names[code]) for code in shared])
        message = (
            f"{at}{len(shared)} {noun} in both {NAMES[one]} and {NAMES[other]}: {named} "
            f"({len(rows)} utterances)."
        )
        yield Leak("shared speakers", message, rows, TEST in (one, other), complete=True)


def _copies(manifest: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Find augmented copies and their originals: places of both, -1 for no such original."""
    if "parent" not in manifest:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    home = {utterance: place for place, utterance in enumerate(manifest["utterance_id"])}
    copies = np.flatnonzero(manifest["parent"].notna())
    parents = [home.get(parent, -1) for parent in manifest["parent"].to_numpy()[copies]]
    return copies, np.array(parents, np.intp)


def _strayed(part: Part, at: str, copies: np.ndarray, parents: np.ndarray) -> Iterator[Leak]:
    roles = part.roles[copies]
    strayed = copies[(parents < 0) | (roles != part.roles[parents])]
    evaluated = copies[roles > TRAIN]
    if len(strayed):
        words = f"{at}augmented copies are in a different split than their originals"
        yield _leak(part, "augmented copies", words, strayed)
    elif len(evaluated):
        words = f"{at}augmented copies are in the validation or test set"
        yield _leak(part, "augmented copies", words, evaluated)


def _repeats(key: pd.Series, left_out: np.ndarray | bool) -> tuple[np.ndarray, np.ndarray]:
    """Find rows with the same key: their places, group by group, and where each group starts."""
    codes = np.where(left_out, -1, pd.factorize(key)[0])
    counts = np.bincount(codes[codes >= 0], minlength=1)
    repeated = np.flatnonzero((codes >= 0) & (counts[codes] > 1))
    ordered = repeated[np.argsort(codes[repeated], kind="stable")]
    starts = np.flatnonzero(np.diff(codes[ordered], prepend=-1))
    return ordered, starts


def _spread(part: Part, rows: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Find the rows of groups that lie in more than one split."""
    if not len(rows):
        return rows
    roles = part.roles[rows]
    lowest = np.minimum.reduceat(np.where(roles == OUTSIDE, TEST, roles), starts)
    spread = lowest < np.maximum.reduceat(roles, starts)
    return np.sort(rows[np.repeat(spread, np.diff(starts, append=len(rows)))])


def _unselected(part: Part, at: str, labels: Codes) -> Iterator[Leak]:
    """Name the classes that selection does not see."""
    if not len(part.val):
        return
    counts = part.counts(labels, np.arange(len(labels.names)))
    absent = np.flatnonzero((counts[TRAIN] > 0) & (counts[VAL] == 0)).tolist()
    if absent:
        named = listing([str(labels.names[code]) for code in absent])
        message = f"{at}no validation speaker has {named}, so model selection ignores it."
        rows = np.flatnonzero(labels.rows(absent) & (part.roles == TRAIN))
        yield Leak("unselected classes", message, rows, True, "note", complete=True)
