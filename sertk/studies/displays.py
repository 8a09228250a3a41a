"""The tables of a study, which are figures too.

In: numbers from `sertk.studies.results`. Out: Displays with `.frame()` and `.plot(ax=)`.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sertk.evaluation import drawing
from sertk.evaluation.displays import Display

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW = 0.26  # inches


class _RowDisplay(Display):
    """One row per combination, grouped by the first level of the index."""

    def __init__(self, table: pd.DataFrame, title: str, note: str = ""):
        super().__init__(table, title, note)
        groups = table.index.get_level_values(0).nunique() if len(table) else 0
        self.size = (8.0, 1.1 + _ROW * (len(table) + groups))

    def _rows(self, ax: "Axes") -> np.ndarray:
        """Name the rows, with a line of its own before each group; hand out their places."""
        places, ticks, names = [], [], []
        place = 0
        for group, rows in self._table.groupby(level=0, sort=False):
            ticks.append(place)
            names.append(str(group))
            for key in rows.index:
                place += 1
                places.append(place)
                ticks.append(place)
                names.append("  " + ", ".join(map(str, key[1:])))
            place += 1
        ax.set_yticks(ticks, names)
        for tick, label in zip(ticks, ax.get_yticklabels(), strict=True):
            label.set_fontweight("normal" if tick in places else "bold")
        ax.set_ylim(place - 0.4, -0.7)
        ax.tick_params(axis="y", length=0)
        ax.grid(visible=False, axis="y")
        return np.array(places, dtype=float)


class DifferenceDisplay(_RowDisplay):
    """Paired differences with their intervals: right of the line is better than the baseline."""

    def _draw(self, ax: "Axes") -> None:
        ax.axvline(0, color=drawing.MUTED, lw=1.1)
        for place, (_, row) in zip(self._rows(ax), self._table.iterrows(), strict=True):
            sure = row["low"] > 0 or row["high"] < 0
            colour = drawing.ACCENT if row["difference"] >= 0 else drawing.SECOND
            ax.hlines(place, 100 * row["low"], 100 * row["high"], colour, lw=2, alpha=0.55)
            ax.plot(
                100 * row["difference"], place, "o", color=colour, markersize=6.5,
                markerfacecolor=colour if sure else "none",
            )  # fmt: skip
        ax.set_xlabel("points of UAR, with 95 % intervals over speakers (filled: without zero)")


class ScoreDisplay(_RowDisplay):
    """UAR of each combination with its interval; the tick is chance."""

    def _draw(self, ax: "Axes") -> None:
        for place, (_, row) in zip(self._rows(ax), self._table.iterrows(), strict=True):
            ax.hlines(place, 100 * row["low"], 100 * row["high"], drawing.SOFT, lw=5)
            ax.plot(100 * row["uar"], place, "o", color=drawing.ACCENT, markersize=6.5)
            ax.plot(100 * row["chance"], place, "|", color=drawing.MUTED, markersize=9)
        ax.set_xlim(0, 100)
        ax.set_xlabel("UAR, % (upright tick: chance)")
