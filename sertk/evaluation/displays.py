"""The Displays of an evaluation: tables that are also figures.

In: numbers from `sertk.evaluation.results`. Out: Display objects, each with `.frame()` (fractions,
full precision), `.plot(ax=None)` and a table that notebooks show.
"""

import html
from collections.abc import Mapping

import numpy as np
import pandas as pd

from sertk._display import drawing
from sertk._display.display import Display, percent
from sertk.evaluation.intervals import Interval


class ConfusionDisplay(Display):
    """A confusion matrix, rows true and columns predicted; `counts` holds the numbers behind it."""

    size = (6.2, 5.4)

    def __init__(self, counts: pd.DataFrame, normalize: str | None, title: str, note: str = ""):
        axis = {"true": 1, "pred": 0}.get(str(normalize))
        table = counts if axis is None else counts / counts.to_numpy(float).sum(axis, keepdims=True)
        super().__init__(table.copy(), title, note)
        self.normalize = normalize
        self.counts = counts

    def _draw(self, ax: "drawing.Axes") -> None:
        values = self._table.to_numpy(float)
        top = 1.0 if self.normalize else max(float(np.nanmax(values)), 1.0)
        ax.imshow(values, cmap="cividis", vmin=0, vmax=top)
        ax.grid(visible=False)
        places = range(len(values))
        ax.set_xticks(places, list(self._table.columns))
        if len(values) > 4:
            ax.tick_params(axis="x", labelrotation=90)
        ax.set_yticks(places, list(self._table.index))
        ax.set_xlabel("predicted" + ("" if self.normalize is None else ", %"))
        ax.set_ylabel("true")
        for (row, column), value in np.ndenumerate(values):
            text = f"{value:.0f}" if self.normalize is None else percent(value)
            color = "black" if value > 0.55 * top else "white"
            if np.isnan(value):
                color = drawing.INK
            ax.text(column, row, text, ha="center", va="center", fontsize=9, color=color)

    def _shown(self) -> pd.DataFrame:
        return self._table if self.normalize is None else self._table.map(percent)


class _WithChance(Display):
    def __init__(self, table: pd.DataFrame, chance: float, title: str, note: str = ""):
        super().__init__(table, title, note)
        self.chance = chance


class ClassDisplay(_WithChance):
    """Recall, precision and F1 of each class, and how often it occurs."""

    def _draw(self, ax: "drawing.Axes") -> None:
        places = np.arange(len(self._table))
        table = 100 * self._table
        for name, mark, color in (
            ("precision", "D", drawing.MUTED),
            ("recall", "o", drawing.ACCENT),
        ):
            ax.plot(table[name], places, mark, color=color, label=name, markersize=6)
        ax.hlines(places, table["low"], table["high"], drawing.ACCENT, lw=1.2)
        ax.axvline(100 * self.chance, color=drawing.MUTED, ls=":", lw=1.2, label="chance")
        ax.set_yticks(places, list(self._table.index))
        ax.invert_yaxis()
        _percent_axis(ax, "%")
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3)


class GroupDisplay(Display):
    """Scores of groups of utterances (by gender, by intensity, ...) with intervals.

    Attributes:
        gap: For genders: female minus male, as an `Interval`; `None` for any other column.
    """

    size = (8.0, 2.6)

    def __init__(
        self, table: pd.DataFrame, title: str, note: str = "", gap: Interval | None = None
    ):
        super().__init__(table, title, note)
        self.gap = gap

    def _draw(self, ax: "drawing.Axes") -> None:
        places = np.arange(len(self._table))
        for place, (name, row) in zip(places, self._table.iterrows(), strict=True):
            mark, color = drawing.MARKS.get(str(name), ("o", drawing.ACCENT))
            if "low" in row:
                ax.hlines(place, 100 * row["low"], 100 * row["high"], color, lw=2, alpha=0.5)
            ax.plot(100 * row["uar"], place, mark, color=color, markersize=8, clip_on=False)
        ax.set_yticks(places, [str(name) for name in self._table.index])
        ax.set_ylim(len(places) - 0.5, -0.5)
        _percent_axis(ax, "UAR, %")


class SpeakerDisplay(Display):
    """UAR of every speaker, with genders apart: does the mean hide somebody?"""

    size = (8.0, 2.7)

    def __init__(
        self, table: pd.DataFrame, title: str, *, headline: float, chance: float, note: str = ""
    ):
        super().__init__(table, title, note)
        self.headline = headline
        self.chance = chance

    def _draw(self, ax: "drawing.Axes") -> None:
        gender = self._table["gender"].fillna("unknown")
        rows = [name for name in drawing.MARKS if (gender == name).any()]
        for place, name in enumerate(rows):
            mark, color = drawing.MARKS[name]
            scores = 100 * self._table["uar"][gender == name]
            offsets = _spread(scores.to_numpy())
            ax.plot(
                scores, place + offsets, mark, color=color, markersize=7.5, alpha=0.85,
                markeredgewidth=0, label=f"{name} (n = {len(scores)})", clip_on=False, zorder=3,
            )  # fmt: skip
            ax.vlines(scores.mean(), place - 0.34, place + 0.34, color, lw=1.6)
        for value, style, name in ((self.headline, "--", "all"), (self.chance, ":", "chance")):
            label = f"{name}, {percent(value)}"
            ax.axvline(100 * value, color=drawing.MUTED, ls=style, lw=1.1, label=label)
        ax.set_yticks(range(len(rows)), rows)
        ax.set_ylim(len(rows) - 0.45, -0.55)
        ax.grid(visible=False, axis="y")
        _percent_axis(ax, "UAR of one speaker, %")
        columns = 5 if ax.get_window_extent().width > 500 else 2
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, handletextpad=0.3)
        ax.set_title("", loc="left")  # the legend stands there


