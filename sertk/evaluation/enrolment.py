"""Enrolment: UAR against the number of recordings that a test speaker is enrolled with.

In: a run that was trained with `standardize="enrolment"`. Out: a Display of the curve.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sertk._display import drawing
from sertk._display.display import Display, percent
from sertk._utils import plain_files
from sertk.errors import ConfigurationError
from sertk.evaluation import confusion_matrices as matrices
from sertk.evaluation import intervals
from sertk.run import Run, read_csv


class EnrolmentDisplay(Display):
    """UAR by number of enrolled recordings, with intervals over speakers."""

    size = (5.6, 3.9)

    def _draw(self, ax: "drawing.Axes") -> None:
        table = self._table[self._table["of"] == "any"]
        places = np.arange(len(table))
        ax.fill_between(
            places, 100 * table["low"], 100 * table["high"], color=drawing.SOFT, alpha=0.35, lw=0
        )
        ax.plot(places, 100 * table["uar"], "o-", color=drawing.ACCENT, label="any recordings")
        for count, row in self._table[self._table["of"] == "neutral"].iterrows():
            place = list(table.index).index(count)
            ax.plot(
                [place], [100 * row["uar"]], "D", color=drawing.SECOND, label="neutral ones only"
            )
        ax.set_xticks(places, [str(count) for count in table.index])
        ax.set_xlabel("enrolled recordings of the test speaker")
        ax.set_ylabel("UAR of the speaker's other recordings, %")
        ax.set_ylim(0, 100)
        ax.legend(loc="lower right")

    def _shown(self) -> pd.DataFrame:
        scores = self._table[["uar", "low", "high"]].map(percent)
        return self._table.assign(**scores)


def enrolment_curve(run: Run | str | Path) -> EnrolmentDisplay:
    """Show what it is worth to enrol a test speaker with a few of their recordings.

    The enrolled recordings are unlabelled, are drawn at random and are not scored. With `neutral`,
    their emotion was known to be neutral.

    Args:
        run: A finished run that was trained with `standardize="enrolment"`, or its folder.

    Returns:
        By number of enrolled recordings: `of` (`any` or `neutral`), `uar`, `low`, `high` (95 %
        interval over speakers), `speakers` and `utterances` (scored, repeated draws included).

    Raises:
        ConfigurationError: If the run's models cannot enrol, or nobody was tested.

    Examples:
        `evaluation.enrolment_curve("runs/ravdess_states").plot()`
    """
    run = Run.open(run)
    path = run.folder / "enrolment.csv"
    if not plain_files.is_file(path):
        raise ConfigurationError(
            f"The run {run.folder} has no enrolment.csv.",
            "The curve is measured on test speakers, by models that can enrol a speaker.",
            "Train one: --standardize enrolment --feature pooled_states.",
            code="no-enrolment-curve",
        )
    needed = ["speaker", "enrolled", "of", "label", "predicted", "utterances"]
    rows, classes = read_csv(path, needed), list(run.classes)
    truth, predicted = (
        rows[column].map({label: k for k, label in enumerate(classes)}).to_numpy(int)
        for column in ("label", "predicted")
    )
    table = []
    groups: dict[Any, Any] = dict(rows.groupby(["enrolled", "of"]).indices)
    for (count, kind), at in sorted(groups.items()):
        own = rows.iloc[at]
        speakers, names = pd.factorize(own["speaker"])
        counts = np.zeros((len(names), len(classes), len(classes)))
        np.add.at(counts, (speakers, truth[at], predicted[at]), own["utterances"].to_numpy(float))
        pooled = counts.sum(0)
        score = intervals.interval(
            float(matrices.uar(pooled)), matrices.of_resamples("uar", pooled), counts
        )
        entry = {"enrolled": count, "of": kind, "uar": score.value, "low": score.low}
        entry |= {"high": score.high, "speakers": len(names), "utterances": int(pooled.sum())}
        table.append(entry)
    frame = pd.DataFrame(table).set_index("enrolled")
    return EnrolmentDisplay(frame, "Enrolment", _words(frame))


def _words(table: pd.DataFrame) -> str:
    plain = table[table["of"] == "any"]
    first, last = plain.iloc[0], plain.iloc[-1]
    words = (
        f"UAR is {percent(first['uar'])} % with nobody enrolled and {percent(last['uar'])} % with "
        f"{plain.index[-1]} recordings of the speaker."
    )
    neutral = table[table["of"] == "neutral"]
    if len(neutral):
        row = neutral.iloc[0]
        words += f" Two neutral recordings give {percent(row['uar'])} %."
    return words
