"""The results of a study: one row per run, and paired differences.

In: the folder of a study. Out: tables that are Displays, and the answer to its question. Runs of
runs of different protocols are not compared; runs on different speakers only on those in both.
"""

from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sertk import labels
from sertk._utils import json_records, old_names, plain_files, schemas
from sertk.errors import RunError, listing
from sertk.evaluation import Evaluation, evaluate
from sertk.evaluation.intervals import FEW_SPEAKERS
from sertk.evaluation.paired import difference
from sertk.labels import Grouping
from sertk.run import Run, write_csv
from sertk.studies.displays import DifferenceDisplay, ScoreDisplay
from sertk.studies.levels import FACTORS
from sertk.studies.study import Study, Trial

_LEVELS = (*FACTORS, "seed")
EVERYWHERE = "everywhere"


def read_record(path: Path) -> dict[str, Any]:
    """Read study.json.

    Raises:
        RunError: If it is not as it was written.
    """
    try:
        # older ones took no objects, and knew nothing of the data
        record = json_records.read(path, dict[str, Any], {"own": {}, "data": {}})
        if "settings" in record:
            record = old_names.of_study(record)
        json_records.require(record, schemas.Study)
        for objects in record["own"].get("grouping", {}).values():
            if "mapping" in objects:
                json_records.require(objects, schemas.Grouping)
    except json_records.DamagedError as error:
        raise RunError(
            f"{path} is damaged ({error}).",
            "It must be unchanged since `sertk study` wrote it.",
            "Delete it, and run the study command again; finished trials are kept.",
            code="damaged-study",
        ) from error
    return dict(record)


