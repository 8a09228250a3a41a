"""Write a division into a manifest, with the words that every report repeats."""

from typing import Any

import pandas as pd

from sertk.errors import SplitError


def speakers_of(manifest: pd.DataFrame) -> list[str]:
    """List the speakers, sorted; refuse a manifest that does not know them all."""
    unknown = manifest["speaker"].isna()
    if unknown.any():
        raise SplitError(
            f"{unknown.sum()} of {len(manifest)} rows name no speaker.",
            "A speaker-independent protocol keeps speakers apart, so it has to know them.",
            "Fill the column `speaker` (for folders: layout='{speaker}/{emotion}/*'); only "
            "--protocol random, which leaks, does without.",
        )
    return sorted(manifest["speaker"].unique())


def cross(
    manifest: pd.DataFrame, speakers: list[tuple[list[str], list[str]]], name: str, words: str
) -> pd.DataFrame:
    """Test each group of speakers in turn; `speakers` holds (test, validation) of each fold."""
    fold_of = {s: k for k, (test, _) in enumerate(speakers) for s in test}
    validates = {s: [k for k, (_, val) in enumerate(speakers) if s in val] for s in fold_of}
    counts = sorted({len(val) for _, val in speakers})
    validate = f"{counts[0]} speaker{'s validate' if counts[0] > 1 else ' validates'}"
    words = f"{words}; test speakers are never heard in training; {validate} in each fold"
    return divided(
        manifest, name, words,
        fold=manifest["speaker"].map(fold_of),
        val_folds=manifest["speaker"].map(lambda s: " ".join(map(str, validates[s]))),
    )  # fmt: skip


def divided(
    manifest: pd.DataFrame, name: str, sentence: str, *, leaky: bool = False, **columns: Any
) -> pd.DataFrame:
    """Add the columns of a division, and say in `attrs["protocol"]` what it is."""
    made = manifest.drop(columns=["split", "fold", "val_folds"], errors="ignore").assign(**columns)
    made.attrs = {
        **{name: value for name, value in manifest.attrs.items() if name != "division"},
        "protocol": {
            "name": name,
            "leaky": leaky,
            "sentence": sentence,
            "speakers": int(made["speaker"].nunique()),
        },
    }
    return made
