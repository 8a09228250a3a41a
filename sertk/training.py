"""Train: one division (`fit`) or a whole cross-validation (`cross_validate`), into a run folder.

In: datasets, or a manifest with folds and a `Preprocessing`. Out: a `Run`. Both write every
argument down first, then one folder per fold and seed, and join the tables last; the same call
after an interruption goes on where it stopped.
"""

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from sertk import (
    __version__,
    _output,
    _provenance,
    _seeding,
    audit,
    cache,
    checkpoint,
    corpora,
    datasets,
    fitting,
    labels,
    models,
    saving,
    splits,
)
from sertk import manifest as manifests
from sertk import run as runs
from sertk.augment import Augmentation, plan, with_copies
from sertk.datasets import ClipDataset, Datasets
from sertk.errors import ConfigurationError, RunError, listing
from sertk.preprocessing import Preprocessing
from sertk.run import Run
from sertk.settings import Settings

# what must be the same for a run to go on
_IDENTITY = (
    "classes", "model", "preprocessing", "augmentation", "standardize", "training", "protocol",
    "folds", "seeds", "data_sha256", "init_from",
)  # fmt: skip
_WRITTEN = ("manifest.csv", "history.csv", "predictions.csv", "report.html")
_OF_A_FIT = ("fit.json", "model.keras", "history.csv", "predictions.csv")


def fit(
    model: keras.Model,
    train: ClipDataset,
    val: ClipDataset,
    test: ClipDataset | None = None,
    *,
    folder: str | Path,
    init_from: str | Path | Run | None = None,
    **settings: Any,
) -> Run:
    """Train a network on one division, select on validation speakers, and write a run folder.

    Args:
        model: Uncompiled network from `sertk.models.build`; it is trained in place, behind the
            reference, the feature and the standardisation that belong to `train`.
        train: What to learn from.
        val: What selects the epoch to keep, and stops.
        test: What to predict in the end; `sertk.evaluation.evaluate(run, test)` does it later.
        folder: Of the run.
        init_from: A run of the same model whose weights to start from; layers of another shape,
            such as the last one of another grouping, start anew.
        **settings: Changes to `sertk.settings.Settings`, such as `epochs=60`.

    Returns:
        The finished run.

    Raises:
        RunError: If the folder holds another run, or is in use.
        ConfigurationError: If a setting is out of range, or the weights do not fit.
    """
    chosen = train.settings.changed(settings)
    parts = {"train": train, "val": val, **({"test": test} if test is not None else {})}
    for part in parts.values():
        part.configure(chosen)
    rows = [part.manifest.assign(split=name) for name, part in parts.items()]
    manifest = pd.concat(rows, ignore_index=True)
    manifest.attrs = dict(train.manifest.attrs)
    record = _record(
        manifest, train.prep, chosen, seeds=[train.seed], init_from=init_from,
        model={"name": model.name, "arguments": {}, "parameters": model.count_params()},
        standardize=train.standardize, augmentation=_augmentation(train),
    )  # fmt: skip
    with _writing(folder, record, manifest) as home:
        _fit_once(lambda: model, Datasets(train, val, test), chosen, home, 0, init_from)
        return _finish(home, record, train.features.unreadable)


def cross_validate(
    model: str | Callable[..., keras.Model],
    manifest: pd.DataFrame,
    prep: Preprocessing,
    *,
    folder: str | Path,
    seeds: Sequence[int] = (0,),
    augment: str | list[Any] | Augmentation | None = None,
    copies: int = 2,
    standardize: str = "training",
    arguments: Mapping[str, Any] | None = None,
    init_from: str | Path | Run | None = None,
    allow_shared_speakers: bool = False,
    **settings: Any,
) -> Run:
    """Train and test one network per fold and seed, and write them as one run.

    Args:
        model: Name of a model, or a function like those in `sertk.models`.
        manifest: Rows with `label`, and `fold` and `val_folds` (or one `split`).
        prep: How a recording becomes a clip.
        folder: Of the run.
        seeds: Of weights, order, cuts and dropout; each gives a model per fold.
        augment: Recipe of the copies of training utterances; see `sertk.datasets.make`.
        copies: Augmented copies of each training utterance.
        standardize: `"training"`, `"minmax"`, `"none"` or `"speaker"`; see `sertk.datasets.make`.
        arguments: What the model takes besides, such as `{"width": 0.5}`.
        init_from: A run whose weights to start from.
        allow_shared_speakers: Accept speakers that stand in several splits; the run is marked.
        **settings: Changes to `sertk.settings.Settings`, such as `epochs=60`.

    Returns:
        The finished run.

    Raises:
        SplitError: If there are no folds, or they share speakers unasked.
        RunError: If the folder holds another run, or is in use.
        ConfigurationError: If a setting is out of range or does not fit another.
    """
    chosen = Settings().changed(settings)
    name = model if isinstance(model, str) else getattr(model, "__name__", type(model).__name__)
    arguments = dict(arguments or {})
    for _, view in _views(manifest):
        splits.check(view, allow_shared_speakers=allow_shared_speakers)
        splits.check_classes(view, labels.classes(manifest))
    _check_seeds(seeds)
    trial = models.build(model, prep.input_shape, len(labels.classes(manifest)), **arguments)
    record = _record(
        manifest, prep, chosen, seeds=list(seeds), init_from=init_from,
        model={"name": name, "arguments": arguments, "parameters": trial.count_params()},
        standardize=standardize,
        augmentation=augment and plan(augment, labels.classes(manifest)).record(copies),
    )  # fmt: skip
    with _writing(folder, record, manifest) as home:
        everything = with_copies(splits.ever_trained(manifest), augment, copies, 0)
        features = cache.compute(everything.sort_values("utterance_id"), prep)
        for fold, view in _views(manifest):
            rows = with_copies(view, augment, copies, 0)
            for seed in seeds:
                parts = datasets.divide(
                    rows, prep, features,
                    settings=chosen, seed=seed, standardize=standardize,
                )  # fmt: skip
                parts.train.draw_live(augment, copies)

                def build(shape: tuple = parts.train.input_shape, seed: int = seed) -> keras.Model:
                    weights = _seeding.derive(seed, fold)  # noqa: B023 - called before the next
                    count = len(record["classes"])
                    return models.build(model, shape, count, seed=weights, **arguments)

                _fit_once(build, parts, chosen, home, fold, init_from)
                keras.utils.clear_session()
        return _finish(home, record, features.unreadable)


