"""The dataset: which clips are in a batch, and how they are cut.

In: rows of a manifest, their features, and a `Config`. Out: numpy batches (clips, labels). A batch
depends only on the seed, the epoch and the utterances in it: Keras may ask for it twice.
"""

from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd

from sertk import augment as augmenting
from sertk._utils import seeding
from sertk.augment import Augmentation
from sertk.cache import Features
from sertk.datasets import class_balance, feature_statistics
from sertk.datasets.enrolment import Enrolment
from sertk.datasets.on_the_fly import OnTheFlyCopies
from sertk.errors import ConfigurationError
from sertk.preprocessing import Preprocessing
from sertk.preprocessing.clips import aggregate_clips
from sertk.run import Run
from sertk.training import saving
from sertk.training.config import Config

STANDARDIZE = ("training", "enrolment", "speaker", "minmax", "none")


class _Visit(NamedTuple):
    """What an epoch visits: a row; a version of it, or any; one of its clips, or any place."""

    row: int
    name: str | None = None
    clip: int | None = None


class _Clip(NamedTuple):
    """A clip of a batch: the row of its utterance, the version it is of, where that is cut.

    `offset` is what enrolled recordings of the speaker subtract.
    """

    row: int
    name: Any
    spectrum: np.ndarray
    start: int
    offset: np.ndarray | None = None


