"""The base class of every Display: a table with a caption and a plot.

In: a table of fractions. Out: `.frame()` (full precision), `.plot(ax=None)`, and the table that a
notebook shows, with fractions as percentages.
"""

import html
from typing import Any

import numpy as np
import pandas as pd

from sertk._display import drawing

PERCENTAGES = {"uar", "wa", "macro_f1", "recall", "precision", "f1", "low", "high", "mean", "sd"}
PERCENTAGES |= {"min", "max", "value", "confidence", "accuracy", "from", "to", "chance"}
PERCENTAGES |= {"difference", "retrained", "regrouped", "behind", "behind_low", "behind_high"}
DASH = "\u2013"


def percent(value: float) -> str:
    """Write a fraction as a percentage with one decimal, or a dash where there is none.

    Examples:
        >>> percent(0.612), percent(float("nan"))
        ('61.2', '–')
    """
    return DASH if value is None or np.isnan(value) else f"{100 * value:.1f}"


def ends(low: float, high: float) -> str:
    """Write an interval of fractions in percent.

    Examples:
        >>> ends(0.5, 0.612), ends(float("nan"), float("nan"))
        ('50.0 to 61.2', 'no interval')
    """
    return "no interval" if np.isnan(low) else f"{percent(low)} to {percent(high)}"


class Display:
    """A table with a caption, which can draw itself.

    Args:
        table: Numbers as fractions.
        title: Caption, also the axes' title.
        note: One sentence below, where readers must know something.
    """

    size = (8.0, 3.5)

    def __init__(self, table: pd.DataFrame, title: str, note: str = ""):
        self._table = table
        self.title = title
        self.note = note

    def __repr__(self) -> str:
        return f"{self.title}\n{self._table.to_string()}" + (f"\n{self.note}" if self.note else "")

    def frame(self) -> pd.DataFrame:
        """Hand out the numbers, as a copy."""
        return self._table.copy()

    def plot(self, ax: "drawing.Axes | None" = None, **style: Any) -> "drawing.Axes":
        """Draw the figure.

        Args:
            ax: Axes of your own; by default a new figure, which a notebook shows by itself.
            **style: matplotlib rcParams with underscores for dots, such as `axes_titlesize=14`.

        Returns:
            The axes drawn on; their `.figure.savefig(...)` saves the picture.

        Raises:
            UnknownNameError: If matplotlib has no such rcParam.
        """
        with drawing.style(**style):
            if ax is None:
                (ax,) = drawing.new_axes(*self.size)
            ax.set_title(self.title)
            self._draw(ax)
        return ax

    def _draw(self, ax: "drawing.Axes") -> None:
        raise NotImplementedError

    def _shown(self) -> pd.DataFrame:
        """Write the numbers as readers want them: fractions as percentages."""
        shown = self._table.copy()
        for column in shown:
            if column in PERCENTAGES:
                shown[column] = [percent(value) for value in shown[column]]
        return shown

    def _repr_html_(self) -> str:
        note = f"<p>{html.escape(self.note)}</p>" if self.note else ""
        return f"<p><b>{html.escape(self.title)}</b></p>{self._body()}{note}"

    def _body(self) -> str:
        return self._shown().to_html(escape=True, na_rep=DASH)
