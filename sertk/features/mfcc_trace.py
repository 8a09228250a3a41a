"""MFCC trace: the mean of the coefficients of each frame, one value at a time (system R3).

In: a waveform. Out: `(frames, 1)`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sertk.errors import ConfigurationError
from sertk.features import _spectrum
from sertk.features._feature import FromLogMel
from sertk.features.log_mel import LogMel


@dataclass(frozen=True)
class MfccTrace(FromLogMel):
    """Compute the mean of the cepstral coefficients of each frame.

    R3 loads at 44.1 kHz and averages 13 coefficients: 216 values for 2.5 s, 259 for 3 s. A
    single value per frame says little; the feature is here so that R3 can be repeated.

    Args:
        n_mfcc: Number of coefficients that are averaged, the zeroth included.
        n_mels: Number of mel bands under the coefficients.
        n_fft: DFT size in samples.
        hop_length: Samples from frame to frame.
        sample_rate: int, Hz, of the waveform; a `Preprocessing` sets it to its own.

    Raises:
        ConfigurationError: If a value is out of range.

    Examples:
        >>> trace = MfccTrace(sample_rate=44_100)
        >>> trace(np.zeros(110_250, "float32")).shape, trace(np.zeros(132_300, "float32")).shape
        ((216, 1), (259, 1))
    """

    n_mfcc: int = 13
    n_mels: int = 128
    n_fft: int = 2048
    hop_length: int = 512
    sample_rate: int = 44_100
    top_db = 80.0

    def __post_init__(self) -> None:
        if not 0 < self.n_mfcc <= self.n_mels:
            raise ConfigurationError(
                f"Received n_mfcc={self.n_mfcc}, n_mels={self.n_mels}.",
                "n_mfcc must be between 1 and n_mels.",
                "Use the published values: n_mfcc=13, n_mels=128.",
                code="invalid-coefficients",
            )
        _ = self.source  # which checks the rest

    @property
    def source(self) -> LogMel:
        return LogMel(self.n_mels, self.n_fft, self.hop_length, sample_rate=self.sample_rate)

    def shape(self, frames: int) -> tuple[int, ...]:
        return (frames, 1)

    def finish(self, clip: np.ndarray) -> np.ndarray:
        """Turn a log-mel clip, shape (frames, n_mels), into one value per frame."""
        coefficients = clip @ _spectrum.dct_matrix(self.n_mels, self.n_mfcc)
        return coefficients.mean(axis=-1, keepdims=True)

    def finish_layers(self) -> list[Any]:
        from sertk.features import _layers

        return [_layers.Cepstrum(self.n_mfcc), _layers.MeanBin()]
