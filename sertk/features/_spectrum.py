"""Spectra, decibels, cepstra and deltas in numpy.

Everything is float32 and time first. `sertk.features._layers` computes the same in a graph.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft
import scipy.signal
import scipy.sparse

from sertk.errors import AudioError, ConfigurationError, UnknownNameError

PADDING_DB = -1000.0  # absolute dB; far below any sound, so that it becomes the floor
AMIN = 1e-10  # power below which there is silence; librosa's value
WINDOWS = ("hann", "hamming")
_LONGEST_FFT = 2**16  # samples; over a second at any rate of speech
REGRESSION = 5  # frames of the derivatives that become channels
NOISE_SAMPLES = 2**16
_BLOCK = 64  # frames transformed at once: their spectra stay in the processor's cache
_CHUNK = 4096  # frames whose spectra are in memory at once


def checked(waveform: np.ndarray) -> np.ndarray:
    """Refuse what is not a waveform: shape (samples,), floating point, at least one sample."""
    waveform = np.asarray(waveform)
    if waveform.ndim != 1 or len(waveform) == 0 or waveform.dtype.kind != "f":
        raise AudioError(
            f"Received an array of shape {waveform.shape} and type {waveform.dtype}.",
            "A feature needs a mono waveform of shape (samples,) with floating-point values.",
            "Read files with sertk.audio.read(), or average the channels.",
            code="invalid-waveform",
        )
    return waveform.astype(np.float32, copy=False)


def require_stft(
    n_fft: int, hop_length: int, win_length: int | None, window: str, preemphasis: float
) -> None:
    """Refuse a short-time Fourier transform that cannot be."""
    if window not in WINDOWS:
        raise UnknownNameError("window", window, WINDOWS)
    length = n_fft if win_length is None else win_length
    possible = 0 < n_fft <= _LONGEST_FFT and n_fft % 2 == 0
    if not possible or not 0 < hop_length <= n_fft or not 0 < length <= n_fft:
        raise ConfigurationError(
            f"Received n_fft={n_fft}, hop_length={hop_length}, win_length={win_length}.",
            f"All sizes must be positive; n_fft is even and at most {_LONGEST_FFT}, win_length and "
            "hop_length are at most n_fft.",
            "The defaults 512, 256 and None suit speech at 16 kHz.",
            code="invalid-fft-sizes",
        )
    if not 0 <= preemphasis < 1:
        raise ConfigurationError(
            f"Received preemphasis={preemphasis}.",
            "It must be in [0, 1).",
            "Use 0.97, or 0 for none.",
            code="invalid-preemphasis",
        )


def emphasize(waveform: np.ndarray, coefficient: float) -> np.ndarray:
    """Subtract from each sample so much of the one before it, which raises high frequencies."""
    if not coefficient:
        return waveform
    before = np.concatenate([[np.float32(0)], waveform[:-1]])
    return (waveform - np.float32(coefficient) * before).astype(np.float32)


@lru_cache(maxsize=8)
def padded_window(n_fft: int, win_length: int, kind: str = "hann") -> np.ndarray:
    """Build a periodic window of `win_length` samples, centered in `n_fft`."""
    shape = scipy.signal.get_window(kind, win_length, fftbins=True)
    left = (n_fft - win_length) // 2
    return np.pad(shape, (left, n_fft - win_length - left)).astype(np.float32)


@lru_cache(maxsize=8)
def mel_matrix(
    sample_rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float | None
) -> np.ndarray:
    """Build librosa's Slaney mel matrix, shape (n_fft // 2 + 1, n_mels)."""
    import librosa.filters

    mel = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax)
    return np.ascontiguousarray(mel.T)


