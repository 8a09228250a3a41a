"""Train one division (`fit`) or a cross-validation (`cross_validate`) into a run folder.

In: datasets, or a manifest with folds and a `Preprocessing`. Out: a `Run`. Both write every
argument down first, then one folder per fold and seed, and join the tables last; the same call
after an interruption goes on where it stopped.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from sertk import cache, classical, datasets, labels, models, splits
from sertk import manifest as manifests
from sertk import run as runs
from sertk._utils import atomic, provenance, seeding
from sertk.augment import Augmentation, resolved, with_copies
from sertk.datasets import ClipDataset, Datasets
from sertk.errors import ConfigurationError
from sertk.preprocessing import Preprocessing
from sertk.run import Run
from sertk.training import (
    checkpoint,
    convex_start,
    enrolling,
    fitting,
    records,
    saving,
    solving,
    tracking,
)
from sertk.training import folder as folders
from sertk.training.config import Config
from sertk.training.fitting import Trained


def fit(
    model: keras.Model,
    train: ClipDataset,
    val: ClipDataset,
    test: ClipDataset | None = None,
    *,
    folder: str | Path,
    config: Config | None = None,
    init_from: str | Path | Run | None = None,
    **changes: Any,
) -> Run:
    """Train a network on one division, select on validation speakers, and write a run folder.

    Args:
        model: Uncompiled network from `sertk.models.build`; it is trained in place, behind the
            reference, the feature and the standardization that belong to `train`.
        train: What to learn from.
        val: What selects the epoch to keep, and stops.
        test: What to predict in the end, for scores and report; `None` predicts nothing.
        folder: Run folder to write.
        config: `Config` of the training; its defaults if not given.
        init_from: A run of the same model whose weights to start from; layers of another shape
            keep their random weights, as does the last one where the classes are others, or in
            another order.
        **changes: Fields of `config` to replace, such as `epochs=60`.

    Returns:
        The finished run.

    Raises:
        RunError: If the folder holds another run, or is in use.
        ConfigurationError: If a setting is out of range, or the weights do not fit.
    """
    chosen = (config or train.config).changed(changes)
    models.check_standardize(model.name, train.standardize)
    parts = {"train": train, "val": val, **({"test": test} if test is not None else {})}
    for part in parts.values():
        part.configure(chosen)
    rows = [part.manifest.assign(split=name) for name, part in parts.items()]
    manifest = pd.concat(rows, ignore_index=True)
    # the division that the datasets hold, whatever folds their rows were taken from
    manifest, source = splits.one_division(manifest), _opened(init_from)
    record = records.of_run(
        manifest, train.prep, chosen, seeds=[train.seed], init_from=source,
        model={"name": model.name, "arguments": {}, "parameters": model.count_params()},
        standardize=train.standardize, augmentation=records.augmentation(train),
    )  # fmt: skip
    with folders.writing(folder, record, manifest) as (home, finished):
        if finished is not None:
            return finished
        division = Datasets(train, val, test)
        _fit_once(lambda home: _train(model, division, chosen, home, 0, source), division, home, 0)
        return folders.finish(home, record, train.features.unreadable)


def cross_validate(
    model: str | Callable[..., keras.Model],
    manifest: pd.DataFrame,
    prep: Preprocessing,
    *,
    folder: str | Path,
    config: Config | None = None,
    seeds: Sequence[int] = (0,),
    augment: str | list[Any] | Augmentation | None = None,
    copies: int = 2,
    standardize: str = "training",
    arguments: Mapping[str, Any] | None = None,
    init_from: str | Path | Run | None = None,
    track: str | None = None,
    allow_shared_speakers: bool = False,
    **changes: Any,
) -> Run:
    """Train and test one network per fold and seed, and write them as one run.

    Args:
        model: Name of a network or of a classical model, or a function like those in
            `sertk.models`.
        manifest: Rows with `label`, and `fold` and `val_folds` (or one `split`).
        prep: How a recording becomes a clip.
        folder: Run folder to write.
        config: `Config` of the training; its defaults if not given.
        seeds: ints. Seeds of weights, order, cuts and dropout; each trains one model per fold.
        augment: Recipe of the copies of training utterances; see `sertk.datasets.make`.
        copies: Augmented copies of each training utterance.
        standardize: `"training"`, `"enrolment"`, `"minmax"`, `"none"` or `"speaker"`; see
            `sertk.datasets.make`. The model `encoder` needs `"none"`.
        arguments: What the model takes besides, such as `{"width": 0.5}`.
        init_from: A run whose weights to start from.
        track: `"tensorboard"` or `"mlflow"`: log the metrics of every epoch there as well; see
            `sertk.training.tracking`.
        allow_shared_speakers: Accept speakers that stand in several splits; the run is marked.
        **changes: Fields of `config` to replace, such as `epochs=60`.

    Returns:
        The finished run.

    Raises:
        SplitError: If there are no folds, or they share speakers unasked.
        RunError: If the folder holds another run, or is in use.
        ConfigurationError: If a setting is out of range or does not fit another.
    """
    chosen = (config or Config()).changed(changes)
    name = model if isinstance(model, str) else getattr(model, "__name__", type(model).__name__)
    arguments, manifest = dict(arguments or {}), manifests.divided(manifest)
    for _, view in records.views(manifest):
        splits.check(view, allow_shared_speakers=allow_shared_speakers)
        splits.check_classes(view, labels.classes(manifest))
    _check_seeds(seeds)
    tracking.check(track)
    source = _opened(init_from)
    solved = name in classical.names()
    if solved:
        solving.check(
            name, arguments, prep.input_shape[0], chosen, idle={"init_from": source, "track": track}
        )
        parameters = 0  # known once it is fitted, and different for each fit
    else:
        models.check_standardize(name, standardize)
        trial = models.build(model, prep.input_shape, len(labels.classes(manifest)), **arguments)
        parameters = trial.count_params()
        if chosen.head_start == "convex":
            convex_start.last_dense(trial)
    record = records.of_run(
        manifest, prep, chosen, seeds=list(seeds), init_from=source,
        model={"name": name, "arguments": arguments, "parameters": parameters},
        standardize=standardize,
        augmentation=augment and resolved(augment, labels.classes(manifest)).record(copies),
    )  # fmt: skip
    with folders.writing(folder, record, manifest) as (home, finished):
        if finished is not None:
            return finished
        # a classical model is fitted on validation speakers as well, once it is calibrated
        copied = ("train", "val") if solved and chosen.refit else ("train",)
        ever = splits.ever_trained(manifest, and_validated=len(copied) > 1)
        everything = with_copies(ever, augment, copies, 0)
        features = cache.compute(everything, prep)
        for fold, view in records.views(manifest):
            rows = with_copies(view, augment, copies, 0, splits=copied)
            for seed in seeds:
                parts = datasets.divide(
                    rows, prep, features,
                    config=chosen, seed=seed, standardize=standardize,
                )  # fmt: skip
                parts.train.augment_on_the_fly(augment, copies)

                def train(home: Path, parts: Datasets = parts, fold: int = fold) -> Trained:
                    if solved:
                        return solving.fit(name, parts, chosen, arguments)
                    weights = seeding.derive(parts.train.seed, fold)
                    shape, count = parts.train.input_shape, len(record["classes"])
                    with _precision(chosen):
                        net = models.build(model, shape, count, seed=weights, **arguments)
                    return _train(net, parts, chosen, home, fold, source, track)

                _fit_once(train, parts, home, fold)
                keras.utils.clear_session()
        return folders.finish(home, record, features.unreadable)


@contextmanager
def _precision(config: Config) -> Iterator[None]:
    """Build layers in the precision that the config ask for."""
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(config.precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(usual)


def _check_seeds(seeds: Sequence[int]) -> None:
    if not seeds or len(set(seeds)) < len(seeds):
        raise ConfigurationError(
            f"Received the seeds {', '.join(map(str, seeds)) or '(none)'}.",
            "Each seed trains one model per fold; at least one is needed, and each once.",
            "Pass different seeds, such as 0,1,2.",
            code="invalid-seeds",
        )


def _train(
    net: keras.Model, parts: Datasets, config: Config, home: Path, fold: int, source: Run | None,
    track: str | None = None,
) -> Trained:  # fmt: skip
    """Train a network by gradients, from the weights of another run if one is given."""
    if source is not None:
        _initialize(net, source, fold, parts.train.classes)
    return fitting.fit_network(net, parts.train, parts.val, config, home, track)


def _fit_once(train: Callable[[Path], Trained], parts: Datasets, home: Path, fold: int) -> None:
    """Fit one fold and seed, unless it is there already; fit.json, written last, says so."""
    seed = parts.train.seed
    if folders.has_fit(home, fold, seed):
        return
    folder, started = atomic.folder(folders.of_fit(home, fold, seed)), provenance.now()
    model, history, record, selected, importance = train(folder)
    saving.save_model(model, folder / "model.keras")
    runs.write_csv(folder / "history.csv", history.assign(fold=fold, seed=seed))
    tables = [
        part.predict(by).assign(split=split)
        for split, part, by in (
            ("val", parts.val, selected or model),
            ("test", parts.test, model),
        )
        if part is not None and len(part)
    ]
    predictions = pd.concat(tables, ignore_index=True).assign(fold=fold, seed=seed)
    runs.write_csv(folder / "predictions.csv", predictions)
    if importance is not None:
        runs.write_csv(folder / "importance.csv", importance.assign(fold=fold, seed=seed))
    enrolment = None if parts.test is None else enrolling.curve(model, parts.test)
    if enrolment is not None:
        runs.write_csv(folder / "enrolment.csv", enrolment.assign(fold=fold, seed=seed))
    atomic.write_json(
        folder / "fit.json",
        {"fold": fold, "seed": seed, **record, **records.of_fit(parts, started)},
    )
    checkpoint.clear(folder)


def _initialize(net: keras.Model, source: Run, fold: int, classes: list[str]) -> None:
    """Copy the weights of each layer whose twin in another run's network has the same shapes.

    The last layer, which scores the classes, is copied only where classes and their order are the
    same: as many other ones are not what it was trained for.
    """
    folds = [f["fold"] for f in source.info.get("folds", [])]
    path = source.model_path(fold if fold in folds else next(iter(folds), 0))
    given = saving.load_model(path)
    nets = [layer for layer in given.layers if isinstance(layer, keras.Model)]
    # by place, since Keras numbers the names of layers through a whole session
    twins = [
        (layer, twin.get_weights())
        for layer, twin in zip(net.layers, nets[0].layers if nets else [], strict=False)
        if twin.get_weights()
    ]
    if classes != source.classes:
        classifier = next(layer for layer in reversed(net.layers) if layer.weights)
        twins = [pair for pair in twins if pair[0] is not classifier]
    copied = 0
    for layer, weights in twins:
        if [w.shape for w in weights] == [w.shape for w in layer.get_weights()]:
            layer.set_weights(weights)
            copied += 1
    if not copied:
        raise ConfigurationError(
            f"No layer of {net.name!r} has the shapes of the model in {source.folder}.",
            "init_from needs a run of the same model.",
            "Train the same model, or omit init_from.",
            code="no-matching-layers",
        )


def _opened(run: str | Path | Run | None) -> Run | None:
    return None if run is None else Run.open(run)
