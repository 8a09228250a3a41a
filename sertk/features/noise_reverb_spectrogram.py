"""Three log-spectrograms as channels: clean, with noise, in a room (reference system R1).

In: a waveform. Out: `(1 + samples // 160, n_bins, 3)`, dB.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sertk import audio
from sertk.errors import ConfigurationError
from sertk.features import _spectrum
from sertk.features._feature import Feature
from sertk.features.log_spectrogram import LogSpectrogram


@dataclass(frozen=True)
class NoiseReverbSpectrogram(Feature):
    """Compute the log-spectrogram of an utterance, of it with noise, and of it in a room.

    The other settings are those of `LogSpectrogram`. Noise and room are always the same, so that
    the feature depends on the waveform alone; the original drew new noise for each utterance,
    and used SoX's reverb, for which a room of noise that dies away stands here.

    Args:
        n_bins: Number of bins, from 0 Hz.
        noise: Standard deviation of the white noise that is added after pre-emphasis.
        reverb_seconds: Reverberation time of the room.
        preemphasis: How much of each sample is subtracted from the next one.
        sample_rate: int, Hz, of the waveform; a `Preprocessing` sets it to its own.

    Raises:
        ConfigurationError: If a value is out of range.

    Examples:
        >>> NoiseReverbSpectrogram()(np.zeros(47_840, "float32")).shape
        (300, 200, 3)
    """

    n_bins: int = 200
    noise: float = 0.002
    reverb_seconds: float = 0.5
    preemphasis: float = 0.97
    sample_rate: int = 16_000

    def __post_init__(self) -> None:
        if not 0 <= self.noise < 1 or not 0 < self.reverb_seconds <= 5:
            raise ConfigurationError(
                f"Received noise={self.noise}, reverb_seconds={self.reverb_seconds}.",
                "noise must be in [0, 1) of full scale, reverb_seconds in (0, 5] s.",
                "Use the defaults, 0.002 and 0.5.",
                code="invalid-noise-or-reverb",
            )
        _ = self._spectrogram  # which checks the rest

    @property
    def _spectrogram(self) -> LogSpectrogram:
        """The spectrogram of each channel; pre-emphasis comes before noise and room."""
        return LogSpectrogram(self.n_bins, preemphasis=0.0, sample_rate=self.sample_rate)

    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        clean = _spectrum.emphasize(_spectrum.checked(waveform), self.preemphasis)
        noise = np.resize(_spectrum.noise_tile(self.noise), len(clean))
        room = audio.reverberate(clean, audio.room_response(self.reverb_seconds, self.sample_rate))
        channels = [self._spectrogram(wave) for wave in (clean, clean + noise, room)]
        return np.stack(channels, axis=-1)

    def layer(self) -> Any:
        """Build the Keras model of the same numbers: (batch, samples) to (..., n_bins, 3)."""
        import keras

        from sertk.features import _layers

        inputs = keras.Input((None,))
        disturbed = _layers.NoiseAndReverb(
            self.noise, self.reverb_seconds, self.preemphasis, self.sample_rate
        )(inputs)
        spectrogram = self._spectrogram.layer()
        channels = [spectrogram(disturbed[k]) for k in range(3)]
        return keras.Model(inputs, keras.ops.stack(channels, axis=-1), name="noisereverb")

    @property
    def hertz_per_bin(self) -> float:
        return self._spectrogram.hertz_per_bin

    def frames(self, samples: int) -> int:
        return self._spectrogram.frames(samples)

    def shape(self, frames: int) -> tuple[int, ...]:
        return (frames, self.n_bins, 3)
