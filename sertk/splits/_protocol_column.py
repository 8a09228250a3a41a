"""Write a division into a manifest, and describe its protocol in a sentence.

In: a manifest, and the columns of its division. Out: the same rows with the column `protocol`,
which holds the name of the protocol, and what was taken of it after a colon. Sentences are made
from the rows, so that a subset is described as what it is.
"""

from typing import Any

import pandas as pd

from sertk.errors import SplitError
from sertk.manifest import SPLITS, constant, remarks
from sertk.splits.parts import NAMES, Codes, folds, parts, validation_folds

_APART = "test speakers are not in the training set"


def speakers_of(manifest: pd.DataFrame) -> list[str]:
    """List the speakers, sorted; refuse a manifest that does not know them all."""
    unknown = manifest["speaker"].isna()
    if unknown.any():
        raise SplitError(
            f"{unknown.sum()} of {len(manifest)} rows have no speaker.",
            "A speaker-independent protocol needs the speaker of every row.",
            "Fill the column `speaker` (for folders: layout='{speaker}/{emotion}/*'); only "
            "--protocol random, which leaks speakers, works without.",
            code="missing-speakers",
        )
    return sorted(manifest["speaker"].unique())


def cross(
    manifest: pd.DataFrame, speakers: list[tuple[list[str], list[str]]], name: str
) -> pd.DataFrame:
    """Test each group of speakers in turn; `speakers` holds (test, validation) of each fold."""
    fold_of = {s: k for k, (test, _) in enumerate(speakers) for s in test}
    validates = {s: [k for k, (_, val) in enumerate(speakers) if s in val] for s in fold_of}
    return divided(
        manifest, name,
        fold=manifest["speaker"].map(fold_of),
        val_folds=manifest["speaker"].map(lambda s: " ".join(map(str, validates[s]))),
    )  # fmt: skip


def divided(manifest: pd.DataFrame, name: str, **columns: Any) -> pd.DataFrame:
    """Set the columns of a division, and name its protocol."""
    bare = manifest.drop(columns=["split", "fold", "val_folds"], errors="ignore")
    return remarks.put(constant(bare.assign(**columns), protocol=name), division=[])


def custom(manifest: pd.DataFrame, sentence: str) -> pd.DataFrame:
    """Say in a sentence of your own how a manifest was divided.

    Args:
        manifest: Rows with `split`, or `fold` and `val_folds`.
        sentence: What was done, without a full stop.

    Returns:
        A copy whose reports repeat the sentence.

    Examples:
        >>> rows = pd.DataFrame({"speaker": ["a", "b"], "split": ["train", "test"]})
        >>> protocol(custom(rows, "one trains, one is tested"))["sentence"]
        'one trains, one is tested'
    """
    return constant(manifest, protocol=f"custom: {sentence}")


def protocol(manifest: pd.DataFrame) -> dict[str, Any]:
    """Describe the protocol of a divided manifest.

    A manifest without the column `protocol` is called `custom`.

    Returns:
        `name`; `leaky`: whether speakers that give the score are in the training set, too; and a
        `sentence` on who trains, validates and is tested.

    Examples:
        >>> rows = pd.DataFrame({"speaker": ["a", "a"], "split": ["train", "test"]})
        >>> protocol(rows)["leaky"]
        True
    """
    named = manifest["protocol"].dropna().unique().tolist() if "protocol" in manifest else []
    name, _, note = str(named[0] if len(named) == 1 else "custom").partition(": ")
    speakers = Codes(manifest["speaker"])
    pairs = (pair[:2] for part in parts(manifest) for pair in part.shared(speakers))
    shared = {NAMES[split] for pair in pairs for split in pair}
    untested = bool(shared) and "fold" not in manifest and "test" not in set(manifest["split"])
    leaky = name == "random" or "test" in shared or untested
    if name == "custom":
        apart = f"shared between {' and '.join(sorted(shared))}" if shared else "kept apart"
        sentence = note or f"a division read from the manifest; speakers are {apart}"
    else:
        sentence = _sentence(name, manifest) + (f"; {note}" if note else "")
    return {"name": name, "leaky": leaky, "sentence": sentence}


def _sentence(name: str, manifest: pd.DataFrame) -> str:
    """Say who trains, validates and is tested by a protocol of ours."""
    if name == "random":
        several = f"{len(folds(manifest))} folds of utterances drawn"
        how = several if "fold" in manifest else "utterances divided"
        return f"{how} at random: the same speakers train and are tested"
    if "fold" not in manifest:
        train, val, test = (
            manifest.loc[manifest["split"] == split, "speaker"].nunique() for split in SPLITS
        )
        trains = "1 speaker trains" if train == 1 else f"{train} speakers train"
        validates = "validates" if val == 1 else "validate"
        tested = "is" if test == 1 else "are"
        return f"{trains}, {val} {validates}, {test} {tested} tested; {_APART}"
    lists = manifest.assign(val_folds=validation_folds(manifest))
    each = lists[["speaker", "val_folds"]].drop_duplicates()["val_folds"]
    counts = each.str.split().explode().value_counts()
    # in the fold that has fewest of them
    validating = int(counts.reindex([str(k) for k in folds(manifest)], fill_value=0).min())
    how = {
        "loso": "leave one speaker out",
        "speaker_folds": f"{len(folds(manifest))} folds of speakers",
        "by_session": "leave one session out",
        "by_dyad": "one speaker of a dialog is tested, the other one validates",
    }.get(name, f"the {len(folds(manifest))} folds {name!r}")
    return (
        f"{manifest['speaker'].nunique()} speakers, {how}; {_APART}; {validating} speaker"
        f"{'s validate' if validating != 1 else ' validates'} in each fold"
    )
