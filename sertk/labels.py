"""Emotion words, and the groupings that turn a corpus's emotions into the labels of a task.

In: a manifest with `emotion`. Out: the same rows with `label`, an ordered categorical whose
categories are the classes in the order of the grouping, never inferred from a split; rows whose
emotion the grouping leaves out are dropped, and counted in the remarks.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sertk._utils import spelling
from sertk.errors import ConfigurationError, ManifestError, UnknownNameError
from sertk.manifest import constant, remarks

EMOTIONS = (
    "neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised", "bored",
    "excited", "frustrated", "anxious",
)  # fmt: skip


@dataclass(frozen=True)
class Grouping:
    """Map emotions to the labels of a task.

    Args:
        mapping: Emotion -> label. The classes are its values, in order of first appearance.
        optional: Labels that are no class where the whole manifest has none of them.
        note: One sentence for reports, where the set is a choice that readers must know.
    """

    mapping: Mapping[str, str]
    optional: frozenset[str] = frozenset()
    note: str = ""

    @property
    def classes(self) -> list[str]:
        return list(dict.fromkeys(self.mapping.values()))


def _same(*emotions: str) -> dict[str, str]:
    return {emotion: emotion for emotion in emotions}


def _merged(**groups: str) -> dict[str, str]:
    return {emotion: label for label, words in groups.items() for emotion in words.split()}


GROUPINGS: dict[str, Grouping] = {
    "emotion8": Grouping(_same(*EMOTIONS[:8])),
    "emotion7": Grouping(
        _same("neutral", "happy", "sad", "angry", "fearful", "disgust", "bored", "surprised"),
        optional=frozenset({"bored", "surprised"}),
        note="Six basic emotions with boredom (EmoDB) or surprise (SAVEE).",
    ),
    "emotion6": Grouping(
        _same("neutral", "happy", "sad", "angry", "fearful", "bored"), note="EmoDB without disgust."
    ),
    "nemo6": Grouping(
        _same("neutral", "happy", "sad", "angry", "fearful", "surprised"), note="All of nEMO."
    ),
    "iemocap4": Grouping(
        _merged(neutral="neutral", happy="happy excited", sad="sad", angry="angry"),
        note="Excitement is merged into happiness.",
    ),
    "iemocap4_strict": Grouping(
        _same("neutral", "happy", "sad", "angry"),
        note="Excitement is left out, not merged into happiness.",
    ),
    "basic5": Grouping(_same("calm", "happy", "sad", "angry", "fearful")),
    "valence2": Grouping(_merged(positive="calm happy", negative="angry fearful sad")),
    "valence3": Grouping(
        _merged(positive="happy", neutral="calm neutral", negative="angry fearful sad")
    ),
    "merged_negative": Grouping(
        _same("calm", "happy", "neutral", "surprised")
        | _merged(negative="angry fearful sad disgust")
    ),
    "moody7": Grouping(
        _merged(neutral="neutral calm bored")
        | _same("happy", "sad", "angry")
        | _merged(fearful="fearful anxious", disgust="disgust", surprised="surprised excited")
    ),
}


# what `valence2` leaves out has a side as well; neutral and surprised have none
_SIDES = {"positive": 1, "negative": -1}
VALENCE = {
    **_SIDES,
    **{emotion: _SIDES[label] for emotion, label in GROUPINGS["valence2"].mapping.items()},
    **{"excited": 1, "disgust": -1, "frustrated": -1, "anxious": -1, "bored": -1},
}


def valence(classes: Sequence[str]) -> np.ndarray | None:
    """Return the valence of each class: 1 (pleasant), -1 (unpleasant), or 0 for neither.

    Probabilities times these is the positive mass minus the negative one. The sides are those of
    the grouping `valence2`, and of the words that it leaves out.

    Args:
        classes: Labels; `male_happy` counts as `happy`.

    Returns:
        shape (classes,), or `None` if no class has a side.

    Examples:
        >>> valence(["neutral", "happy", "sad"]).tolist()
        [0.0, 1.0, -1.0]
        >>> valence(["up", "down"]) is None
        True
    """
    words = [name.removeprefix("male_").removeprefix("female_") for name in classes]
    sides = np.array([VALENCE.get(word, 0) for word in words], float)
    return sides if sides.any() else None


def grouping(choice: str | Mapping[str, str] | Grouping) -> Grouping:
    """Look up a grouping by name, or take the user's own mapping as one.

    Raises:
        UnknownNameError: If no grouping has that name.

    Examples:
        >>> grouping("valence2").classes
        ['positive', 'negative']
        >>> grouping({"happy": "up", "sad": "down"}).classes
        ['up', 'down']
    """
    if isinstance(choice, Grouping):
        return choice
    if isinstance(choice, Mapping):
        return Grouping(dict(choice))
    if choice not in GROUPINGS:
        raise UnknownNameError("grouping", choice, GROUPINGS)
    return GROUPINGS[choice]


def apply(
    manifest: pd.DataFrame,
    choice: str | Mapping[str, str] | Grouping = "emotion8",
    *,
    gender: bool = False,
) -> pd.DataFrame:
    """Add the column `label`, and drop the rows whose emotion has none.

    Args:
        manifest: Rows with `emotion`.
        choice: Name of a grouping, or a mapping emotion -> label of your own.
        gender: Multiply by gender: `male_happy`, `female_happy`, ...

    Returns:
        A copy with `label`, an ordered categorical, and the name of the `grouping`. Its remarks
        count the rows dropped by emotion.

    Raises:
        UnknownNameError: If an emotion is a misspelled one of the grouping.
        ManifestError: If no row is left, or a gender is missing for `gender=True`.

    Examples:
        >>> frame = pd.DataFrame({"emotion": ["happy", "sad", "disgust"]})
        >>> labeled = apply(frame, "valence2")
        >>> labeled["label"].tolist(), remarks.of(labeled).dropped
        (['positive', 'negative'], {'disgust': 1})
    """
    group = grouping(choice)
    composed = {spelling.composed(emotion): label for emotion, label in group.mapping.items()}
    label = manifest["emotion"].map(spelling.composed, na_action="ignore").map(composed)
    _refuse_misspelt(manifest.loc[label.isna(), "emotion"].unique(), group)
    kept = manifest[label.notna()].copy()
    if kept.empty:
        raise ManifestError(
            f"None of the {len(manifest)} rows has an emotion of this grouping "
            f"(found: {', '.join(sorted(manifest['emotion'].unique())) or 'nothing'}).",
            f"The grouping maps: {', '.join(group.mapping)}.",
            "Choose another grouping, or pass a mapping of these emotions.",
            code="grouping-matches-nothing",
        )
    kept["label"] = label[label.notna()].astype(str)
    present = set(kept["label"])
    classes = [c for c in group.classes if c not in group.optional or c in present]
    if gender:
        unknown = kept["gender"].isna()
        if unknown.any():
            raise ManifestError(
                f"{unknown.sum()} of {len(kept)} rows have no gender.",
                "Labels by gender need a gender in every row.",
                "Fill the column `gender`, or omit gender=True.",
                code="missing-gender",
            )
        kept["label"] = kept["gender"] + "_" + kept["label"]
        classes = [f"{g}_{c}" for g in ("male", "female") for c in classes]
    name = choice if isinstance(choice, str) else "own mapping"
    kept["label"] = ordered(kept["label"], classes)
    kept = constant(kept, grouping=f"{name} x gender" if gender else name)
    left_out = manifest.loc[label.isna(), "emotion"].value_counts()
    dropped = {str(emotion): int(count) for emotion, count in left_out.items()}
    return remarks.put(kept, remarks.of(manifest), dropped=dropped)


def _refuse_misspelt(left_out: Iterable[str], group: Grouping) -> None:
    """Refuse emotions that look like one that the grouping takes, and would be left out."""
    for emotion in left_out:
        near = difflib.get_close_matches(str(emotion), group.mapping, n=1, cutoff=0.75)
        if near and emotion not in EMOTIONS:
            raise UnknownNameError("emotion", emotion, EMOTIONS)


def classes(manifest: pd.DataFrame) -> list[str]:
    """Name the classes of a labeled manifest, in order.

    The order is that of the categories of `label`; else that of the grouping which the column
    `grouping` names; else alphabetical.

    Raises:
        ConfigurationError: If the manifest has no labels yet.

    Examples:
        >>> classes(apply(pd.DataFrame({"emotion": ["sad", "happy"]}), "valence2"))
        ['positive', 'negative']
    """
    if "label" not in manifest:
        raise ConfigurationError(
            "The manifest has no column 'label'.",
            "Training needs a label in every row.",
            "Call sertk.labels.apply(manifest, 'emotion8') first.",
            code="unlabeled-manifest",
        )
    label = manifest["label"]
    if isinstance(label.dtype, pd.CategoricalDtype):
        return [str(name) for name in label.cat.categories]
    present = set(label.dropna())
    group = GROUPINGS.get(grouping_of(manifest))
    if group is not None and present <= set(group.classes):
        return [c for c in group.classes if c not in group.optional or c in present]
    return sorted(present)


def grouping_of(manifest: pd.DataFrame) -> str:
    """Name the grouping that made the labels of a manifest; `own labels` where it is unknown.

    Examples:
        >>> grouping_of(apply(pd.DataFrame({"emotion": ["sad", "happy"]}), "valence2"))
        'valence2'
    """
    named = manifest["grouping"].dropna().unique().tolist() if "grouping" in manifest else []
    return str(named[0]) if len(named) == 1 else "own labels"


def ordered(label: pd.Series, classes: Sequence[str]) -> pd.Categorical:
    """Make a categorical column of labels, with the classes in order.

    Examples:
        >>> ordered(pd.Series(["sad"]), ["happy", "sad"]).categories.tolist()
        ['happy', 'sad']
    """
    return pd.Categorical(label, categories=list(classes), ordered=True)
