"""Importance: which inputs a classical model decides by.

In: a run of a classical model. Out: a Display of permutation importance and coefficients, averaged
over its folds and seeds.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from sertk._display import drawing
from sertk._display.display import Display
from sertk._utils import plain_files
from sertk.errors import ConfigurationError
from sertk.run import Run, read_csv

_SHOWN = 15


class ImportanceDisplay(Display):
    """Loss of UAR when a group of inputs is permuted between test utterances, the largest first."""

    def __init__(self, table: pd.DataFrame, title: str, note: str = ""):
        super().__init__(table, title, note)
        self.size = (8.0, 1.0 + 0.28 * min(len(table), _SHOWN))

    def _draw(self, ax: "drawing.Axes") -> None:
        rows = self._table.head(_SHOWN)
        places = np.arange(len(rows))
        ax.barh(places, 100 * rows["uar_drop"], color=drawing.ACCENT, height=0.6)
        ax.hlines(
            places, 100 * (rows["uar_drop"] - rows["uar_drop_sd"]),
            100 * (rows["uar_drop"] + rows["uar_drop_sd"]), drawing.INK, lw=1.2,
        )  # fmt: skip
        ax.set_yticks(places, list(rows.index))
        ax.invert_yaxis()
        ax.set_xlabel("loss of UAR, points")


def feature_importance(run: Run | str | Path) -> ImportanceDisplay:
    """Show which groups of inputs a classical model decides by.

    A group holds the functionals of one low-level descriptor, or one band. Correlated groups stand
    in for each other, so that each of them may look unimportant.

    Args:
        run: A finished run of a classical model, or its folder.

    Returns:
        By group: `inputs`, `uar_drop` and its standard deviation over models, `relevance` (share of
        the norm of the coefficients, or of the impurity that trees remove) and `strongest`, the
        input with the largest one.

    Raises:
        ConfigurationError: If the run is of a network.

    References:
        Breiman 2001, Random Forests (permutation importance).

    Examples:
        `evaluation.feature_importance("runs/emodb_svm").plot()`
    """
    run = Run.open(run)
    path = run.folder / "importance.csv"
    if not plain_files.is_file(path):
        raise ConfigurationError(
            f"The run {run.folder} has no importance.csv.",
            "Importance is measured for classical models with test speakers.",
            "Train one, such as --model svm --feature functionals; for networks see "
            "sertk.analysis.saliency.",
            code="no-importance",
        )
    rows = read_csv(path, ["group", "inputs", "uar_drop", "fold", "seed"])
    groups = rows.groupby("group", sort=False)
    table = pd.DataFrame(
        {
            "inputs": groups["inputs"].first(),
            "uar_drop": groups["uar_drop"].mean(),
            "uar_drop_sd": groups["uar_drop"].std().fillna(0.0),
            "relevance": groups["relevance"].mean(),
            "strongest": groups["strongest"].agg(lambda names: next(iter(names.mode()), "")),
        }
    )
    models = len(rows.drop_duplicates(["fold", "seed"]))
    note = f"Mean over {models} model{'s' * (models > 1)}, each on its own test speakers."
    table = table.sort_values("uar_drop", ascending=False)
    return ImportanceDisplay(table, "What the model decides by", note)
