"""Predict with a fused run: every member answers, and what was fitted combines them.

In: the folder of a fused run. Out: an engine like any other.
"""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sertk.errors import ConfigurationError
from sertk.evaluation import fusion
from sertk.predict import spec as specs
from sertk.predict.engines import KerasEngine
from sertk.predict.spec import Spec
from sertk.run import Run

# what is done to a recording before any graph, and must be the same for all members
_BEFORE = ("sample_rate", "trim_db", "channel")


@dataclasses.dataclass(frozen=True)
class Fusion:
    """The models of one fold of a fused run.

    Args:
        spec: What the fused model takes and answers.
        members: For each member, its spec and .keras file for every seed.
        fitted: What `sertk.evaluation.fusion.fit` returned.
    """

    spec: Spec
    members: list[list[tuple[Spec, Path]]]
    fitted: dict[str, Any]

    def combine(self, shares: Sequence[np.ndarray]) -> np.ndarray:
        """Fuse the answers of all models, in the order of `members` and their seeds.

        Args:
            shares: For each model, probabilities (waveforms, classes).

        Returns:
            shape (waveforms, classes).
        """
        answers = iter(shares)
        means = [np.mean([next(answers) for _ in seeds], axis=0) for seeds in self.members]
        return fusion.combine(self.fitted, np.stack(means))


def is_fused(run: Run) -> bool:
    """Whether `sertk fuse` has written a run."""
    return "members" in run.info


def of_run(run: Run, fold: int | None = None, seed: int | None = None) -> Fusion:
    """Describe the models of one fold of a fused run.

    Raises:
        ConfigurationError: If there is no such fold, or recordings are prepared for each member in
            another way.
    """
    fold = specs.folds(run)[0] if fold is None else fold
    fits = {fit["fold"]: fit for fit in run.info["fits"]}
    if fold not in fits or seed not in (None, 0):
        raise ConfigurationError(
            f"The run {run.folder} has no fold {fold} with seed {seed or 0}.",
            f"Its folds are {', '.join(map(str, fits))}; a fused run has the seed 0.",
            "Choose one of them (--fold).",
            code="unknown-fit",
        )
    runs = [Run(folder) for folder in sorted((run.folder / "members").iterdir())]
    members = [[specs.of_run(each, fold, s) for s in each.info["seeds"]] for each in runs]
    ways = [tuple(seeds[0][0].preprocessing.get(name) for name in _BEFORE) for seeds in members]
    if len(set(ways)) > 1:
        described = "; ".join(
            f"{each.info['model']['name']}: {', '.join(map(str, way))}"
            for each, way in zip(runs, ways, strict=True)
        )
        raise ConfigurationError(
            f"The members of {run.folder} differ in {', '.join(_BEFORE)} ({described}).",
            "A fused model prepares a recording once for all members.",
            "Train the members with the same --sample-rate, --trim-db and --channel; evaluation "
            "and report work as they are.",
            code="members-differ",
        )
    sums = "".join(spec.weights_sha256 for seeds in members for spec, _ in seeds)
    spec = dataclasses.replace(
        members[0][0][0], model="fusion", run=run.folder.resolve().name, seed=0,
        weights_sha256=hashlib.sha256(sums.encode()).hexdigest(),
    )  # fmt: skip
    return Fusion(spec, members, fits[fold]["fusion"])


class FusedEngine:
    """Compute with the .keras files of all members.

    Args:
        parts: The models of one fold.
    """

    name = "keras"
    bins: tuple[int, ...] | None = None

    def __init__(self, parts: Fusion):
        self.parts, self.spec = parts, parts.spec
        models = [model for seeds in parts.members for model in seeds]
        self.engines = [KerasEngine(path, spec) for spec, path in models]

    def __call__(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        """Compute probabilities, shape (waveforms, classes), float64."""
        return self.parts.combine([engine(waveforms) for engine in self.engines])

    def vectors(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        """Nobody can be enrolled in a fused model: its members differ in what they subtract."""
        raise NotImplementedError

    def enrol(self, mean: np.ndarray | None, count: int) -> None:
        """As `vectors`."""
        raise NotImplementedError
