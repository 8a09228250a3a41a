"""One fit of a classical model, by scikit-learn and not by gradients.

In: datasets, the name of a classical model and its arguments. Out: the assembled Keras model with
probabilities that are calibrated on validation speakers, and its history of one row.
"""

import dataclasses
import time
from typing import Any

import keras
import numpy as np
import pandas as pd

from sertk import classical
from sertk.classical._fitted import Groups
from sertk.datasets import ClipDataset, Datasets, class_balance
from sertk.datasets.enrolment import Enrolment
from sertk.errors import ConfigurationError, listing
from sertk.evaluation import calibration
from sertk.training import importance
from sertk.training.config import Config
from sertk.training.fitting import Trained, front_end, score

# settings of a training by gradients that a classical model takes as well
_USED = {"batch_size", "class_weight", "oversample", "clip_aggregation", "refit"}


def check(
    name: str, arguments: dict[str, Any], frames: int, config: Config, idle: dict[str, Any]
) -> None:
    """Refuse arguments and settings that a classical model does not take, before any work.

    Args:
        name: Name of a classical model.
        arguments: What it is given.
        frames: Frames of a clip.
        config: The training configuration.
        idle: Other arguments of the training that have no effect, by name; `None` if not given.

    Raises:
        UnknownNameError: If the model takes no such argument.
        ConfigurationError: If a value is out of range, or a setting has no effect.
    """
    classical.check(name, arguments, frames)
    usual = Config()
    useless = [
        field.name
        for field in dataclasses.fields(config)
        if field.name not in _USED and getattr(config, field.name) != getattr(usual, field.name)
    ]
    useless += [argument for argument, value in idle.items() if value is not None]
    if useless:
        raise ConfigurationError(
            f"The model {name} received {listing(useless)}.",
            "A classical model is solved and not trained by gradients; of the training settings it "
            f"uses {listing(sorted(_USED))}.",
            "Omit the others, or use a network such as --model mlp.",
            code="setting-without-effect",
        )


def fit(name: str, parts: Datasets, config: Config, arguments: dict[str, Any]) -> Trained:
    """Fit on every clip of the training speakers and their copies, calibrate on validation ones.

    With `refit`, which is the default, the model is then fitted on training and validation speakers
    together, at the same temperature.

    Args:
        name: Name of a classical model.
        parts: The datasets of a fold.
        config: `refit`, class weights, oversampling, and how clips are aggregated.
        arguments: What the model takes, such as `C`.
    """
    started = time.perf_counter()
    train, val = parts.train, parts.val
    train.configure(dataclasses.replace(config, augment_sampling="all", train_crop="all"))
    selected, fitted, loss = _solve(name, train, arguments)
    truth = np.array([val.classes.index(label) for label in val.manifest["label"]])
    columns = [f"p_{c}" for c in val.classes]
    shares = val.predict(selected)[columns].to_numpy()
    temperature = calibration.fit(shares, truth)
    fitted.set_temperature(temperature)
    scores = score(calibration.apply(shares, temperature), truth)
    model = selected
    if config.refit:
        model, fitted, loss = _solve(name, _joined(train, val), arguments)
        fitted.set_temperature(temperature)
    history = pd.DataFrame([{"epoch": 1, "loss": loss, **scores, "learning_rate": 0.0}])
    record = {
        "best_epoch": 1,
        "epochs": 1,
        "seconds": round(time.perf_counter() - started, 1),
        "temperature": round(temperature, 4),
        "parameters": fitted.network.count_params(),
    }
    table = importance.table(model, fitted, parts.test) if len(parts.test) else None
    return Trained(model, history, record, selected if config.refit else None, table)


def _joined(train: ClipDataset, val: ClipDataset) -> ClipDataset:
    """Make a training set that holds the validation utterances as well."""
    rows = pd.concat([train.rows, val.rows])
    originals = pd.concat([train.manifest, val.manifest])
    enrolment = train.enrolment and Enrolment(originals, train.features, train.prep)
    return ClipDataset(
        rows, train.features, train.prep, train.classes,
        config=train.config, training=True, seed=train.seed, standardize=train.standardize,
        speakers=train.speakers, enrolment=enrolment,
    )  # fmt: skip


def _solve(
    name: str, train: ClipDataset, arguments: dict[str, Any]
) -> tuple[keras.Model, "classical.Fitted", float]:
    """Fit on a dataset: the assembled model, what was fitted, and its cross-entropy there."""
    inputs, finished = front_end(train)
    x, y = importance.clips(train, keras.Model(inputs, finished))
    weights = None
    if train.config.class_weight != "none":
        of_class = class_balance.class_weights(
            [train.classes[k] for k in y], train.classes, train.config.class_weight
        )
        weights = np.array([of_class[k] for k in y])
    groups = _groups(train, x) if classical.is_grouped(name) else None
    fitted = classical.fit(
        name, x, y, train.num_classes, weights=weights, seed=train.seed, groups=groups, **arguments
    )
    if fitted.network.input_shape[-1] != x.shape[-1]:
        inputs, finished = front_end(train, beside=True)
        x = np.concatenate([x, groups.plain], axis=2)
    shares = np.asarray(fitted.network.predict(x, batch_size=256, verbose=0), float)
    loss = float(-np.log(np.maximum(shares[np.arange(len(y)), y], 1e-7)).mean())
    return keras.Model(inputs, fitted.network(finished), name=name), fitted, loss


def _groups(train: ClipDataset, x: np.ndarray) -> Groups:
    """Say where the clips of an epoch come from, and compute them with nobody enrolled."""
    plain = x
    if train.enrolment is not None:
        alone = ClipDataset(
            train.rows, train.features, train.prep, train.classes, config=train.config,
            training=True, seed=train.seed, standardize=train.standardize,
        )  # fmt: skip
        plain, _ = importance.clips(alone, keras.Model(*front_end(train)))
    rows = train.manifest.iloc[[row for k in range(len(train)) for row in train.visited(k)]]
    corpora = rows["corpus"].astype(str).factorize(sort=True)[0]
    return Groups(corpora, rows["speaker"].to_numpy(str), plain)
