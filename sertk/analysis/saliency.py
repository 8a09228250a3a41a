"""Saliency and attention: which parts of a spectrogram a prediction depends on.

In: a run, and an utterance that it was tested on. Out: Displays with the finished clip and, at the
same places, how much each of them counts.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sertk._display import drawing
from sertk._display.display import Display, percent
from sertk.analysis import gradients
from sertk.analysis.replay import Replay
from sertk.errors import ConfigurationError, UnknownNameError
from sertk.explore.inputs import FeatureDisplay
from sertk.explore.spectrogram import draw_image
from sertk.run import Run

METHODS = ("integrated", "gradient")
_STEPS, _BATCH = 64, 16


class OverlayDisplay(Display):
    """A clip as the network gets it, and beneath it how much each place counts.

    Attributes:
        clip: The finished clip: a row per frame, a column per bin.
        label: The class it is about, or nothing.
    """

    size = (8.0, 4.6)

    def __init__(self, table: pd.DataFrame, clip: FeatureDisplay, title: str, note: str, label=""):
        super().__init__(table, title, note)
        self.clip, self.label = clip, label

    def _draw(self, ax: Any) -> None:
        ax.set_axis_off()
        above, below = ax.inset_axes((0, 0.54, 1, 0.46)), ax.inset_axes((0, 0, 1, 0.46))
        self.clip.plot(above)
        above.set_title("", loc="left")
        above.set_xlabel("")
        above.tick_params(labelbottom=False)
        above.set_ylabel("Hz" if "Hz" in above.get_ylabel() else above.get_ylabel())
        values = self._table.to_numpy(float)
        seconds = self.clip.prep.clip_seconds
        if values.shape[1] == 1:
            below.plot(self._table.index, values[:, 0], color=drawing.ACCENT, lw=1.4)
            if values.min() >= 0:
                below.set_ylim(0, None)
            below.set_xlim(0, seconds)
            below.set_ylabel("attention" if "attention" in self._table else "log-probability")
        else:
            draw_image(below, values, seconds, values.shape[1])
            if values.min() < 0:
                top = np.quantile(np.abs(values), 0.995) or 1.0
                below.images[0].set_cmap("PuOr")
                below.images[0].set_clim(-top, top)
            below.set_yticks(above.get_yticks(), [t.get_text() for t in above.get_yticklabels()])
            below.set_ylabel(above.get_ylabel())
        below.set_xlabel("time, s")
        ax.set_title(ax.get_title("left"), loc="left", pad=8)

    def _shown(self) -> pd.DataFrame:
        return self._table.describe().T.describe()


def saliency(
    run: Run | str | Path,
    utterance_id: str,
    label: str | None = None,
    *,
    method: str = "integrated",
    clip: int = 0,
    roots: Mapping[str, str | Path] | None = None,
) -> OverlayDisplay:
    """Show which places of a clip speak for a class, or against it.

    The model is that of the fold that tested the speaker, of the run's first seed.

    Args:
        run: A finished run, or its folder, with its models.
        utterance_id: Which utterance, one that the run was tested on.
        label: The class; what is predicted by default.
        method: `"integrated"` adds gradients up on the way from a featureless clip to this one:
            the values sum to what this clip adds to the log-probability of the class. `"gradient"`
            is its absolute value at this clip: what a small change would do.
        clip: Which clip of a long utterance.
        roots: Corpus -> folder of its files; `SERTK_CORPORA` is looked at otherwise.

    Returns:
        A row per frame, a column per bin, in units of log-probability (`"gradient"`: per unit of
        the feature, such as dB).

    Raises:
        UnknownNameError: If there is no such class or method.
        ConfigurationError: If the utterance was not tested, has no such clip, or the backend is
            neither JAX nor TensorFlow.

    References:
        Sundararajan et al. 2017, Axiomatic Attribution for Deep Networks, arXiv 1703.01365.
        Simonyan et al. 2014, Deep Inside Convolutional Networks, arXiv 1312.6034.

    Examples:
        `saliency("runs/ravdess_compact", "ravdess_03-01-05-01-01-01-01").plot()`
    """
    if method not in METHODS:
        raise UnknownNameError("method", method, METHODS)
    replay = Replay(run, roots)
    if label is not None and label not in replay.run.classes:
        raise UnknownNameError("class", label, replay.run.classes)
    model, finished, shown = _clip(replay, utterance_id, clip)
    net = replay.network(model)
    shares = np.asarray(net.predict_on_batch(finished[None]))[0]
    chosen = replay.run.classes.index(label) if label else int(shares.argmax())
    values, rest = attribute(net, finished, chosen, method)
    name = replay.run.classes[chosen]
    note = f"The probability of {name} is {percent(shares[chosen])} %. " + (
        f"The values sum to {values.sum():+.2f}; the difference in log-probability to a "
        f"featureless clip is {values.sum() + rest:+.2f}."
        if method == "integrated"
        else "Values are the sensitivity of the log-probability to a small change of the input."
    )
    table = _like(values.sum(axis=-1) if values.ndim == 3 else values, shown)
    title = f"{utterance_id}: saliency for {name}" + (
        ", for (purple) and against (orange)" if method == "integrated" else ""
    )
    return OverlayDisplay(table, shown, title, note, name)


def attribute(net: Any, finished: np.ndarray, chosen: int, method: str) -> tuple[np.ndarray, float]:
    """Compute how much each value of a finished clip counts for a class.

    Args:
        net: From finished clips to probabilities.
        finished: shape (frames, bins[, channels]), float32.
        chosen: Index of the class.
        method: One of `METHODS`.

    Returns:
        Values of the shape of the clip, and what the sum over steps leaves over (0 for
        gradients).
    """
    if method == "gradient":
        gradient, _ = gradients.of_log_probability(net, finished[None], chosen)
        return np.abs(gradient[0]), 0.0
    base = featureless(finished)
    places = (np.arange(_STEPS) + 0.5) / _STEPS
    way = base + places.reshape(-1, *(1,) * finished.ndim) * (finished - base)
    total = np.zeros_like(finished)
    for first in range(0, _STEPS, _BATCH):
        part = way[first : first + _BATCH].astype(np.float32)
        total += gradients.of_log_probability(net, part, chosen)[0].sum(axis=0)
    values = (finished - base) * total / _STEPS
    ends = np.stack([base, finished]).astype(np.float32)
    _, logs = gradients.of_log_probability(net, ends, chosen)
    return values, float(logs[1] - logs[0] - values.sum())


def featureless(finished: np.ndarray) -> np.ndarray:
    """Make the clip to start from: every frame alike, the mean of this clip's frames."""
    return np.broadcast_to(finished.mean(axis=0), finished.shape).astype(np.float32)


