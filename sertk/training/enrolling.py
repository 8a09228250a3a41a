"""How much enrolment is worth: test speakers enrolled with a few of their own recordings.

In: a model with the layer `SubtractSpeaker`, and the dataset of the test speakers. Out: counts of
right and wrong predictions by number of enrolled recordings, which no label chose.
"""

from itertools import pairwise

import keras
import numpy as np
import pandas as pd

from sertk._utils import seeding
from sertk.datasets import ClipDataset
from sertk.layers import speaker

COUNTS = (0, 1, 2, 5, 10, 30)  # of recordings enrolled
_DRAWS = 5  # of the recordings that are enrolled, for each speaker and number
_BATCH = 64
COLUMNS = ["speaker", "enrolled", "of", "label", "predicted", "utterances"]


def curve(model: keras.Model, tested: ClipDataset) -> pd.DataFrame | None:
    """Predict each test speaker's other recordings, with none, few and many of them enrolled.

    Args:
        model: The assembled model.
        tested: The dataset of the test speakers.

    Returns:
        `speaker, enrolled, of` (`any` recordings, or `neutral` ones), `label, predicted,
        utterances`; the last is summed over the draws. `None` if nobody can be enrolled.
    """
    layer = speaker.of_model(model)
    if layer is None or not len(tested):
        return None
    front = keras.Model(model.input, layer.input)
    back = keras.Model(layer.input, model.output)
    rows = tested.manifest
    first = np.concatenate([[0], np.cumsum(tested.clips_per_utterance)])
    clips = np.concatenate(
        [np.asarray(front.predict_on_batch(tested[k][0])) for k in range(len(tested))]
    )
    means = np.stack([clips[a:b].mean(axis=(0, 1)) for a, b in pairwise(first)])
    labels = rows["label"].to_numpy(str)
    counted: list[pd.DataFrame] = []
    for name, own in rows.groupby("speaker").indices.items():
        for count, kind, chosen in _draws(own, labels, seeding.derive(tested.seed, name)):
            others = np.setdiff1d(own, chosen)
            mean = means[chosen].mean(axis=0) if count else np.zeros_like(means[0])
            layer.enrol(mean, count)
            places = np.concatenate([np.arange(first[k], first[k + 1]) for k in others])
            shares = _predict(back, clips[places])
            lengths = np.array(tested.clips_per_utterance)[others]
            answers = tested.joined(shares, lengths.tolist()).argmax(axis=1)
            table = pd.DataFrame(
                {"label": labels[others], "predicted": np.array(tested.classes)[answers]}
            )
            counted.append(table.assign(speaker=name, enrolled=count, of=kind))
    layer.enrol(np.zeros_like(means[0]), 0)
    together = pd.concat(counted).groupby(COLUMNS[:-1]).size()
    return together.rename("utterances").reset_index()


def _draws(own: np.ndarray, labels: np.ndarray, seed: int) -> list[tuple[int, str, np.ndarray]]:
    """Choose which recordings of a speaker are enrolled, so that half or more are left to test."""
    generator = np.random.default_rng(seed)
    neutral = own[labels[own] == "neutral"]
    plans = [(count, "any", own) for count in COUNTS if 2 * count <= len(own)]
    plans += [(2, "neutral", neutral)] if len(neutral) >= 2 and len(own) >= 4 else []
    return [
        (count, kind, generator.choice(pool, count, replace=False))
        for count, kind, pool in plans
        for _ in range(_DRAWS if count else 1)
    ]


def _predict(back: keras.Model, clips: np.ndarray) -> np.ndarray:
    """Predict in batches of one size: JAX compiles again for every other one."""
    shares = []
    for start in range(0, len(clips), _BATCH):
        batch = clips[start : start + _BATCH]
        full = np.zeros((_BATCH, *clips.shape[1:]), np.float32)
        full[: len(batch)] = batch
        shares.append(np.asarray(back.predict_on_batch(full))[: len(batch)])
    return np.concatenate(shares).astype(np.float64)
