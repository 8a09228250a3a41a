"""Embedding map: utterances in the space of a network's last layer, projected to a plane.

In: a run and one of its folds. Out: the test utterances of that fold on a plane. Each fold has its
own network, and embeddings of different networks are not comparable: a map shows one fold.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sertk import cache
from sertk._display.display import Display, percent
from sertk.analysis.replay import Replay
from sertk.errors import ConfigurationError, UnknownNameError
from sertk.run import Run

METHODS = ("pca", "tsne")
_FEWEST = 5  # utterances that make a map
_MARKS = "os^DvPX*<>"


class MapDisplay(Display):
    """Utterances on a plane, a color and mark per class; mistakes are hollow."""

    size = (6.4, 4.8)

    def __init__(self, table: pd.DataFrame, classes: list[str], title: str, note: str):
        super().__init__(table, title, note)
        self.classes = classes

    def _draw(self, ax: Any) -> None:
        from matplotlib import colormaps

        shades = colormaps["viridis"](np.linspace(0, 0.95, len(self.classes)))
        for place, (name, shade) in enumerate(zip(self.classes, shades, strict=True)):
            rows = self._table[self._table["label"] == name]
            right = (rows["label"] == rows["predicted"]).to_numpy()
            ax.scatter(
                rows["x"], rows["y"], s=26, marker=_MARKS[place % len(_MARKS)],
                facecolors=[shade if hit else "none" for hit in right], edgecolors=[shade],
                linewidths=1, label=name,
            )  # fmt: skip
        ax.set_xticks([])
        ax.set_yticks([])
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), title="true class; hollow: wrong")
        for handle in ax.get_legend().legend_handles:
            handle.set_facecolor(handle.get_edgecolor())


def vectors(
    run: Run | str | Path, *, fold: int | None = None, roots: Mapping[str, str | Path] | None = None
) -> pd.DataFrame:
    """Compute what goes into the last layer for the test utterances of one fold.

    Args:
        run: A finished run, or its folder, with its models.
        fold: Which; the first by default. The model is that of the run's first seed.
        roots: Corpus -> folder of its files; the default is below `SERTK_CORPORA`.

    Returns:
        A row per utterance, by utterance_id, a column per unit; the mean over its clips.

    Raises:
        ConfigurationError: If there is no such fold.
    """
    return _vectors(Replay(run, roots), fold)[0]


def embedding_map(
    run: Run | str | Path,
    *,
    fold: int | None = None,
    method: str = "pca",
    roots: Mapping[str, str | Path] | None = None,
) -> MapDisplay:
    """Draw the test utterances of one fold as the network sees them.

    Args:
        run: A finished run, or its folder, with its models.
        fold: Which; the first by default. The model is that of the run's first seed.
        method: `"pca"`, whose distances mean something, or `"tsne"`, which shows neighbors and
            little else: neither its distances between groups nor their sizes mean anything.
        roots: Corpus -> folder of its files; the default is below `SERTK_CORPORA`.

    Returns:
        By utterance_id: `speaker, gender, label, predicted, x, y`.

    Raises:
        UnknownNameError: If there is no such method.
        ConfigurationError: If there is no such fold, or it has fewer than five utterances.

    References:
        van der Maaten and Hinton 2008, Visualizing Data using t-SNE, JMLR 9.

    Examples:
        `embedding_map("runs/ravdess_compact", method="tsne").plot()`
    """
    if method not in METHODS:
        raise UnknownNameError("method", method, METHODS)
    replay = Replay(run, roots)
    embeddings, fold = _vectors(replay, fold)
    if len(embeddings) < _FEWEST:
        raise ConfigurationError(
            f"Fold {fold} has {len(embeddings)} test utterances.",
            f"An embedding map needs at least {_FEWEST}.",
            "Choose another fold.",
            code="too-few-utterances",
        )
    values = embeddings.to_numpy(float)
    values = values - values.mean(axis=0)
    if method == "pca":
        from sklearn.decomposition import PCA

        model = PCA(2, svd_solver="full")
        plane = model.fit_transform(values)
        share = model.explained_variance_ratio_
        note = f"The two axes explain {percent(share.sum())} % of the variance."
    else:
        from sklearn.manifold import TSNE

        near = min(30.0, (len(values) - 1) / 3)
        plane = TSNE(2, perplexity=near, init="pca", random_state=0).fit_transform(values)
        note = f"t-SNE, perplexity {near:.0f}. Neighborhoods are meaningful, distances are not."
    seed = replay.run.info["seeds"][0]
    tested = replay.run.predictions.query(f"split == 'test' and fold == {fold} and seed == {seed}")
    columns = ["speaker", "gender", "label", "predicted"]
    table = tested.set_index("utterance_id").loc[embeddings.index, columns]
    table["x"], table["y"] = plane[:, 0], plane[:, 1]
    title = f"Embeddings of the test utterances of fold {fold}"
    return MapDisplay(table, replay.run.classes, title, note)


def _vectors(replay: Replay, fold: int | None) -> tuple[pd.DataFrame, int]:
    fold = replay.folds[0] if fold is None else fold
    if fold not in replay.folds:
        raise ConfigurationError(
            f"The run {replay.run.folder} has no fold {fold}.",
            f"Its folds are {', '.join(map(str, replay.folds))}.",
            "Choose one of these, or omit fold to use the first.",
            code="unknown-fold",
        )
    rows = replay.rows(fold)
    dataset = replay.dataset(rows, cache.compute(rows, replay.prep))
    inner = replay.network(replay.model(fold), until=lambda net: net.layers[-1].input)
    size = replay.config.batch_size
    clips = replay.finished(dataset)
    batches = (clips[first : first + size] for first in range(0, len(clips), size))
    units = np.concatenate([np.asarray(inner.predict_on_batch(batch)) for batch in batches])
    of_clip = np.repeat(dataset.manifest["utterance_id"], dataset.clips_per_utterance)
    table = pd.DataFrame(units.reshape(len(units), -1)).groupby(of_clip.to_numpy()).mean()
    return table.loc[dataset.manifest["utterance_id"]].rename_axis("utterance_id"), fold