def power_spectrum(
    waveform: np.ndarray,
    n_fft: int,
    hop_length: int,
    win_length: int,
    window: str = "hann",
    reduce: Callable[[np.ndarray], np.ndarray] = lambda power: power,
) -> np.ndarray:
    """Compute |STFT|^2 of centered frames, shape (1 + samples // hop_length, n_fft // 2 + 1).

    `reduce`, (frames, n_fft // 2 + 1) to (frames, bins), is applied a few thousand frames at a
    time, so that an hour of sound takes little memory.
    """
    padded = np.pad(waveform, n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop_length]
    # in double precision: float32 would lose bins 80 dB below the peak by up to 1e-3 dB
    shape = padded_window(n_fft, win_length, window).astype(np.float64)
    reduced = []
    for first in range(0, len(frames), _CHUNK):
        chunk = frames[first : first + _CHUNK]
        power = np.empty((len(chunk), n_fft // 2 + 1), np.float32)
        for start in range(0, len(chunk), _BLOCK):
            block = slice(start, start + _BLOCK)
            squares = scipy.fft.rfft(chunk[block] * shape, axis=-1).view(np.float64)  # re, im, re
            squares *= squares
            np.add(squares[:, ::2], squares[:, 1::2], out=power[block], casting="same_kind")
        reduced.append(reduce(power))
    return reduced[0] if len(reduced) == 1 else np.concatenate(reduced)


@lru_cache(maxsize=8)
def mel_bands(*settings: Any) -> scipy.sparse.csr_array:
    """Build the transposed `mel_matrix`, sparse.

    That is as fast as BLAS, whose threads would fight with those of the cache, and whose sums
    differ from machine to machine.
    """
    return scipy.sparse.csr_array(mel_matrix(*settings).T)


def to_db(power: np.ndarray) -> np.ndarray:
    """Convert power to decibels re 1, not below -100 dB."""
    return 10.0 * np.log10(np.maximum(power, np.float32(AMIN)))


@lru_cache(maxsize=8)
def dct_matrix(n_mels: int, n_mfcc: int) -> np.ndarray:
    """Build the orthonormal DCT-II as a matrix, shape (n_mels, n_mfcc)."""
    return scipy.fft.dct(np.eye(n_mels), type=2, norm="ortho", axis=0)[:n_mfcc].T.astype(np.float32)


@lru_cache(maxsize=8)
def delta_kernel(width: int, order: int) -> np.ndarray:
    """Build the Savitzky-Golay kernel of librosa's delta, shape (width,), for correlation."""
    kernel = scipy.signal.savgol_coeffs(width, order, deriv=order, use="dot")
    return kernel.astype(np.float32)


def deltas(values: np.ndarray, width: int, order: int) -> np.ndarray:
    """Differentiate `(frames, bins)` along time as `librosa.feature.delta` does.

    At the ends the fitted polynomial's derivative is constant, so the first and last full
    window's value is repeated.
    """
    if len(values) < width:
        raise AudioError(
            f"Received {len(values)} frames.",
            f"Deltas of width {width} need at least {width}.",
            "Pad the waveform with silence, use longer clips, or set deltas=0.",
            code="too-few-frames",
        )
    inner = _correlate(values, delta_kernel(width, order))
    return np.pad(inner, ((width // 2, width // 2), (0, 0)), mode="edge").astype(np.float32)


def regression(values: np.ndarray) -> np.ndarray:
    """Differentiate `(frames, bins)` along time by regression over five frames.

    `librosa.feature.delta(values, width=5, mode="nearest")`: beyond the ends the last frame
    goes on.
    """
    reach = REGRESSION // 2
    held = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    return _correlate(held, delta_kernel(REGRESSION, 1)).astype(np.float32)


def _correlate(values: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    count = len(values) - len(kernel) + 1
    return np.sum([kernel[k] * values[k : k + count] for k in range(len(kernel))], axis=0)


@lru_cache(maxsize=8)
def noise_tile(deviation: float) -> np.ndarray:
    """Draw white noise, always the same; whoever needs more of it repeats it."""
    drawn = np.random.default_rng(100).normal(0.0, deviation, NOISE_SAMPLES)
    return drawn.astype(np.float32)
