"""Views of a divided manifest: one fold, shared speakers, checks."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from sertk.errors import ConfigurationError, SplitError, listing
from sertk.manifest import SPLITS, constant, divided
from sertk.splits._protocol_column import protocol
from sertk.splits.parts import folds, validation_folds


def in_fold(manifest: pd.DataFrame, fold: int) -> pd.DataFrame:
    """Return one fold of a cross-validation: adds `split` from `fold` and `val_folds`.

    Raises:
        SplitError: If the manifest has no folds, or not this one.
    """
    if "fold" not in manifest:
        raise SplitError(
            "The manifest has no column 'fold'.",
            "Cross-validation needs folds.",
            "Call sertk.splits.leave_one_speaker_out(manifest) or another protocol first.",
            code="no-fold-column",
        )
    if "val_folds" not in manifest:
        manifest = divided(manifest)
    tested = (manifest["fold"] == fold).fillna(False).to_numpy(dtype=bool)
    if not tested.any():
        numbers = sorted(manifest["fold"].dropna().unique())
        raise SplitError(
            f"Fold {fold} has no test rows.",
            f"The folds are {listing(numbers, 30)}.",
            "Choose one of these.",
            code="empty-fold",
        )
    split = np.where(tested, "test", np.where(validates(manifest, fold), "val", "train"))
    return manifest.assign(split=split)


def validates(manifest: pd.DataFrame, fold: int) -> pd.Series:
    """Return which rows of a cross-validation are validation rows in a fold."""
    lists = validation_folds(manifest)
    inside = [text for text in lists.unique() if str(fold) in text.split()]
    return lists.isin(inside)


def one_division(manifest: pd.DataFrame) -> pd.DataFrame:
    """Make the view of one fold a separate division: keep `split`, drop its folds.

    Returns:
        The rows without `fold` and `val_folds`, with a protocol that names the single fold;
        the manifest itself if it has no folds.
    """
    if "fold" not in manifest:
        return manifest
    tested = sorted(int(k) for k in manifest.loc[manifest["split"] == "test", "fold"].unique())
    which = f"fold {tested[0]}" if len(tested) == 1 else "one"
    note = f"{which} of {len(folds(manifest))} folds"
    alone = manifest.drop(columns=["fold", "val_folds"], errors="ignore")
    name = protocol(manifest)["name"]
    return constant(alone, protocol=f"{name}: {note}")


def shared_speakers(manifest: pd.DataFrame) -> dict[tuple[str, str], list[str]]:
    """Find the speakers that two splits share, by pair of splits; empty when they are apart."""
    of = {s: set(manifest.loc[manifest["split"] == s, "speaker"].dropna()) for s in SPLITS}
    pairs = (("train", "test"), ("train", "val"), ("val", "test"))
    return {(a, b): sorted(of[a] & of[b]) for a, b in pairs if of[a] & of[b]}


def check(manifest: pd.DataFrame, *, allow_shared_speakers: bool = False) -> None:
    """Refuse a division that mixes speakers, unless it was made to do so.

    Raises:
        SplitError: If there is no `split`, a part has no rows, a copy is in another split than its
            original, or speakers are shared and neither the protocol is marked leaky nor
            `allow_shared_speakers` is set.
    """
    if "split" not in manifest:
        raise SplitError(
            "The manifest has no column 'split'.",
            "Training needs to know the train, val and test rows.",
            "Call sertk.splits.by_speaker(manifest) first.",
            code="no-split-column",
        )
    unknown = manifest.loc[~manifest["split"].isin(SPLITS), "split"]
    if len(unknown):
        raise SplitError(
            f"{len(unknown)} rows have the split {listing(sorted(map(repr, unknown.unique())))}.",
            f"A split must be one of {', '.join(SPLITS)}.",
            "Call sertk.manifest.divided(manifest), which accepts common spellings, or rename "
            "them.",
            code="unknown-split-names",
        )
    empty = [s for s in SPLITS[:2] if not (manifest["split"] == s).any()]
    if empty:
        folded = "fold" in manifest
        raise SplitError(
            f"No row has the split {' or '.join(empty)}"
            + (", according to `fold` and `val_folds`." if folded else "."),
            "Training needs speakers for training and for validation.",
            "Set in `val_folds` the folds in which each row is used for validation, or "
            "split again with sertk.splits.speaker_folds()."
            if folded
            else "Split again with sertk.splits.by_speaker().",
            code="empty-split",
        )
    _check_copies(manifest)
    if allow_shared_speakers or protocol(manifest)["name"] == "random":
        return
    for (a, b), speakers in shared_speakers(manifest).items():
        rows = manifest["speaker"].isin(speakers) & (manifest["split"] == b)
        raise SplitError(
            f"Speakers {listing(speakers)} are in both {a!r} and {b!r} ({rows.sum()} utterances).",
            "Speaker-independent scores need them apart.",
            "Use sertk.splits.by_speaker(), or pass allow_shared_speakers=True if that is the "
            "experiment.",
            code="shared-speakers",
        )


def _check_copies(manifest: pd.DataFrame) -> None:
    """Refuse copies in another split than their originals, under any protocol."""
    if "parent" not in manifest:
        return
    copies = manifest[manifest["parent"].notna()]
    home = dict(zip(manifest["utterance_id"], manifest["split"], strict=True))
    strayed = copies.loc[copies["parent"].map(home) != copies["split"], "utterance_id"]
    if len(strayed):
        raise SplitError(
            f"{len(strayed)} augmented copies are in a different split than their originals, or "
            f"have no original ({listing(list(strayed), 3)}).",
            "An augmented copy in a different split than its original leaks test data.",
            "Split the originals only, and let training make the copies: augment= (--augment).",
            code="copies-across-splits",
        )


def check_classes(
    rows: pd.DataFrame,
    classes: list[str],
    unreadable: Sequence[Mapping[str, str]] = (),
    *,
    tested: bool = False,
) -> None:
    """Refuse a division in which a class has nothing to learn from, or nothing selects.

    A class that only the validation split lacks is accepted, since few speakers may not have it:
    it does not influence the selection then, and the audit reports it.

    Args:
        rows: With `split` and `label`; of files that can be read, once that is known.
        classes: All of the task.
        unreadable: Files that were left out, with their `reason`; the message names them.
        tested: There must be rows of split test.

    Raises:
        ConfigurationError: Which classes lack in which split, and what to do.
    """
    present = {split: set(rows.loc[rows["split"] == split, "label"]) for split in ("train", "val")}
    lost = (
        f" {len(unreadable)} files cannot be read. The first error: {unreadable[0]['reason']}"
        if unreadable
        else ""
    )
    missing = sorted(set(classes) - present["train"])
    if missing:
        elsewhere = set(missing) <= set(rows["label"])
        raise ConfigurationError(
            f"No utterance of the split 'train' is labeled {listing(missing, 12)}.{lost}",
            "Every class needs training utterances.",
            f"Add recordings {'of more speakers' if elsewhere else 'with this label'}, or choose a "
            "grouping without it (`sertk names groupings`).",
            code="class-without-training-data",
        )
    for split, needs in (("val", "Selection"), *([("test", "The test")] if tested else [])):
        if not (rows["split"] == split).any():
            raise ConfigurationError(
                f"No utterance of the split {split!r} remains.{lost}",
                f"{needs} needs utterances that can be read.",
                f"Download the files again, or choose other speakers (--{split}).",
                code="unreadable-split",
            )
    if len(present["val"]) < min(2, len(classes)):
        raise ConfigurationError(
            "Every utterance of the split 'val' is labeled "
            f"{listing(sorted(present['val']))}.{lost}",
            "Model selection needs several classes in the validation set.",
            "Use more validation speakers (--val 2).",
            code="single-class-validation",
        )
