"""Class counts: utterances per class and gender."""

import numpy as np
import pandas as pd

from sertk._display import drawing
from sertk.explore.tables import UNKNOWN, Table, column, in_order


class CountDisplay(Table):
    """Utterances of each group, as bars; parts by gender are drawn apart."""

    def __init__(self, table: pd.DataFrame, title: str, note: str = ""):
        super().__init__(table, title, note)
        self.size = (8.0, max(1.7, min(3.5, 1.0 + 0.34 * len(table))))

    def names(self) -> list[str]:
        """Name the bars; those of genders say how many speakers they are."""
        if self._table.index.name != "gender":
            return [str(name) for name in self._table.index]
        return [
            f"{name}, {count} speaker{'s' * (count != 1)}"
            for name, count in self._table["speakers"].items()
        ]

    def _draw(self, ax: "drawing.Axes") -> None:
        places = np.arange(len(self._table))
        left = np.zeros(len(places))
        parts = [name for name in drawing.MARKS if name in self._table]
        for name in parts if parts != [UNKNOWN] else ():
            wide = self._table[name].to_numpy(float)
            ax.barh(places, wide, 0.68, left, color=drawing.MARKS[name][1], label=name)
            left = left + wide
        if not left.any():
            colors = [drawing.MARKS.get(str(n), ("", drawing.ACCENT))[1] for n in self._table.index]
            ax.barh(places, self._table["utterances"], 0.68, color=colors)
        for place, count in enumerate(self._table["utterances"]):
            ax.annotate(
                f"{count:,}", (count, place), xytext=(4, 0), textcoords="offset points",
                va="center", fontsize=9,
            )  # fmt: skip
        ax.set_yticks(places, self.names())
        ax.invert_yaxis()
        ax.grid(visible=False, axis="y")
        ax.margins(x=0.08)
        ax.set_xlabel("utterances")
        if left.any():
            ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, borderaxespad=0.2)


def classes(utterances: pd.DataFrame, *, by: str | None = None) -> CountDisplay:
    """Count the utterances of each class, women's and men's apart.

    Args:
        utterances: A manifest.
        by: Column to count by; `label` by default, or `emotion` where there are no labels yet.

    Returns:
        Rows in the order of the classes: `female, male, unknown` (those that occur),
        `utterances, speakers, minutes`.

    Raises:
        UnknownNameError: If the manifest has no such column.

    Examples:
        >>> frame = pd.DataFrame({"emotion": ["sad", "sad", "happy"], "speaker": list("aab"),
        ...                       "gender": ["male", "male", None], "duration": [2.0, 3.0, 1.0]})
        >>> classes(frame).frame()["utterances"].to_dict()
        {'happy': 1, 'sad': 2}
    """
    by = by or ("label" if "label" in utterances else "emotion")
    group = column(utterances, by)
    order = in_order(utterances, by)
    gender = _gender(utterances)
    parts = pd.crosstab(group, gender).reindex(index=order, fill_value=0)
    table = pd.concat([parts, _totals(utterances, group, order)], axis=1).rename_axis(by)
    most, least = table["utterances"].max(), table["utterances"].min()
    note = f"The largest has {most / least:.1f} times the utterances of the smallest."
    return CountDisplay(table, f"Utterances by {by}", note if most > least else "")


def genders(utterances: pd.DataFrame) -> CountDisplay:
    """Count utterances, speakers and minutes of women and men.

    Args:
        utterances: A manifest.

    Returns:
        A row per gender, `unknown` where the manifest does not say: `utterances, speakers,
        minutes`.

    Examples:
        >>> frame = pd.DataFrame({"speaker": list("aab"), "gender": ["male", "male", "female"]})
        >>> genders(frame).frame()["speakers"].to_dict()
        {'female': 1, 'male': 1}
    """
    group = _gender(utterances)
    order = [name for name in ("female", "male", UNKNOWN) if (group == name).any()]
    table = _totals(utterances, group, order).rename_axis("gender")
    return CountDisplay(table, "Utterances by gender")


def _gender(utterances: pd.DataFrame) -> pd.Series:
    if "gender" not in utterances:
        return pd.Series(UNKNOWN, index=utterances.index, name="gender")
    return column(utterances, "gender")


def _totals(utterances: pd.DataFrame, group: pd.Series, order: list[str]) -> pd.DataFrame:
    seconds = utterances.get("duration", pd.Series(np.nan, index=utterances.index))
    return pd.DataFrame(
        {
            "utterances": group.value_counts(),
            "speakers": utterances["speaker"].groupby(group).nunique(),
            # a sum over unknown durations is unknown, not zero
            "minutes": seconds.astype(float).groupby(group).sum(min_count=1) / 60,
        }
    ).reindex(order)
