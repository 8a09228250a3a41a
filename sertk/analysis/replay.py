"""Predict again with the models of a run, each on the speakers that it was tested on.

In: a run folder and spectra by utterance_id. Out: predictions like the run's own, from the same
preprocessing, standardization and decision. Robustness, saliency and other corpora build on it.
"""

import difflib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from sertk import cache
from sertk import manifest as manifests
from sertk.datasets import ClipDataset, feature_statistics
from sertk.errors import ConfigurationError, RunError
from sertk.preprocessing import Preprocessing
from sertk.run import Run
from sertk.training import saving
from sertk.training.config import Config


class Replay:
    """A finished run whose models predict again.

    Args:
        run: A finished run, or its folder.
        roots: Corpus -> folder of its files; the default is below `SERTK_CORPORA`.

    Attributes:
        run: The run.
        prep: Its preprocessing.
        config: Its training config, of which batch size and decision matter here.
        folds: Numbers of its folds.

    Raises:
        RunError: If the run is unfinished, or has no test speakers.
    """

    def __init__(self, run: Run | str | Path, roots: Mapping[str, str | Path] | None = None):
        self.run = Run.open(run)
        tested = self.run.predictions.query("split == 'test'")
        if not self.run.finished or tested.empty:
            raise RunError(
                f"The run {self.run.folder} "
                + ("has no test speakers." if self.run.finished else "is unfinished."),
                "This analysis applies the models of a run to its test speakers.",
                "Finish it, or train with a protocol that has test speakers.",
                code="untested-run",
            )
        self.prep = Preprocessing.from_dict(self.run.info["preprocessing"])
        if getattr(self.prep.feature.source, "folder", None):
            raise ConfigurationError(
                f"The run {self.run.folder} reads precomputed features from files.",
                "This analysis modifies waveforms and needs a feature that is computed from audio.",
                "Use a run whose feature is computed from audio.",
                code="features-from-files",
            )
        self.config = Config().changed(self.run.info["training"])
        self.folds = sorted(int(fold) for fold in tested["fold"].unique())
        self._tested = tested.drop_duplicates(["fold", "utterance_id"])[["fold", "utterance_id"]]
        self.manifest = manifests.with_roots(self.run.manifest, roots or {})

    def rows(self, fold: int) -> pd.DataFrame:
        """Return the utterances that were tested in a fold, in the order of the predictions."""
        names = self._tested.loc[self._tested["fold"] == fold, "utterance_id"]
        rows = self.manifest.set_index("utterance_id", drop=False).loc[names]
        return rows.reset_index(drop=True)

    def fold_of(self, utterance_id: str) -> int:
        """Return the fold in which an utterance was tested; the first, if in several.

        Raises:
            ConfigurationError: If the run did not test this utterance.
        """
        folds = self._tested.loc[self._tested["utterance_id"] == utterance_id, "fold"]
        if folds.empty:
            ids = self._tested["utterance_id"].tolist()
            near = difflib.get_close_matches(utterance_id, ids, n=1, cutoff=0.5)
            raise ConfigurationError(
                f"The run {self.run.folder} has no test utterance {utterance_id!r}.",
                "An explanation uses the model that was not trained on the speaker of the "
                "utterance.",
                f"Did you mean {near[0]!r}?"
                if near
                else f"Choose a test utterance, such as {ids[0]}.",
                code="untested-utterance",
            )
        return int(folds.iloc[0])

    def model(self, fold: int, seed: int | None = None) -> Any:
        """Load the model of a fold and seed; the first seed by default."""
        return saving.load_model(self.run.model_path(fold, seed))

    def models(self, fold: int) -> dict[int, Any]:
        """Load the models of a fold by seed."""
        return {int(seed): self.model(fold, seed) for seed in self.run.info["seeds"]}

    def each_model(self) -> Iterator[Any]:
        """Load the models of all folds and seeds one after the other, in the memory of one."""
        for fold in self.folds:
            for seed in self.run.info["seeds"]:
                yield self.model(fold, int(seed))
                keras.utils.clear_session()

    def dataset(
        self, rows: pd.DataFrame, spectra: cache.Features | Mapping[str, np.ndarray]
    ) -> ClipDataset:
        """Cut some utterances into clips as this run's models take them.

        Args:
            rows: Originals with `label`, one of the run's classes.
            spectra: Utterance -> absolute spectrum, shape (frames, bins).
        """
        standardize = self.run.info["standardize"]
        return ClipDataset(
            rows, spectra, self.prep, self.run.classes, config=self.config,  # type: ignore[arg-type]
            standardize=standardize, speakers=self._speakers(rows, standardize),
        )  # fmt: skip

    def network(self, model: Any, *, until: Callable[[Any], Any] | None = None) -> Any:
        """Take what follows the front end of a model: from finished clips to probabilities.

        Args:
            model: A model of this run.
            until: Network -> one of its tensors, at which to end instead.

        Returns:
            A `keras.Model` on (batch, *prep.input_shape).
        """
        layers = model.layers[1:]
        if self.run.info["standardize"] != "speaker":  # else clips come finished from the dataset
            layers = layers[len(self.prep.layers()) :]
        *before, net = layers
        inputs = keras.Input(self.prep.input_shape, name="finished")
        x = inputs
        for layer in before:
            x = layer(x)
        last = net if until is None else keras.Model(net.input, until(net))
        return keras.Model(inputs, last(x))

    def finished(self, dataset: ClipDataset) -> np.ndarray:
        """Finish every clip of a dataset in numpy, shape (clips, *prep.input_shape)."""
        clips = np.concatenate([dataset[k][0] for k in range(len(dataset))])
        if dataset.speakers is not None:
            return clips
        return np.stack([self.prep.finish(clip) for clip in clips])

    def _speakers(self, rows: pd.DataFrame, standardize: str) -> dict[str, Any] | None:
        """Compute the statistics of speakers from all of their undisturbed utterances."""
        if standardize != "speaker":
            return None
        own = self.manifest[self.manifest["speaker"].isin(rows["speaker"])]
        if len(own):  # else they are of another corpus
            rows = own
        return feature_statistics.speaker_statistics(
            rows, cache.compute(rows, self.prep), self.prep
        )

    def sounds(self, rows: pd.DataFrame) -> list[dict[str, Any]]:
        """List the location of each row's audio: `utterance_id, speaker, path, start, end`."""
        columns = ["utterance_id", "speaker", "start", "end"]
        plain = rows.reindex(columns=columns).astype(object).to_dict("records")
        return [
            {**{k: None if pd.isna(v) else v for k, v in row.items()}, "path": path}
            for row, path in zip(plain, manifests.paths(rows), strict=True)
        ]
