"""Leak gap: train once with a leak and once without, and compare.

In: a recipe with a leaky original, or utterances and a model. Out: two runs and a `LeakGap`: four
scores, two of each run, of which those on speakers that were trained on do not hold for others.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sertk import recipes, splits
from sertk._display import drawing
from sertk._display.display import Display, percent
from sertk._html import pages
from sertk.errors import ConfigurationError
from sertk.evaluation import Evaluation, Interval, evaluate
from sertk.evaluation.paired import difference
from sertk.preprocessing import Preprocessing
from sertk.run import Run

_HERE = Path(__file__).parent


def leak_gap(
    model: str,
    utterances: pd.DataFrame,
    prep: Preprocessing,
    *,
    folder: str | Path,
    **training: Any,
) -> "LeakGap":
    """Cross-validate on a clean protocol, and again with the files divided at random.

    At random, training has other numbers of recordings; of two clean folds it has more, for the
    random ones are three at least.

    Args:
        model: Name of a model.
        utterances: A manifest with the `fold` of a protocol that keeps speakers apart; at random
            it gets as many.
        prep: How a recording becomes a clip.
        folder: Folder to write, with a run folder `leaky` and one `clean`.
        **training: What `sertk.training.cross_validate` takes besides.

    Raises:
        SplitError: If there are no folds.
        RunError: If a folder holds another run.
    """
    from sertk import training as trainings  # which loads Keras

    num_folds = len(splits.folds(splits.in_fold(utterances, 0)))
    leaky = splits.random(utterances, folds=max(3, num_folds))
    divisions = {"clean": utterances, "leaky": leaky}
    runs = {
        name: trainings.cross_validate(model, rows, prep, folder=Path(folder) / name, **training)
        for name, rows in divisions.items()
    }
    return LeakGap(runs["leaky"], runs["clean"])


def leak_gap_of_recipe(
    name: str,
    *,
    folder: str | Path,
    names: Sequence[str] = (),
    roots: Mapping[str, str | Path] | None = None,
    **changes: Any,
) -> "LeakGap":
    """Repeat a published system as it was published, and again with speakers apart.

    The first has all of the defects that its recipe can put back, and its page names them.

    Args:
        name: A recipe whose published figure rests on a leak.
        folder: Folder to write, with a run folder `leaky` and one `clean`.
        names: Names of corpora; those of the recipe by default.
        roots: Corpus -> folder.
        **changes: What `sertk.recipes.reproduce` takes besides, such as `epochs=60`.

    Raises:
        ConfigurationError: If nothing published rests on a leak.
    """
    if recipes.get(name, as_published=True).division == recipes.get(name).division:
        raise ConfigurationError(
            f"{name} was published with a speaker-independent split.",
            "A leak gap compares a split that leaks speakers with one that does not.",
            "Train it with --as-published and without, and compare the two runs.",
            code="system-without-leak",
        )
    runs = {
        part: recipes.reproduce(
            name, folder=Path(folder) / part, names=names, roots=dict(roots or {}),
            as_published=part == "leaky", **changes,
        )
        for part in ("clean", "leaky")
    }  # fmt: skip
    return LeakGap(runs["leaky"], runs["clean"])


class LeakGap(Display):
    """Compare two runs of the same training, one of which was trained on its test speakers.

    Args:
        leaky: The run whose division leaks, into the test or into validation only.
        clean: The run that keeps speakers apart.

    Attributes:
        promised: The score that does not hold: UAR of the leaky run on training speakers.
        kept: UAR on new speakers: of the clean run, or of the leaky one where
            the leak is in validation only.
        gap: Promised minus kept; with an interval where both are of the same utterances.
    """

    size = (8.0, 2.6)

    def __init__(self, leaky: Run, clean: Run):
        self.leaky, self.clean = leaky, clean
        shared, rows, parts = _leaks_into_test(leaky), [], {}
        for name, run in (("leaky", leaky), ("clean", clean)):
            for split, words in (("val", "validation"), ("test", "test")):
                result = parts[name, split] = evaluate(run, split)
                interval = result.interval()
                rows.append(
                    {
                        "division": name,
                        "scored on": words,
                        "holds": name == "clean" or (split == "test" and not shared),
                        "uar": interval.value, "low": interval.low, "high": interval.high,
                        "wa": result.wa, "utterances": result.num_utterances,
                        "speakers": result.num_speakers,
                    }
                )  # fmt: skip
        table = pd.DataFrame(rows).set_index(["division", "scored on"])
        super().__init__(table, "Scores of the same training with two splits, UAR in %")
        promise = parts["leaky", "test" if shared else "val"]
        held_by = parts["clean" if shared else "leaky", "test"]
        self.promised, self.kept = promise.interval(), held_by.interval()
        self.gap = self._gap(promise, held_by)
        self.note = self.sentence

    @staticmethod
    def _gap(promise: Evaluation, kept: Evaluation) -> Interval:
        if set(promise.rows["utterance_id"]) == set(kept.rows["utterance_id"]):
            return difference((promise, kept))
        value = promise.uar - kept.uar
        note = "the two scores are on different utterances"
        return Interval(value, np.nan, np.nan, 0.95, kept.num_speakers, note)

    @property
    def sentence(self) -> str:
        """The answer, in words."""
        where = "test set" if _leaks_into_test(self.leaky) else "validation set"
        between = f" (95 % interval {100 * self.gap.low:.1f} to {100 * self.gap.high:.1f})"
        points = f"{100 * self.gap.value:.1f} points{between * self.gap.known}"
        scores = (
            f"UAR is {percent(self.promised.value)} % on the {where} of the split with data "
            f"leakage, and {percent(self.kept.value)} % on held-out speakers"
        )
        if self.gap.value <= 0:
            return f"{scores}: data leakage does not raise it, the difference is {points}."
        if self.gap.known and self.gap.low <= 0:
            return f"{scores}: the difference of {points} is not significant."
        return f"{scores}: {points} do not hold for new speakers."

    def record(self) -> dict[str, Any]:
        """Write it down for JSON: `sentence, gap, gap_low, gap_high, scores`; null if unknown."""
        rows = self.frame().reset_index().to_json(orient="records", double_precision=15)
        low, high = (self.gap.low, self.gap.high) if self.gap.known else (None, None)
        gap = {"gap": self.gap.value, "gap_low": low, "gap_high": high}
        return {"sentence": self.sentence, **gap, "scores": json.loads(rows)}

    def write_html(self, path: str | Path, command: str | None = None) -> Path:
        """Write the page: the answer, the four scores, how each run divided its speakers.

        Args:
            path: File to write.
            command: What was typed to get it; `None` is that of the clean run.
        """

        def draw(wide: bool) -> str:
            (axes,) = drawing.new_axes(11.2 if wide else 3.9, 2.5 if wide else 3.0)
            self.plot(axes)
            axes.set_title("", loc="left")
            axes.set_xlabel("UAR, %")  # the caption explains the crosses
            return drawing.svg(axes, themed=True)

        info = self.clean.info
        text = pages.render(
            _HERE, "leak.html",
            title=f"{info['model']['name']}: how much does data leakage add to the score?",
            answer=self.sentence, drawing=pages.pair("scores", draw, self.sentence),
            rows=self.frame().reset_index().to_dict("records"),
            runs={"leaky": self.leaky.info, "clean": info}, command=command or info.get("command"),
            pct=percent,
        )  # fmt: skip
        return pages.write(text, path)

    def _draw(self, ax: "drawing.Axes") -> None:
        places = np.arange(len(self._table))
        for place, (_, row) in zip(places, self._table.iterrows(), strict=True):
            color = drawing.ACCENT if row["holds"] else drawing.SECOND
            ax.hlines(place, 100 * row["low"], 100 * row["high"], color, lw=2, alpha=0.5)
            ax.plot(100 * row["uar"], place, "o" if row["holds"] else "X", color=color, ms=8)
        ax.set_yticks(places, [f"{division}, {part}" for division, part in self._table.index])
        ax.set_ylim(len(places) - 0.5, -0.5)
        ax.set_xlim(0, 100)
        ax.set_xlabel("UAR, % (cross: on speakers of the training set)")


def _leaks_into_test(run: Run) -> bool:
    return any(
        f["severity"] == "leak" and f.get("reaches_test", True) for f in run.info.get("audit", [])
    )
