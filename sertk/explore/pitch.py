"""Median pitch of an utterance, for captions and tables."""

import numpy as np

LOWEST, HIGHEST = 65.0, 600.0  # Hz; from a deep male voice to a shouting female one
_FRAME, _HOP = 0.064, 0.01  # seconds; four periods of the lowest pitch
_APERIODIC = 0.3  # share of the energy that does not repeat after a period
_QUIET = 10 ** (-30 / 20)  # of the loudest frame


def median_pitch(waveform: np.ndarray, sample_rate: int) -> float:
    """Estimate the median pitch of the voiced parts with YIN.

    Quiet frames and frames without a period do not count.

    Args:
        waveform: shape (samples,), float32.
        sample_rate: int, Hz.

    Returns:
        Hz, or NaN where nothing is voiced.

    Examples:
        >>> time = np.arange(16_000) / 16_000
        >>> tone = sum(np.sin(2 * np.pi * 220 * k * time) / k for k in range(1, 6))
        >>> round(median_pitch(tone.astype("float32"), 16_000))
        220

    References:
        de Cheveigné & Kawahara 2002, YIN, doi 10.1121/1.1458024.
    """
    import librosa

    frame, hop = round(_FRAME * sample_rate), round(_HOP * sample_rate)
    padded = np.pad(waveform, (0, max(2 * frame - len(waveform), 0)))
    pitch = librosa.yin(
        padded, fmin=LOWEST, fmax=HIGHEST, sr=sample_rate, frame_length=frame, hop_length=hop
    )
    frames = librosa.util.frame(np.pad(padded, frame // 2), frame_length=frame, hop_length=hop)
    level = np.sqrt(np.mean(np.square(frames), axis=0))[: len(pitch)]
    voiced = _repeats(frames[:, : len(pitch)], sample_rate / pitch) & (level > 1e-5)
    voiced &= level > _QUIET * level.max()
    return float(np.median(pitch[voiced])) if voiced.any() else float("nan")


def _repeats(frames: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """Return which frames are periodic, shape (frames,)."""
    lags = np.round(periods).astype(int)
    periodic = []
    for frame, lag in zip(frames.T, lags, strict=True):
        before, after = frame[:-lag], frame[lag:]
        energy = np.square(before).mean() + np.square(after).mean()
        periodic.append(np.square(before - after).mean() < _APERIODIC * max(energy, 1e-12))
    return np.array(periodic)
