"""Evaluation of a run: UAR, WA, F1 with confidence intervals, confusion, groups, calibration.

In: a run folder, or a table of predictions. Out: an `Evaluation`, whose every table is a Display
with `.frame()` and `.plot(ax=None)`. Nothing here needs Keras.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from sertk._display.display import Display
from sertk.errors import ConfigurationError, RunError, listing
from sertk.evaluation.calibration import temperature
from sertk.evaluation.enrolment import enrolment_curve
from sertk.evaluation.importance import feature_importance
from sertk.evaluation.intervals import Interval
from sertk.evaluation.learning_curve import curves as learning_curves
from sertk.evaluation.metrics import confusion, f1, uar, wa
from sertk.evaluation.paired import compare
from sertk.evaluation.results import Evaluation
from sertk.evaluation.risk_coverage import selective_prediction
from sertk.evaluation.speaker_normalization import normalize_speakers
from sertk.evaluation.speakers import speaker_difficulty
from sertk.run import Run

__all__ = [
    "Display", "Evaluation", "Interval", "compare", "confusion", "enrolment_curve", "evaluate",
    "f1", "feature_importance", "learning_curves", "normalize_speakers", "selective_prediction",
    "speaker_difficulty", "temperature", "uar", "wa",
]  # fmt: skip


class Predictable(Protocol):
    """What `evaluate` asks of a dataset: `sertk.datasets.ClipDataset` has it."""

    def predict_run(self, run: Run) -> pd.DataFrame:
        """Predict every utterance with the model of a run."""


def evaluate(
    source: Run | str | Path | pd.DataFrame,
    split: "str | Predictable" = "test",
    *,
    classes: Sequence[str] | None = None,
) -> Evaluation:
    """Score the predictions of a run, or of a table of your own.

    Args:
        source: A run, its folder, or a table with `label` and `predicted`, and if they are known
            `utterance_id, speaker, gender, split, fold, seed` and `p_<class>`.
        split: `"test"` or `"val"`; a table without the column `split` is taken whole. A dataset
            instead of a name is predicted with the run's model; nothing is written.
        classes: The class list, in order; a run knows its own, and a table with `p_<class>`
            columns has it there. It is never taken from the labels: a class that no utterance
            has would vanish, and the score would rise.

    Raises:
        RunError: If the run is unfinished.
        ConfigurationError: If the table lacks columns, the split holds no row, or a label is
            not in the class list.

    Examples:
        >>> table = pd.DataFrame({
        ...     "speaker": ["ann", "ann", "bob", "bob"], "label": ["happy", "sad", "happy", "sad"],
        ...     "predicted": ["happy", "sad", "sad", "sad"],
        ...     "p_happy": [0.9, 0.1, 0.4, 0.2], "p_sad": [0.1, 0.9, 0.6, 0.8]})
        >>> result = evaluate(table)
        >>> result.uar, result.by_speaker().frame()["uar"].to_dict()
        (0.75, {'bob': 0.5, 'ann': 1.0})
    """
    if not isinstance(split, str) and (
        isinstance(source, pd.DataFrame) or not hasattr(split, "predict_run")
    ):
        raise ConfigurationError(
            f"Received a split of type {type(split).__name__}.",
            "It must be the name of a split, or with a run a dataset of sertk.datasets.",
            "Call evaluate(run), or evaluate(run, 'val').",
            code="wrong-split-type",
        )
    if isinstance(source, pd.DataFrame):
        return _from_table(source, str(split), classes)
    run = Run.open(source)
    if not run.finished:
        raise RunError(
            f"The run {run.folder} is {run.info.get('status', 'unfinished')}: "
            f"{len(list(run.folder.glob('fold_*/seed_*/fit.json')))} of "
            f"{len(run.info.get('folds', [])) * len(run.info.get('seeds', []))} fits are finished.",
            "A score needs every fold and seed of the protocol.",
            "Run the same command again to resume; to score the finished fits, call "
            "evaluate(run.predictions, classes=run.classes).",
            code="unfinished-run",
        )
    if not isinstance(split, str):
        return _from_table(split.predict_run(run), "test", classes or run.classes, run.manifest)
    return _from_table(run.predictions, split, classes or run.classes, run.manifest)


def _from_table(
    table: pd.DataFrame,
    split: str,
    classes: Sequence[str] | None,
    manifest: pd.DataFrame | None = None,
) -> Evaluation:
    missing = [column for column in ("label", "predicted") if column not in table]
    if missing:
        raise ConfigurationError(
            f"The predictions lack the column{'s' * (len(missing) > 1)} {', '.join(missing)} "
            f"(they have: {listing(list(table.columns), 12)}).",
            "Each row needs the true and the predicted label.",
            "Rename the columns, or evaluate a run.",
            code="missing-prediction-columns",
        )
    if classes is None:
        classes = [str(c).removeprefix("p_") for c in table.columns if str(c).startswith("p_")]
    if len(classes) < 2 or len(set(classes)) < len(classes):
        raise ConfigurationError(
            f"Received the classes {', '.join(map(str, classes)) or '(none)'}.",
            "UAR is the mean recall over at least two different classes.",
            "Pass classes=[...] with every class of the task, in order.",
            code="invalid-class-list",
        )
    rows = table[table["split"] == split] if "split" in table else table
    if rows.empty:
        held = ", ".join(sorted(table["split"].astype(str).unique())) if len(table) else "no rows"
        raise ConfigurationError(
            f"No prediction is in the split {split!r} (splits with predictions: {held}).",
            "A score needs at least one prediction.",
            "Choose one of these splits.",
            code="no-predictions-in-split",
        )
    strange = sorted((set(rows["label"]) | set(rows["predicted"])) - set(classes), key=str)
    if strange:
        raise ConfigurationError(
            f"The predictions contain labels that are not in the class list: {listing(strange)} "
            f"(classes: {', '.join(map(str, classes))}).",
            "Every label must be a class.",
            "Pass classes=[...] with all labels.",
            code="labels-outside-classes",
        )
    return Evaluation(_completed(rows), tuple(classes), split, manifest)


def _completed(rows: pd.DataFrame) -> pd.DataFrame:
    """Copy the rows, with every column that scoring looks at."""
    rows = rows.reset_index(drop=True)
    usual: dict[str, Any] = {"utterance_id": [f"row {place}" for place in rows.index]}
    usual |= {"speaker": "unknown", "gender": None, "fold": 0, "seed": 0}
    rows = rows.assign(**{name: value for name, value in usual.items() if name not in rows})
    # utterances without a speaker form one group, so that no interval is too narrow
    rows["speaker"] = rows["speaker"].astype(object).where(rows["speaker"].notna(), "unknown")
    rows["gender"] = rows["gender"].astype(object).where(rows["gender"].notna(), None)
    return rows
