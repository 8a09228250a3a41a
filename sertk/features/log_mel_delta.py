"""Log-mel with its first and second derivative as channels (reference systems R1 and R2b).

In: a waveform. Out: `(frames, n_mels, 3)`: dB, and dB per frame.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sertk.features import _spectrum
from sertk.features._feature import FromLogMel
from sertk.features.log_mel import LogMel


@dataclass(frozen=True)
class LogMelDelta(FromLogMel):
    """Compute a log-mel spectrogram, its delta and its delta-delta, which is the delta's delta.

    Deltas are a regression over five frames. The log-mel is what gets cached. The defaults are
    those of 3D-ACRNN: 40 bands, 25 ms windows every 10 ms, pre-emphasis.

    Args:
        n_mels: Number of mel bands.
        n_fft: DFT size in samples.
        hop_length: Samples from frame to frame.
        win_length: Window in samples, zero-padded to `n_fft`; `None` is `n_fft`.
        window: `"hann"` or `"hamming"`, periodic.
        preemphasis: How much of each sample is subtracted from the next one.
        sample_rate: int, Hz, of the waveform; a `Preprocessing` sets it to its own.

    Raises:
        ConfigurationError: If a value is out of range.

    Examples:
        >>> LogMelDelta()(np.zeros(47_840, "float32")).shape
        (300, 40, 3)
    """

    n_mels: int = 40
    n_fft: int = 512
    hop_length: int = 160
    win_length: int | None = 400
    window: str = "hamming"
    preemphasis: float = 0.97
    sample_rate: int = 16_000

    def __post_init__(self) -> None:
        _ = self.source  # which checks the values

    @property
    def source(self) -> LogMel:
        return LogMel(
            self.n_mels, self.n_fft, self.hop_length, self.win_length, window=self.window,
            preemphasis=self.preemphasis, sample_rate=self.sample_rate,
        )  # fmt: skip

    def shape(self, frames: int) -> tuple[int, ...]:
        return (frames, self.n_mels, 3)

    def finish(self, clip: np.ndarray) -> np.ndarray:
        """Stack a log-mel clip, shape (frames, n_mels), and its derivatives."""
        delta = _spectrum.regression(clip)
        return np.stack([clip, delta, _spectrum.regression(delta)], axis=-1)

    def finish_layers(self) -> list[Any]:
        from sertk.features import _layers

        return [_layers.DeltaChannels()]