class ClipDataset(keras.utils.PyDataset):
    """Batches of clips and one-hot labels of some utterances.

    In training, an epoch visits every utterance once, in a new order, each as itself or as one
    of its augmented copies, cut at a random place; `Config` can ask for every copy, every clip
    or a disturbed twin instead. Otherwise every clip of every utterance comes once, in order.

    Args:
        manifest: Rows with `label`: originals, and copies of them with `parent`.
        features: Their spectra; rows without one are left out.
        prep: How clips are cut and finished.
        classes: Labels in order.
        config: Batch size, and what is visited; see `configure`.
        training: Shuffle, draw copies and cut at random.
        seed: int. Seed of the order, of the copies and of the cuts.
        standardize: How clips are scaled; one of `STANDARDIZE`.
        speakers: For `"speaker"`: statistics by speaker, (mean, deviation), with which clips are
            finished and standardized here; otherwise the graph does both.
        enrolment: For `"enrolment"`: draws recordings that are enrolled in training.

    Attributes:
        rows: The rows that are there, copies included.
        manifest: The originals that are there, in order.
        input_shape: Shape of a finished clip: the input shape of a network.
        versions: Utterance -> the names of itself and its copies.
        augmentation: Recipe of the copies, or `None`.
        on_the_fly: Draws new copies in every epoch, or `None`.
        item_shape: Shape of a clip in a batch: the input shape of the assembled model.
        epoch: Set by training; decides order, copies and cuts.
    """

    def __init__(
        self,
        manifest: pd.DataFrame,
        features: Features,
        prep: Preprocessing,
        classes: list[str],
        *,
        config: Config,
        training: bool = False,
        seed: int = 0,
        standardize: str = "training",
        speakers: dict[str, tuple[np.ndarray, np.ndarray]] | None = None,
        enrolment: Enrolment | None = None,
    ):
        super().__init__()
        available = manifest[np.array([u in features for u in manifest["utterance_id"]], bool)]
        parent = available.get("parent", pd.Series(None, index=available.index, dtype=object))
        self.rows = available
        self.manifest = available[parent.isna()].reset_index(drop=True)
        self.features, self.prep, self.classes = features, prep, list(classes)
        self.training, self.seed = training, seed
        self.standardize, self.speakers, self.enrolment = standardize, speakers, enrolment
        self.epoch = 0
        self.versions = {u: [u] for u in self.manifest["utterance_id"]}
        for copy, original in zip(available["utterance_id"], parent, strict=True):
            if not pd.isna(original):
                self.versions[original].append(copy)
        recipes = available.get("augmentation", parent).dropna().unique()
        self.augmentation = recipes[0] if len(recipes) else None
        self.on_the_fly: OnTheFlyCopies | None = None
        self._ids = self.manifest["utterance_id"].tolist()
        self._speaker = self.manifest["speaker"].tolist()
        position = {label: k for k, label in enumerate(self.classes)}
        self._labels = np.array([position[label] for label in self.manifest["label"]], int)
        spectra = (self._spectrum(name) for name in self._ids)
        self.clips_per_utterance = [len(self.prep.clip_starts(spectrum)) for spectrum in spectra]
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Set the batch size and, in training, the samples of an epoch.

        Raises:
            ConfigurationError: If stability training has no copies to compare with.
        """
        self.config = config
        if not self.training:
            self._visits = [
                _Visit(row, name, clip)
                for row, name in enumerate(self._ids)
                for clip in range(self.clips_per_utterance[row])
            ]
            return
        if config.stability and self.augmentation is None and self.on_the_fly is None:
            raise ConfigurationError(
                f"Training received stability={config.stability} without augmentation.",
                "Stability training compares each utterance with an augmented copy.",
                "Add an augmentation (--augment noise), or set stability to 0.",
                code="stability-without-augmentation",
            )
        rows = class_balance.oversampled(
            [self.classes[k] for k in self._labels], config.oversample,
            seeding.derive(self.seed, "oversample"),
        )  # fmt: skip
        visits = [_Visit(row) for row in rows]
        if config.augment_sampling == "all" and self.on_the_fly is not None:
            raise ConfigurationError(
                "Training received augment_sampling=all with on-the-fly augmentation.",
                "The number of on-the-fly copies is unlimited, so an epoch cannot include all of "
                "them.",
                "Use augment_sampling=uniform, or cached copies (on_the_fly=False).",
                code="unlimited-copies",
            )
        if config.augment_sampling == "all":
            visits = [_Visit(row, name) for row in rows for name in self.versions[self._ids[row]]]
        if config.train_crop == "all":
            visits = [
                visit._replace(clip=clip)
                for visit in visits
                for clip in range(self.clips_per_utterance[visit.row])
            ]
        self._visits = visits

    def augment_on_the_fly(self, augment: Any, copies: int) -> None:
        """Draw new copies in every epoch for on-the-fly augmentation; see `make`."""
        if isinstance(augment, Augmentation) and augment.on_the_fly:
            augmentation = augmenting.resolved(augment, self.classes)
            self.on_the_fly = OnTheFlyCopies(self.manifest, self.prep, augmentation, copies)
            self.configure(self.config)

    @property
    def num_classes(self) -> int:
        return len(self.classes)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.prep.input_shape

    @property
    def item_shape(self) -> tuple[int, ...]:
        return self.prep.clip_shape if self.speakers is None else self.prep.input_shape

    @property
    def visited_labels(self) -> list[str]:
        """Labels of the utterances that an epoch visits, repeated ones included."""
        return [self.classes[self._labels[visit.row]] for visit in self._visits]

    def __len__(self) -> int:
        return -(-len(self._visits) // self.config.batch_size)

    def __getitem__(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        """Make a batch: clips (batch, *item_shape) and labels (batch, num_classes), float32.

        With stability training, the perturbed copies of the clips follow them in the batch.
        """
        if self.training:
            clips = [self._draw(number) for number in self._chosen(batch)]
            if self.config.stability:
                clips = [self._undisturbed(clip) for clip in clips] + clips
        else:
            clips = [self._cut(self._visits[number]) for number in self._chosen(batch)]
        out = np.empty((len(clips), *self.item_shape), np.float32)
        for place, clip in zip(out, clips, strict=True):
            self._fill(place, clip)
        classes = self._labels[[clip.row for clip in clips]]
        return out, np.eye(self.num_classes, dtype=np.float32)[classes]

    def visited(self, batch: int) -> list[int]:
        """List the rows of `manifest` whose clips are in a batch."""
        return [self._visits[number].row for number in self._chosen(batch)]

    def _chosen(self, batch: int) -> np.ndarray:
        """List which visits are in a batch, in training in an order of the epoch's own."""
        numbers = np.arange(len(self._visits))
        if self.training:
            order = np.random.default_rng(seeding.derive(self.seed, "order", self.epoch))
            numbers = order.permutation(len(numbers))
        return numbers[batch * self.config.batch_size :][: self.config.batch_size]

    def _spectrum(self, name: Any) -> np.ndarray:
        """Look up a spectrum, or compute that of a copy that is drawn on the fly."""
        live = self.on_the_fly is not None and name in self.on_the_fly
        return self.on_the_fly[name] if live else self.features[name]

    def _cut(self, visit: _Visit) -> _Clip:
        """Take one of the clips that an utterance is always cut into."""
        spectrum = self._spectrum(visit.name)
        return _Clip(visit.row, visit.name, spectrum, self.prep.clip_starts(spectrum)[visit.clip])

    def _draw(self, number: int) -> _Clip:
        """Choose this epoch's version of a visited utterance, and where it is cut."""
        row, name, clip = self._visits[number]
        original = self._ids[row]
        repeated = (number,) if len(self._visits) > len(self._ids) else ()
        seed = seeding.derive(self.seed, self.epoch, original, *repeated)
        generator = np.random.default_rng(seed)
        if name is None:
            name = self._version(original, seed, generator)
        spectrum = self._spectrum(name)  # once: of a copy that is drawn on the fly it takes long
        if clip is not None:
            starts = self.prep.clip_starts(spectrum)
            start = starts[min(clip, len(starts) - 1)]
        else:
            room = len(spectrum) - self.prep.clip_frames
            start = int(generator.integers(min(room, 0), max(room, 0) + 1))
        enrolment = self.enrolment
        offset = enrolment and enrolment.offset(original, self._speaker[row], generator)
        return _Clip(row, name, spectrum, start, offset)

    def _version(self, original: str, seed: int, generator: np.random.Generator) -> str:
        """Choose the utterance itself or one of its copies, according to the settings."""
        copied: bool | None = True if self.config.stability else None
        if copied is None and self.config.augment_sampling == "half":
            copied = bool(generator.random() < 0.5)
        if self.on_the_fly is not None:
            return self.on_the_fly.name(original, seed, copied=copied)
        versions = self.versions[original]
        if copied is not None and len(versions) > 1:
            versions = versions[1:] if copied else versions[:1]
        return versions[generator.integers(len(versions))]

    def _undisturbed(self, clip: _Clip) -> _Clip:
        """Find the same position in the original of a copy, which may be trimmed differently."""
        name = self._ids[clip.row]
        spectrum = self.features[name]
        room = len(spectrum) - self.prep.clip_frames
        start = min(max(clip.start, min(room, 0)), max(room, 0))
        return _Clip(clip.row, name, spectrum, start, clip.offset)

    def _fill(self, out: np.ndarray, clip: _Clip) -> None:
        if self.speakers is None:
            self.prep.cut(clip.spectrum, clip.start, out)
            if clip.offset is not None:
                out -= clip.offset
            return
        cut = np.empty(self.prep.clip_shape, np.float32)
        self.prep.cut(clip.spectrum, clip.start, cut)
        mean, deviation = self.speakers[self._speaker[clip.row]]
        out[:] = (self.prep.finish(cut) - mean) / deviation

    def utterance_probabilities(self, clip_probabilities: np.ndarray) -> np.ndarray:
        """Join the clips of each utterance: (clips, classes) -> (utterances, classes)."""
        return self.joined(clip_probabilities, self.clips_per_utterance)

    def joined(self, clip_probabilities: np.ndarray, counts: list[int]) -> np.ndarray:
        """Join the clips of some utterances, of which each has so many."""
        return aggregate_clips(clip_probabilities, counts, self.config.clip_aggregation)

    def predict(self, model: Any) -> pd.DataFrame:
        """Predict every utterance with an assembled model.

        Returns:
            `utterance_id, speaker, gender, label, predicted` and `p_<class>` per class.
        """
        clips = np.concatenate([self._predict_batch(model, k) for k in range(len(self))])
        probabilities = self.utterance_probabilities(clips.astype(np.float64))
        table = self.manifest.reindex(columns=["utterance_id", "speaker", "gender", "label"])
        table["predicted"] = np.array(self.classes)[probabilities.argmax(axis=1)]
        shares = pd.DataFrame(
            probabilities, index=table.index, columns=[f"p_{c}" for c in self.classes]
        )
        return pd.concat([table, shares], axis=1)

    def predict_run(self, run: Run) -> pd.DataFrame:
        """Predict every utterance with the model that a run of one division kept.

        Returns:
            As `predict`.
        """
        return self.predict(saving.load_model(run.model_path()))

    def _predict_batch(self, model: Any, batch: int) -> np.ndarray:
        """Predict one batch, filled up to full size: JAX compiles again for every other size."""
        clips, _ = self[batch]
        full = np.zeros((self.config.batch_size, *clips.shape[1:]), np.float32)
        full[: len(clips)] = clips
        return np.asarray(model.predict_on_batch(full))[: len(clips)]

    def statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Compute what is subtracted, and divided by, per bin over the frames that hold sound.

        Mean and standard deviation; or, for `minmax`, the least value and the range.
        """
        scale = (
            feature_statistics.frame_limits
            if self.standardize == "minmax"
            else feature_statistics.frame_statistics
        )
        return scale(self.features, self._ids, self.prep)

    def __repr__(self) -> str:
        return (
            f"ClipDataset({len(self._ids)} utterances of {self.manifest['speaker'].nunique()} "
            f"speakers, {self.num_classes} classes, clips {self.input_shape})"
        )
