"""What a classical model decides by: permutation importance and coefficients, in groups of inputs.

In: a fitted classical model and the dataset of the test speakers. Out: one row per group of inputs,
such as the functionals of one low-level descriptor.
"""

from typing import TYPE_CHECKING

import keras
import numpy as np
import pandas as pd

from sertk import evaluation
from sertk._utils import seeding
from sertk.datasets import ClipDataset

if TYPE_CHECKING:
    from sertk.classical._fitted import Fitted

_REPEATS = 5
_MOST_CLIPS = 1000  # that are permuted: more take time and change the second digit


def table(model: keras.Model, fitted: "Fitted", tested: ClipDataset) -> pd.DataFrame:
    """Measure how much UAR each group of inputs is worth, by permuting it between test clips.

    Nothing is chosen by it: it describes a model that is finished.

    Args:
        model: The assembled model.
        fitted: What was fitted, of which `model` ends with the network.
        tested: The dataset of the test speakers.

    Returns:
        One row per group, the most important first: `group`, `inputs` (how many it has), `uar_drop`
        (fraction, the mean over five permutations), `uar_drop_sd`, `relevance` (the group's share
        of the norms of coefficients, or of the impurity that trees remove; missing where the model
        has neither) and `strongest` (its input with the largest one).

    References:
        Breiman 2001, Random Forests (permutation importance).
    """
    network = fitted.network
    finished = model.input
    for layer in model.layers[1:-1]:
        finished = layer(finished)
    front = keras.Model(model.input, finished)
    x, y = clips(tested, front)
    generator = np.random.default_rng(seeding.derive(tested.seed, "importance"))
    if len(x) > _MOST_CLIPS:
        kept = np.sort(generator.choice(len(x), _MOST_CLIPS, replace=False))
        x, y = x[kept], y[kept]
    flat = x.reshape(len(x), x.shape[1], -1)
    names, groups = tested.prep.feature.number_names, tested.prep.feature.number_groups
    if flat.shape[2] == 2 * len(names):  # behind the inputs is what tells corpora apart
        names = [*names, *(f"{name}, not enrolled" for name in names)]
        groups = [*groups, *["corpus"] * len(groups)]
    present = sorted(set(y.tolist()))  # a test speaker may lack classes

    def uar(inputs: np.ndarray) -> float:
        # in one batch: `predict` takes 60 ms for what this does in two
        shares = np.asarray(network.predict_on_batch(inputs.reshape(x.shape)))
        return evaluation.uar(y, shares.argmax(axis=1), present)

    whole = uar(flat)
    relevance = None
    if fitted.relevance is not None:
        padded = np.pad(fitted.relevance, (0, -len(fitted.relevance) % flat.shape[2]))
        shares = padded.reshape(-1, flat.shape[2]).sum(axis=0)
        relevance = pd.Series(shares / max(float(shares.sum()), 1e-12), index=names)
    rows = []
    for group in dict.fromkeys(groups):
        places = np.flatnonzero(np.asarray(groups) == group)
        own, drops = flat[:, :, places], []
        for _ in range(_REPEATS):
            flat[:, :, places] = own[generator.permutation(len(own))]
            drops.append(whole - uar(flat))
        flat[:, :, places] = own
        row = {"group": group, "inputs": len(places)}
        row |= {"uar_drop": np.mean(drops), "uar_drop_sd": np.std(drops, ddof=1)}
        if relevance is not None:
            among = relevance.iloc[places]
            row |= {"relevance": among.sum(), "strongest": among.idxmax()}
        rows.append(row)
    columns = ["group", "inputs", "uar_drop", "uar_drop_sd", "relevance", "strongest"]
    found = pd.DataFrame(rows).reindex(columns=columns)
    return found.sort_values("uar_drop", ascending=False, ignore_index=True)


def clips(dataset: ClipDataset, front: keras.Model) -> tuple[np.ndarray, np.ndarray]:
    """Finish and standardize every clip that an epoch visits, in order; and their classes."""
    batches = [dataset[number] for number in range(len(dataset))]
    finished = [np.asarray(front.predict_on_batch(given)) for given, _ in batches]
    return np.concatenate(finished), np.concatenate([label.argmax(axis=1) for _, label in batches])
