"""Audio players in a page: Opus sound and a spectrogram thumbnail as data URIs.

In: files or waveforms. Out: text for `src` attributes. Three seconds take about 10 kB.
"""

import base64
import io
from pathlib import Path

import numpy as np

from sertk import audio

SAMPLE_RATE = 16_000  # Hz; one of the five rates that OPUS knows
_FFT, _HOP = 512, 160
_RANGE_DB = 70.0


def embed(path: Path, start: float | None = None, end: float | None = None) -> tuple[str, str]:
    """Read a clip between two times in seconds: its player's source and its thumbnail's."""
    waveform, rate = audio.read(path, sample_rate=SAMPLE_RATE, start=start, end=end)
    return source(waveform, rate), _uri("image/png", thumbnail(waveform))


def source(waveform: np.ndarray, rate: int) -> str:
    """Encode a waveform of shape (samples,) as what an `<audio src>` takes."""
    return _uri("audio/ogg", opus(waveform, rate))


def opus(waveform: np.ndarray, rate: int) -> bytes:
    """Encode a waveform of shape (samples,) as OGG OPUS."""
    import soundfile

    sink = io.BytesIO()
    with soundfile.SoundFile(sink, "w", rate, 1, subtype="OPUS", format="OGG") as file:
        # second by second: the encoder's stack does not survive minutes in one call
        for start in range(0, len(waveform), rate):
            file.write(np.clip(waveform[start : start + rate], -1, 1))
    return sink.getvalue()


def thumbnail(waveform: np.ndarray, width: int = 240, height: int = 64) -> bytes:
    """Draw a spectrogram as a small PNG: time to the right, 0 to 8 kHz upwards on a mel scale."""
    from matplotlib import colormaps
    from matplotlib.image import imsave

    padded = np.pad(waveform, (_FFT // 2, _FFT))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP]
    # a window per pixel is enough, and keeps long clips cheap
    frames = frames[np.linspace(0, len(frames) - 1, width).astype(int)]
    power = np.abs(np.fft.rfft(frames * np.hanning(_FFT), axis=1)) ** 2
    mel = np.linspace(0, 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700), height)
    place = 700 * (10 ** (mel / 2595) - 1) * _FFT / SAMPLE_RATE
    bands = power[:, np.clip(np.round(place).astype(int), 0, power.shape[1] - 1)]
    decibel = 10 * np.log10(np.maximum(bands, 1e-10))
    shades = np.clip((decibel - decibel.max()) / _RANGE_DB + 1, 0, 1)
    sink = io.BytesIO()
    imsave(sink, colormaps["cividis"](shades.T[::-1]), format="png", metadata={"Software": ""})
    return sink.getvalue()


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
