"""How high a voice is: a rough pitch by autocorrelation, for captions and tables."""

import numpy as np
import scipy.fft

LOWEST, HIGHEST = 65.0, 600.0  # Hz; from a deep man to a shouting woman
_WINDOW = 0.045  # seconds: three periods of the lowest pitch
_VOICED = 0.5  # of the energy must come back after a period


def median_pitch(waveform: np.ndarray, sample_rate: int) -> float:
    """Estimate the median pitch of the voiced parts.

    The autocorrelation of each frame is divided by that of its window (Boersma 1993), and its
    highest peak is the period; quiet frames and frames without a period do not count.

    Args:
        waveform: shape (samples,), float32.
        sample_rate: Hz.

    Returns:
        Hz, or NaN where nothing is voiced.

    Examples:
        >>> time = np.arange(16_000) / 16_000
        >>> tone = sum(np.sin(2 * np.pi * 220 * k * time) / k for k in range(1, 6))
        >>> round(median_pitch(tone.astype("float32"), 16_000))
        220
    """
    size, hop = round(_WINDOW * sample_rate), round(0.01 * sample_rate)
    padded = np.pad(waveform.astype(float), (0, max(size - len(waveform), 0)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    power = np.mean(np.square(frames), axis=1)
    frames = frames[power > max(power.max() * 1e-3, 1e-10)]  # within 30 dB of the loudest
    if not len(frames):
        return float("nan")
    window = np.hanning(size)
    centered = (frames - frames.mean(axis=1, keepdims=True)) * window
    shape = _autocorrelation(window[None])
    found = _autocorrelation(centered) / shape
    shortest, longest = int(sample_rate / HIGHEST), int(np.ceil(sample_rate / LOWEST))
    lags = found[:, shortest : longest + 1]
    best = lags.argmax(axis=1)
    rows = np.arange(len(lags))
    peak = lags[rows, best]
    # of two peaks nearly as high the earlier is the period, the later a multiple of it
    first = (lags > 0.9 * peak[:, None]).argmax(axis=1)
    inside = np.clip(first, 1, lags.shape[1] - 2)
    while (step := lags[rows, inside + 1] > lags[rows, inside]).any():
        step &= inside < lags.shape[1] - 2
        if not step.any():
            break
        inside = inside + step
    voiced = (peak > _VOICED) & (first > 0)
    if not voiced.any():
        return float("nan")
    return float(np.median(sample_rate / (shortest + _vertex(lags, rows, inside)[voiced])))


def _autocorrelation(frames: np.ndarray) -> np.ndarray:
    size = scipy.fft.next_fast_len(2 * frames.shape[1])
    spectrum = scipy.fft.rfft(frames, size, axis=1)
    full = scipy.fft.irfft(np.square(np.abs(spectrum)), size, axis=1)[:, : frames.shape[1]]
    return full / np.maximum(full[:, :1], 1e-12)


def _vertex(lags: np.ndarray, rows: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Place the top of the parabola through a peak and its neighbors."""
    before, here, after = (lags[rows, at + step] for step in (-1, 0, 1))
    bend = before - 2 * here + after
    shift = np.where(bend < 0, (before - after) / (2 * np.minimum(bend, -1e-12)), 0.0)
    return at + np.clip(shift, -0.5, 0.5)