class StudyResult:
    """A study that was trained, read from its folder without Keras.

    Args:
        folder: Folder of the study.

    Attributes:
        folder: Where it is.
        study: What was asked.
        info: What study.json holds.

    Raises:
        RunError: If the folder holds no study, or no finished trial.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder).expanduser()
        record = self.folder / "study.json"
        if not plain_files.is_file(record):
            raise RunError(
                f"{self.folder} is not a study folder (no study.json).",
                "A study folder is written by `sertk study`.",
                "Check the path, or run a study first.",
                code="missing-study",
            )
        self.info = read_record(record)
        self.study = Study.from_record(self.info)
        self.runs = {trial: run for trial in self.study.trials() if (run := self._run(trial))}
        if not self.runs:
            raise RunError(
                f"The study {self.folder} has no finished trials.",
                "A comparison needs at least one.",
                "Run the same command again.",
                code="no-finished-trials",
            )

    def __repr__(self) -> str:
        return f"StudyResult({self.study.question!r}, {len(self.runs)} runs): {self.answer}"

    def _run(self, trial: Trial) -> Run | None:
        try:
            run = Run(self.folder / "trials" / trial.name)
        except RunError:
            return None
        return run if run.finished else None

    @property
    def missing(self) -> dict[str, str]:
        """Trials without a run -> why; nothing if they were not reached."""
        path = self.folder / "failed.json"
        reasons = {}
        if plain_files.is_file(path):
            with suppress(ValueError):  # damaged: the trials are missing in any case
                reasons = json_records.read(path, dict[str, str])
        done = {trial.name for trial in self.runs}
        return {t.name: reasons.get(t.name, "") for t in self.study.trials() if t.name not in done}

    @property
    def others(self) -> int:
        """Number of trials in the folder that are not part of the study."""
        asked = {trial.name for trial in self.study.trials()}
        return sum(path.parent.name not in asked for path in self.folder.glob("trials/*/run.json"))

    def frame(self) -> pd.DataFrame:
        """One row per run: its levels and seed, scores as fractions, and what it cost."""
        rows = []
        for trial, run in self.runs.items():
            result = _together([run], trial.gender)
            interval = result.interval()
            genders = result.by_gender().frame()["uar"]
            rows.append(
                {
                    **{factor: getattr(trial, factor) for factor in _LEVELS},
                    "uar": interval.value, "low": interval.low, "high": interval.high,
                    "wa": result.wa, "macro_f1": result.macro_f1, "chance": result.chance,
                    "uar_female": genders.get("female", np.nan),
                    "uar_male": genders.get("male", np.nan),
                    "speakers": result.num_speakers, "utterances": result.num_utterances,
                    "voices": _voices([run]),
                    "leaky": bool(run.info["protocol"]["leaky"]),
                    "parameters": run.parameters,
                    "seconds": run.info.get("wall_seconds"),
                    "run": trial.name,
                }
            )  # fmt: skip
        return pd.DataFrame(rows)

    def write_csv(self) -> Path:
        """Write `frame()` as study.csv and, next to it, `differences()` as differences.csv."""
        write_csv(self.folder / "differences.csv", self.differences().frame().reset_index())
        path = self.folder / "study.csv"
        write_csv(path, self.frame())
        return path

    def _contexts(self, compared: str) -> dict[tuple[str, ...], dict[str, list[Trial]]]:
        """Sort trials: levels of all other factors -> level of the compared one -> seeds."""
        contexts: dict[tuple[str, ...], dict[str, list[Trial]]] = {}
        for trial in self.runs:
            levels = contexts.setdefault(trial.without(compared), {})
            levels.setdefault(getattr(trial, compared), []).append(trial)
        return contexts

    def _name_of(self, context: tuple[str, ...], compared: str) -> str:
        """Name a context by those of its levels that vary in the study."""
        others = [factor for factor in FACTORS if factor != compared]
        pairs = zip(others, context, strict=True)
        varied = [level for factor, level in pairs if len(getattr(self.study, factor)) > 1]
        return ", ".join(varied) or EVERYWHERE

    @cached_property
    def _evaluations(self) -> dict[tuple[tuple[str, ...], str], Evaluation]:
        return {
            (context, level): _together([self.runs[trial] for trial in trials], trials[0].gender)
            for context, levels in self._contexts(self.study.compare).items()
            for level, trials in levels.items()
        }

    def scores(self) -> ScoreDisplay:
        """Show UAR of every combination, as the mean over seeds with its sd and interval.

        `voices` is the number of training speakers, averaged over folds.
        """
        rows = []
        contexts = self._contexts(self.study.compare)
        for (context, level), result in self._evaluations.items():
            summary = result.summary().frame().loc["uar"]
            interval = result.interval()
            rows.append(
                {
                    "context": self._name_of(context, self.study.compare),
                    self.study.compare: level,
                    "uar": interval.value, "low": interval.low, "high": interval.high,
                    "sd": summary["sd"], "seeds": len(result.seeds),
                    "speakers": result.num_speakers, "utterances": result.num_utterances,
                    "voices": _voices([self.runs[trial] for trial in contexts[context][level]]),
                    "chance": result.chance,
                }
            )  # fmt: skip
        table = pd.DataFrame(rows).set_index(["context", self.study.compare])
        return ScoreDisplay(table, "UAR of each combination, %")

    def differences(self) -> DifferenceDisplay:
        """Show how each level differs from the baseline, on the test speakers that both have.

        Where there are several contexts, the mean over those that have the level comes first.
        Levels with other test speakers or classes than the baseline are left out.
        """
        base = getattr(self.study, self.study.compare)[0]
        rows = []
        levels = getattr(self.study, self.study.compare)[1:]
        paired = {level: dict(self._pairs(level, base)) for level in levels}
        several = len({name for pairs in paired.values() for name in pairs}) > 1
        for level, pairs in paired.items():
            groups = {name: [pair] for name, pair in pairs.items()}
            if several and groups:
                groups = {EVERYWHERE: list(pairs.values()), **groups}
            for name, members in groups.items():
                change = difference(*members)
                rows.append((name, level, change.value, change.low, change.high, change.speakers))
        columns = ["context", self.study.compare, "difference", "low", "high", "speakers"]
        table = pd.DataFrame(rows, columns=columns)
        order = {name: k for k, name in enumerate(dict.fromkeys(table["context"]))}
        table = table.sort_values("context", key=lambda names: names.map(order), kind="stable")
        return DifferenceDisplay(
            table.set_index(["context", self.study.compare]), f"Difference of UAR to {base}, points"
        )

    def _pairs(self, level: str, base: str) -> Iterator[tuple[str, tuple[Evaluation, Evaluation]]]:
        """Pair a level with the baseline wherever both scored the same utterances and classes."""
        for context in self._contexts(self.study.compare):
            one, other = (self._evaluations.get((context, name)) for name in (level, base))
            if one is not None and other is not None and _comparable(one, other):
                yield self._name_of(context, self.study.compare), (one, other)

    def regrouped(self) -> DifferenceDisplay | None:
        """Compare training in fewer classes with regrouped predictions of a finer training.

        `None` where the study has one grouping, or none can be made from another.
        """
        paired: dict[str, dict[tuple[str, str], list[tuple[Evaluation, Evaluation]]]] = {}
        everywhere: dict[tuple[str, str], list[tuple[Evaluation, Evaluation]]] = {}
        for context, groups in self._contexts("grouping").items():
            for coarse, fine in self._makeable(groups):
                trained, finer = (
                    _together([self.runs[t] for t in groups[name]], groups[name][0].gender)
                    for name in (coarse, fine)
                )
                pair = (trained, finer.regroup(self._grouping(coarse)))
                if _comparable(*pair):
                    everywhere.setdefault((coarse, fine), []).append(pair)
                    paired.setdefault(self._name_of(context, "grouping"), {})[coarse, fine] = [pair]
        if len(paired) > 1:
            paired = {EVERYWHERE: everywhere, **paired}
        rows = []
        for name, combinations in paired.items():
            for (coarse, fine), pairs in combinations.items():
                gap = difference(*pairs)
                rows.append(
                    {
                        "context": name, "grouping": coarse, "regrouped from": fine,
                        "retrained": float(np.mean([one.uar for one, _ in pairs])),
                        "regrouped": float(np.mean([other.uar for _, other in pairs])),
                        "difference": gap.value, "low": gap.low, "high": gap.high,
                        "speakers": gap.speakers,
                    }
                )  # fmt: skip
        if not rows:
            return None
        table = pd.DataFrame(rows).set_index(["context", "grouping", "regrouped from"])
        return DifferenceDisplay(table, "Trained in fewer classes minus regrouped, points of UAR")

    def _grouping(self, name: str) -> Grouping:
        return labels.grouping(self.study.own.get("grouping", {}).get(name, name))

    def _makeable(self, groups: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Pair each coarse grouping with the finest other one that it can be made from."""
        classes = {name: set(self._grouping(name).classes) for name in groups}
        for coarse in self.study.grouping:
            for fine in sorted(groups, key=lambda name: -len(classes[name])):
                mapping = self._grouping(coarse).mapping
                reached = {mapping[c] for c in classes[fine] if c in mapping}
                finer = coarse in groups and len(classes[fine]) > len(classes[coarse])
                if finer and reached == classes[coarse]:
                    yield coarse, fine
                    break

    @property
    def answer(self) -> str:
        """The answer to the question, in one or two sentences."""
        if self.study.compare == "grouping" and (regrouped := self.regrouped()):
            table, against = regrouped.frame().reset_index(), "regrouping"
        else:
            table = self.differences().frame().reset_index()
            against = getattr(self.study, self.study.compare)[0]
        if table.empty:
            return f"There is nothing to compare: {self._why_nothing()}."
        first = table[table["context"] == table["context"].iloc[0]]
        contexts = table["context"].nunique() - 1
        over = f" over {contexts} configurations" * (contexts > 0)
        if len(first) == 1:
            row = first.iloc[0]
            lead = f"{row[self.study.compare]} differs from {against}{over} by {_verdict(row)}."
            return lead + self._caution(first)
        sure = first[(first["low"] > 0) | (first["high"] < 0)]
        best = first.loc[first["difference"].idxmax()]
        if len(sure):
            ranked = sure.sort_values("difference", ascending=False)
            changes = [f"{row[self.study.compare]} {_points(row)}" for _, row in ranked.iterrows()]
            verdict = f"these differ significantly: {'; '.join(changes)}"
        else:
            few = "there are too few test speakers for an interval"
            verdict = few if first["low"].isna().all() else "no difference is significant"
            verdict += f"; the best is {best[self.study.compare]}, {_points(best)}"
        luck = f" Of {len(first)} comparisons, one in twenty is significant by chance alone."
        return f"Compared with {against}{over}, {verdict}.{luck}{self._caution(first)}"

    def _caution(self, table: pd.DataFrame) -> str:
        """Describe what the intervals do not include."""
        fewest = int(table["speakers"].min())
        few = f" The result is based on {fewest} speakers." if fewest < FEW_SPEAKERS else ""
        return few + " There is one seed: another training may give another result." * self.one_seed

    @property
    def one_seed(self) -> bool:
        """Whether there is one seed, so that no interval includes the variance over seeds."""
        return max(len(result.seeds) for result in self._evaluations.values()) == 1

    def _why_nothing(self) -> str:
        if self.missing:
            return f"{listing(sorted(self.missing), 3)} could not be trained, or is not finished"
        levels = getattr(self.study, self.study.compare)
        if len(levels) == 1:
            return f"{levels[0]} is the only level of {self.study.compare}"
        return "no two combinations tested the same speakers"


