"""Scores of probabilities: regrouping, confidence, reliability diagram.

In: rows of predictions with `p_<class>`. Out: rows in other classes, the surest clips, and a
reliability table. Nothing is fitted here.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from sertk.errors import ConfigurationError, listing
from sertk.evaluation import confusion_matrices
from sertk.labels import Grouping


def columns(rows: pd.DataFrame, classes: Sequence[str]) -> list[str]:
    """Name the columns of probabilities.

    Raises:
        ConfigurationError: If one is missing.
    """
    missing = [name for name in classes if f"p_{name}" not in rows]
    if missing:
        raise ConfigurationError(
            f"The predictions have no probabilities for {listing(missing)}.",
            "A column p_<class> is needed for every class.",
            "Evaluate a run, or add the columns to the table.",
            code="missing-probabilities",
        )
    return [f"p_{name}" for name in classes]


def label_of(name: str, mapping: Mapping[str, str]) -> str | None:
    """Find the label of a class; classes by gender (`male_happy`) count by their emotion."""
    return mapping.get(name) or mapping.get(name.removeprefix("female_").removeprefix("male_"))


def regrouped(
    rows: pd.DataFrame, classes: Sequence[str], group: Grouping
) -> tuple[pd.DataFrame, list[str], dict[str, int]]:
    """Sum probabilities over the classes that share a label.

    Returns:
        The rows that have a label, the new class list, and label -> utterances left out.

    Raises:
        ConfigurationError: If fewer than two labels come out, or no row has one.
    """
    to = {name: label for name in classes if (label := label_of(name, group.mapping))}
    new = [name for name in group.classes if name in to.values()]
    inside = rows["label"].isin(list(to))
    kept = rows[inside]
    if len(new) < 2 or kept.empty:
        raise ConfigurationError(
            f"The grouping maps the classes {', '.join(classes)} to {len(new)} of its labels "
            f"{', '.join(group.classes)}, which {len(kept)} predictions have as true label.",
            "A regrouping needs at least two labels with predictions.",
            "Choose a grouping of these emotions (this one maps "
            f"{listing(list(group.mapping), 20)}), or pass a mapping class -> label.",
            code="regrouping-without-labels",
        )
    membership = np.array([[to.get(name) == label for label in new] for name in classes], float)
    old = columns(rows, classes)
    summed = kept[old].to_numpy(float) @ membership
    total = summed.sum(1, keepdims=True)
    # all classes of the grouping together may have got nothing: then none of them is preferred
    shares = np.where(total > 0, summed / np.where(total > 0, total, 1), 1 / len(new))
    changed = kept.drop(columns=old).assign(
        label=kept["label"].map(to), predicted=np.array(new, dtype=object)[shares.argmax(1)]
    )
    changed[[f"p_{name}" for name in new]] = shares
    left_out = rows[~inside].groupby("label")["utterance_id"].nunique()
    dropped = {str(name): int(number) for name, number in left_out.items()}
    return changed.reset_index(drop=True), new, dropped


def most_confident(
    rows: pd.DataFrame, classes: Sequence[str], n: int, *, right: bool
) -> pd.DataFrame:
    """List the most confident hits or mistakes, with probabilities averaged over seeds."""
    names = columns(rows, classes)
    grouped = rows.groupby("utterance_id", sort=True)
    table = grouped[["speaker", "gender", "label"]].first().join(grouped[names].mean())
    mean = table[names].to_numpy(float)
    table.insert(3, "predicted", np.array(classes, dtype=object)[mean.argmax(1)])
    table.insert(4, "confidence", mean.max(1))
    table = table[(table["label"] == table["predicted"]) == right]
    return table.sort_values("confidence", ascending=False, kind="stable").head(n)


def reliability(
    rows: pd.DataFrame, classes: Sequence[str], bins: int = 10
) -> tuple[pd.DataFrame, float]:
    """Compare confidence with accuracy in bins of equal width.

    Returns:
        One row per bin, and the expected calibration error: the mean gap, weighted by predictions.

    Raises:
        ConfigurationError: If there is no bin, or a probability is missing.
    """
    if bins < 1:
        raise ConfigurationError(
            f"Received bins={bins}.",
            "A calibration curve needs at least one bin.",
            "Use 10, or omit it.",
            code="invalid-bins",
        )
    predicted = pd.Categorical(rows["predicted"], categories=list(classes)).codes
    confidence = rows[columns(rows, classes)].to_numpy(float)[np.arange(len(rows)), predicted]
    right = (rows["label"] == rows["predicted"]).to_numpy(float)
    place = np.clip((confidence * bins).astype(int), 0, bins - 1)
    number = np.bincount(place, minlength=bins)
    table = pd.DataFrame(
        {
            "from": np.arange(bins) / bins,
            "to": np.arange(1, bins + 1) / bins,
            "predictions": number,
            "confidence": confusion_matrices.divide(np.bincount(place, confidence, bins), number),
            "accuracy": confusion_matrices.divide(np.bincount(place, right, bins), number),
        }
    )
    gaps = (table["confidence"] - table["accuracy"]).abs().fillna(0)
    return table, float((gaps * number).sum() / number.sum())
