"""Cross-corpus evaluation: test runs on corpora that they were not trained on.

In: runs, and labeled manifests of the corpora to test on. Out: a matrix of UAR over the classes
that all of them share. At home only the run's own test predictions count.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from sertk import cache, evaluation
from sertk._display import drawing
from sertk._display.display import Display, ends, percent
from sertk.analysis.replay import Replay
from sertk.errors import ConfigurationError, listing
from sertk.evaluation import Evaluation
from sertk.run import Run


class CrossDisplay(Display):
    """UAR of every run on every corpus.

    Attributes:
        classes: Those that all runs and corpora share.
    """

    size = (6.2, 4.2)

    def __init__(self, table: pd.DataFrame, classes: list[str]):
        note = (
            f"Classes: {', '.join(classes)}; chance {percent(1 / len(classes))} %. Probabilities "
            "of other classes are left out. On its own corpus, a run is scored on held-out "
            "speakers."
        )
        super().__init__(table, "UAR across corpora, %", note)
        self.classes = classes

    def _draw(self, ax: "drawing.Axes") -> None:
        scores = 100 * self._table["uar"].unstack("test", sort=False)
        ax.imshow(scores, cmap="cividis", vmin=100 / len(self.classes), vmax=100, aspect="auto")
        ax.grid(visible=False)
        ax.set_xticks(range(scores.shape[1]), [str(name) for name in scores.columns])
        ax.set_yticks(range(scores.shape[0]), [str(name) for name in scores.index])
        ax.set_xlabel("tested on")
        ax.set_ylabel("trained on")
        middle = 50 + 50 / len(self.classes)
        for (train, test), row in self._table.iterrows():
            place = scores.columns.get_loc(test), scores.index.get_loc(train)
            color = "black" if 100 * row["uar"] > middle else "white"
            text = f"{percent(row['uar'])}\n{ends(row['low'], row['high'])}"
            ax.text(*place, text, ha="center", va="center", fontsize=9, color=color)


def matrix(
    runs: Mapping[str, Run | str | Path], manifests: Mapping[str, pd.DataFrame]
) -> CrossDisplay:
    """Test every run on every corpus, over the classes that all of them share.

    If a corpus shares speakers with a run, only the run's own test predictions count there. On
    other corpora all its models predict every utterance, and the score is the mean over models.

    Args:
        runs: Name -> run, or its folder, with its models.
        manifests: Name -> manifest with `label`, whose files exist.

    Returns:
        By `train` and `test`: `uar, low, high` (95 % over speakers), `n` utterances, `speakers`.

    Raises:
        ConfigurationError: If fewer than two classes are shared, a manifest has no labels,
            nothing of a home was tested, or a run knows a part of its speakers.
        RunError: If a run is unfinished, or has no test speakers.

    Examples:
        `matrix({"ravdess": "runs/ravdess"}, {"emodb": emodb, "ravdess": ravdess}).plot()`
    """
    for name, rows in manifests.items():
        if "label" not in rows:
            raise ConfigurationError(
                f"The manifest {name!r} has no labels.",
                "A cross-corpus matrix compares classes by their labels.",
                "Call sertk.labels.apply(manifest, grouping) first.",
                code="unlabeled-manifest",
            )
    replays = {name: Replay(run) for name, run in runs.items()}
    class_sets = [set(replay.run.classes) for replay in replays.values()]
    class_sets += [set(rows["label"]) for rows in manifests.values()]
    shared = set.intersection(*class_sets) if class_sets else set()
    if len(shared) < 2:
        raise ConfigurationError(
            f"{', '.join([*runs, *manifests]) or 'No run and no corpus'} share "
            f"{', '.join(sorted(shared)) or 'no class'}.",
            "A cross-corpus matrix needs at least two classes that all of them share.",
            "Use a grouping with more shared classes for training and labels, such as iemocap4.",
            code="no-shared-classes",
        )
    classes = [name for name in next(iter(replays.values())).run.classes if name in shared]
    scores = {}
    for train, replay in replays.items():
        for test, manifest in manifests.items():
            result = _test(replay, manifest).regroup({name: name for name in classes})
            interval = result.interval()
            scores[train, test] = {
                "uar": interval.value, "low": interval.low, "high": interval.high,
                "n": result.num_utterances, "speakers": result.num_speakers,
            }  # fmt: skip
    table = pd.DataFrame.from_dict(scores, orient="index")
    table.index = pd.MultiIndex.from_tuples(list(scores), names=["train", "test"])
    return CrossDisplay(table, classes)


def _test(replay: Replay, manifest: pd.DataFrame) -> Evaluation:
    """Predict a corpus; of the training corpus, take the test predictions of the run."""
    classes = replay.run.classes
    strangers = sorted(set(manifest["speaker"]) - set(replay.manifest["speaker"]), key=str)
    if len(strangers) < manifest["speaker"].nunique(dropna=False):
        if strangers:
            raise ConfigurationError(
                f"The run {replay.run.folder} includes only some speakers of a corpus (not in the "
                f"run: {listing(strangers, 6)}).",
                "A manifest must contain either only speakers of the run or only new speakers.",
                "Split the manifest into one with the speakers of the run and one with the new "
                "speakers.",
                code="partly-known-speakers",
            )
        tested = replay.run.predictions.query("split == 'test'")
        home = tested[tested["utterance_id"].isin(manifest["utterance_id"])]
        if home.empty:
            raise ConfigurationError(
                f"The run {replay.run.folder} includes speakers of a corpus but tested none of its "
                "utterances.",
                "A corpus must be either new to the run or part of its test set.",
                "Omit this corpus, or cross-validate on it.",
                code="untested-corpus",
            )
        return evaluation.evaluate(home, classes=classes)
    rows = manifest[manifest["label"].isin(classes)].reset_index(drop=True)
    dataset = replay.dataset(rows, cache.compute(rows, replay.prep))
    tables = [dataset.predict(model).assign(seed=k) for k, model in enumerate(replay.each_model())]
    return evaluation.evaluate(pd.concat(tables, ignore_index=True), classes=classes)
