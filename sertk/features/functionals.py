"""Functionals: statistics over time of any frame feature, one vector per utterance.

In: a waveform. Out: `(1, numbers)`: for each statistic, one number per bin of the frame feature.
"""

import abc
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sertk.errors import ConfigurationError, UnknownNameError
from sertk.features._feature import Feature

STATISTICS = (
    "mean", "std", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "slope", "change", "change_std",
)  # fmt: skip
_TOP_DB = np.float32(80.0)


class OfFrames(Feature):
    """A feature of a whole utterance: statistics of a feature that gives frames."""

    statistics: str
    in_decibels = False

    def __post_init__(self) -> None:
        for name in self._statistics:
            if name not in STATISTICS:
                raise UnknownNameError("statistic", name, STATISTICS)
        _ = self._frames

    @property
    def _statistics(self) -> list[str]:
        return [name.strip() for name in self.statistics.split(",")]

    @property
    @abc.abstractmethod
    def _frames(self) -> Feature:
        """The feature that the statistics are taken of."""

    @property
    def identity(self) -> Any:
        return self._frames.identity

    @property
    def weights(self) -> Any:
        return self._frames.weights

    @property
    def license(self) -> str:
        return self._frames.license

    @property
    def in_graph(self) -> bool:
        return self._frames.in_graph

    @property
    def in_processes(self) -> bool:
        return self._frames.in_processes

    @property
    def number_names(self) -> list[str]:
        return [f"{name} {word}" for word in self._statistics for name in self._frames.number_names]

    @property
    def number_groups(self) -> list[str]:
        return self._frames.number_groups * len(self._statistics)

    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        """Compute the feature of a waveform.

        Args:
            waveform: shape (samples,), float32, full scale at +-1.

        Returns:
            shape (1, statistics * bins), float32.
        """
        frames = self._frames.source(waveform)
        if self._frames.source.in_decibels:
            frames = np.maximum(frames - frames.max(), -_TOP_DB)
        finished = self._frames.finish(frames)
        return functionals(finished.reshape(len(finished), -1), self._statistics)[None]

    def layer(self) -> Any:
        """Build the Keras layer of the same numbers: (batch, samples) to (batch, 1, numbers)."""
        import keras

        from sertk.features import _layers

        source = self._frames.source
        reference = [_layers.ClipReference(float(_TOP_DB))] if source.in_decibels else []
        last = _layers.FrameStatistics(self._statistics)
        parts = [source.layer(), *reference, *self._frames.finish_layers(), last]
        return keras.Sequential(parts, name=type(self).__name__.lower())

    def frames(self, samples: int) -> int:
        return 1

    def shape(self, frames: int) -> tuple[int, ...]:
        return (1, len(self._statistics) * len(self._frames.number_names))


@dataclass(frozen=True)
class Functionals(OfFrames):
    """Describe a whole utterance by statistics of its frames.

    It is the feature of the classical models: `svm`, `logreg`, `random_forest`. Values in decibels
    are first expressed below the utterance's maximum and floored at -80 dB, so that the distance to
    the microphone changes nothing. Clips are whole utterances: `clip_seconds` has no effect.

    Args:
        frame_feature: Name of the feature that the statistics are taken of.
        frame_options: Its parameters, as `"n_mels=40,n_fft=1024"`; its defaults if empty.
        statistics: Their names, with commas: `mean`, `std` (standard deviation), `p5` to `p95`
            (percentiles), `slope` (of the line through the frames over a time axis from -1 to 1),
            `change` (mean absolute difference of neighboring frames) and `change_std` (standard
            deviation of that difference).
        sample_rate: int, Hz, of the waveform; a `Preprocessing` sets it to its own.

    Raises:
        UnknownNameError: If there is no such frame feature, parameter or statistic.
        ConfigurationError: If the frame feature cannot be one, or its parameters are wrong.

    Examples:
        >>> feature = Functionals(statistics="mean,std")
        >>> feature(np.zeros(16_000, "float32")).shape
        (1, 128)
        >>> feature.number_names[:1]
        ['log_mel 0 mean']

    References:
        Schuller et al. 2013, The INTERSPEECH 2013 computational paralinguistics challenge, whose
        features are functionals of low-level descriptors.
    """

    frame_feature: str = "log_mel"
    frame_options: str = ""
    statistics: str = "mean,std,p10,p50,p90,slope,change,change_std"
    sample_rate: int = 16_000

    def __post_init__(self) -> None:
        if self.frame_feature in ("functionals", "pooled_states", "embedding"):
            raise ConfigurationError(
                f"The feature `functionals` received frame_feature={self.frame_feature}.",
                "It needs a feature of sertk that gives frames.",
                "Use log_mel, mfcc or another such feature.",
                code="invalid-frame-feature",
            )
        super().__post_init__()

    @cached_property
    def _frames(self) -> Feature:
        from sertk import features

        return features.get(
            self.frame_feature, **_options(self.frame_options), sample_rate=self.sample_rate
        )


def functionals(frames: np.ndarray, statistics: list[str]) -> np.ndarray:
    """Compute statistics over time.

    Args:
        frames: shape (frames, bins).
        statistics: Names out of `STATISTICS`.

    Returns:
        shape (statistics * bins,), float32; all bins of the first statistic come first. Of a single
        frame, `slope`, `change` and `change_std` are 0.

    Examples:
        >>> functionals(np.array([[0.0], [1.0], [2.0]]), ["mean", "slope", "change"]).tolist()
        [1.0, 1.0, 1.0]
    """
    percentiles = {name: float(name[1:]) for name in statistics if name[1:].isdigit()}
    values = np.percentile(frames, list(percentiles.values()), axis=0) if percentiles else []
    found: dict[str, np.ndarray] = dict(zip(percentiles, values, strict=True))
    differences = np.diff(frames, axis=0) if len(frames) > 1 else np.zeros_like(frames)
    time = np.linspace(-1, 1, len(frames))[:, None] if len(frames) > 1 else np.zeros((1, 1))
    computed = {
        "mean": lambda: frames.mean(axis=0),
        "std": lambda: frames.std(axis=0),
        "slope": lambda: (time * frames).sum(axis=0) / max(np.square(time).sum(), 1e-12),
        "change": lambda: np.abs(differences).mean(axis=0),
        "change_std": lambda: differences.std(axis=0),
    }
    parts = [found[name] if name in found else computed[name]() for name in statistics]
    return np.concatenate(parts).astype(np.float32)


def _options(text: str) -> dict[str, Any]:
    """Read NAME=VALUE pairs with commas between them; values are numbers where they can be."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if any(not equals for _, equals, _ in pairs):
        raise ConfigurationError(
            f"The feature `functionals` received frame_options={text!r}.",
            "It must be pairs NAME=VALUE with commas between them.",
            'For example: frame_options="n_mels=40,n_fft=1024".',
            code="malformed-frame-options",
        )
    return {name.strip(): _value(value.strip()) for name, _, value in pairs}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
