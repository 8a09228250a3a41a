"""Simulated enrolment: in training, a speaker's other recordings are given to the model at times.

In: features of the training split. Out: what enrolled recordings subtract from a clip. Each clip is
drawn with none, a few or many other recordings of its speaker, so that one model serves all of
these.
"""

import numpy as np
import pandas as pd

from sertk.cache import Features
from sertk.datasets.feature_statistics import frame_statistics
from sertk.errors import ConfigurationError
from sertk.preprocessing import Preprocessing

COUNTS = (0, 0, 1, 2, 3, 5, 10, 30)  # of recordings enrolled; none is drawn twice as often
_LEAST = 1e-6


class Enrolment:
    """Means of the recordings of each training speaker, and how far they are to be trusted.

    Args:
        rows: Originals of the training split, with `utterance_id` and `speaker`.
        features: Their features; rows without one are left out.
        prep: How clips are cut.

    Attributes:
        population: shape of a frame. Mean over frames, which standardization subtracts.
        ratio: shape of a frame, >= 0. Variance between the recordings of a speaker divided by that
            between speakers: enrolled recordings count by `n / (n + ratio)`, the best linear
            estimate of a speaker's own mean from n recordings.

    Raises:
        ConfigurationError: If the feature is in decibels, or no speaker has two recordings.

    References:
        Robinson 1991, That BLUP is a good thing: the estimation of random effects.
    """

    def __init__(self, rows: pd.DataFrame, features: Features, prep: Preprocessing):
        if prep.feature.source.in_decibels:
            raise ConfigurationError(
                f"standardize=enrolment received the feature {type(prep.feature).__name__}.",
                "The mean of a speaker's recordings is subtracted from states or functionals; "
                "decibels count from each clip's own maximum.",
                "Use --feature pooled_states, hidden_states or functionals.",
                code="enrolment-of-decibels",
            )
        own = rows[[name in features for name in rows["utterance_id"]]]
        means = np.stack([features[name].mean(axis=0) for name in own["utterance_id"]])
        self._places = {name: k for k, name in enumerate(own["utterance_id"])}
        self._means, self._of_speaker = means, own.groupby("speaker").indices
        voices = [means[at].astype(float) for at in self._of_speaker.values()]
        several = [voice for voice in voices if len(voice) > 1]
        if len(several) < 2:
            raise ConfigurationError(
                f"standardize=enrolment received {len(several)} training speakers with two or more "
                "recordings.",
                "Enrolment is learned from how recordings of one speaker differ; it needs at least "
                "two such speakers.",
                "Fill the column `speaker` of the manifest, or use standardize=training.",
                code="enrolment-without-speakers",
            )
        centers = np.stack([voice.mean(axis=0) for voice in several])
        self.population, _ = frame_statistics(features, own["utterance_id"].tolist(), prep)
        within = np.mean([voice.var(axis=0, ddof=1) for voice in several], axis=0)
        chance = np.mean([1 / len(voice) for voice in several]) * within
        between = np.maximum(centers.var(axis=0, ddof=1) - chance, _LEAST * (within + _LEAST))
        self.ratio = (within / between).astype(np.float32)

    def offset(self, utterance: str, speaker: str, generator: np.random.Generator) -> np.ndarray:
        """Draw other recordings of a speaker, and say what they subtract from this one.

        Returns:
            Of the shape of a frame; zeros where none is drawn, or there is no other.
        """
        others = self._of_speaker[speaker]
        others = others[others != self._places[utterance]]
        count = min(int(generator.choice(COUNTS)), len(others))
        if not count:
            return np.zeros_like(self.population)
        chosen = generator.choice(others, count, replace=False)
        mean = self._means[chosen].mean(axis=0) - self.population
        return np.asarray(mean * (count / (count + self.ratio)), np.float32)
