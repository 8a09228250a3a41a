"""Keras-ready batches of clips from cached spectra.

In: a divided manifest and a `Preprocessing`. Out: three `ClipDataset`s of numpy batches. A batch
depends only on the seed, the epoch and the utterances in it: Keras may ask for it twice.
"""

from typing import Any, NamedTuple

import pandas as pd

from sertk import augment as augmenting
from sertk import cache, labels, splits
from sertk.augment import Augmentation
from sertk.cache import Features
from sertk.datasets import feature_statistics
from sertk.datasets.clip_dataset import STANDARDIZE, ClipDataset
from sertk.datasets.enrolment import Enrolment
from sertk.errors import UnknownNameError
from sertk.preprocessing import Preprocessing
from sertk.training.config import Config

__all__ = ["STANDARDIZE", "ClipDataset", "Datasets", "divide", "make"]


class Datasets(NamedTuple):
    """The three parts of a divided manifest; `test` is empty where nothing is tested."""

    train: ClipDataset
    val: ClipDataset
    test: ClipDataset


def make(
    manifest: pd.DataFrame,
    prep: Preprocessing,
    *,
    batch_size: int = 32,
    augment: str | list[Any] | Augmentation | None = None,
    copies: int = 2,
    seed: int = 0,
    standardize: str = "training",
    allow_shared_speakers: bool = False,
) -> Datasets:
    """Compute or find the features, and make the three datasets.

    Args:
        manifest: Rows with `label` and `split`.
        prep: How a recording becomes a clip.
        batch_size: Clips in a batch.
        augment: Recipe of the copies of training utterances, such as `"noise+pitch"`, or a list
            of transforms; see `sertk.augment.recipe`. An `sertk.augment.Augmentation` restricts
            it to some labels, or draws new copies in every epoch.
        copies: Augmented copies of each training utterance.
        seed: int. Seed of copies, order and cuts.
        standardize: `"training"` (mean and deviation per bin of the training split, inside the
            model), `"enrolment"` (the same, and the mean of a speaker's enrolled recordings is
            subtracted: of none, a few or many, drawn again for each clip in training; see
            `sertk.datasets.enrolment`), `"minmax"` (their least value and range, so that clips lie
            in [0, 1]), `"none"`, or `"speaker"` (each speaker by the statistics of all their own
            utterances; it does not apply to a single recording).
        allow_shared_speakers: Accept speakers that are in several splits.

    Returns:
        `(train, val, test)`.

    Raises:
        SplitError: If the manifest is not divided, or its splits share speakers.
        ConfigurationError: If a class has no training example, or none in validation.
    """
    splits.check(manifest, allow_shared_speakers=allow_shared_speakers)
    rows = augmenting.with_copies(manifest, augment, copies, seed)
    features = cache.compute(rows, prep)
    config = Config(batch_size=batch_size)
    parts = divide(rows, prep, features, config=config, seed=seed, standardize=standardize)
    parts.train.augment_on_the_fly(augment, copies)
    return parts


def divide(
    rows: pd.DataFrame,
    prep: Preprocessing,
    features: Features,
    *,
    config: Config,
    seed: int,
    standardize: str,
) -> Datasets:
    """Make the three datasets of a divided manifest whose features are computed."""
    if standardize not in STANDARDIZE:
        raise UnknownNameError("standardize", standardize, STANDARDIZE)
    classes = labels.classes(rows)
    originals = rows[rows["parent"].isna()] if "parent" in rows else rows
    readable = originals[[name in features for name in originals["utterance_id"]]]
    splits.check_classes(
        readable, classes, features.unreadable,
        # of several folds one may have nothing that can be tested
        tested="fold" not in rows and bool((rows["split"] == "test").any()),
    )  # fmt: skip
    speakers = (
        feature_statistics.speaker_statistics(originals, features, prep)
        if standardize == "speaker"
        else None
    )
    enrolment = (
        Enrolment(originals[originals["split"] == "train"], features, prep)
        if standardize == "enrolment"
        else None
    )

    def part(split: str) -> ClipDataset:
        return ClipDataset(
            rows[rows["split"] == split], features, prep, classes,
            config=config, training=split == "train", seed=seed, standardize=standardize,
            speakers=speakers, enrolment=enrolment if split == "train" else None,
        )  # fmt: skip

    return Datasets(part("train"), part("val"), part("test"))
