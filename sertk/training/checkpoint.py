"""Checkpoints: resume a fit after an interruption.

In: a model in training, and how it went so far. Out: `state.npz` with the record of every epoch,
the weights of the last and of the best one, the optimizer and the random generators. Only numbers
are kept: whoever resumes builds the same model first.
"""

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter

import keras
import numpy as np

from sertk._utils import atomic, json_records, plain_files, schemas, zip_archives
from sertk.errors import RunError

_NAME = "state.npz"
_LIMITS = zip_archives.Limits(files=100_000, size=2**34)
_SHARE = 0.05  # of the time of a fit that may go into writing its state


@dataclass
class Progress:
    """How a fit has gone so far.

    Attributes:
        history: What each epoch reached.
        best: The monitor of the best epoch, then its `-val_loss`.
        best_epoch: Counted from 1; 0 before the first.
        seconds: Spent so far, before interruptions too.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    best: list[float] = field(default_factory=lambda: [-math.inf])
    best_epoch: int = 0
    seconds: float = 0.0


class Checkpoint:
    """The state of a fit: in memory after every epoch, on disk as often as is cheap.

    Small networks are written nearly every epoch, large ones every few: after an interruption a fit
    repeats at most some twenty times what one writing takes, and gets the same numbers.

    Args:
        folder: Folder of the fit; an existing checkpoint in it is read.

    Attributes:
        progress: `Progress` of the fit.

    Raises:
        RunError: If the file is damaged, or of another version.
    """

    def __init__(self, folder: Path):
        self.path = folder / _NAME
        self.progress = Progress()
        self._best: list[np.ndarray] = []
        self._arrays: dict[str, np.ndarray] = {}
        self._due = -math.inf
        if self.path.is_file():
            try:
                with (
                    plain_files.opened(self.path) as file,
                    np.load(file, allow_pickle=False) as opened,
                ):
                    zip_archives.entries(opened.zip, _LIMITS)
                    self._arrays = {name: opened[name] for name in opened.files}
                stored = json_records.parse(str(self._arrays.pop("progress")), schemas.Progress)
                self.progress = Progress(**stored)
                self._best = self._group("best")
            # one array in place of an archive; an array that says it is larger than any of ours
            except (
                *zip_archives.UNREADABLE,
                AttributeError,
                KeyError,
                MemoryError,
                TypeError,
            ) as error:
                raise self._damaged(repr(error)) from error

    def restore(self, model: keras.Model) -> None:
        """Give a model, built as before, the weights and generators of the last epoch."""
        if self._arrays:
            self._assign(_variables(model), "last")

    def restore_optimizer(self, model: keras.Model) -> None:
        """Give the optimizer of a compiled model, built as before, what it had gathered."""
        self._assign(model.optimizer.variables, "optimizer")

    def restore_best(self, model: keras.Model) -> None:
        """Give a model the weights of the best epoch."""
        model.set_weights(self._best)

    def keep_best(self, model: keras.Model) -> None:
        """Remember the weights of this epoch as the best."""
        self._best = _values(model.weights)

    def write(self, model: keras.Model) -> None:
        """Write everything down, unless that would take more than its share of the time.

        Raises:
            OutputError: If it cannot be written; what was there stays.
        """
        begun = perf_counter()
        if begun < self._due:
            return
        self._arrays.clear()  # they were restored
        groups = {
            "last": _values(_variables(model)),
            "optimizer": _values(model.optimizer.variables),
            "best": self._best,
        }
        arrays = {f"{name}_{k}": v for name, group in groups.items() for k, v in enumerate(group)}
        with atomic.whole(self.path) as temporary:
            np.savez(temporary, progress=json.dumps(asdict(self.progress)), **arrays)
        now = perf_counter()
        self._due = now + (now - begun) / _SHARE

    def _group(self, name: str) -> list[np.ndarray]:
        count = sum(key.rpartition("_")[0] == name for key in self._arrays)
        return [self._arrays[f"{name}_{k}"] for k in range(count)]

    def _assign(self, variables: list[keras.Variable], name: str) -> None:
        values = self._group(name)
        stored, expected = ([tuple(v.shape) for v in side] for side in (values, variables))
        if stored != expected:
            raise self._damaged(f"it has {len(stored)} arrays for {len(expected)} variables")
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    def _damaged(self, why: str) -> RunError:
        return RunError(
            f"The checkpoint {self.path} is damaged or from another version of sertk ({why}).",
            "Training resumes from this file.",
            f"Delete {self.path.parent}, and run the same command again; this fit restarts.",
            code="damaged-checkpoint",
        )


def clear(folder: Path) -> None:
    """Remove the state of a fit that is written down elsewhere, and what a killed process left."""
    for pattern in (_NAME, f".*{_NAME}", ".*.keras"):
        for path in folder.glob(pattern):
            path.unlink()


def _variables(model: keras.Model) -> list[keras.Variable]:
    """List weights, then the states of random generators, in the order of the layers."""
    generators = [v for v in model.variables if v.path.endswith("seed_generator_state")]
    return [*model.weights, *generators]


def _values(variables: list[keras.Variable]) -> list[np.ndarray]:
    """Copy what variables hold: a view would change with the next step."""
    return [np.array(keras.ops.convert_to_numpy(v)) for v in variables]
