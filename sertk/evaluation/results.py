"""`Evaluation`: every number and table of one set of predictions.

In: predictions with `label`, `predicted`, `speaker`, `fold`, `seed` and `p_<class>`. Out: an
`Evaluation`. Several seeds are several answers to the same utterances: scores are the mean over
seeds of the score of the predictions pooled over folds, and speakers carry the uncertainty.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from sertk import labels
from sertk._display.display import ends, percent
from sertk.errors import ConfigurationError, UnknownNameError, listing
from sertk.evaluation import confusion_matrices as matrices
from sertk.evaluation import displays, intervals, probabilities

_NORMALIZE = {
    None: "Confusions, utterances",
    "true": "Confusions, % of the true class",
    "pred": "Confusions, % of the predicted class",
}


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """Scores of the predictions of a run; made by `sertk.evaluation.evaluate`.

    Args:
        rows: Predictions of one split, one row per utterance, fold and seed; not to be changed.
        classes: The given class list, in order.
        split: Which split these are.
        manifest: Further columns by `utterance_id`, such as intensity; optional.
        dropped: Label -> rows that a regrouping left out.

    Examples:
        >>> from sertk import evaluation
        >>> table = pd.DataFrame({"label": ["a", "a", "b"], "predicted": ["a", "b", "b"]})
        >>> result = evaluation.evaluate(table, classes=["a", "b", "c"])
        >>> round(result.uar, 3), round(result.wa, 3), round(result.chance, 3)
        (0.5, 0.667, 0.333)
    """

    rows: pd.DataFrame
    classes: tuple[str, ...]
    split: str = "test"
    manifest: pd.DataFrame | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        return (
            f"Evaluation({self.split}: UAR {self.interval('uar')} %, WA {100 * self.wa:.1f} %, "
            f"{self.num_utterances} utterances, {self.num_speakers} speakers, "
            f"{len(self.classes)} classes)"
        )

    @property
    def chance(self) -> float:
        """UAR of guessing: one over the number of classes."""
        return 1 / len(self.classes)

    @property
    def seeds(self) -> list[int]:
        return sorted(int(seed) for seed in self.rows["seed"].unique())

    @property
    def folds(self) -> list[int]:
        return sorted(int(fold) for fold in self.rows["fold"].unique())

    @property
    def num_utterances(self) -> int:
        return int(self.rows["utterance_id"].nunique())

    @property
    def num_speakers(self) -> int:
        return int(self.rows["speaker"].nunique())

    @property
    def absent(self) -> list[str]:
        """Classes of the list that never occur in the truth; each counts as a recall of zero."""
        present = set(self.rows["label"])
        return [name for name in self.classes if name not in present]

    @cached_property
    def _truth(self) -> np.ndarray:
        return pd.Categorical(self.rows["label"], categories=self.classes).codes.astype(int)

    @cached_property
    def _predicted(self) -> np.ndarray:
        return pd.Categorical(self.rows["predicted"], categories=self.classes).codes.astype(int)

    def _counts(self, *keys: pd.Series) -> tuple[np.ndarray, list[list[Any]]]:
        """Count confusions by the values of some columns, and name these values."""
        coded = [pd.factorize(key, sort=True) for key in keys]
        counts = matrices.count(
            self._truth, self._predicted, len(self.classes),
            [codes for codes, _ in coded], [len(names) for _, names in coded],
        )  # fmt: skip
        return counts, [list(names) for _, names in coded]

    @cached_property
    def _by_seed(self) -> np.ndarray:  # (seeds, classes, classes)
        return self._counts(self.rows["seed"])[0]

    @cached_property
    def _by_speaker(self) -> np.ndarray:  # (speakers, classes, classes), summed over seeds
        return self._counts(self.rows["speaker"])[0]

    def _score(self, metric: str) -> float:
        return float(np.mean(matrices.METRICS[metric](self._by_seed)))

    @property
    def uar(self) -> float:
        """Mean recall over the given classes, a fraction; with several seeds their mean."""
        return self._score("uar")

    @property
    def wa(self) -> float:
        """Share of utterances that are right, a fraction."""
        return self._score("wa")

    @property
    def macro_f1(self) -> float:
        """Mean F1 over the given classes, a fraction."""
        return self._score("macro_f1")

    def interval(
        self, metric: str = "uar", *, level: float = 0.95, resamples: int = 10_000, seed: int = 0
    ) -> intervals.Interval:
        """Compute a confidence interval over speakers.

        The standard error comes from resampling whole speakers, since utterances of one speaker
        are not independent; the width from Student's t, since few speakers underestimate it (see
        `sertk.evaluation.intervals`). A resample is scored over the classes that it has. With
        several seeds a speaker's confusions are summed over them. With fewer than three speakers
        there is no interval: its ends are NaN, and its note gives the reason.

        Args:
            metric: `"uar"`, `"wa"` or `"macro_f1"`.
            level: Coverage, between 0 and 1.
            resamples: How often speakers are drawn.
            seed: int. Seed of the resampling.

        Raises:
            UnknownNameError: If there is no such metric.
            ConfigurationError: If the level is not between 0 and 1.
        """
        if metric not in matrices.METRICS:
            raise UnknownNameError("metric", metric, matrices.METRICS)
        if not 0 < level < 1 or resamples < 1:
            raise ConfigurationError(
                f"Received level={level}, resamples={resamples}.",
                "level must be between 0 and 1, resamples at least 1.",
                "Use level=0.95 for a 95 % confidence interval.",
                code="invalid-interval-settings",
            )
        return intervals.interval(
            self._score(metric), matrices.of_resamples(metric, self._by_seed.sum(0)),
            self._by_speaker, level=level, resamples=resamples, seed=seed,
        )  # fmt: skip

    def summary(self) -> displays.SummaryDisplay:
        """Show UAR, WA and macro-F1 with 95 % intervals and the standard deviation over seeds."""
        rows = {}
        for metric, score in matrices.METRICS.items():
            over = score(self._by_seed)
            interval = self.interval(metric)
            rows[metric] = {
                "value": interval.value, "low": interval.low, "high": interval.high,
                "sd": float(np.std(over, ddof=1)) if len(over) > 1 else np.nan,
            }  # fmt: skip
        table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric")
        return displays.SummaryDisplay(table, self.chance, "Scores, %", self._basis())

    def _basis(self) -> str:
        return (
            f"{self.split}: {self.num_utterances} utterances, {self.num_speakers} speakers, "
            f"{len(self.folds)} fold{'s' * (len(self.folds) > 1)}, "
            f"{len(self.seeds)} seed{'s' * (len(self.seeds) > 1)}; "
            f"95 % intervals over speakers{'; sd over seeds' * (len(self.seeds) > 1)}"
        )

    def _repr_html_(self) -> str:
        table = self.summary().frame()
        shown = {
            name: (f"{percent(row.value)} %", ends(row.low, row.high))
            for name, (_, row) in zip(("UAR", "WA", "macro-F1"), table.iterrows(), strict=True)
        }
        shown["chance"] = (f"{percent(self.chance)} %", f"{len(self.classes)} classes")
        return displays.card("Evaluation", shown, self._basis())

    def recall_per_class(self) -> pd.Series:
        """Recall of each class, NaN where it never occurs; mean over seeds, by class."""
        return self.per_class().frame()["recall"]

    def precision_per_class(self) -> pd.Series:
        """Precision of each class, NaN where it is never predicted; pooled over seeds, by class."""
        return self.per_class().frame()["precision"]

    def per_class(self) -> displays.ClassDisplay:
        """Show recall (with its interval), precision, F1 and support of each class.

        `support` counts utterances, not predictions: several seeds do not multiply it.
        """
        total = self._by_seed.sum(0)
        recall = matrices.recall(total)
        drawn = intervals.bootstrap(matrices.recall, self._by_speaker, resamples=10_000, seed=0)
        speakers = (self._by_speaker.sum(2) > 0).sum(0)  # who spoke the class
        ends = intervals.ends(recall, drawn, speakers, 0.95)
        table = pd.DataFrame(
            {
                "recall": recall, "low": ends[0], "high": ends[1],
                "precision": matrices.precision(total), "f1": matrices.f1(total),
                "support": np.round(total.sum(1) / len(self.seeds)).astype(int),
            },
            index=pd.Index(self.classes, name="class"),
        )  # fmt: skip
        absent = f"Without test utterances: {listing(self.absent, 20)}." * bool(self.absent)
        return displays.ClassDisplay(table, self.chance, "Recall and precision by class, %", absent)

    def confusion_matrix(self, normalize: str | None = None) -> displays.ConfusionDisplay:
        """Show true (rows) against predicted (columns), summed over folds and seeds.

        Args:
            normalize: `None` for counts, `"true"` for shares of each true class, `"pred"` for
                shares of each predicted class.

        Raises:
            UnknownNameError: If it is none of these.
        """
        if normalize not in _NORMALIZE:
            raise UnknownNameError("normalize", normalize, ["true", "pred"])
        counts = pd.DataFrame(
            self._by_seed.sum(0).astype(int),
            index=pd.Index(self.classes, name="true"),
            columns=pd.Index(self.classes, name="predicted"),
        )
        return displays.ConfusionDisplay(counts, normalize, _NORMALIZE[normalize])

    def by_speaker(self) -> displays.SpeakerDisplay:
        """Show the UAR of every speaker, over the classes that the speaker's truth holds."""
        table = self._grouped(self.rows["speaker"]).drop(columns="speakers")
        genders = self.rows.drop_duplicates("speaker").set_index("speaker")["gender"]
        table.insert(0, "gender", genders.reindex(table.index))
        return displays.SpeakerDisplay(
            table.sort_values("uar", kind="stable"), "UAR by speaker, %",
            headline=self.uar, chance=self.chance,
        )  # fmt: skip

    def by_gender(self) -> displays.GroupDisplay:
        """Show UAR by gender, and the gap female minus male with its interval."""
        genders = self.rows["gender"].fillna("unknown")
        table = self._grouped(genders, with_intervals=True)
        return displays.GroupDisplay(table, "UAR by gender, %", gap=self._gender_gap(genders))

    def by(self, column: str) -> displays.GroupDisplay:
        """Show UAR by the values of any column of the predictions or the manifest.

        Args:
            column: Such as `"intensity"`, `"style"` or `"fold"`; empty cells are a group.

        Raises:
            UnknownNameError: If neither table has it.
        """
        values = self._column(column).astype(object)
        values = values.where(values.notna(), "unknown").astype(str)
        return displays.GroupDisplay(
            self._grouped(values, with_intervals=True).rename_axis(column), f"UAR by {column}, %"
        )

    def _column(self, column: str) -> pd.Series:
        if column in self.rows:
            return self.rows[column]
        known = set(self.rows.columns)
        if self.manifest is not None:
            if column in self.manifest:
                lookup = self.manifest.set_index("utterance_id")[column]
                return self.rows["utterance_id"].map(lookup)
            known |= set(self.manifest.columns)
        raise UnknownNameError("column", column, {str(c) for c in known if not c.startswith("p_")})

    def _grouped(self, keys: pd.Series, *, with_intervals: bool = False) -> pd.DataFrame:
        """Score each group per seed over the classes present, then average over seeds."""
        counts, (names, _) = self._counts(keys, self.rows["seed"])
        table = pd.DataFrame(
            {
                "utterances": self.rows.groupby(keys)["utterance_id"].nunique().reindex(names),
                "speakers": self.rows.groupby(keys)["speaker"].nunique().reindex(names),
                "classes": (counts.sum(1).sum(-1) > 0).sum(-1),
                "uar": matrices.mean_known(matrices.uar_present(counts)),
                "wa": matrices.mean_known(matrices.wa(counts)),
            },
            index=pd.Index(names, name=keys.name),
        )
        if with_intervals:
            ends = [
                intervals.interval(value, matrices.uar_present, self._speakers_of(keys == name))
                for name, value in table["uar"].items()
            ]
            table.insert(4, "low", [end.low for end in ends])
            table.insert(5, "high", [end.high for end in ends])
        return table

    def _speakers_of(self, chosen: pd.Series) -> np.ndarray:
        """Confusions of the speakers in some rows, shape (speakers, classes, classes)."""
        mask = chosen.to_numpy()
        codes, names = pd.factorize(self.rows["speaker"][mask], sort=True)
        return matrices.count(
            self._truth[mask], self._predicted[mask], len(self.classes), [codes], [len(names)]
        )

    def _gender_gap(self, genders: pd.Series) -> intervals.Interval:
        female, male = (self._speakers_of(genders == g) for g in ("female", "male"))
        if not len(female) or not len(male):
            missing = "female" if not len(female) else "male"
            note = f"no {missing} speakers" if len(female) or len(male) else "genders unknown"
            return intervals.Interval(np.nan, np.nan, np.nan, 0.95, len(female) + len(male), note)
        scores = self._grouped(genders)["uar"]
        return intervals.interval(
            float(scores["female"] - scores["male"]),
            lambda f, m: matrices.uar_present(f) - matrices.uar_present(m), female, male,
            bounds=intervals.DIFFERENCE,
        )  # fmt: skip

    def over_folds_and_seeds(self) -> displays.SpreadDisplay:
        """Show mean, sd, min and max of each score over folds, and over seeds.

        A fold's score is the mean over its seeds, over the classes of its test speakers; a seed's
        score is that of its predictions pooled over folds. The sd over folds is no standard error.
        """
        cells, (folds, _) = self._counts(self.rows["fold"], self.rows["seed"])
        points = {
            "folds": pd.DataFrame(
                {m: matrices.mean_known(score(cells)) for m, score in matrices.PRESENT.items()},
                index=pd.Index(folds, name="fold"),
            ),
            "seeds": pd.DataFrame(
                {m: score(self._by_seed) for m, score in matrices.METRICS.items()},
                index=pd.Index(self.seeds, name="seed"),
            ),
        }  # fmt: skip
        table = pd.DataFrame(
            [
                {"over": over, "metric": metric, "n": len(column), "mean": column.mean(),
                 "sd": column.std(), "min": column.min(), "max": column.max()}
                for over, scores in points.items()
                for metric, column in scores.items()
            ]
        ).set_index(["over", "metric"])  # fmt: skip
        return displays.SpreadDisplay(table, points, "UAR over folds and over seeds, %")

    def regroup(self, choice: str | Mapping[str, str] | labels.Grouping) -> "Evaluation":
        """Score the same probabilities in coarser classes, without training again.

        Probabilities of classes that share a label are summed. Utterances whose label has no
        place in the grouping are dropped and counted in `.dropped`; probabilities of such
        classes are dropped, and the rest is scaled to sum to one.

        Args:
            choice: Name of a grouping, or your own mapping class -> label.

        Raises:
            UnknownNameError: If no grouping has that name.
            ConfigurationError: If fewer than two of its labels can be made from the classes.
        """
        rows, classes, dropped = probabilities.regrouped(
            self.rows, self.classes, labels.grouping(choice)
        )
        return Evaluation(rows, tuple(classes), self.split, self.manifest, dropped)

    def mistakes(self, n: int = 12) -> displays.ClipDisplay:
        """Show the wrong predictions that were made most confidently, averaged over seeds."""
        table = probabilities.most_confident(self.rows, self.classes, n, right=False)
        return displays.ClipDisplay(table, "Most confident errors")

    def hits(self, n: int = 12) -> displays.ClipDisplay:
        """Show the right predictions that were made most confidently, averaged over seeds."""
        table = probabilities.most_confident(self.rows, self.classes, n, right=True)
        return displays.ClipDisplay(table, "Most confident correct predictions")

    def calibration(self, bins: int = 10) -> displays.CalibrationDisplay:
        """Show how often predictions of each confidence are right, and the mean gap (ECE).

        Confidence is the probability of the predicted class; bins are of equal width. Nothing
        is fitted. All seeds count.
        """
        table, ece = probabilities.reliability(self.rows, self.classes, bins)
        return displays.CalibrationDisplay(table, ece, f"Calibration ({self.split})")
