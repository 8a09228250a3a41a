"""Calibration: temperature scaling fitted on validation speakers.

In: a run with validation predictions. Out: the temperature of each model, and calibration before
and after on speakers that it was not fitted on.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from sertk._display import drawing
from sertk._display.display import Display, percent
from sertk.errors import ConfigurationError
from sertk.evaluation import displays, probabilities
from sertk.run import Run

_LEAST = 1e-12  # probability whose logarithm is taken at least
_RANGE = (0.05, 20.0)  # temperatures that are tried
_BINS = 10


class TemperatureDisplay(Display):
    """Calibration on test speakers before and after a temperature.

    Attributes:
        temperatures: By fold and seed: `temperature`, and `utterances` that it was fitted on.
        rows: The test predictions, their probabilities scaled; as `evaluate` takes them.
        ece: Expected calibration error `before` and `after`.
    """

    size = (5.6, 3.9)

    def __init__(
        self, table: pd.DataFrame, temperatures: pd.DataFrame, rows: pd.DataFrame, ece: pd.Series
    ):
        count = len(temperatures)
        spread = temperatures["temperature"]
        at = f"{spread.iloc[0]:.2f}" if count == 1 else (
            f"{spread.median():.2f} (median of {count} models, {spread.min():.2f} to "
            f"{spread.max():.2f})"
        )  # fmt: skip
        note = (
            f"Temperature {at}, fitted on validation speakers. Expected calibration error on test "
            f"speakers: {percent(ece['before'])} % before, {percent(ece['after'])} % after."
        )
        super().__init__(table, "Calibration before and after temperature scaling", note)
        self.temperatures, self.rows, self.ece = temperatures, rows, ece

    def _draw(self, ax: "drawing.Axes") -> None:
        displays._draw_ideal(ax)
        for when, mark, color in (
            ("before", "s--", drawing.MUTED),
            ("after", "o-", drawing.ACCENT),
        ):
            rows = self._table.loc[when]
            # bins of a handful would draw the eye to noise
            used = rows[rows["predictions"] >= 0.01 * rows["predictions"].sum()]
            ax.plot(
                100 * used["confidence"], 100 * used["accuracy"], mark, color=color, lw=1.3,
                markersize=5, label=f"{when}, ECE {percent(self.ece[when])} %", clip_on=False,
            )  # fmt: skip
        ax.legend(
            loc="lower left", bbox_to_anchor=(-0.06, 1.0), ncols=3, fontsize=8,
            handletextpad=0.4, handlelength=1.4, columnspacing=0.8,
        )  # fmt: skip  # a phone's width holds all three


def temperature(run: Run | str | Path) -> TemperatureDisplay:
    """Fit a temperature on validation speakers, and show its effect on test speakers.

    Probabilities become `softmax(log p / T)`: no prediction changes, only how sure it is. Each
    model of a run gets its own T, the one with the least cross-entropy on its validation speakers.
    These have selected the epoch, too, so that T tends to be too low rather than too high.

    Args:
        run: A finished run, or its folder.

    Returns:
        Reliability `before` and `after` by bin: `from, to, predictions, confidence, accuracy`.

    Raises:
        ConfigurationError: If there is a model without validation or test predictions.

    References:
        Guo et al. 2017, On Calibration of Modern Neural Networks, arXiv 1706.04599.

    Examples:
        `evaluation.temperature("runs/ravdess_compact").plot()`
    """
    run = Run.open(run)
    classes = run.classes
    names = probabilities.columns(run.predictions, classes)
    fitted, scaled = [], []
    for (fold, seed), rows in run.predictions.groupby(["fold", "seed"]):
        val, test = (rows[rows["split"] == split] for split in ("val", "test"))
        if val.empty or test.empty:
            raise ConfigurationError(
                f"Fold {fold}, seed {seed} has {len(val)} validation and {len(test)} test "
                "predictions.",
                "A temperature is fitted on validation predictions and evaluated on test "
                "predictions.",
                "Use a protocol with validation and test speakers.",
                code="missing-calibration-predictions",
            )
        truth = pd.Index(classes).get_indexer(pd.Index(val["label"]))
        value = fit(val[names].to_numpy(float), truth)
        fitted.append({"fold": fold, "seed": seed, "temperature": value, "utterances": len(val)})
        changed = test.copy()
        changed[names] = apply(test[names].to_numpy(float), value)
        scaled.append(changed)
    after = pd.concat(scaled)
    before = run.predictions.loc[after.index]
    tables, ece = {}, {}
    for when, rows in (("before", before), ("after", after)):
        tables[when], ece[when] = probabilities.reliability(rows, classes, _BINS)
    table = pd.concat(tables, names=["when", "bin"])
    temperatures = pd.DataFrame(fitted).set_index(["fold", "seed"])
    rows = after.reset_index(drop=True)
    return TemperatureDisplay(table, temperatures, rows, pd.Series(ece, name="ece"))


def apply(shares: np.ndarray, at: float) -> np.ndarray:
    """Divide log-probabilities by a temperature; rows sum to one.

    Args:
        shares: shape (rows, classes), probabilities.
        at: The temperature; above 1 is less sure.

    Examples:
        >>> apply(np.array([[0.8, 0.2]]), 2.0).round(3).tolist()
        [[0.667, 0.333]]
    """
    from scipy.special import softmax

    return softmax(np.log(np.maximum(shares, _LEAST)) / at, axis=1)


def fit(shares: np.ndarray, truth: np.ndarray) -> float:
    """Find the temperature with the least cross-entropy.

    Args:
        shares: shape (rows, classes), probabilities.
        truth: shape (rows,), class indices.
    """
    from scipy.optimize import minimize_scalar

    def loss(log_t: float) -> float:
        likelihood = apply(shares, float(np.exp(log_t)))[np.arange(len(truth)), truth]
        return -float(np.log(np.maximum(likelihood, _LEAST)).mean())

    optimum = minimize_scalar(
        loss, bounds=tuple(np.log(_RANGE)), method="bounded", options={"xatol": 1e-6}
    )
    return float(np.exp(optimum.x))
