"""Draw a waveform and its spectrogram as a small SVG."""

import numpy as np

from sertk._display import drawing
from sertk.features import _spectrum

RANGE_DB = 70.0
_SHADES = 28  # few enough to compress well, and still smooth to the eye
_ENVELOPE = 700


def draw_spectrogram(
    ax: "drawing.Axes",
    waveform: np.ndarray,
    sample_rate: int,
    top: float,
    *,
    seconds: float | None = None,
    most_frames: int = 280,
) -> None:
    """Draw power in dB below the loudest, over seconds and kHz.

    Args:
        ax: Axes of any kind.
        waveform: shape (samples,), float32.
        sample_rate: Hz.
        top: Highest frequency, in Hz.
        seconds: Length of the time axis; that of the waveform by default.
        most_frames: What is longer is drawn with fewer frames per second.
    """
    window = round(0.032 * sample_rate)
    n_fft = 2 ** int(np.ceil(np.log2(window)))
    hop = max(round(0.005 * sample_rate), len(waveform) // most_frames)
    power = _spectrum.power_spectrum(waveform, n_fft, hop, window)
    level = _spectrum.to_db(power[:, : 1 + round(top * n_fft / sample_rate)])
    draw_image(
        ax, np.maximum(level - level.max(), -RANGE_DB), len(waveform) / sample_rate, top / 1e3
    )
    ax.set_xlim(0, seconds or len(waveform) / sample_rate)


def draw_image(ax: "drawing.Axes", values: np.ndarray, width: float, height: float) -> None:
    """Draw `(frames, bins)` as an image from 0 to width and 0 to height, low bins below."""
    from matplotlib import colormaps

    colors = colormaps["cividis"].resampled(_SHADES)
    ax.imshow(
        values.T, origin="lower", aspect="auto", extent=(0, width, 0, height),
        cmap=colors, interpolation="none",
    )  # fmt: skip
    # after the end there is silence, not paper; a patch, since pages make axes transparent
    ax.axvspan(0, 1e3, facecolor=colors(0), edgecolor="none", zorder=-1)
    ax.set_xlim(0, width)
    ax.grid(visible=False)


def draw_waveform(ax: "drawing.Axes", waveform: np.ndarray, sample_rate: int) -> None:
    """Draw the envelope of a waveform: what the eye sees of 48,000 samples is their extremes."""
    edges = np.linspace(0, len(waveform), min(_ENVELOPE, len(waveform)) + 1).astype(int)
    high = np.maximum.reduceat(waveform, edges[:-1])
    low = np.minimum.reduceat(waveform, edges[:-1])
    time = (edges[:-1] + edges[1:]) / 2 / sample_rate
    ax.fill_between(time, low, high, color=drawing.ACCENT, lw=0.5)
    top = max(float(np.abs(waveform).max()), 1e-3) * 1.05
    ax.set_ylim(-top, top)
    ax.set_xlim(0, len(waveform) / sample_rate)
    ax.set_ylabel("amplitude")
