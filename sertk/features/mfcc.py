"""MFCC: the shape of the mel spectrum in a few coefficients, with their movement over time.

In: a waveform. Out: `(frames, n_mfcc * (1 + deltas))`: coefficients, deltas, delta-deltas.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sertk.errors import ConfigurationError
from sertk.features import _spectrum
from sertk.features._feature import FromLogMel
from sertk.features.log_mel import LogMel


@dataclass(frozen=True)
class Mfcc(FromLogMel):
    """Compute mel-frequency cepstral coefficients, equal to librosa's.

    The log-mel spectrum is floored 80 dB below its peak, as `librosa.feature.mfcc` does, and
    transformed by an orthonormal DCT-II. The log-mel is what gets cached, so that several
    numbers of coefficients share one cache.

    Args:
        n_mfcc: Number of coefficients, the zeroth included.
        deltas: 0 none, 1 deltas, 2 deltas and delta-deltas (width 9).
        n_mels: Number of mel bands under the coefficients.
        n_fft: DFT size in samples.
        hop_length: Samples from frame to frame.
        win_length: Window in samples; `None` is `n_fft`.
        sample_rate: int, Hz, of the waveform; a `Preprocessing` sets it to its own.

    Raises:
        ConfigurationError: If a value is out of range.
        AudioError: When called, if there are fewer than nine frames to take deltas of.

    Examples:
        >>> Mfcc(n_mfcc=13, deltas=2)(np.zeros(16_000, "float32")).shape
        (63, 39)
    """

    n_mfcc: int = 13
    deltas: int = 2
    n_mels: int = 64
    n_fft: int = 512
    hop_length: int = 256
    win_length: int | None = None
    sample_rate: int = 16_000
    top_db = 80.0

    def __post_init__(self) -> None:
        if not 0 < self.n_mfcc <= self.n_mels or self.deltas not in (0, 1, 2):
            raise ConfigurationError(
                f"Received n_mfcc={self.n_mfcc}, n_mels={self.n_mels}, deltas={self.deltas}.",
                "n_mfcc must be between 1 and n_mels, and deltas 0, 1 or 2.",
                "Use the defaults: n_mfcc=13, n_mels=64, deltas=2.",
                code="invalid-coefficients",
            )

    @property
    def source(self) -> LogMel:
        return LogMel(
            self.n_mels, self.n_fft, self.hop_length, self.win_length, sample_rate=self.sample_rate
        )

    def shape(self, frames: int) -> tuple[int, ...]:
        return (frames, self.n_mfcc * (1 + self.deltas))

    def finish(self, clip: np.ndarray) -> np.ndarray:
        """Turn a log-mel clip, shape (frames, n_mels), into coefficients and deltas."""
        static = clip @ _spectrum.dct_matrix(self.n_mels, self.n_mfcc)
        moving = [_spectrum.deltas(static, 9, order) for order in range(1, self.deltas + 1)]
        return np.concatenate([static, *moving], axis=-1)

    def finish_layers(self) -> list[Any]:
        from sertk.features import _layers

        layers: list[Any] = [_layers.Cepstrum(self.n_mfcc)]
        return layers + ([_layers.Deltas(self.deltas)] if self.deltas else [])
