"""The waveform itself, for networks that bring their own front end.

In: a waveform. Out: `(samples, 1)`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sertk.features import _spectrum
from sertk.features._feature import Feature


@dataclass(frozen=True)
class Waveform(Feature):
    """Hand the waveform on, a frame per sample; what pads it is 0.

    Say `target_rms_db` in the `Preprocessing`: nothing else makes loud and quiet recordings alike.

    Args:
        sample_rate: int, Hz, of the waveform; a `Preprocessing` sets it to its own.

    Examples:
        >>> Waveform()(np.zeros(46_305, "float32")).shape
        (46305, 1)
    """

    sample_rate: int = 16_000
    in_decibels = False

    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        """Give a waveform, shape (samples,), the shape (samples, 1)."""
        return _spectrum.checked(waveform)[:, None]

    def layer(self) -> Any:
        """Build the Keras layer that does the same: (batch, samples) to (batch, samples, 1)."""
        import keras

        return keras.layers.Reshape((-1, 1), name="waveform")

    def frames(self, samples: int) -> int:
        return samples

    def shape(self, frames: int) -> tuple[int, ...]:
        return (frames, 1)
