"""What a network gets: one clip of an utterance, after trimming, cutting, reference and floor."""

import html
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sertk import manifest as manifests
from sertk import segments
from sertk.explore import pick
from sertk.explore.spectrogram import draw_image
from sertk.explore.tables import Table
from sertk.features.mfcc import Mfcc
from sertk.preprocessing import Preprocessing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TITLES = {"LogMel": "Log-mel", "Mfcc": "MFCC"}
_HERTZ = (250, 500, 1000, 2000, 4000, 8000)


class FeatureDisplay(Table):
    """A clip as a network gets it: a row per frame, a column per bin.

    Attributes:
        prep: The preprocessing that made it.
        sound: The frames that hold sound; the others are padding.
    """

    decimals = 2

    def __init__(
        self, table: pd.DataFrame, prep: Preprocessing, sound: slice, title: str, note: str
    ):
        super().__init__(table, title, note)
        self.prep = prep
        self.sound = sound

    def _draw(self, ax: "Axes") -> None:
        values = self._table.to_numpy(float)
        coefficients = hasattr(self.prep.feature, "n_mfcc")
        if coefficients:
            # each on a scale of its own, or the first would leave nothing to see of the others
            heard = values[self.sound]
            values = (values - heard.mean(axis=0)) / np.maximum(heard.std(axis=0), 1e-6)
            values = np.clip(values, -2.5, 2.5)
        draw_image(ax, values, self.prep.clip_seconds, values.shape[1])
        ax.set_xlabel("time, s")
        ax.set_ylabel("coefficient" if coefficients else "mel band, at its frequency in Hz")
        if coefficients:
            shown = range(0, values.shape[1], max(2, values.shape[1] // 8))
            ax.set_yticks([k + 0.5 for k in shown], [str(k) for k in shown])
        else:
            ax.set_yticks(*_mel_ticks(self.prep.feature))

    def _repr_html_(self) -> str:
        table = self._shown().to_html(escape=True, max_rows=6, max_cols=8)
        return f"<p><b>{html.escape(self.title)}</b></p>{table}<p>{html.escape(self.note)}</p>"


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
        ManifestError: If there is no such utterance, or nobody says where the files are.
        AudioError: If the file cannot be read.

    Example:
        `sertk.explore.clip(utterances, sertk.Preprocessing("mfcc", clip_seconds=2.0)).plot()`
    """
    prep = prep or Preprocessing()
    row = pick.one(utterances, utterance_id)
    path = manifests.root_of(utterances, str(row["corpus"])) / str(row["path"])
    start, end = (None if pd.isna(row.get(n)) else float(row[n]) for n in ("start", "end"))
    spectrum = prep.extract(prep.load(path, start, end))
    cut = np.empty(prep.clip_shape, np.float32)
    starts = segments.starts(len(spectrum), prep.clip_frames)
    prep.cut(spectrum, starts[0], cut)
    finished = prep.finish(cut)
    hop = prep.feature.hop_length / prep.sample_rate
    table = pd.DataFrame(
        finished,
        index=pd.Index(np.round(np.arange(len(finished)) * hop, 4), name="time, s"),
        columns=[f"bin {k}" for k in range(finished.shape[1])],
    )
    kind = _TITLES.get(type(prep.feature).__name__, type(prep.feature).__name__)
    frames, bins = finished.shape
    note = (
        f"{frames} frames, one every {1000 * hop:.0f} ms, of {bins} numbers. "
        f"The utterance has {len(spectrum)} frames after trimming"
        + (": the rest is padding." if starts[0] < 0 else f", cut into {len(starts)} clips.")
    )
    sound = slice(max(-starts[0], 0), min(len(spectrum) - starts[0], len(finished)))
    return FeatureDisplay(table, prep, sound, f"{kind} of {row['utterance_id']}", note)


def mfcc(
    utterances: pd.DataFrame, utterance_id: str | None = None, *, n_mfcc: int = 13
) -> FeatureDisplay:
    """Show the mel-frequency cepstral coefficients of a clip, each on a scale of its own.

    Args:
        utterances: A manifest whose files are there.
        utterance_id: Which; the first by default.
        n_mfcc: How many coefficients.

    Raises:
        ManifestError: If there is no such utterance, or nobody says where the files are.
        AudioError: If the file cannot be read.

    Example:
        `sertk.explore.mfcc(utterances, n_mfcc=20).plot()`
    """
    return clip(utterances, Preprocessing(Mfcc(n_mfcc=n_mfcc, deltas=0)), utterance_id)


def _mel_ticks(feature: object) -> tuple[list[float], list[str]]:
    """Place round frequencies among the mel bands."""
    import librosa

    top = getattr(feature, "fmax", None) or feature.sample_rate / 2  # type: ignore[attr-defined]
    low = getattr(feature, "fmin", 0.0)
    count = feature.n_mels  # type: ignore[attr-defined]
    centres = librosa.mel_frequencies(count + 2, fmin=low, fmax=top)[1:-1]
    shown = [hertz for hertz in _HERTZ if low <= hertz <= centres[-1] * 1.05]
    return [float(np.interp(h, centres, np.arange(count) + 0.5)) for h in shown], [
        f"{hertz:,}" for hertz in shown
    ]