def _check_seeds(seeds: Sequence[int]) -> None:
    if not seeds or len(set(seeds)) < len(seeds):
        raise ConfigurationError(
            f"Got the seeds {', '.join(map(str, seeds)) or 'none'}.",
            "Each seed is one more model per fold, so that there is one at least and none twice.",
            "Name different ones, such as 0,1,2.",
        )


def _views(manifest: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame]]:
    """Look at the folds one after the other: side by side they would be a table for each."""
    for fold in splits.folds(manifest):
        yield fold, splits.in_fold(manifest, fold) if "fold" in manifest else manifest


def _augmentation(train: ClipDataset) -> dict[str, Any] | None:
    if train.live is not None:
        return train.live.augmentation.record(train.live.copies)
    if train.augmentation is None:
        return None
    copies = {u: len(versions) - 1 for u, versions in train.versions.items()}
    copied = set(train.manifest["label"][train.manifest["utterance_id"].map(copies) > 0])
    only = None if copied >= set(train.classes) else tuple(sorted(copied))
    return Augmentation(train.augmentation, only).record(max(copies.values()))


def _record(
    manifest: pd.DataFrame, prep: Preprocessing, settings: Settings, **rest: Any
) -> dict[str, Any]:
    """Write down everything that makes the run what it is."""
    findings = audit.audit(manifest).records()
    source = rest.pop("init_from")
    if source is not None:
        findings += _heard_before(_as_run(source), manifest)
    known = [name for name in manifest["corpus"].unique() if name in corpora.names()]
    group = manifest.attrs.get("grouping", "own labels")
    note = labels.GROUPINGS[group].note if group in labels.GROUPINGS else ""
    return {
        "schema_version": runs.SCHEMA_VERSION,
        "sertk_version": __version__,
        "status": "unfinished",
        "corpora": sorted(manifest["corpus"].unique()),
        "synthetic": any(corpora.load(name).SYNTHETIC for name in known),
        "grouping": group,
        "grouping_note": note,
        "classes": labels.classes(manifest),
        "dropped": manifest.attrs.get("dropped", {}),
        "preprocessing": prep.to_dict(),
        "training": dataclasses.asdict(settings),
        "protocol": splits.protocol(manifest),
        "folds": [
            {"fold": fold, **{s: sorted(view.loc[view["split"] == s, "speaker"].dropna().unique())
                              for s in splits.SPLITS}}
            for fold, view in _views(manifest)
        ],
        "audit": findings,
        "init_from": None if source is None else _as_run(source).folder.name,
        "data_sha256": _provenance.data_hash(manifest),
        "environment": _provenance.environment(),
        "command": _provenance.command(),
        "git_commit": _provenance.git_commit(),
        "started": _provenance.now(),
        **rest,
    }  # fmt: skip


def _as_run(source: str | Path | Run) -> Run:
    return source if isinstance(source, Run) else Run(source)


def _heard_before(source: Run, manifest: pd.DataFrame) -> list[dict[str, Any]]:
    """Find test speakers that the weights to start from were trained or selected on."""
    known = {f["fold"]: {*f["train"], *f["val"]} for f in source.info.get("folds", [])}
    heard = {
        speaker
        for fold, view in _views(manifest)
        for speaker in view.loc[view["split"] == "test", "speaker"]
        if speaker in known.get(fold, next(iter(known.values()), set()))
    }
    if not heard:
        return []
    message = (
        f"the weights this run starts from ({source.folder.name}) were trained on "
        f"{len(heard)} of the test speakers"
    )
    finding = audit.Finding("init_from", "leak", message)
    return [{**vars(finding), "rows": len(heard)}]


