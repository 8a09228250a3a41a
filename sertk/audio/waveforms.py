"""Waveform operations: resampling, offset removal, trimming, level, noise, reverberation.

In and out: mono float32 of shape (samples,), full scale at +-1.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain, islice

import numpy as np
import soxr

EDGE_SECONDS = 0.1  # whose mean continues a waveform beyond its ends when it is resampled
EDGE_LEAST = 1e-4  # mean below which silence does as well: its click would be at -80 dB
OFFSET_SECONDS, OFFSET_BLOCK_SECONDS = 0.5, 0.01  # of the means that `remove_offset` subtracts
TRIM_FRAME_SAMPLES, TRIM_HOP_SAMPLES = 2048, 512
_TELEPHONE = (300.0, 3400.0)  # Hz
_MU = 255.0  # of the mu law
_LEAST_FILTERED = 30  # samples; the filter needs as many


def resample(waveform: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Resample a waveform with soxr HQ, rates in Hz.

    It is padded with the means of its first and last 0.1 s: padding with zeros would turn an
    offset into a click, louder than silent ends.

    Examples:
        >>> bool(np.ptp(resample(np.full(4800, 0.1, "float32"), 48_000, 16_000)) < 1e-6)
        True
    """
    count, reach = len(waveform), max(round(EDGE_SECONDS * from_rate), 1)
    if not count:
        return waveform
    level, last = _edge(waveform[:reach]), _edge(waveform[-reach:])
    if not level and not last:
        return soxr.resample(waveform, from_rate, to_rate, quality="HQ")
    extended = np.empty(count + reach, np.float32)
    np.subtract(waveform, level, out=extended[:count])
    extended[count:] = last - level
    output = soxr.resample(extended, from_rate, to_rate, quality="HQ")
    return output[: round(count * to_rate / from_rate)] + level


def resampled(pieces: Iterable[np.ndarray], from_rate: int, to_rate: int) -> Iterator[np.ndarray]:
    """Resample a waveform that comes in pieces; joined, the output equals that of `resample`."""
    reach = max(round(EDGE_SECONDS * from_rate), 1)
    pieces = _from_length(pieces, reach)
    leading = list(islice(pieces, 2))
    if len(leading) < 2:
        yield from (resample(piece, from_rate, to_rate) for piece in leading)
        return
    stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality="HQ")
    level = _edge(leading[0][:reach])
    recent = np.zeros(0, np.float32)
    count = emitted = 0
    for piece in chain(leading, pieces):
        shifted = np.subtract(piece, level, dtype=np.float32)
        recent = np.concatenate([recent, piece[-reach:]])[-reach:]
        resampled_piece = stream.resample_chunk(shifted)
        count, emitted = count + len(piece), emitted + len(resampled_piece)
        yield resampled_piece + level
    beyond = np.full(reach, _edge(recent) - level, np.float32)
    rest = stream.resample_chunk(beyond, last=True)
    yield rest[: round(count * to_rate / from_rate) - emitted] + level


def _edge(samples: np.ndarray) -> np.float32:
    """Average the samples at an end of a waveform; a mean that is next to nothing is none."""
    mean = samples.mean(dtype=np.float32)
    return mean if abs(mean) > EDGE_LEAST else np.float32(0)


def _from_length(pieces: Iterable[np.ndarray], least: int) -> Iterator[np.ndarray]:
    """Join the first pieces up to a length; what is shorter comes as a whole."""
    pieces, held = iter(pieces), np.zeros(0, np.float32)
    for piece in pieces:
        held = np.concatenate([held, piece]) if len(held) else piece
        if len(held) >= least:
            break
    if len(held):
        yield held
    yield from pieces


