"""Tables of an exploration: order of rows, and number formats."""

import numpy as np
import pandas as pd

from sertk import labels
from sertk._display.display import DASH, Display
from sertk.errors import UnknownNameError

UNKNOWN = "unknown"


class Table(Display):
    """A display whose columns have their own units and numbers of decimals."""

    decimals = 1

    def written(self) -> pd.DataFrame:
        """Return the table as text, with the decimals of this display."""
        shown = self._table.astype(object)
        for column in shown:
            if pd.api.types.is_float_dtype(self._table[column]):
                shown[column] = [written(v, self.decimals) for v in self._table[column]]
        return shown.where(shown.notna(), DASH)

    _shown = written


def written(value: float, decimals: int = 1) -> str:
    """Write a number, with a dash where there is none.

    Examples:
        >>> written(3.14159), written(float("nan"))
        ('3.1', '–')
    """
    return DASH if np.isnan(value) else f"{value:,.{decimals}f}"


def column(utterances: pd.DataFrame, name: str) -> pd.Series:
    """Return a column to group by; empty cells become a separate group.

    Raises:
        UnknownNameError: If the manifest has no such column.

    Examples:
        >>> column(pd.DataFrame({"gender": ["male", None]}), "gender").tolist()
        ['male', 'unknown']
    """
    if name not in utterances:
        raise UnknownNameError("column", name, map(str, utterances.columns))
    values = utterances[name].astype(object)
    return values.where(values.notna(), UNKNOWN).astype(str).rename(name)


def in_order(utterances: pd.DataFrame, name: str) -> list[str]:
    """List the values of a column in conventional order, such as that of the classes.

    Examples:
        >>> in_order(pd.DataFrame({"emotion": ["sad", "grumpy", "neutral"]}), "emotion")
        ['neutral', 'sad', 'grumpy']
    """
    values = sorted(column(utterances, name).unique())
    order = {
        "label": labels.classes(utterances) if name == "label" else [],
        "emotion": list(labels.EMOTIONS),
        "gender": ["female", "male"],
        "split": ["train", "val", "test"],
    }.get(name, [])
    return [v for v in order if v in values] + [v for v in values if v not in order]