@contextmanager
def _writing(folder: str | Path, record: dict[str, Any], manifest: pd.DataFrame) -> Iterator[Path]:
    """Open a run folder for one process; go on only with the very same run."""
    import filelock

    home = _output.folder(Path(folder).expanduser())
    lock = filelock.FileLock(home / ".lock")
    try:
        with _output.into(home):
            lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise RunError(
            f"Another process is writing the run {home}.",
            "A run folder belongs to one process at a time.",
            "Wait for it, or choose another folder (-o).",
        ) from error
    try:
        there = Run(home) if (home / "run.json").is_file() else None
        if there is None:
            _refuse_foreign(home)
        # a run that was refused before its first fit leaves its folder to the corrected command
        elif there.finished or any(home.glob("fold_*/seed_*/*")):
            _refuse_another(there, record)
            record["started"] = there.info.get("started", record["started"])
        manifests.write(manifest, home / "manifest.csv")
        if there is None or not there.finished:
            runs.write_json(home / "run.json", record)
        yield home
    finally:
        lock.release()


def _refuse_foreign(home: Path) -> None:
    """Keep files of the names that a run writes, where no run has written them."""
    taken = [name for name in _WRITTEN if (home / name).exists()]
    if taken:
        raise RunError(
            f"{home} holds {listing(taken)}, and no run.",
            "A run is written into a folder of its own.",
            "Choose another folder (-o), such as runs/NAME.",
        )


def _refuse_another(there: Run, record: dict[str, Any]) -> None:
    asked = json.loads(json.dumps(record))
    differing = [
        d for key in _IDENTITY for d in runs.differences(key, there.info.get(key), asked[key])
    ]
    if differing:
        raise RunError(
            f"{there.folder} holds another run (it differs in: {listing(differing, 6)}).",
            "A folder is one run; the same command goes on with it.",
            "Choose another folder (-o), or delete this one.",
        )


def _fit_once(
    build: Callable[[], keras.Model],
    parts: Datasets,
    settings: Settings,
    home: Path,
    fold: int,
    init_from: str | Path | Run | None,
) -> None:
    """Fit one fold and seed, unless it is there already; fit.json, written last, says so."""
    seed = parts.train.seed
    folder = home / f"fold_{fold}" / f"seed_{seed}"
    if all((folder / name).is_file() for name in _OF_A_FIT):
        return
    _output.folder(folder)
    net = build()
    if init_from is not None:
        _initialise(net, _as_run(init_from), fold)
    model, history, record = fitting.fit_network(net, parts.train, parts.val, settings, folder)
    saving.save_model(model, folder / "model.keras")
    runs.write_csv(folder / "history.csv", history.assign(fold=fold, seed=seed))
    tables = [
        part.predict(model).assign(split=split)
        for split, part in (("val", parts.val), ("test", parts.test))
        if part is not None and len(part)
    ]
    predictions = pd.concat(tables, ignore_index=True).assign(fold=fold, seed=seed)
    runs.write_csv(folder / "predictions.csv", predictions)
    runs.write_json(folder / "fit.json", {"fold": fold, "seed": seed, **record})
    checkpoint.clear(folder)


def _initialise(net: keras.Model, source: Run, fold: int) -> None:
    """Copy the weights of every layer that has the same name and shapes in another run's net."""
    folds = [f["fold"] for f in source.info.get("folds", [])]
    path = source.model_path(fold if fold in folds else next(iter(folds), 0))
    given = saving.load_model(path)
    nets = [layer for layer in given.layers if isinstance(layer, keras.Model)]
    copied = 0
    # by place, since Keras numbers the names of layers through a whole session
    for layer, twin in zip(net.layers, nets[0].layers if nets else [], strict=False):
        weights = twin.get_weights()
        if weights and [w.shape for w in weights] == [w.shape for w in layer.get_weights()]:
            layer.set_weights(weights)
            copied += 1
    if not copied:
        raise ConfigurationError(
            f"No layer of {net.name!r} has the shapes of its twin in {source.folder}.",
            "init_from takes a run of the same model.",
            "Train the same model, or leave init_from out.",
        )


def _finish(home: Path, record: dict[str, Any], unreadable: list[dict[str, str]]) -> Run:
    """Join the tables of all folds and seeds, and close the run."""
    fits = [runs.read_fit(path) for path in home.glob("fold_*/seed_*/fit.json")]
    fits.sort(key=lambda fit: (fit["fold"], fit["seed"]))
    folders = [home / f"fold_{fit['fold']}" / f"seed_{fit['seed']}" for fit in fits]
    for name in ("history.csv", "predictions.csv"):
        tables = [
            runs.read_csv(
                folder / name, ["fold", "seed"],
                f"Delete {folder} and give the command again: that fit alone is done anew.",
            )
            for folder in folders
        ]  # fmt: skip
        runs.write_csv(home / name, pd.concat(tables, ignore_index=True))
    closed = {
        **record,
        "status": "finished",
        "fits": fits,
        "unreadable": unreadable,
        "finished": _provenance.now(),
        "wall_seconds": round(sum(fit["seconds"] for fit in fits), 1),
        "peak_memory_mb": _provenance.peak_memory_mb(),
    }
    runs.write_json(home / "run.json", closed)
    return Run(home)
