"""The Displays of a study.

In: numbers from `sertk.studies.results`. Out: Displays with `.frame()` and `.plot(ax=)`.
"""

import numpy as np
import pandas as pd

from sertk._display import drawing
from sertk._display.display import Display

_ROW = 0.26  # inches


class _RowDisplay(Display):
    """One row per combination, grouped by the first level of the index."""

    def __init__(self, table: pd.DataFrame, title: str, note: str = ""):
        super().__init__(table, title, note)
        self.size = (8.0, 1.1 + _ROW * len(self._lines()))

    def _lines(self) -> list[tuple[str, bool]]:
        """Name what stands below each other, and say whether it is a row or heads a group."""
        keys = [tuple(map(str, key)) for key in self._table.index]
        groups = list(dict.fromkeys(group for group, *_ in keys))
        kinds = {" from ".join(key[1:]) for key in keys}
        if len(kinds) == 1 and len(groups) == len(keys) > 1:  # heads alone tell rows apart
            return [(group, True) for group in groups]
        lines = []
        for group in groups:
            if len(groups) > 1:
                lines.append((group, False))
            lines += [("  " + " from ".join(key[1:]), True) for key in keys if key[0] == group]
        return lines

    def _rows(self, ax: "drawing.Axes") -> np.ndarray:
        """Name the lines; hand out the places of the rows among them."""
        lines = self._lines()
        ax.set_yticks(range(len(lines)), [name for name, _ in lines])
        for label, (_, row) in zip(ax.get_yticklabels(), lines, strict=True):
            label.set_fontweight("normal" if row else "bold")
        ax.set_ylim(len(lines) - 0.4, -0.7)
        ax.tick_params(axis="y", length=0)
        ax.grid(visible=False, axis="y")
        return np.array([place for place, (_, row) in enumerate(lines) if row], dtype=float)


class DifferenceDisplay(_RowDisplay):
    """Paired differences with their intervals: right of the line is better than the baseline."""

    def _draw(self, ax: "drawing.Axes") -> None:
        ax.axvline(0, color=drawing.MUTED, lw=1.1)
        for place, (_, row) in zip(self._rows(ax), self._table.iterrows(), strict=True):
            sure = row["low"] > 0 or row["high"] < 0
            color = drawing.ACCENT if row["difference"] >= 0 else drawing.SECOND
            ax.hlines(place, 100 * row["low"], 100 * row["high"], color, lw=2, alpha=0.55)
            ax.plot(
                100 * row["difference"], place, "o", color=color, markersize=6.5,
                markerfacecolor=color if sure else "none",
            )  # fmt: skip
        ax.set_xlabel("points of UAR, with 95 % intervals (filled: excludes zero)")


class ScoreDisplay(_RowDisplay):
    """UAR of each combination with its interval; the tick is chance."""

    def _draw(self, ax: "drawing.Axes") -> None:
        for place, (_, row) in zip(self._rows(ax), self._table.iterrows(), strict=True):
            ax.hlines(place, 100 * row["low"], 100 * row["high"], drawing.SOFT, lw=5)
            ax.plot(100 * row["uar"], place, "o", color=drawing.ACCENT, markersize=6.5)
            ax.plot(100 * row["chance"], place, "|", color=drawing.MUTED, markersize=9)
        ax.set_xlim(0, 100)
        ax.set_xlabel("UAR, % (tick: chance)")
