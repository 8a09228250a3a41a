"""The result of a search: its trials, what mattered, and what the best trial is worth.

In: the folder of a search. Out: tables that are Displays. Keras is not needed.
"""

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sertk._display import drawing
from sertk._display.display import Display, ends, percent
from sertk._utils import plain_files
from sertk.errors import RunError
from sertk.evaluation import Evaluation, compare, evaluate
from sertk.run import Run, read_csv
from sertk.studies import space as spaces

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

STATES = {"COMPLETE": "complete", "PRUNED": "stopped early", "FAIL": "failed", "RUNNING": "running"}


class TrialDisplay(Display):
    """Validation UAR of every trial in the order they were tried, and of the best one so far."""

    size = (8.0, 3.2)

    def _draw(self, ax: "drawing.Axes") -> None:
        done = self._table[self._table["state"] == "complete"]
        ax.plot(
            done.index, 100 * done["val_uar"], "o", color=drawing.ACCENT, label="trial"
        )  # fmt: skip
        ax.step(
            done.index, 100 * done["val_uar"].cummax(), where="post", color=drawing.ACCENT,
            lw=1.2, label="best so far",
        )  # fmt: skip
        stopped = self._table.index[self._table["state"] == "stopped early"]
        if len(stopped):  # after some folds: their score compares with no other
            bottom = np.full(len(stopped), 0.03)
            ax.plot(
                stopped, bottom, "x", color=drawing.MUTED, label="stopped early",
                transform=ax.get_xaxis_transform(),
            )  # fmt: skip
        ax.set_xlabel("trial")
        ax.set_ylabel("validation UAR, %")
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3)


class ImportanceDisplay(Display):
    """How much of the variation between trials each setting explains."""

    def __init__(self, table: pd.DataFrame, title: str, note: str = ""):
        super().__init__(table, title, note)
        self.size = (8.0, 1.0 + 0.34 * len(table))

    def _draw(self, ax: "drawing.Axes") -> None:
        places = np.arange(len(self._table))
        ax.barh(places, 100 * self._table["importance"], color=drawing.ACCENT, height=0.6)
        ax.set_yticks(places, list(self._table.index))
        ax.invert_yaxis()
        ax.set_xlabel("share of the variation, %")


class SettingDisplay(Display):
    """Validation UAR against each setting, one panel for each."""

    def __init__(self, table: pd.DataFrame, setting: str, *, log: bool):
        super().__init__(table, setting)
        self.log = log

    def _draw(self, ax: "drawing.Axes") -> None:
        values = self._table[self.title]
        numeric = pd.api.types.is_numeric_dtype(values)
        ax.plot(values if numeric else values.astype(str), 100 * self._table["val_uar"], "o",
                color=drawing.ACCENT, alpha=0.7)  # fmt: skip
        if self.log and numeric:
            ax.set_xscale("log")
        ax.set_xlabel(self.title)
        ax.set_ylabel("validation UAR, %")


