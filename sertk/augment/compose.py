"""Compose transforms: functions, audiomentations objects, and names.

In: a list of transforms. Out: a `Compose`, which applies them one after the other. Two of them are
equal, in any process, when they make the same copies.
"""

import hashlib
import inspect
import json
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from sertk._utils import seeding
from sertk.augment import fingerprints
from sertk.augment.registry import Step
from sertk.errors import ConfigurationError


class Compose:
    """Transforms that are applied one after the other.

    Args:
        transforms: Functions `(waveform, sample_rate, generator) -> waveform`, which draw from
            `generator` alone; callables `(samples, sample_rate) -> samples` such as transforms of
            audiomentations, which may draw from the global generators of `random` and numpy; or
            words of a recipe.
        word: Names a word, wherever its folder of recordings is, and builds its steps.

    Attributes:
        steps: What is done.
        record: Its record in run.json: one entry per transform.
        name: Short, the same for the same transforms.

    Raises:
        ConfigurationError: If the list is empty, or holds what is none of these, or what cannot
            be distinguished from something else.
    """

    def __init__(
        self, transforms: Iterable[Any], word: Callable[[str], tuple[str, tuple[Step, ...]]]
    ):
        if not isinstance(transforms, Iterable):
            raise ConfigurationError(
                f"Received the augmentation {transforms!r}.",
                "An augmentation is a name or a list of transforms.",
                "Put a single transform into a list.",
                code="wrong-augmentation-type",
            )
        items = list(transforms)
        if not items:
            raise ConfigurationError(
                "The list of transforms is empty.",
                "It needs at least one function, audiomentations transform, or name of an "
                "augmentation.",
                "Omit the augmentation (augment=None) to train on the originals only.",
                code="no-transforms",
            )
        parts = [
            word(item) if isinstance(item, str) else (fingerprints.described(item), (_step(item),))
            for item in items
        ]
        self.steps: tuple[Step, ...] = tuple(step for _, steps in parts for step in steps)
        self.record = [described for described, _ in parts]
        text = json.dumps(self.record, sort_keys=True)
        self.name = f"list-{hashlib.blake2b(text.encode(), digest_size=5).hexdigest()}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Compose) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:  # keys of the cache hold it
        return self.name


def _step(transform: Any) -> Step:
    if not callable(transform):
        raise ConfigurationError(
            f"The list of transforms contains {transform!r}.",
            "A transform is a function, an audiomentations transform, or the name of an "
            "augmentation.",
            "Write a function (waveform, sample_rate, generator) -> waveform.",
            code="invalid-transform",
        )
    taken = 2 if fingerprints.of_audiomentations(transform) else _num_arguments(transform)
    if taken not in (2, 3):
        raise ConfigurationError(
            f"The transform {transform!r} takes {taken} arguments.",
            "A transform takes (waveform, sample_rate, generator), or (samples, sample_rate) as in "
            "audiomentations.",
            "Wrap it in a function with these arguments.",
            code="wrong-transform-arguments",
        )
    drawing = taken == 3

    def step(waveform: np.ndarray, sample_rate: int, seed: int) -> np.ndarray:
        if drawing:
            changed = transform(waveform.copy(), sample_rate, np.random.default_rng(seed))
        else:
            with seeding.seeded(seed):
                changed = transform(waveform.copy(), sample_rate)
        result = np.asarray(changed, np.float32)
        if result.ndim != 1 or not len(result) or not np.isfinite(result).all():
            raise ConfigurationError(
                f"The transform {transform!r} returned an array of shape {result.shape}"
                + (" with non-finite values." if result.size else "."),
                "A transform must return a waveform of shape (samples,) with finite values.",
                "Correct the transform, and test it with sertk.augment.apply.",
                code="invalid-transform-output",
            )
        return result

    return step


def _num_arguments(transform: Any) -> int:
    """Count the arguments that must be given by place."""
    transform = transform.function if isinstance(transform, fingerprints.Named) else transform
    parameters = inspect.signature(transform).parameters.values()
    by_place = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return sum(p.default is p.empty for p in by_place)
