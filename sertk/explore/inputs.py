"""The input of a network: one clip after trimming, cutting and referencing."""

from typing import Any

import numpy as np
import pandas as pd

from sertk import manifest as manifests
from sertk._display import drawing
from sertk.explore import selection
from sertk.explore.spectrogram import draw_image
from sertk.explore.tables import Table
from sertk.features.mfcc import Mfcc
from sertk.preprocessing import Preprocessing

_TITLES = {
    "LogMel": "Log-mel", "LogMelDelta": "Log-mel and its deltas",
    "LogSpectrogram": "Log spectrogram", "Mfcc": "MFCC", "MfccTrace": "Mean of the MFCC",
    "NoiseReverbSpectrogram": "Log spectrogram, clean, with noise and in a room",
}  # fmt: skip
_HERTZ = (250, 500, 1000, 2000, 4000, 8000)


class FeatureDisplay(Table):
    """A clip as a network gets it: a row per frame, a column per bin (and channel).

    Args:
        finished: shape (frames, bins) or (frames, bins, channels).
        prep: The preprocessing that made it.
        sound: The frames that hold sound; the others are padding.
        title: Caption.
        note: One sentence below.
    """

    decimals = 2

    def __init__(
        self, finished: np.ndarray, prep: Preprocessing, sound: slice, title: str, note: str = ""
    ):
        frames = len(finished)
        hop = getattr(prep.feature, "hop_length", None)
        step = hop / prep.sample_rate if hop else prep.clip_seconds / frames
        columns = [f"bin {k}" for k in range(finished.shape[1])]
        if finished.ndim == 3:
            channels = range(finished.shape[2])
            columns = [f"channel {c}, {name}" for c in channels for name in columns]
        # channels beside each other, each with all of its bins
        flat = np.moveaxis(np.atleast_3d(finished), 2, 1).reshape(frames, -1)
        index = pd.Index(np.round(np.arange(frames) * step, 5), name="time, s")
        super().__init__(pd.DataFrame(flat, index=index, columns=columns), title, note)
        self.prep, self.sound = prep, sound
        self.channels = finished.shape[2] if finished.ndim == 3 else 1

    def _draw(self, ax: "drawing.Axes") -> None:
        pictures = np.split(self._table.to_numpy(float), self.channels, axis=1)
        if self.channels == 1:
            self._draw_channel(ax, pictures[0])
            return
        ax.set_axis_off()
        height = 1 / self.channels
        for number, values in enumerate(pictures):
            last = number == self.channels - 1
            panel = ax.inset_axes((0, 1 - (number + 1) * height, 1, 0.86 * height))
            self._draw_channel(panel, values)
            panel.set_ylabel(f"channel {number}", fontsize=8)
            texts = [text.get_text() for text in panel.get_yticklabels()]
            panel.set_yticks(panel.get_yticks()[1::2], texts[1::2])
            panel.tick_params(labelbottom=last)
            panel.set_xlabel(panel.get_xlabel() if last else "")

    def _draw_channel(self, ax: "drawing.Axes", values: np.ndarray) -> None:
        """Draw one channel, shape (frames, bins): an image, or a line if there is one bin."""
        bins = values.shape[1]
        ax.set_xlabel("time, s")
        if bins == 1:
            ax.plot(self._table.index, values[:, 0], color=drawing.ACCENT, lw=0.8)
            ax.set_xlim(0, self.prep.clip_seconds)
            ax.set_ylabel("value")
            return
        label, ticks = _bins(self.prep.feature, bins)
        if label == "coefficient":
            # each on a scale of its own, or the first would leave nothing to see of the others
            within = values[self.sound]
            values = (values - within.mean(axis=0)) / np.maximum(within.std(axis=0), 1e-6)
            values = np.clip(values, -2.5, 2.5)
        draw_image(ax, values, self.prep.clip_seconds, bins)
        ax.set_ylabel(label)
        ax.set_yticks(*ticks)

    def _body(self) -> str:
        return self._shown().to_html(escape=True, max_rows=6, max_cols=8)


