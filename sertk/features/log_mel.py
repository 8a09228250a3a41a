"""Log-mel: the energy in mel bands over time, in dB. The default feature.

In: a waveform. Out: `(1 + samples // hop_length, n_mels)`, absolute dB (re full-scale power 1),
floor -100 dB.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from sertk.errors import ConfigurationError
from sertk.features import _spectrum
from sertk.features._feature import Feature


@dataclass(frozen=True)
class LogMel(Feature):
    """Compute a log-mel spectrogram, equal to librosa's.

    Slaney mel scale and area normalization, periodic window, frames centered with zero padding.
    `librosa.power_to_db(librosa.feature.melspectrogram(...), top_db=None)` gives the same numbers.

    Args:
        n_mels: Number of mel bands.
        n_fft: DFT size in samples.
        hop_length: Samples from frame to frame.
        win_length: Window in samples, zero-padded to `n_fft`; `None` is `n_fft`.
        fmin: Lowest frequency in Hz.
        fmax: Highest frequency in Hz; `None` is half the sample rate.
        window: `"hann"` or `"hamming"`, periodic.
        preemphasis: How much of each sample is subtracted from the next one; 0.97 is usual
            where there is one.
        sample_rate: int, Hz, of the waveform; a `Preprocessing` sets it to its own.

    Raises:
        ConfigurationError: If a value is out of range.

    Examples:
        >>> LogMel(n_mels=40)(np.zeros(16_000, "float32")).shape
        (63, 40)
    """

    n_mels: int = 64
    n_fft: int = 512
    hop_length: int = 256
    win_length: int | None = None
    fmin: float = 0.0
    fmax: float | None = None
    window: str = "hann"
    preemphasis: float = 0.0
    sample_rate: int = 16_000

    def __post_init__(self) -> None:
        _spectrum.require_stft(
            self.n_fft, self.hop_length, self.win_length, self.window, self.preemphasis
        )
        top = self.fmax if self.fmax is not None else self.sample_rate / 2
        if not 0 < self.n_mels <= self.n_fft // 2 + 1 or not 0 <= self.fmin < top:
            raise ConfigurationError(
                f"Received n_mels={self.n_mels}, n_fft={self.n_fft}, fmin={self.fmin}, "
                f"fmax={self.fmax}.",
                "n_mels must be positive and at most n_fft / 2 + 1, and fmin below fmax.",
                "Use the defaults, which suit speech at 16 kHz.",
                code="invalid-mel-bands",
            )
        if top > self.sample_rate / 2:
            raise ConfigurationError(
                f"Received fmax={self.fmax} Hz at a sample rate of {self.sample_rate} Hz.",
                "fmax must be at most half the sample rate.",
                f"Use fmax={self.sample_rate // 2} or less.",
                code="fmax-above-nyquist",
            )

    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        emphasized = _spectrum.emphasize(_spectrum.checked(waveform), self.preemphasis)
        return _spectrum.power_spectrum(
            emphasized, self.n_fft, self.hop_length, self.win_length or self.n_fft, self.window,
            reduce=self._mel_db,
        )  # fmt: skip

    def _mel_db(self, power: np.ndarray) -> np.ndarray:
        bands = _spectrum.mel_bands(self.sample_rate, self.n_fft, self.n_mels, self.fmin, self.fmax)
        return _spectrum.to_db(np.ascontiguousarray((bands @ power.T).T))

    def layer(self) -> Any:
        """Build the Keras layer that does the same: (batch, samples) to (batch, frames, n_mels)."""
        from sertk.features import _layers

        return _layers.LogMelSpectrogram(**dataclasses.asdict(self), name="logmel")

    def frames(self, samples: int) -> int:
        return 1 + samples // self.hop_length

    def shape(self, frames: int) -> tuple[int, ...]:
        return (frames, self.n_mels)