def remove_offset(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Subtract the moving average over half a second, and then the remaining mean.

    Constant offsets, steps and slow drift come from microphones and sound cards, not from speech;
    frequencies above a few Hz stay. Every 10 ms the samples within a quarter of a second are
    averaged, fewer at the ends; the means are interpolated linearly.

    Args:
        waveform: shape (samples,), float32.
        sample_rate: int, Hz.

    Returns:
        shape (samples,), float32, of mean zero.

    Examples:
        >>> tone = np.sin(np.arange(16_000, dtype="float32") / 5)
        >>> apart = remove_offset(tone + 0.1, 16_000) - remove_offset(tone, 16_000)
        >>> bool(np.abs(apart).max() < 1e-6)
        True
    """
    block = max(round(OFFSET_BLOCK_SECONDS * sample_rate), 1)
    reach = round(OFFSET_SECONDS / OFFSET_BLOCK_SECONDS / 2)  # blocks on either side
    whole = len(waveform) // block
    blocks = waveform[: whole * block].reshape(whole, block)
    rest = waveform[whole * block :]
    sums = np.append(blocks.sum(axis=1), rest.sum())
    sizes = np.append(np.full(whole, block), len(rest))
    # at the edges of blocks; the end of the waveform is one, too
    edges = np.arange(whole + 2)
    first, last = np.maximum(edges - reach, 0), np.minimum(edges + reach, whole + 1)
    totals, counts = (np.append(0.0, np.cumsum(part, dtype=float)) for part in (sums, sizes))
    means = (totals[last] - totals[first]) / (counts[last] - counts[first])
    # a block interpolates linearly from its first edge to its second one, which is excluded
    falls = np.diff(means) * np.where(sizes > 0, (sizes - 1) / np.maximum(2 * sizes, 1), 0.0)
    rest_mean = (totals[-1] - ((means[:-1] + falls) * sizes).sum()) / len(waveform)
    means = (means + rest_mean).astype(np.float32)
    leveled = np.empty(len(waveform), np.float32)
    ramp = np.arange(block, dtype=np.float32) / np.float32(block)
    lines = leveled[: whole * block].reshape(whole, block)
    np.multiply(np.diff(means[: whole + 1])[:, None], ramp, out=lines)
    lines += means[:whole, None]
    step = (means[-1] - means[-2]) / np.float32(max(len(rest), 1))
    leveled[whole * block :] = means[-2] + step * np.arange(len(rest), dtype=np.float32)
    return np.subtract(waveform, leveled, out=leveled)


def center(waveform: np.ndarray) -> np.ndarray:
    """Subtract the mean, as exported graphs do."""
    return waveform - waveform.mean()


def trim(waveform: np.ndarray, top_db: float) -> np.ndarray:
    """Cut leading and trailing parts that are more than `top_db` below the loudest frame.

    Frames are 2,048 samples at a hop of 512, as in `librosa.effects.trim`, whose result this
    equals; a silent waveform comes back whole.

    Args:
        waveform: shape (samples,).
        top_db: Decibels below the loudest frame's RMS; > 0.

    Examples:
        >>> quiet, loud = np.zeros(8192, "float32"), np.ones(8192, "float32")
        >>> len(trim(np.concatenate([quiet, loud, quiet]), top_db=40)) < 3 * 8192
        True
    """
    count, frame, hop = len(waveform), TRIM_FRAME_SAMPLES, TRIM_HOP_SAMPLES
    hops = np.zeros(-(-count // hop) + 2 * (frame // hop))  # energy by hop, silence around it
    whole = count // hop
    before = frame // 2 // hop
    squared = waveform[: whole * hop].reshape(whole, hop)
    hops[before : before + whole] = np.einsum("ij,ij->i", squared, squared, dtype=float)
    hops[before + whole] = np.square(waveform[whole * hop :], dtype=float).sum()
    power = np.lib.stride_tricks.sliding_window_view(hops, frame // hop).sum(axis=1) / frame
    power = power[: 1 + count // hop]
    loudest = power.max()
    if loudest <= 1e-10:
        return waveform
    (loud,) = np.nonzero(power > loudest * 10 ** (-top_db / 10))
    return waveform[loud[0] * hop : min((loud[-1] + 1) * hop, count)]


def normalize_rms(waveform: np.ndarray, target_rms_db: float) -> np.ndarray:
    """Scale a waveform to a root mean square of `target_rms_db` (dB re full scale).

    A silent waveform stays silent. Peaks above full scale are kept: features are computed in
    floating point, and clipping would add sound that was never there.

    Examples:
        >>> wave = np.array([0.5, -0.5], "float32")
        >>> round(float(normalize_rms(wave, -20.0)[0]), 3)
        0.1
    """
    rms = float(np.sqrt(np.mean(np.square(waveform, dtype=float))))
    if rms < 1e-7:
        return waveform
    return (waveform * np.float32(10 ** (target_rms_db / 20) / rms)).astype(np.float32)


def noise_at_snr(waveform: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Add noise at a ratio of root mean squares; where the sum leaves full scale, lower both.

    Args:
        waveform: shape (samples,), float32.
        noise: shape (samples,), at least as long.
        snr_db: Level of the waveform above that of the noise.

    Examples:
        >>> speech = np.sin(np.arange(8000, dtype="float32")) / 4
        >>> hiss = np.random.default_rng(0).normal(size=8000).astype("float32")
        >>> added = noise_at_snr(speech, hiss, 6.0) - speech
        >>> round(float(10 * np.log10(np.mean(speech**2) / np.mean(added**2))), 3)
        6.0
    """
    taken = noise[: len(waveform)].astype(np.float32)
    power = float(np.mean(np.square(taken, dtype=float)))
    if power < 1e-14:
        return waveform
    target_power = float(np.mean(np.square(waveform, dtype=float))) / 10 ** (snr_db / 10)
    mixed = waveform + np.float32(np.sqrt(target_power / power)) * taken
    return (mixed / max(1.0, float(np.abs(mixed).max()))).astype(np.float32)


@lru_cache(maxsize=16)
def room_response(seconds: float, sample_rate: int, seed: int = 0) -> np.ndarray:
    """Make the impulse response of a room: the direct sound, then noise that dies away.

    The tail falls by 60 dB within `seconds` and holds as much energy as the direct sound.

    Args:
        seconds: Reverberation time.
        sample_rate: int, Hz.
        seed: int. Seed of the reverberation tail; another seed gives another room.

    Returns:
        shape (1 + seconds * sample_rate,), float32; the first sample is 1.
    """
    time = np.arange(1, 1 + round(seconds * sample_rate)) / sample_rate
    tail = np.random.default_rng(seed).normal(size=len(time)) * 10 ** (-3 * time / seconds)
    tail /= np.sqrt(np.square(tail).sum())
    return np.concatenate([[1.0], tail]).astype(np.float32)


def reverberate(waveform: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Put a waveform into a room, and keep its length.

    Args:
        waveform: shape (samples,), float32.
        response: Impulse response at the same rate, such as `room_response` makes.
    """
    from scipy.signal import fftconvolve

    return fftconvolve(waveform.astype(float), response)[: len(waveform)].astype(np.float32)


def telephone(waveform: np.ndarray, sample_rate: int, line_rate: int = 8_000) -> np.ndarray:
    """Send a waveform through a telephone: 300 to 3,400 Hz, in 8 bits by the mu law.

    Args:
        waveform: shape (samples,).
        sample_rate: int, Hz.
        line_rate: int, Hz. Sample rate of the line.

    Returns:
        shape (samples,), float32, about as long.

    References:
        ITU-T G.711, Pulse code modulation of voice frequencies.

    Examples:
        >>> telephone(np.sin(np.arange(16_000, dtype="float32") / 9), 16_000).shape
        (16000,)
    """
    from scipy.signal import butter, sosfiltfilt

    low = resample(waveform, sample_rate, line_rate)
    if not len(low):  # of less than a sample of the line
        return waveform
    edges = butter(4, _TELEPHONE, "bandpass", fs=line_rate, output="sos")
    passed = sosfiltfilt(edges, low) if len(low) > _LEAST_FILTERED else low
    peak = max(float(np.abs(passed).max()), 1e-9)
    squeezed = np.sign(passed) * np.log1p(_MU * np.abs(passed) / peak) / np.log1p(_MU)
    steps = np.round(squeezed * 127) / 127
    opened = np.sign(steps) * np.expm1(np.abs(steps) * np.log1p(_MU)) / _MU * peak
    return resample(opened.astype(np.float32), line_rate, sample_rate)
