"""Robustness curves: one panel per condition, each with the score on clean speech."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from sertk._display import drawing
from sertk._display.display import Display, ends, percent
from sertk.analysis.robustness.conditions import Condition
from sertk.evaluation import Evaluation

MINUS = "\N{MINUS SIGN}"
_TALL = 0.46  # space between rows of panels, as a share of a panel's height


class RobustnessDisplay(Display):
    """UAR under every condition and level, beside the clean score.

    Attributes:
        conditions: list of `Condition`, in the order of the table.
        clean: The evaluation of the undisturbed utterances.
        run: Name of the run.
    """

    size = (8.0, 5.2)

    def __init__(
        self, table: pd.DataFrame, conditions: Sequence[Condition], clean: Evaluation, run: str
    ):
        note = (
            f"{clean.num_utterances} utterances of {clean.num_speakers} test speakers, degraded "
            f"before preprocessing; 95 % intervals over speakers; chance {percent(clean.chance)} %."
        )
        super().__init__(table, "UAR with degraded speech, %", note)
        self.conditions = list(conditions)
        self.clean = clean
        self.run = run

    def of(self, name: str) -> pd.DataFrame:
        """Hand out the rows of one condition, mild to severe."""
        return self._table[self._table["condition"] == name]

    def worst(self) -> pd.DataFrame:
        """Hand out the level of each condition that costs most, the costliest first."""
        disturbed = self._table[self._table["condition"] != "clean"].sort_values("change")
        return disturbed.drop_duplicates("condition")

    def written(self) -> pd.DataFrame:
        """Hand out the table as text, in percent and points."""
        table = self._table
        return pd.DataFrame(
            {
                "condition": table["condition"],
                "level": ["" if np.isnan(v) else written(v) for v in table["level"]],
                "UAR, %": [percent(v) for v in table["uar"]],
                "interval": [ends(*v) for v in table[["low", "high"]].to_numpy()],
                "change": [points(v) for v in table["change"]],
                "n": table["n"],
            }
        )

    _shown = written

    def _draw(self, ax: "drawing.Axes") -> None:
        ax.set_axis_off()
        wide = ax.get_window_extent().width > 500
        columns = min(len(self.conditions), 4 if wide else 2)
        rows = math.ceil(len(self.conditions) / columns)
        gap = 0.03 if wide else 0.08
        width = (1 + gap) / columns - gap
        height = 1 / (rows + _TALL * (rows - 1))
        top = 100 * float(self._table["high"].fillna(self._table["uar"]).max())
        for place, condition in enumerate(self.conditions):
            row, column = divmod(place, columns)
            bottom = 1 - height - row * height * (1 + _TALL)
            panel = ax.inset_axes((column * (width + gap), bottom, width, height))
            self._draw_curve(panel, condition)
            panel.set_ylim(0, min(top * 1.08, 103))
            if column:
                panel.tick_params(labelleft=False)
            else:
                panel.set_ylabel("UAR, %")
        ax.set_title(ax.get_title("left"), loc="left", pad=22)

    def _draw_curve(self, panel: "drawing.Axes", condition: Condition) -> None:
        levels = self.of(condition.name)
        harmless = condition.harmless
        first = 0 if harmless is None else int((levels["level"] < harmless).sum())
        rows = pd.concat([levels[:first], self._table.iloc[[0]], levels[first:]])
        places = np.arange(len(rows))
        score, low, high = (100 * rows[name].to_numpy(float) for name in ("uar", "low", "high"))
        panel.fill_between(places, low, high, color=drawing.SOFT, alpha=0.35, lw=0)
        panel.axhline(score[first], color=drawing.MUTED, ls="--", lw=0.9)
        panel.axhline(100 * self.clean.chance, color=drawing.MUTED, ls=":", lw=1.1)
        panel.plot(places, score, "-o", color=drawing.ACCENT, lw=1.6, markersize=4.5)
        panel.plot(first, score[first], "o", color=drawing.SECOND, markersize=6, zorder=3)
        names = ["clean" if np.isnan(level) else written(level) for level in rows["level"]]
        panel.set_xticks(places, names)
        panel.set_xlim(-0.4, len(rows) - 0.6)
        panel.grid(visible=False, axis="x")
        panel.set_xlabel(condition.unit, fontsize=8.5, labelpad=2)
        panel.tick_params(labelsize=8)
        panel.set_title(condition.title, loc="left", fontsize=9.5, pad=4)


def written(level: float) -> str:
    """Write a level without needless decimals, and thousands of Hz as k.

    Examples:
        >>> written(-5.0), written(0.5), written(8000.0)
        ('−5', '0.5', '8k')
    """
    text = f"{level / 1000:g}k" if abs(level) >= 1000 else f"{level:g}"
    return text.replace("-", MINUS)


def points(change: float) -> str:
    """Write a change of a fraction in points, with its sign.

    Examples:
        >>> points(-0.123), points(0.0)
        ('−12.3', '0.0')
    """
    value = round(100 * change, 1) + 0.0
    return f"{value:+.1f}".replace("-", MINUS) if value else "0.0"