def _spread(values: np.ndarray, near: float = 1.8) -> np.ndarray:
    """Move points off the line where they would cover each other, evenly and without chance."""
    offsets = np.zeros(len(values))
    order = np.argsort(values, kind="stable")
    steps = (0.0, 0.16, -0.16, 0.28, -0.28)
    for rank, place in enumerate(order):
        taken = {offsets[other] for other in order[:rank] if values[place] - values[other] < near}
        offsets[place] = next((step for step in steps if step not in taken), 0.0)
    return offsets


class SpreadDisplay(Display):
    """How much the scores move over folds and over seeds."""

    size = (8.0, 2.8)

    def __init__(self, table: pd.DataFrame, points: Mapping[str, pd.DataFrame], title: str):
        super().__init__(table, title)
        self.points = dict(points)

    def _draw(self, ax: "drawing.Axes") -> None:
        for place, table in enumerate(self.points.values()):
            scores = 100 * table["uar"].to_numpy()
            ax.plot(scores, place + _spread(scores, 0.8), "o", color=drawing.ACCENT, alpha=0.8)
            ax.vlines(scores.mean(), place - 0.3, place + 0.3, drawing.SECOND, lw=1.6)
        labels = [f"{name} (n = {len(table)})" for name, table in self.points.items()]
        ax.set_yticks(range(len(labels)), labels)
        ax.set_ylim(len(labels) - 0.5, -0.5)
        ax.set_xlabel("UAR, %")


class CalibrationDisplay(Display):
    """Is a prediction of 70 % right in 70 % of cases? `ece` is the mean gap, a fraction."""

    size = (4.6, 3.6)

    def __init__(self, table: pd.DataFrame, ece: float, title: str):
        super().__init__(table, title, f"Expected calibration error: {percent(ece)} %.")
        self.ece = ece

    def _draw(self, ax: "drawing.Axes") -> None:
        share = self._table["predictions"] / max(self._table["predictions"].sum(), 1)
        used, size = 100 * self._table[share > 0], share[share > 0]
        _draw_ideal(ax)
        # a line through bins of a handful would draw the eye to noise
        trusted = used[size >= 0.01]
        ax.plot(trusted["confidence"], trusted["accuracy"], color=drawing.ACCENT, lw=1.2)
        ax.scatter(
            used["confidence"], used["accuracy"], s=8 + 500 * size, color=drawing.ACCENT,
            label="predictions (area: number)", clip_on=False, zorder=3,
        )  # fmt: skip
        ax.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2, markerscale=0.6)


def _draw_ideal(ax: "drawing.Axes") -> None:
    """Draw the axes of a reliability diagram, and the line of perfect calibration."""
    ax.plot([0, 100], [0, 100], color=drawing.MUTED, ls=":", lw=1.2, label="ideal")
    _percent_axis(ax, "probability of the predicted class, %")
    ax.set_ylabel("accuracy, %")
    ax.set_ylim(0, 100)
    ax.set_title("", loc="left")  # the legend stands there


class ClipDisplay(Display):
    """Utterances with their true label, the predicted one, and its probability."""

    def _draw(self, ax: "drawing.Axes") -> None:
        places = np.arange(len(self._table))
        ax.barh(places, 100 * self._table["confidence"], color=drawing.ACCENT, height=0.6)
        names = [f"{row.Index}: {row.label} → {row.predicted}" for row in self._table.itertuples()]
        ax.set_yticks(places, names)
        ax.invert_yaxis()
        ax.grid(visible=False, axis="y")
        _percent_axis(ax, "probability of the prediction, %")


class SummaryDisplay(_WithChance):
    """UAR, WA and macro-F1 with their intervals."""

    size = (8.0, 2.2)

    def _draw(self, ax: "drawing.Axes") -> None:
        places = np.arange(len(self._table))
        ax.hlines(places, 100 * self._table["low"], 100 * self._table["high"], drawing.SOFT, lw=6)
        ax.plot(100 * self._table["value"], places, "o", color=drawing.ACCENT, markersize=8)
        ax.axvline(100 * self.chance, color=drawing.MUTED, ls=":", lw=1.2)
        ax.set_yticks(places, list(self._table.index))
        ax.set_ylim(len(places) - 0.5, -0.5)
        _percent_axis(ax, "% (dotted: UAR by chance)")


def _percent_axis(ax: "drawing.Axes", label: str) -> None:
    ax.set_xlim(0, 100)
    ax.set_xlabel(label)


def card(title: str, shown: Mapping[str, tuple[str, str]], footer: str) -> str:
    """Write the small HTML card that stands for an evaluation in a notebook."""
    small = "font-size:.8em;opacity:.7"
    large = "font-size:1.6em;font-variant-numeric:tabular-nums"
    cells = "".join(
        f"<div style='margin-right:2.2em'><div style='{small}'>{html.escape(name)}</div>"
        f"<div style='{large}'>{html.escape(value)}</div>"
        f"<div style='{small}'>{html.escape(below)}</div></div>"
        for name, (value, below) in shown.items()
    )
    return (
        "<div style='border:1px solid #8884;border-radius:8px;padding:.8em 1.2em;"
        "display:inline-block;font-family:system-ui,sans-serif'>"
        f"<div style='font-weight:600;margin-bottom:.5em'>{html.escape(title)}</div>"
        f"<div style='display:flex;flex-wrap:wrap'>{cells}</div>"
        f"<div style='font-size:.8em;opacity:.7;margin-top:.5em'>{html.escape(footer)}</div></div>"
    )
