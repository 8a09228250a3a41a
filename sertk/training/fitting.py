"""The training loop of one fit: optimizer, schedule, early stopping, best epoch, resume.

In: a network, datasets and `Config`. Out: the assembled model with the weights of the best
epoch on validation speakers, and its history. `sertk.training` calls this once per fold and seed.
"""

import math
import time
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from sertk._utils import seeding
from sertk.datasets import ClipDataset, class_balance
from sertk.errors import ConfigurationError
from sertk.layers import SpecAugment, Standardize, SubtractSpeaker
from sertk.training import convex_start, objective, tracking
from sertk.training.checkpoint import Checkpoint
from sertk.training.config import MONITORS, Config
from sertk.training.objective import Mixup, ObjectiveModel, Stability
from sertk.training.unfreezing import Unfreezing


class Trained(NamedTuple):
    """What a fit gives.

    Args:
        model: The assembled model.
        history: `epoch, loss, val_loss, val_uar, val_wa, learning_rate`, one row per epoch.
        record: What fit.json says of the fit, such as `best_epoch`, `epochs` and `seconds`.
        selected: The model before it was fitted on validation speakers as well, with which these
            are predicted; `None` where `model` was not.
        importance: What decides, one row per group of inputs; `None` for networks.
    """

    model: keras.Model
    history: pd.DataFrame
    record: dict[str, Any]
    selected: keras.Model | None = None
    importance: pd.DataFrame | None = None


def front_end(train: ClipDataset, *, beside: bool = False) -> tuple[Any, Any]:
    """Build what stands before every model: reference, feature and standardization.

    Args:
        train: The training set.
        beside: Put what is not enrolled behind what is; see `SubtractSpeaker`.

    Returns:
        The input, clips as the dataset makes them, and finished, standardized clips.
    """
    inputs = keras.Input(train.item_shape, name="clip")
    x = inputs
    for layer in [] if train.speakers is not None else train.prep.layers():
        x = layer(x)
    if train.standardize != "none":
        standardize = Standardize(clip=train.standardize == "minmax", name="standardize")
        x = standardize(x)
        if train.speakers is None:
            standardize.set_statistics(*train.statistics())
    if train.enrolment is not None or beside:
        speaker = SubtractSpeaker(beside, name="speaker")
        x = speaker(x)
        if train.enrolment is not None:
            speaker.ratio.assign(train.enrolment.ratio)
    return inputs, x


def assemble(net: keras.Model, train: ClipDataset, config: Config) -> ObjectiveModel:
    """Put reference, feature and standardization before a network.

    The result takes clips as the dataset makes them and carries everything that was fitted on
    the training split, so that it can be used without it. What hides, mixes or compares clips
    in training stands between, and does nothing afterwards.
    """
    inputs, x = front_end(train)
    if config.time_mask or config.freq_mask:
        seed = seeding.derive(train.seed, "hide")
        x = SpecAugment(1, config.time_mask, config.freq_mask, seed=seed, name="hide")(x)
    if config.mixup:
        seed = seeding.derive(train.seed, "mixup")
        x = Mixup(config.mixup, config.mixup_by, seed=seed, name="mixup")(x)
    if config.stability:
        x = Stability(config.stability, name="stability")(x)
    outputs = net(x)
    if outputs.dtype != "float32":  # of mixed precision: losses and scores need all digits
        outputs = keras.layers.Activation("linear", dtype="float32", name="exact")(outputs)
    return ObjectiveModel(inputs, outputs, name=net.name)


def fit_network(
    net: keras.Model, train: ClipDataset, val: ClipDataset, config: Config, folder: Path,
    track: str | None = None,
) -> Trained:  # fmt: skip
    """Train, and keep the epoch that is best on validation speakers.

    Called again after an interruption, it goes on from the last epoch that was written down, with
    the same result; what is needed for that lies in `folder` until `sertk.training` clears it.

    Returns:
        The model with the kept weights; `seconds` of its record include those before an
        interruption; of a fit that was stopped and went on, it has `resumed_after_epoch` as well.
    """
    checkpoint = Checkpoint(folder)
    progress = checkpoint.progress
    resumed = len(progress.history)
    model = assemble(net, train, config)
    checkpoint.restore(model)
    weights = None
    if config.class_weight != "none":
        weights = class_balance.class_weights(
            train.visited_labels, train.classes, config.class_weight
        )
    with tqdm(
        total=config.epochs, initial=len(progress.history), unit="epoch", delay=2,
        desc=f"{folder.parent.name} {folder.name}",
    ) as bar:  # fmt: skip
        keeper = _Keeper(train, val, config, checkpoint, bar)
        unfreezing = Unfreezing(model)
        stages, factors = unfreezing.stages(config), unfreezing.factors(config.layer_decay)
        if config.head_start == "convex" and not resumed:
            convex_start.start(model, train)
        for stage in stages:
            done = len(progress.history)
            if keeper.finished or done >= stage.end:
                continue
            unfreezing.let_learn(stage.layers)
            steps = (stage.end - stage.begin) * len(train)
            last = stage.layers is None
            model.compile(
                objective.optimizer(config, steps, factors, head=stage.head, last=last),
                objective.loss(config),
            )
            # here, for variables that are made while TensorFlow traces a step have it traced twice
            model.optimizer.build(model.trainable_variables)
            if done > stage.begin:
                checkpoint.restore_optimizer(model)
            model.fit(
                train, epochs=stage.end, initial_epoch=done,
                callbacks=[keeper, *tracking.callbacks(track, folder)],
                class_weight=weights, verbose=0, shuffle=False,
            )  # fmt: skip
    checkpoint.restore_best(model)
    unfreezing.let_learn(None)
    record = {
        "best_epoch": progress.best_epoch,
        "epochs": len(progress.history),
        "seconds": round(progress.seconds, 1),
        **({"resumed_after_epoch": resumed} if resumed else {}),
    }
    plain = keras.Model(model.inputs, model.outputs, name=model.name)
    return Trained(plain, pd.DataFrame(progress.history), record)


