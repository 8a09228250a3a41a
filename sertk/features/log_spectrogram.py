"""Log-spectrogram: the energy at linear frequencies over time, in dB (reference systems R1, R2).

In: a waveform. Out: `(1 + samples // hop_length, n_bins)`, the lowest bins of the spectrum.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from sertk.errors import ConfigurationError
from sertk.features import _spectrum
from sertk.features._feature import Feature


@dataclass(frozen=True)
class LogSpectrogram(Feature):
    """Compute a log-power spectrogram, equal to librosa's.

    The defaults are R1's: pre-emphasis, Hamming windows of 40 ms every 10 ms, a DFT of 800
    samples (20 Hz a bin at 16 kHz), of which the lowest 200 bins are kept (up to 4 kHz). A clip of
    300 frames is 2.99 seconds long.

    Args:
        n_bins: Number of bins, from 0 Hz.
        n_fft: DFT size in samples.
        hop_length: Samples from frame to frame.
        win_length: Window in samples, zero-padded to `n_fft`; `None` is `n_fft`.
        window: `"hann"` or `"hamming"`, periodic.
        preemphasis: How much of each sample is subtracted from the next one.
        sample_rate: int, Hz, of the waveform; a `Preprocessing` sets it to its own.

    Raises:
        ConfigurationError: If a value is out of range.

    Examples:
        >>> LogSpectrogram()(np.zeros(47_840, "float32")).shape
        (300, 200)
    """

    n_bins: int = 200
    n_fft: int = 800
    hop_length: int = 160
    win_length: int | None = 640
    window: str = "hamming"
    preemphasis: float = 0.97
    sample_rate: int = 16_000

    def __post_init__(self) -> None:
        _spectrum.require_stft(
            self.n_fft, self.hop_length, self.win_length, self.window, self.preemphasis
        )
        if not 0 < self.n_bins <= self.n_fft // 2 + 1:
            raise ConfigurationError(
                f"Received n_bins={self.n_bins} with n_fft={self.n_fft}.",
                f"n_bins must be between 1 and n_fft / 2 + 1 = {self.n_fft // 2 + 1}.",
                "Use 200 bins of n_fft=800 at 16 kHz.",
                code="invalid-number-of-bins",
            )

    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        emphasized = _spectrum.emphasize(_spectrum.checked(waveform), self.preemphasis)
        return _spectrum.power_spectrum(
            emphasized, self.n_fft, self.hop_length, self.win_length or self.n_fft, self.window,
            reduce=lambda power: _spectrum.to_db(power[:, : self.n_bins]),
        )  # fmt: skip

    def layer(self) -> Any:
        """Build the Keras layer that does the same: (batch, samples) to (batch, frames, n_bins)."""
        from sertk.features import _layers

        settings = dataclasses.asdict(self)
        del settings["sample_rate"]  # bins are counted, not looked for in Hz
        return _layers.LogSpectrogram(**settings, name="logspectrogram")

    @property
    def hertz_per_bin(self) -> float:
        return self.sample_rate / self.n_fft

    def frames(self, samples: int) -> int:
        return 1 + samples // self.hop_length

    def shape(self, frames: int) -> tuple[int, ...]:
        return (frames, self.n_bins)