def clip(
    utterances: pd.DataFrame, prep: Preprocessing | None = None, utterance_id: str | None = None
) -> FeatureDisplay:
    """Show a clip as a network gets it.

    Args:
        utterances: A manifest whose files are there.
        prep: How a recording becomes a clip; log-mel by default.
        utterance_id: Which; the first by default.

    Returns:
        The finished clip: a row per frame, named by its time in seconds, a column per bin.

    Raises:
        ManifestError: If there is no such utterance, or no root folder is known.
        AudioError: If the file cannot be read.

    Examples:
        `sertk.explore.clip(utterances, sertk.Preprocessing("mfcc", clip_seconds=2.0)).plot()`
    """
    prep = prep or Preprocessing()
    row = selection.one(utterances, utterance_id)
    path = manifests.root_of(utterances, str(row["corpus"])) / str(row["path"])
    start, end = (None if pd.isna(row.get(n)) else float(row[n]) for n in ("start", "end"))
    spectrum = prep.spectrum(path, start, end)
    starts = prep.clip_starts(spectrum)
    finished = prep.finish(prep.clips(spectrum)[0])
    kind = _TITLES.get(type(prep.feature).__name__, type(prep.feature).__name__)
    frames, *numbers = finished.shape
    note = (
        f"Shape ({frames}, {', '.join(map(str, numbers))}), one frame every "
        f"{1000 * prep.clip_seconds / frames:.3g} ms. "
        f"The utterance has {len(spectrum)} frames after trimming"
        + ("; the rest is padding." if starts[0] < 0 else f", cut into {len(starts)} clips.")
    )
    sound = slice(max(-starts[0], 0), min(len(spectrum) - starts[0], len(finished)))
    return FeatureDisplay(finished, prep, sound, f"{kind} of {row['utterance_id']}", note)


def mfcc(
    utterances: pd.DataFrame, utterance_id: str | None = None, *, n_mfcc: int = 13
) -> FeatureDisplay:
    """Show the mel-frequency cepstral coefficients of a clip, each on a scale of its own.

    Args:
        utterances: A manifest whose files are there.
        utterance_id: Which; the first by default.
        n_mfcc: How many coefficients.

    Raises:
        ManifestError: If there is no such utterance, or no root folder is known.
        AudioError: If the file cannot be read.

    Examples:
        `sertk.explore.mfcc(utterances, n_mfcc=20).plot()`
    """
    return clip(utterances, Preprocessing(Mfcc(n_mfcc=n_mfcc, deltas=0)), utterance_id)


def _bins(feature: Any, bins: int) -> tuple[str, tuple[list[float], list[str]]]:
    """Say what the bins of a feature are, and label some of them: (places, texts)."""
    if hasattr(feature, "n_mfcc"):
        return "coefficient", _numbered(bins)
    if hasattr(feature, "n_mels"):
        return "mel band, at its frequency in Hz", _mel_ticks(feature)
    if hasattr(feature, "hertz_per_bin"):
        inside = [k for k in range(1000, 24_000, 1000) if k / feature.hertz_per_bin < bins]
        places = [k / feature.hertz_per_bin + 0.5 for k in inside]
        return "frequency, Hz", (places, [f"{k:,}" for k in inside])
    return "dimension", _numbered(bins)


def _numbered(bins: int) -> tuple[list[float], list[str]]:
    shown = range(0, bins, max(2, bins // 8))
    return [k + 0.5 for k in shown], [str(k) for k in shown]


def _mel_ticks(feature: Any) -> tuple[list[float], list[str]]:
    """Place round frequencies among the mel bands."""
    import librosa

    top = getattr(feature, "fmax", None) or feature.sample_rate / 2
    low, count = getattr(feature, "fmin", 0.0), feature.n_mels
    centers = librosa.mel_frequencies(count + 2, fmin=low, fmax=top)[1:-1]
    shown = [hertz for hertz in _HERTZ if low <= hertz <= centers[-1] * 1.05]
    places = np.interp(shown, centers, np.arange(count) + 0.5)
    return places.tolist(), [f"{hertz:,}" for hertz in shown]
