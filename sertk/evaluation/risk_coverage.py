"""Selective prediction: accuracy of the most confident share of the predictions.

In: an evaluation with probabilities. Out: accuracy and UAR against coverage, and the area under the
curve of risk (AURC).
"""

import numpy as np
import pandas as pd

from sertk._display import drawing
from sertk._display.display import Display, percent
from sertk.evaluation import confusion_matrices as matrices
from sertk.evaluation import intervals, probabilities
from sertk.evaluation.results import Evaluation

_COVERAGE = np.arange(1, 21) / 20


class SelectiveDisplay(Display):
    """Accuracy and UAR of the surest share of the predictions.

    Attributes:
        aurc: Area under risk (1 - accuracy) against coverage, a fraction; lower is better.
        best_aurc: That of the same predictions if every mistake were less sure than every hit.
    """

    size = (5.6, 3.9)

    def __init__(self, table: pd.DataFrame, aurc: float, best_aurc: float):
        half, whole = table[np.isclose(table.index, 0.5)].iloc[0], table.iloc[-1]
        note = (
            f"Accuracy is {percent(half['accuracy'])} % on the most confident half of the "
            f"predictions and {percent(whole['accuracy'])} % on all. AURC {percent(aurc)} % "
            f"({percent(best_aurc)} % if all errors had a lower confidence than all correct "
            "predictions)."
        )
        super().__init__(table, "Selective prediction", note)
        self.aurc, self.best_aurc = aurc, best_aurc

    def _draw(self, ax: "drawing.Axes") -> None:
        coverage, table = 100 * self._table.index.to_numpy(), 100 * self._table
        ax.fill_between(coverage, table["low"], table["high"], color=drawing.SOFT, alpha=0.35, lw=0)
        ax.plot(coverage, table["accuracy"], color=drawing.ACCENT, label="accuracy")
        ax.plot(coverage, table["uar"], color=drawing.SECOND, ls="--", label="UAR")
        whole = table["accuracy"].iloc[-1]
        ax.axhline(whole, color=drawing.MUTED, ls=":", lw=1.1, label="all predictions")
        ax.set_xlim(0, 100)
        ax.set_ylim(0, 100)
        ax.set_xlabel("coverage, % of utterances, most confident first")
        ax.set_ylabel("accuracy, %")
        ax.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3, handletextpad=0.4)
        ax.set_title("", loc="left")  # the legend is there

    def _shown(self) -> pd.DataFrame:
        shown = self._table.map(percent)
        shown["classes"], shown["n"] = self._table["classes"], self._table["n"]
        shown.index = pd.Index([percent(v) for v in self._table.index], name="coverage, %")
        return shown


def selective_prediction(result: Evaluation) -> SelectiveDisplay:
    """Show the accuracy of the most confident predictions, for every coverage.

    Confidence is the probability of the predicted class. Predictions of all folds and seeds are
    ranked together, as one threshold would rank them.

    Args:
        result: `Evaluation` with probabilities.

    Returns:
        By coverage: `accuracy` with its 95 % interval over speakers (`low`, `high`), `uar` over
        the `classes` that are left, `threshold` and `n` predictions; fractions.

    Raises:
        ConfigurationError: If the predictions have no probabilities.

    References:
        Geifman and El-Yaniv 2017, Selective Classification for Deep Neural Networks, arXiv
        1705.08500.

    Examples:
        `evaluation.selective_prediction(evaluation.evaluate("runs/ravdess_compact")).plot()`
    """
    rows, classes = result.rows, list(result.classes)
    shares = rows[probabilities.columns(rows, classes)].to_numpy(float)
    truth, predicted = (
        pd.Index(classes).get_indexer(pd.Index(rows[name])) for name in ("label", "predicted")
    )
    confidence = shares[np.arange(len(rows)), predicted]
    order = np.argsort(-confidence, kind="stable")
    speaker, speakers = pd.factorize(rows["speaker"], sort=True)
    table = []
    for coverage in _COVERAGE:
        kept = order[: max(round(coverage * len(order)), 1)]
        counts = matrices.count(
            truth[kept], predicted[kept], len(classes), [speaker[kept]], [len(speakers)]
        )
        spoken = counts[counts.sum((1, 2)) > 0]
        pooled = counts.sum(0)
        score = intervals.interval(float(matrices.wa(pooled)), matrices.wa, spoken, resamples=2_000)
        table.append(
            {
                "accuracy": score.value, "low": score.low, "high": score.high,
                "uar": float(matrices.uar_present(pooled)), "threshold": confidence[kept[-1]],
                "classes": int((pooled.sum(1) > 0).sum()), "n": len(kept),
            }
        )  # fmt: skip
    wrong = (truth != predicted)[order]
    rows = pd.DataFrame(table, index=pd.Index(_COVERAGE, name="coverage"))
    return SelectiveDisplay(rows, _aurc(wrong), _aurc(np.sort(wrong)))


def _aurc(wrong: np.ndarray) -> float:
    """Average the share of mistakes among the first so many, over all numbers of them."""
    return float(np.mean(np.cumsum(wrong) / np.arange(1, len(wrong) + 1)))