def _comparable(one: Evaluation, other: Evaluation) -> bool:
    """Whether both know the same classes, and tested an utterance in common."""
    common = set(one.rows["utterance_id"]) & set(other.rows["utterance_id"])
    return set(one.classes) == set(other.classes) and bool(common)


def _voices(members: list[Run]) -> float:
    """Count the speakers that a network has learned from: the mean over folds."""
    counts = [len(fold["train"]) for run in members for fold in run.info.get("folds", [])]
    return float(np.mean(counts)) if counts else np.nan


def _together(members: list[Run], gender: str) -> Evaluation:
    """Evaluate runs that differ in nothing but their seeds as one."""
    tables = [run.predictions for run in members]
    result = evaluate(pd.concat(tables, ignore_index=True), "test", classes=members[0].classes)
    if gender != "classes":
        return result
    # emotions times gender are scored by emotion, so that they can be compared
    return result.regroup({name: name.partition("_")[2] for name in result.classes})


def _points(row: pd.Series) -> str:
    ends = f" ({100 * row['low']:+.1f} to {100 * row['high']:+.1f})"
    return f"{100 * row['difference']:+.1f} points" + ends * bool(np.isfinite(row["low"]))


def _verdict(row: pd.Series) -> str:
    """Describe one difference, and whether it is significant."""
    if np.isnan(row["low"]):
        return f"{_points(row)}, with too few test speakers for an interval"
    sure = row["low"] > 0 or row["high"] < 0
    return f"{_points(row)}, which is {'' if sure else 'not '}significant"