def score(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Compute loss, UAR and WA of validation utterances.

    Args:
        probabilities: shape (utterances, classes).
        labels: Class indices, shape (utterances,).

    Examples:
        >>> score(np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([0, 1]))["val_uar"]
        0.5
    """
    hit = probabilities.argmax(axis=1) == labels
    given = probabilities[np.arange(len(labels)), labels]
    return {
        "val_loss": float(-np.log(np.maximum(given, 1e-7)).mean()),
        "val_uar": float(np.mean([hit[labels == c].mean() for c in np.unique(labels)])),
        "val_wa": float(hit.mean()),
    }


class _Keeper(keras.callbacks.Callback):
    """Validate after each epoch; keep the best weights, the history and what resuming needs."""

    def __init__(
        self,
        train: ClipDataset,
        val: ClipDataset,
        config: Config,
        checkpoint: Checkpoint,
        bar: tqdm,
    ):
        super().__init__()
        self.train, self.val, self.config = train, val, config
        self.checkpoint, self.progress, self.bar = checkpoint, checkpoint.progress, bar
        self.started = time.perf_counter() - self.progress.seconds
        self.labels = np.array([train.classes.index(label) for label in val.manifest["label"]])

    @property
    def finished(self) -> bool:
        losses = [row["val_loss"] for row in self.progress.history]
        return len(losses) >= self.config.epochs or (
            len(losses) > 0 and self.config.out_of_patience(losses, self.progress.best_epoch)
        )

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.train.epoch = epoch
        if self.config.schedule != "cosine" and epoch >= self.config.head_epochs:
            self.model.optimizer.learning_rate = self._rate(epoch)

    def _rate(self, epoch: int) -> float:
        """Warm up by epochs, then lower it where the validation loss stays on a plateau."""
        warm = self.config.warmup * self.config.epochs
        rate = self.config.learning_rate * min(1.0, (epoch + 1) / max(warm, 1))
        if self.config.schedule == "plateau":
            losses = [row["val_loss"] for row in self.progress.history]
            since, lowered = 0, 0
            for k in range(1, len(losses)):
                since = 0 if losses[k] < min(losses[:k]) else since + 1
                if since == self.config.plateau_patience:
                    since, lowered = 0, lowered + 1
            rate *= self.config.plateau_factor**lowered
        return rate

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        progress, monitor = self.progress, self.config.monitor
        columns = [f"p_{c}" for c in self.train.classes]
        scores = score(self.val.predict(self.model)[columns].to_numpy(), self.labels)
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        row = {"epoch": epoch + 1, "loss": float(logs["loss"]), **scores, "learning_rate": rate}
        progress.history.append(row)
        logs.update(row)  # for the callbacks that follow
        value = [MONITORS[monitor] * row[monitor], -row["val_loss"]]
        if self.config.checkpoint == "last":
            value = [epoch, 0.0]
        if not math.isfinite(row["loss"] + row["val_loss"]):
            raise ConfigurationError(
                f"The loss is {row['loss'] + row['val_loss']} in epoch {epoch + 1}.",
                "Training has diverged.",
                f"Lower the learning rate (currently {self.config.learning_rate}).",
                code="diverged-training",
            )
        if value > progress.best:
            progress.best, progress.best_epoch = value, epoch + 1
            self.checkpoint.keep_best(self.model)
        progress.seconds = time.perf_counter() - self.started
        self.checkpoint.write(self.model)
        self.bar.set_postfix(
            {k: f"{row[k]:.3f}" for k in ("loss", "val_loss", "val_uar")}, refresh=False
        )
        self.bar.update()
        if self.finished:
            self.model.stop_training = True