def attention(
    run: Run | str | Path,
    utterance_id: str,
    *,
    clip: int = 0,
    roots: Mapping[str, str | Path] | None = None,
) -> OverlayDisplay:
    """Show where a network with attention pools a clip: over time, or over time and frequency.

    Attention says what is looked at, not what it speaks for. It is stretched to the frames of the
    clip from the fewer ones that convolutions leave.

    Args:
        run: A finished run of a network with attention, such as `compact`.
        utterance_id: Which utterance, one that the run was tested on.
        clip: Which clip of a long utterance.
        roots: Corpus -> folder of its files; `SERTK_CORPORA` is looked at otherwise.

    Returns:
        A row per frame; one column `attention`, or one per bin. The sum is 1.

    Raises:
        ConfigurationError: If the network has no attention, or the utterance was not tested.

    Examples:
        `attention("runs/ravdess_compact", "ravdess_03-01-05-01-01-01-01").plot()`
    """
    replay = Replay(run, roots)
    model, finished, shown = _clip(replay, utterance_id, clip)
    layers = [layer for layer in model.layers[-1].layers if hasattr(layer, "attention")]
    if not layers:
        raise ConfigurationError(
            f"The model {model.name} has no attention layer.",
            "Attention weights are available for compact, crnn_attention and fcn_attention.",
            "Use a saliency map, which is available for every model.",
            code="no-attention-layer",
        )
    inner = replay.network(model, until=lambda _: layers[0].input)
    weights = np.asarray(layers[0].attention(inner(finished[None])))[0, ..., 0]
    for axis, length in zip(range(weights.ndim), finished.shape, strict=False):
        weights = _stretched(weights, axis, length)
    weights = weights / weights.sum()
    if weights.ndim == 1:
        table = pd.DataFrame({"attention": weights}, index=shown.frame().index)
    else:
        table = _like(weights, shown)
    note = "Weights of the attention pooling layer; they sum to 1."
    return OverlayDisplay(table, shown, f"{utterance_id}: attention of {model.name}", note)


def _clip(replay: Replay, utterance_id: str, clip: int) -> tuple[Any, np.ndarray, FeatureDisplay]:
    """Load the model of the fold that tested the speaker, and finish one clip of the utterance."""
    if replay.prep.input_shape[0] == 1:
        raise ConfigurationError(
            f"The feature of {replay.run.folder} is one vector per utterance.",
            "Saliency and attention are maps over the frames of a clip.",
            "Use sertk.evaluation.feature_importance for a classical model.",
            code="no-frames",
        )
    fold = replay.fold_of(utterance_id)
    rows = replay.rows(fold)
    one = rows[rows["utterance_id"] == utterance_id]
    sound = replay.sounds(one)[0]
    waveform = replay.prep.load(sound["path"], sound["start"], sound["end"])
    dataset = replay.dataset(one, {utterance_id: replay.prep.extract(waveform)})
    clips = replay.finished(dataset)
    if not 0 <= clip < len(clips):
        raise ConfigurationError(
            f"clip={clip} is out of range for {utterance_id}.",
            f"The utterance has {len(clips)} clip{'s' * (len(clips) != 1)}, numbered from 0.",
            "Choose one of these, or omit clip to use the first.",
            code="clip-out-of-range",
        )
    finished = clips[clip]
    picture = finished[..., 0] if finished.ndim == 3 else finished
    shown = FeatureDisplay(picture, replay.prep, slice(0, len(picture)), utterance_id)
    return replay.model(fold), finished, shown


def _like(values: np.ndarray, shown: FeatureDisplay) -> pd.DataFrame:
    clip = shown.frame()
    return pd.DataFrame(values, index=clip.index, columns=clip.columns)


def _stretched(weights: np.ndarray, axis: int, length: int) -> np.ndarray:
    """Interpolate to another length, each old place in the middle of its stretch."""
    size = weights.shape[axis]
    places = (np.arange(length) + 0.5) * size / length - 0.5
    return np.apply_along_axis(lambda row: np.interp(places, np.arange(size), row), axis, weights)