class SearchResult:
    """A search that has ended, read from its folder without Keras.

    Args:
        folder: Folder of the search.

    Attributes:
        folder: Where it is.
        info: What search.json holds.

    Raises:
        RunError: If the folder holds no search, or one that has not ended.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder).expanduser()
        record = self.folder / "search.json"
        if not plain_files.is_file(record):
            raise RunError(
                f"{self.folder} is not a search folder (no search.json).",
                "A search folder is written by `sertk search`.",
                "Check the path, or run a search first.",
                code="missing-search",
            )
        self.info: dict[str, Any] = json.loads(record.read_text("utf-8"))
        self.confirmed = {
            name: Run(self.folder / "confirmed" / name) for name in ("best", "defaults")
        }

    def __repr__(self) -> str:
        return f"SearchResult({str(self.folder)!r}): {self.answer}"

    @cached_property
    def _study(self) -> Any:
        optuna = spaces.require_optuna()
        backend = optuna.storages.journal.JournalFileBackend(str(self.folder / "trials.log"))
        storage = optuna.storages.JournalStorage(backend)
        return optuna.load_study(study_name="search", storage=storage)

    @property
    def space(self) -> "dict[str, BaseDistribution]":
        """What was searched: setting -> distribution."""
        optuna = spaces.require_optuna()
        records = self.info["space"].items()
        return {name: optuna.distributions.json_to_distribution(text) for name, text in records}

    def trials(self) -> TrialDisplay:
        """Show every trial: its settings, its state, and if it was completed its validation UAR."""
        rows = []
        for trial in self._study.trials:
            value = trial.value if trial.state.name == "COMPLETE" else None
            row = {"trial": trial.number, "state": STATES.get(trial.state.name, "waiting")}
            rows.append({**row, "val_uar": value, **trial.params})
        table = pd.DataFrame(rows).set_index("trial")
        return TrialDisplay(table, "Validation UAR of the trials, %")

    @property
    def best(self) -> dict[str, Any]:
        """Settings of the best trial."""
        return dict(self._study.best_params)

    def importance(self) -> ImportanceDisplay:
        """Show which settings mattered, by a functional analysis of variance.

        References:
            Hutter, Hoos, Leyton-Brown 2014, An efficient approach for assessing hyperparameter
            importance.
        """
        optuna = spaces.require_optuna()
        done = [t for t in self._study.trials if t.state.name == "COMPLETE"]
        found: dict[str, float] = {}
        if len(done) > 3 and len({t.value for t in done}) > 1:
            evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
            found = optuna.importance.get_param_importances(self._study, evaluator=evaluator)
        table = pd.DataFrame({"importance": pd.Series(found, dtype=float)}).rename_axis("setting")
        note = f"Of {len(done)} complete trials." if found else (
            f"{len(done)} complete trials are too few, or too alike, to tell the settings apart."
        )  # fmt: skip
        return ImportanceDisplay(table, "Which settings mattered", note)

    def settings(self) -> list[SettingDisplay]:
        """Show validation UAR against each setting that varied."""
        table = self.trials().frame()
        table = table[table["state"] == "complete"]
        return [
            SettingDisplay(table, name, log=getattr(values, "log", False))
            for name, values in self.space.items()
            if name in table and table[name].nunique() > 1
        ]

    @cached_property
    def nested(self) -> Evaluation:
        """Each fold tested with the trial that is best on its own validation speakers."""
        first = self.confirmed["best"]
        needed = ["utterance_id", "label", "predicted", "split", "fold", "seed"]
        table = read_csv(self.folder / "nested" / "predictions.csv", needed)
        return evaluate(table, "test", classes=first.classes)

    def worth(self) -> pd.DataFrame:
        """Compare what was searched with what it is worth, as fractions.

        Returns:
            By row: `searched` (validation UAR of the best trial, which chose it), `confirmed on
            validation` (the same settings trained again with another seed), `best on test`,
            `defaults on test` and `nested on test`; columns `uar, low, high`.
        """
        best, defaults = self.confirmed["best"], self.confirmed["defaults"]
        rows = {
            "best trial, validation speakers": (float(self._study.best_value), None),
            "best settings again, validation speakers": (evaluate(best, "val").uar, None),
            "best settings again, test speakers": (0.0, evaluate(best)),
            "settings chosen fold by fold, test speakers": (0.0, self.nested),
            "defaults, test speakers": (0.0, evaluate(defaults)),
        }
        table = {}
        for name, (value, result) in rows.items():
            low = high = np.nan
            if result is not None:
                interval = result.interval()
                value, low, high = result.uar, interval.low, interval.high
            table[name] = {"uar": value, "low": low, "high": high}
        return pd.DataFrame(table).T

    @property
    def optimism(self) -> float:
        """UAR of the best trial where it was chosen, minus the nested UAR on test speakers."""
        return float(self._study.best_value) - self.nested.uar

    @cached_property
    def gain(self) -> pd.Series:
        """Difference of the nested UAR to that of the defaults: `difference, low, high, p`."""
        table = compare(self.nested, evaluate(self.confirmed["defaults"])).frame()
        return table.T["uar"]

    @property
    def answer(self) -> str:
        """Say in a sentence or two what the search has found."""
        done = sum(t.state.name == "COMPLETE" for t in self._study.trials)
        gain = self.gain
        settings = ", ".join(f"{name} {_short(value)}" for name, value in self.best.items())
        side = "high" if self.optimism >= 0 else "low"
        return (
            f"The best of {done} trials ({settings or 'the defaults'}) has a validation UAR of "
            f"{percent(self._study.best_value)} %. Chosen fold by fold, the settings reach "
            f"{percent(self.nested.uar)} % on test speakers: the validation UAR is "
            f"{100 * abs(self.optimism):.1f} points too {side}. The difference to the defaults is "
            f"{100 * gain['difference']:+.1f} points ({ends(gain['low'], gain['high'])}), "
            f"p {gain['p']:.2g}."
        )


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
