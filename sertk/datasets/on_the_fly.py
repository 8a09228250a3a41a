"""On-the-fly augmentation: spectra of copies that are computed when training asks for them.

In: utterances, a `Preprocessing` and a recipe. Out: spectra by utterance and seed of the draw, so
that the same name is the same spectrum in any thread and process.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from sertk import manifest as manifests
from sertk.augment.config import Augmentation
from sertk.cache.parts import copied
from sertk.preprocessing import Preprocessing


class OnTheFlyName(NamedTuple):
    """Name a drawn copy. It is no string, since any string may be an utterance_id."""

    utterance_id: str
    seed: int


class OnTheFlyCopies:
    """Draw augmented copies of utterances, and compute their spectra.

    Args:
        utterances: Originals with `utterance_id`, whose files are there.
        prep: How a recording becomes a spectrum.
        augmentation: What is done to them.
        copies: An utterance is visited as a copy `copies` times as often as itself.
    """

    def __init__(
        self, utterances: pd.DataFrame, prep: Preprocessing, augmentation: Augmentation, copies: int
    ):
        self.augmentation, self.copies = augmentation, copies
        self.prep = prep
        rows = utterances.reindex(columns=["utterance_id", "start", "end"]).astype(object)
        paths = manifests.paths(utterances)
        self._where = {
            name: (path, None if pd.isna(start) else start, None if pd.isna(end) else end)
            for (name, start, end), path in zip(
                rows.itertuples(index=False, name=None), paths, strict=True
            )
        }
        only = augmentation.only
        self._chosen = set(
            utterances["utterance_id"]
            if only is None
            else utterances.loc[utterances["label"].isin(only), "utterance_id"]
        )

    def name(
        self, utterance_id: str, seed: int, *, copied: bool | None = None
    ) -> str | OnTheFlyName:
        """Draw whether an utterance is visited as itself or as a copy, and name it.

        Args:
            utterance_id: Name of an original utterance.
            seed: int. Seed of the random draw.
            copied: What is known of it beforehand; an utterance that gets no copies is itself
                all the same.
        """
        if copied is None:
            copied = bool(np.random.default_rng(seed).integers(self.copies + 1) > 0)
        if not copied or utterance_id not in self._chosen:
            return utterance_id
        return OnTheFlyName(utterance_id, seed)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, OnTheFlyName)

    def __getitem__(self, name: OnTheFlyName) -> np.ndarray:
        """Compute one spectrum, shape (frames, bins), float32."""
        place = self._where[name.utterance_id]
        copy = copied(self.prep, place, self.augmentation.recipe, name.seed)
        return np.ascontiguousarray(copy, dtype=np.float32)
