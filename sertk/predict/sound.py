"""Long recordings in pieces, and whether a piece holds speech at all.

In: a path. Out: windows of a fixed length at the model's rate, of a file of any length, in the same
memory; levels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sertk import audio

FRAME_SECONDS = 0.05
NO_SPEECH = "no speech"  # the answer to silence
SHORT = 1.0  # seconds of sound, below which an answer is marked
SILENCE_DB = -60.0  # below every utterance of RAVDESS and EmoDB, above an empty room's recording


def loudest_db(waveform: np.ndarray, sample_rate: int) -> float:
    """Measure the loudest 50 ms of a waveform, root mean square in dB re full scale.

    Args:
        waveform: shape (samples,).
        sample_rate: In Hz.

    Example:
        >>> round(loudest_db(np.full(16_000, 0.1, "float32"), 16_000), 1)
        -20.0
    """
    frame = min(max(round(FRAME_SECONDS * sample_rate), 1), len(waveform))
    count = len(waveform) // frame
    power = np.square(waveform[: count * frame], dtype=float).reshape(count, frame).mean(axis=1)
    return float(10 * np.log10(max(power.max(), 1e-20)))


@dataclass(frozen=True)
class Window:
    """A stretch of a recording.

    Args:
        start: Seconds from the beginning.
        end: Seconds; the last window ends with the recording.
        waveform: shape (samples,), padded with silence to the length of a window.
    """

    start: float
    end: float
    waveform: np.ndarray


def windows(path: str | Path, sample_rate: int, window: float, hop: float) -> Iterator[Window]:
    """Cut a file of any length into windows, reading no more than one of them ahead.

    Args:
        path: WAV, FLAC, OGG or MP3.
        sample_rate: To resample to, in Hz.
        window: Length, in seconds.
        hop: From window to window, in seconds.

    Raises:
        AudioError: If the file cannot be read.
    """
    length, step = round(window * sample_rate), round(hop * sample_rate)
    held, first, ended = np.zeros(0, np.float32), 0, 0
    waiting = 0  # samples between windows, where hop is longer than window
    for block in audio.blocks(path, sample_rate=sample_rate):
        held = np.concatenate([held, block])
        if waiting:
            dropped = min(waiting, len(held))
            held, waiting = held[dropped:], waiting - dropped
        while len(held) >= length:
            ended = first + length
            yield Window(first / sample_rate, ended / sample_rate, held[:length])
            first += step
            waiting = max(step - len(held), 0)
            held = held[step:]
    total = first + len(held)
    if total > ended and len(held):  # what is left belongs to no window yet
        padded = np.pad(held, (0, length - len(held)))
        yield Window(first / sample_rate, total / sample_rate, padded)
