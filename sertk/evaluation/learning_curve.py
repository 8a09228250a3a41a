"""Learning curves: losses and scores over epochs.

In: the history of a run and its record of fits. Out: a Display, and the panels for pages.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sertk._display import drawing
from sertk._display.display import Display
from sertk.run import Run


class LearningDisplay(Display):
    """Losses and the validation score by epoch; a dot marks the selected epoch."""

    def __init__(self, history: pd.DataFrame, fits: Sequence[dict[str, Any]], monitor: str):
        super().__init__(history, "Learning curves", _kept_words(fits))
        self.fits = list(fits)
        self.score = monitor if monitor in ("val_uar", "val_wa") else "val_uar"

    def _draw(self, ax: "drawing.Axes") -> None:
        ax.set_axis_off()
        panels = [ax.inset_axes((0, 0, 0.46, 1)), ax.inset_axes((0.54, 0, 0.46, 1))]
        draw_panels(panels, self._table, self.fits, self.score)

    def _shown(self) -> pd.DataFrame:
        keys = ["fold", "seed"]
        last = self._table.groupby(keys).tail(1).set_index([*keys, "epoch"])
        return last.map(lambda value: f"{value:.3f}" if value >= 0.01 else f"{value:.2g}")


def curves(run: Run) -> LearningDisplay:
    """Show how a run learned.

    Args:
        run: Finished, or as far as its history goes.

    Returns:
        `.frame()` is the history, a row per fold, seed and epoch; a notebook shows where each
        fit ended.

    Raises:
        RunError: If the run has no history yet.
    """
    monitor = run.info.get("training", {}).get("monitor", "val_uar")
    return LearningDisplay(run.history, run.info.get("fits", []), monitor)


def draw_panels(
    panels: "Sequence[drawing.Axes]",
    history: pd.DataFrame,
    fits: Sequence[dict[str, Any]],
    score: str,
) -> None:
    """Draw losses into the first panel, and the score, where there is one, into the second.

    Args:
        panels: One or two axes.
        history: Rows of `fold, seed, epoch` with losses and scores.
        fits: Entry `fits` of run.json, with `best_epoch` of each.
        score: Column of the history, or nothing.
    """
    from matplotlib.ticker import MaxNLocator

    _curves(panels[0], history, "loss", drawing.MUTED, "training")
    _curves(panels[0], history, "val_loss", drawing.ACCENT, "validation")
    panels[0].set_ylabel("loss")
    panels[0].legend(loc="best")
    if score:
        _curves(panels[1], history.assign(**{score: 100 * history[score]}), score,
                drawing.ACCENT, "validation")  # fmt: skip
        _kept(panels[1], history, fits, score)
        panels[1].set_ylabel(f"{score.removeprefix('val_').upper()} on validation speakers, %")
        panels[1].set_ylim(0, 100)
        panels[1].legend(loc="best")
    for panel in panels:
        panel.set_xlabel("epoch")
        panel.set_xlim(left=0)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))


def _curves(
    axes: "drawing.Axes", history: pd.DataFrame, column: str, color: str, label: str
) -> None:
    if column not in history or not history[column].notna().any():
        return
    table = history.pivot_table(index="epoch", columns=["fold", "seed"], values=column)
    several = table.shape[1] > 1
    if several:
        axes.plot(table.index, table.to_numpy(), color=color, lw=0.8, alpha=0.32)
    # where most fits have stopped, a median would show the few that went on
    held = table.notna().sum(axis=1) * 2 >= table.shape[1]
    axes.plot(
        table.index[held], table[held].median(axis=1), color=color, lw=2,
        label=f"{label}, median of {table.shape[1]}" if several else label,
    )  # fmt: skip


def _kept(
    axes: "drawing.Axes", history: pd.DataFrame, fits: Sequence[dict[str, Any]], column: str
) -> None:
    at = history.set_index(["fold", "seed", "epoch"])[column]
    places = [
        (fit["fold"], fit["seed"], fit["best_epoch"]) for fit in fits if fit.get("best_epoch")
    ]
    points = [(place[2], 100 * at[place]) for place in places if place in at.index]
    if points:
        epochs, values = np.array(points, float).T
        axes.plot(epochs, values, "o", color=drawing.SECOND, ms=5, label="epoch kept")


def _kept_words(fits: Sequence[dict[str, Any]]) -> str:
    epochs = sorted(fit["best_epoch"] for fit in fits if fit.get("best_epoch"))
    if not epochs:
        return ""
    if len(epochs) == 1:
        return f"The checkpoint of epoch {epochs[0]} was kept."
    return f"The checkpoints of epochs {epochs[0]} to {epochs[-1]} were kept."


class RateDisplay(Display):
    """The loss of single batches while the learning rate rises; a dot marks the steepest fall."""

    def __init__(self, table: pd.DataFrame):
        self.steepest = steepest(table)
        note = f"The loss falls fastest at a learning rate of {self.steepest:.2g}."
        super().__init__(table, "Learning rate range test", note)

    def _draw(self, ax: "drawing.Axes") -> None:
        rates = self._table["learning_rate"]
        ax.plot(rates, self._table["loss"], color=drawing.MUTED, lw=0.8, label="batch")
        ax.plot(rates, self._table["smoothed"], color=drawing.ACCENT, lw=2, label="smoothed")
        loss = self._table.loc[rates == self.steepest, "smoothed"]
        ax.plot([self.steepest], loss, "o", color=drawing.SECOND, label="steepest")
        ax.set_xscale("log")
        ax.set_xlabel("learning rate")
        ax.set_ylabel("loss")
        ax.legend(loc="lower left")

    def _shown(self) -> pd.DataFrame:
        return self._table.iloc[:: max(1, len(self._table) // 10)].map(lambda value: f"{value:.3g}")


def steepest(table: pd.DataFrame) -> float:
    """Find the learning rate at which the smoothed loss falls fastest, before its least.

    The first tenth is left out: there, batches differ by more than what was learned from them.
    """
    losses = table["smoothed"].to_numpy()
    first = len(losses) // 10
    end = max(int(np.argmin(losses)) + 1, first + 3)
    slopes = np.gradient(losses[first:end], np.log(table["learning_rate"].to_numpy()[first:end]))
    return float(table["learning_rate"].iloc[first + int(np.argmin(slopes))])
