"""`Feature`, the interface of every feature."""

import abc
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np


class Feature(abc.ABC):
    """A feature of speech; subclasses are frozen dataclasses with a field `sample_rate`.

    Attributes:
        sample_rate: int, Hz. A `Preprocessing` sets it to its own.
        in_decibels: Whether the values are absolute dB, so that clips are referenced and floored.
        repeats: Whether a clip that is longer than the utterance repeats it; others are padded.
        cached_as: str. Type of the numbers in the cache, `"float32"` or `"float16"`.
        in_graph: Whether `layer()` computes it, so that a model can be exported with it.
        in_processes: Whether it is computed in other processes, one per core, so that the cache
            uses all cores unless told otherwise.
        license: str. License of what computes it, if that is not sertk; empty otherwise.
        weights: Path of the pretrained weights that it computes with; `None` without any.
        folder: str. Where embeddings are that were computed elsewhere; empty for other features.
        identity: What decides the values besides the parameters, such as a hash of an encoder.

    Examples:
        >>> from sertk.features import Feature, LogMel
        >>> isinstance(LogMel(), Feature), LogMel().shape(100)
        (True, (100, 64))
    """

    sample_rate: Any
    in_decibels: ClassVar[bool] = True
    repeats: ClassVar[bool] = False
    cached_as: ClassVar[str] = "float32"
    in_graph: Any = True
    in_processes: Any = False
    license: Any = ""
    weights: Any = None
    folder: Any = ""
    identity: Any = None

    @abc.abstractmethod
    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        """Compute the feature of a waveform.

        Args:
            waveform: shape (samples,), float32, full scale at +-1.

        Returns:
            shape (frames, bins) or (frames, bins, channels), float32; `frames` counts them.
        """

    def layer(self) -> Any:
        """Build the Keras layer that computes the same: (batch, samples) to (batch, *shape)."""
        raise NotImplementedError(f"{type(self).__name__} is not computed inside a graph")

    @abc.abstractmethod
    def frames(self, samples: int) -> int:
        """Count the frames of a waveform with that number of samples."""

    @abc.abstractmethod
    def shape(self, frames: int) -> tuple[int, ...]:
        """Give the shape of a finished clip with that number of frames."""

    @property
    def number_names(self) -> list[str]:
        """Name the numbers of a frame, in order."""
        name = type(self).__module__.rsplit(".", 1)[-1]
        shape = self.shape(1)[1:]
        return [" ".join(map(str, (name, *place))) for place in np.ndindex(*shape)]

    @property
    def number_groups(self) -> list[str]:
        """Name the group that each number belongs to, such as its low-level descriptor."""
        return self.number_names

    @property
    def source(self) -> "Feature":
        """The feature whose absolute values are cached, and of which clips are cut."""
        return self

    def finish(self, clip: np.ndarray) -> np.ndarray:
        """Compute the feature of a clip of `source` that was cut and referenced.

        Args:
            clip: shape (frames, bins of `source`), float32.

        Returns:
            shape `shape(frames)`, float32.
        """
        return clip

    def finish_layers(self) -> Sequence[Any]:
        """Build the Keras layers that do what `finish` does, on a batch of clips."""
        return []

    def read(self, path: Path, start: float | None, end: float | None) -> np.ndarray:
        """Read the values of a recording, or of a segment in seconds, from `folder`."""
        raise NotImplementedError


class FromLogMel(Feature):
    """A feature of which the log-mel spectrogram is cached: its `source`."""

    top_db: ClassVar[float | None] = None  # floor below the peak of the whole waveform

    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        log_mel = self.source(waveform)
        if self.top_db is not None:
            log_mel = np.maximum(log_mel, log_mel.max() - np.float32(self.top_db))
        return self.finish(log_mel)

    def layer(self) -> Any:
        import keras

        from sertk.features import _layers

        floor = [] if self.top_db is None else [_layers.ClipFloor(self.top_db)]
        layers = [self.source.layer(), *floor, *self.finish_layers()]
        return keras.Sequential(layers, name=type(self).__name__.lower())

    def frames(self, samples: int) -> int:
        return self.source.frames(samples)
