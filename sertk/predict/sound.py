"""Speech detection, and long recordings in blocks.

In: a path. Out: windows of a fixed length at the model's rate, of a file of any length, in the same
memory; levels, and how much they move.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from sertk import audio

FRAME_SECONDS = 0.05
NO_SPEECH = "no speech"  # the answer to silence and to steady noise
SHORT = 1.0  # seconds of sound, below which an answer is marked
SILENCE_DB = -60.0  # below every utterance of RAVDESS and EmoDB, above an empty room's recording
# white, pink and brown noise move by less, every utterance of RAVDESS and EmoDB by 22 dB or more
STEADY_DB = 7.0
STEADY_SECONDS = 0.5  # of sound that are needed to tell: a vowel is steady, too
BANDS = (250, 500, 1000, 2000, 4000)  # edges in Hz, where voices are and the mains do not hum
PERCENTILES = (10, 90)  # of the levels of a band, between which it moves
FLOOR_DB = 60.0  # below the loudest frame; what is quieter is leakage
MODULATION_SECONDS = 0.064  # of a frame, which has the nearest power of two of samples


def loudest_db(waveform: np.ndarray, sample_rate: int) -> float:
    """Measure the loudest 50 ms of a waveform, root mean square in dB re full scale.

    Args:
        waveform: shape (samples,).
        sample_rate: int, Hz.

    Examples:
        >>> round(loudest_db(np.full(16_000, 0.1, "float32"), 16_000), 1)
        -20.0
    """
    frame = min(max(round(FRAME_SECONDS * sample_rate), 1), len(waveform))
    count = len(waveform) // frame
    power = np.square(waveform[: count * frame], dtype=float).reshape(count, frame).mean(axis=1)
    return float(10 * np.log10(max(power.max(), 1e-20)))


def modulation_db(waveform: np.ndarray, sample_rate: int) -> float:
    """Measure how far the level of the liveliest octave moves, in dB.

    Syllables and pauses move the level of speech by 20 dB and more in some band, whatever stands
    between it and the microphone; that of steady noise, of any color, and of hum stays where it
    is. Levels are those of Hann-windowed frames that overlap by half.

    Args:
        waveform: shape (samples,), at least a frame.
        sample_rate: int, Hz.

    References:
        Scheirer & Slaney 1997, Construction and Evaluation of a Robust Multifeature Speech/Music
        Discriminator (modulation energy).

    Examples:
        >>> noise = np.random.default_rng(0).normal(size=16_000)
        >>> round(modulation_db(noise, 16_000)), round(modulation_db(np.sin(noise[:1]), 16_000))
        (4, 0)
    """
    size = 2 ** round(np.log2(MODULATION_SECONDS * sample_rate))
    padded = np.pad(waveform, (0, max(size - len(waveform), 0)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[:: size // 2]
    spectrum = np.fft.rfft(frames * np.hanning(size + 1)[:-1], axis=1)[:, :-1]
    power = spectrum.real**2 + spectrum.imag**2
    floor = max(float(power.sum(axis=1).max()) * 10 ** (-FLOOR_DB / 10), 1e-20)
    edges = [-(-edge * size // sample_rate) for edge in BANDS]  # the first bin at or above each
    levels = [
        10 * np.log10(np.maximum(power[:, first:end].sum(axis=1), floor))
        for first, end in pairwise(edges)
    ]
    low, high = np.percentile(levels, PERCENTILES, axis=1)
    return float((high - low).max())


def is_steady(waveform: np.ndarray, sample_rate: int) -> bool:
    """Tell noise and hum that do not change from what may be speech; too short, it may be."""
    long_enough = len(waveform) >= STEADY_SECONDS * sample_rate
    return long_enough and modulation_db(waveform, sample_rate) < STEADY_DB


@dataclass(frozen=True)
class Window:
    """A stretch of a recording.

    Args:
        start: Seconds from the beginning.
        end: Seconds; the last window ends with the recording.
        waveform: shape (samples,), padded with silence to the length of a window.
        samples: Before the padding.
    """

    start: float
    end: float
    waveform: np.ndarray
    samples: int


def windows(
    path: str | Path, sample_rate: int, window: float, hop: float, channel: int | None = None
) -> Iterator[Window]:
    """Cut a file of any length into windows, reading no more than one of them ahead.

    Args:
        path: WAV, FLAC, OGG or MP3.
        sample_rate: To resample to, in Hz.
        window: Length, in seconds.
        hop: From window to window, in seconds.
        channel: Number of the channel to take, from 1; the mean of all channels by default.

    Raises:
        AudioError: If the file cannot be read.
    """
    length, step = round(window * sample_rate), round(hop * sample_rate)
    held, first, ended = np.zeros(0, np.float32), 0, 0
    waiting = 0  # samples between windows, where hop is longer than window
    for block in audio.blocks(path, sample_rate=sample_rate, channel=channel):
        held = np.concatenate([held, block])
        if waiting:
            dropped = min(waiting, len(held))
            held, waiting = held[dropped:], waiting - dropped
        while len(held) >= length:
            ended = first + length
            yield Window(first / sample_rate, ended / sample_rate, held[:length], length)
            first += step
            waiting = max(step - len(held), 0)
            held = held[step:]
    total = first + len(held)
    if total > ended and len(held):  # what is left belongs to no window yet
        padded = np.pad(held, (0, length - len(held)))
        yield Window(first / sample_rate, total / sample_rate, padded, len(held))
