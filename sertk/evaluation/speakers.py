"""Speaker difficulty: who is misclassified in every run.

In: evaluations of the same speakers. Out: UAR by speaker in each, and how far they agree.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sertk._display import drawing
from sertk._display.display import Display, percent
from sertk.errors import ConfigurationError
from sertk.evaluation.results import Evaluation


class DifficultyDisplay(Display):
    """UAR of every speaker in every run, the hardest first.

    Attributes:
        agreement: Kendall's W over the ranks of speakers: 1 if all runs order them alike, about
            one over the number of runs if they have nothing in common; NaN for a single run.
    """

    size = (8.0, 4.0)

    def __init__(self, table: pd.DataFrame, runs: list[str], agreement: float):
        note = (
            f"Kendall's W over {len(runs)} runs is {agreement:.2f}: 1 if all runs rank the "
            f"speakers alike, about {1 / len(runs):.2f} if the ranks are random."
            if len(runs) > 1
            else ""
        )
        super().__init__(table, "UAR by speaker, lowest first, %", note)
        self.runs, self.agreement = runs, agreement

    def _draw(self, ax: "drawing.Axes") -> None:
        places = np.arange(len(self._table))
        scores = 100 * self._table[self.runs]
        ax.vlines(places, scores.min(axis=1), scores.max(axis=1), color=drawing.SOFT, lw=4)
        for name, (mark, color) in drawing.MARKS.items():
            chosen = (self._table["gender"].fillna("unknown") == name).to_numpy()
            if chosen.any():
                mean = 100 * self._table["mean"][chosen]
                ax.plot(places[chosen], mean, mark, color=color, label=name, markersize=7)
        ax.set_xticks(places, [str(name) for name in self._table.index], rotation=90)
        ax.set_ylim(0, 100)
        ax.grid(visible=False, axis="x")
        ax.set_ylabel("UAR, mean and range over runs, %")
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3)

    def _shown(self) -> pd.DataFrame:
        shown = self._table.astype(object)
        for column in (*self.runs, "mean", "taken"):
            shown[column] = [percent(value) for value in self._table[column]]
        return shown


def speaker_difficulty(results: Evaluation | Mapping[str, Evaluation]) -> DifficultyDisplay:
    """Show who is hard to understand, what is taken for what, and whether runs agree on it.

    Args:
        results: An evaluation, or name -> evaluation of several runs of the same speakers.

    Returns:
        By speaker: `gender`, UAR of each run, `mean`, and the most frequent confusion over all
        runs: `true`, `predicted`, `taken` (share of the true class).

    Raises:
        ConfigurationError: If there is none, or they have no speaker in common.

    Examples:
        `evaluation.speaker_difficulty({"mlp": one, "compact": other}).frame().head()`
    """
    named = {"uar": results} if isinstance(results, Evaluation) else dict(results)
    if not named:
        raise ConfigurationError(
            "Received no evaluation.",
            "Speakers are compared over at least one evaluation.",
            'Pass evaluate(run), or {"mlp": evaluate(run)}.',
            code="no-evaluations",
        )
    by_run = {name: result.by_speaker().frame() for name, result in named.items()}
    table = pd.concat({n: f["uar"] for n, f in by_run.items()}, axis=1, join="inner")
    if table.empty:
        raise ConfigurationError(
            f"The runs {', '.join(named)} have no speaker in common.",
            "Each speaker is compared across runs, so the runs must share speakers.",
            "Pass runs on the same corpus.",
            code="no-common-speakers",
        )
    runs = [str(name) for name in table.columns]
    genders = next(iter(by_run.values()))["gender"].reindex(table.index)
    agreement = _agreement(table.to_numpy(float))
    table.insert(0, "gender", genders)
    table["mean"] = table[runs].mean(axis=1)
    rows = pd.concat([result.rows for result in named.values()])
    taken = pd.DataFrame(
        [_confusion(rows[rows["speaker"] == name]) for name in table.index],
        index=table.index, columns=["true", "predicted", "taken"],
    )  # fmt: skip
    table = table.join(taken).sort_values("mean", kind="stable").rename_axis("speaker")
    return DifficultyDisplay(table, runs, agreement)


def _agreement(scores: np.ndarray) -> float:
    """Compute Kendall's W with its correction for ties, of shape (speakers, runs)."""
    from scipy.stats import rankdata

    speakers, runs = scores.shape
    if runs < 2 or speakers < 2:
        return float("nan")
    ranks = rankdata(scores, axis=0)
    squares = np.square(ranks.sum(1) - ranks.sum() / speakers).sum()
    ties = sum(
        float((counts**3 - counts).sum())
        for counts in (np.unique(column, return_counts=True)[1] for column in ranks.T)
    )
    whole = runs**2 * (speakers**3 - speakers) - runs * ties
    return float(12 * squares / whole) if whole else float("nan")


def _confusion(rows: pd.DataFrame) -> tuple[str | None, str | None, float]:
    """Find the confusion that takes the largest share of a true class."""
    shares = pd.crosstab(rows["label"], rows["predicted"], normalize="index")
    names = shares.columns.union(shares.index)
    values = shares.reindex(index=names, columns=names, fill_value=0.0).to_numpy(copy=True)
    np.fill_diagonal(values, 0.0)
    true, predicted = map(int, np.unravel_index(values.argmax(), values.shape))
    if values[true, predicted] == 0:
        return None, None, 0.0
    return str(names[true]), str(names[predicted]), float(values[true, predicted])
