"""B4: clips per second in training, from cached features to weights.

In: the toy corpus, whose number and length of clips matter and not its emotions. Out: for two
networks, the whole pipeline against the same layers in PyTorch, and against arrays in memory.
"""

import importlib.util
import os
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import pandas as pd

import sertk
from benchmarks import environment, sound
from benchmarks.record import Missing, Record, Setting, faster
from benchmarks.timing import Timing, alternate
from sertk import labels, splits
from sertk.errors import ConfigurationError
from sertk.preprocessing import Preprocessing
from sertk.training.config import Config

_NETWORKS = {"B4": "compact", "B4.fcn_attention": "fcn_attention"}
_PREP = Preprocessing("log_mel", clip_seconds=3.0)
_EPOCHS = 3  # of a turn


class Pipeline(NamedTuple):
    """One network, ready to be trained.

    Args:
        net: The network itself, behind whose front end it is trained.
        part: The dataset it is trained on.
        whole: Trains it for a turn, on what the dataset makes of cached features.
        in_memory: Does the same on arrays.
    """

    net: Any
    part: Any
    whole: Callable[[], None]
    in_memory: Callable[[], None]


def measure(setting: Setting) -> Sequence[Record | Missing]:
    """Train both networks, in turns with their peers."""
    backend = sertk.use_backend()
    toy = splits.by_speaker(labels.apply(sound.toy(setting), "emotion8"), val=1, test=1)
    found: list[Record | Missing] = []
    for id, name in _NETWORKS.items():
        ready = pipeline(setting, name, toy)
        visited = _EPOCHS * len(ready.part.manifest)
        what = (
            f"training {name}, from cached features to weights: {_EPOCHS} epochs of "
            f"{len(ready.part.manifest)} clips {ready.part.input_shape} in batches of "
            f"{ready.part.config.batch_size}"
        )
        peer = "the same layers in a plain PyTorch loop: DataLoader, one .npy per utterance"
        try:
            loop = torch_loop(setting, name, ready)
            threads, load = fastest_threads(loop), os.getloadavg()[0]
            timing = alternate(ready.whole, loop, setting.repeats).per(visited)
            found.append(
                faster(
                    timing, id, what, peer, unit="s per clip", goal=1.0,
                    notes=f"{_rates(timing)}; backend {backend} on {environment.cores()} cores, "
                    f"PyTorch with {threads} of 1 or {environment.cores()} threads, the faster "
                    f"here, and no worker processes; load average before {load:.1f}: where others "
                    "compute on these cores, threads that wait for each other lose more",
                )
            )  # fmt: skip
        except ConfigurationError as error:
            found.append(Missing(id, what, peer, ">= 1.0", str(error).rstrip(".")))
        memory = alternate(ready.whole, ready.in_memory, setting.repeats).per(visited)
        found.append(
            faster(
                memory, f"{id}.memory", what, "the same fit on arrays that lie in memory",
                unit="s per clip", goal=0.9, notes=f"{_rates(memory)}; backend {backend}",
            )
        )  # fmt: skip
    return found


def _rates(timing: Timing) -> str:
    ours, peer = (1 / np.median(seconds) for seconds in (timing.ours, timing.peer))
    return f"{ours:.0f} clips per second, the peer {peer:.0f}"


def pipeline(setting: Setting, name: str, toy: pd.DataFrame) -> Pipeline:
    """Build a network and what trains it, as `sertk.training` does."""
    from sertk import datasets, models
    from sertk.training import fitting, objective

    config = Config()
    with mock.patch.dict(os.environ, SERTK_CACHE=str(setting.work / "cache")):
        part = datasets.make(toy, _PREP, batch_size=config.batch_size).train
    width = 0.1 if setting.quick else 1.0
    net = models.build(name, part.input_shape, part.num_classes, width=width, seed=0)
    model = fitting.assemble(net, part, config)
    steps = (2 * setting.repeats + 2) * _EPOCHS * len(part)
    optimizer = objective.optimizer(config, steps, {}, head=False, last=True)
    model.compile(optimizer, objective.loss(config))
    batches = [part[number] for number in range(len(part))]
    clips, classes = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))

    def whole() -> None:
        part.epoch += 1
        model.fit(part, epochs=_EPOCHS, verbose=0, shuffle=False)

    def in_memory() -> None:
        model.fit(clips, classes, batch_size=config.batch_size, epochs=_EPOCHS, verbose=0)

    return Pipeline(net, part, whole, in_memory)


def torch_loop(setting: Setting, name: str, ready: Pipeline) -> Callable[[], None]:
    """Build the peer: a network of the same size, trained on the same clips.

    Raises:
        ConfigurationError: If PyTorch is not installed, or the twin is of another size.
    """
    if importlib.util.find_spec("torch") is None:
        raise ConfigurationError(
            "PyTorch is not installed.",
            "The peer of this benchmark is trained with PyTorch.",
            "Install it from the repository: pip install -e '.[parity]'.",
            code="torch-not-installed",
        )
    from benchmarks import loop, torch_models

    width = 0.1 if setting.quick else 1.0
    bins, num_classes = ready.part.input_shape[1], ready.part.num_classes
    twin = torch_models.TWINS[name](bins, num_classes, width)
    sizes = sum(p.numel() for p in twin.parameters()), trainable(ready.net)
    if sizes[0] != sizes[1]:
        raise ConfigurationError(
            f"The twin of {name} in PyTorch has {sizes[0]:,} parameters.",
            f"The Keras model has {sizes[1]:,}; only models of equal size can be compared.",
            "Update benchmarks/torch_models.py to match the Keras model.",
            code="different-twin",
        )
    folder = setting.work / f"npy_{name}"
    folder.mkdir()
    files = []
    for utterance in ready.part.manifest["utterance_id"]:
        files.append(folder / f"{utterance}.npy")
        np.save(files[-1], ready.part.features[utterance])
    classes = [ready.part.classes.index(label) for label in ready.part.manifest["label"]]
    clips = loop.Clips(files, classes, ready.part.prep, ready.part.statistics())
    return loop.training(twin, clips, ready.part.config.batch_size, _EPOCHS)


def fastest_threads(loop: Callable[[], None]) -> int:
    """Let PyTorch use one thread or one per core, whichever is the faster, and say how many.

    On cores that others use, too, threads that wait for each other can be slower than one.
    """
    import torch

    seconds = {}
    loop()
    for threads in (1, environment.cores()):
        torch.set_num_threads(threads)
        begun = time.perf_counter()
        loop()
        seconds[threads] = time.perf_counter() - begun
    fastest = min(seconds, key=seconds.__getitem__)
    torch.set_num_threads(fastest)
    return fastest


def trainable(net: Any) -> int:
    """Count the trainable parameters of a Keras network."""
    return sum(int(np.prod(variable.shape)) for variable in net.trainable_variables)
