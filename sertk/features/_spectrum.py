"""Numpy's side of the features: spectra of waveforms, decibels, cepstra, deltas.

Everything is float32 and time first. `sertk.frontend` computes the same in a graph.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft
import scipy.signal
import scipy.sparse

from sertk.errors import AudioError

AMIN = 1e-10  # power below which there is silence; librosa's value
_BLOCK = 64  # frames transformed at once: their spectra stay in the processor's cache


def checked(waveform: np.ndarray) -> np.ndarray:
    """Refuse what is not a waveform: shape (samples,), floating point, at least one sample."""
    waveform = np.asarray(waveform)
    if waveform.ndim != 1 or len(waveform) == 0 or waveform.dtype.kind != "f":
        raise AudioError(
            f"Got an array of shape {waveform.shape} and type {waveform.dtype}.",
            "A feature takes one mono waveform: shape (samples,), floating point.",
            "Read files with sertk.audio.read(), or average the channels.",
        )
    return waveform.astype(np.float32, copy=False)


@lru_cache(maxsize=8)
def window(n_fft: int, win_length: int) -> np.ndarray:
    """Build a periodic Hann window of `win_length` samples, centred in `n_fft`."""
    hann = scipy.signal.get_window("hann", win_length, fftbins=True)
    left = (n_fft - win_length) // 2
    return np.pad(hann, (left, n_fft - win_length - left)).astype(np.float32)


@lru_cache(maxsize=8)
def mel_matrix(
    sample_rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float | None
) -> np.ndarray:
    """Build librosa's Slaney mel matrix, shape (n_fft // 2 + 1, n_mels)."""
    import librosa.filters

    mel = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax)
    return np.ascontiguousarray(mel.T)


def power_spectrum(
    waveform: np.ndarray, n_fft: int, hop_length: int, win_length: int
) -> np.ndarray:
    """Compute |STFT|^2 of centred frames, shape (1 + samples // hop_length, n_fft // 2 + 1)."""
    padded = np.pad(waveform, n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop_length]
    # in double precision: float32 would lose bins 80 dB below the peak by up to 1e-3 dB
    hann = window(n_fft, win_length).astype(np.float64)
    power = np.empty((len(frames), n_fft // 2 + 1), np.float32)
    for start in range(0, len(frames), _BLOCK):
        block = slice(start, start + _BLOCK)
        squares = scipy.fft.rfft(frames[block] * hann, axis=-1).view(np.float64)  # re, im, re ...
        squares *= squares
        np.add(squares[:, ::2], squares[:, 1::2], out=power[block], casting="same_kind")
    return power


@lru_cache(maxsize=8)
def _mel_bands(*settings: Any) -> scipy.sparse.csr_array:
    return scipy.sparse.csr_array(mel_matrix(*settings).T)


def mel_power(
    power: np.ndarray, sample_rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float | None
) -> np.ndarray:
    """Sum a power spectrum in mel bands: (frames, n_fft // 2 + 1) to (frames, n_mels)."""
    # sparse: as fast as BLAS, whose threads would fight with those of the cache, and whose sums
    # differ from machine to machine
    bands = _mel_bands(sample_rate, n_fft, n_mels, fmin, fmax)
    return np.ascontiguousarray((bands @ power.T).T)


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
            f"Got {len(values)} frames.",
            f"Deltas of width {width} need at least {width}.",
            "Pad the waveform with silence, take longer clips, or choose deltas=0.",
        )
    kernel = delta_kernel(width, order)
    count = len(values) - width + 1
    inner = sum(kernel[k] * values[k : k + count] for k in range(width))
    return np.pad(inner, ((width // 2, width // 2), (0, 0)), mode="edge").astype(np.float32)
