"""Fuse finished runs into one: late fusion, evaluated like a run.

In: runs of the same utterances, folds and classes. Out: a run folder with fused predictions, what
was fitted on the validation speakers of each fold, and the models of the members.
"""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sertk import manifest as manifests
from sertk import run as runs
from sertk._utils import atomic, provenance
from sertk.errors import ConfigurationError, RunError, UnknownNameError
from sertk.evaluation import fusion, probabilities
from sertk.run import Run

_TAKEN = ("run.json", "study.json", "search.json")


def fuse(members: Sequence[Run | str | Path], folder: str | Path, *, method: str = "mean") -> Run:
    """Fuse the predictions of runs, fold by fold.

    Weights are fitted on the validation speakers of each fold, which its test speakers are not
    among. Runs with several seeds are averaged over them first.

    Args:
        members: Two or more finished runs of the same utterances, folds and classes.
        folder: Run folder to write.
        method: `"mean"`, `"weighted"` or `"stacking"`; see `sertk.evaluation.fusion.fit`.

    Returns:
        The fused run: evaluated, reported, compared, predicted with and exported like any other.

    Raises:
        UnknownNameError: If there is no such method.
        ConfigurationError: If there are fewer than two runs, or they differ in what they predict.
        RunError: If a run is unfinished, or the folder is in use.

    Examples:
        `fuse(["runs/svm", "runs/compact"], "runs/fused", method="weighted")`
    """
    if method not in fusion.METHODS:
        raise UnknownNameError("fusion method", method, fusion.METHODS)
    opened = [Run.open(member) for member in members]
    tables = _tables(opened)
    started, begun = provenance.now(), time.perf_counter()
    home = atomic.folder(Path(folder).expanduser())
    taken = next((name for name in _TAKEN if (home / name).exists()), None)
    if taken:
        raise RunError(
            f"{home} contains {taken}.",
            "A fused run needs a folder of its own.",
            "Choose another (-o), or delete this one.",
            code="folder-in-use",
        )
    first = opened[0]
    rows, fitted = [], {}
    for fold, shares in tables.items():
        truth = {
            split: pd.Index(first.classes).get_indexer(pd.Index(table["label"]))
            for split, (table, _) in shares.items()
        }
        fitted[fold] = fusion.fit(method, shares["val"][1], truth["val"])
        for split, (table, given) in shares.items():
            rows.append(_fused(table, fusion.combine(fitted[fold], given), first.classes, split))
    for number, member in enumerate(opened):
        _copy(member, home / "members" / f"{number}_{member.info['model']['name']}")
    runs.write_csv(home / "predictions.csv", pd.concat(rows, ignore_index=True))
    manifests.write(first.manifest, home / "manifest.csv")
    seconds = round(time.perf_counter() - begun, 1)
    record = _record(opened, method, fitted, seconds, started)
    atomic.write_json(home / "run.json", record)
    return Run(home)


def _tables(opened: list[Run]) -> dict[int, dict[str, tuple[pd.DataFrame, np.ndarray]]]:
    """Line up the predictions of all runs: fold -> split -> rows and (runs, rows, classes)."""
    if len(opened) < 2:
        raise ConfigurationError(
            f"Received {len(opened)} run{'s' * (len(opened) != 1)}.",
            "A fusion needs at least two.",
            "Name more run folders: sertk fuse RUN RUN -o DIR.",
            code="too-few-runs",
        )
    first = opened[0]
    means = [_means(run) for run in opened]
    for run, table in zip(opened[1:], means[1:], strict=True):
        for what, there, here in (
            ("classes", run.classes, first.classes),
            ("utterances, folds or speakers", list(table.index), list(means[0].index)),
        ):
            if there != here:
                raise ConfigurationError(
                    f"{run.folder} and {first.folder} differ in their {what}.",
                    "A fusion combines predictions for the same utterances, in the same folds and "
                    "classes.",
                    "Train both with the same protocol, --val and --split-seed.",
                    code="runs-do-not-match",
                )
    shares = np.stack([table[probabilities.columns(table, first.classes)] for table in means])
    lined: dict[int, dict[str, tuple[pd.DataFrame, np.ndarray]]] = {}
    whole = means[0].reset_index()
    folds, names = whole["fold"].to_numpy(int), whole["split"].to_numpy(str)
    for fold, split in sorted(set(zip(folds.tolist(), names.tolist(), strict=True))):
        places = np.flatnonzero((folds == fold) & (names == split))
        lined.setdefault(fold, {})[split] = (whole.iloc[places], shares[:, places])
    for fold, parts in lined.items():
        if "val" not in parts:
            raise ConfigurationError(
                f"Fold {fold} has no predictions for validation speakers.",
                "Weights are fitted on them.",
                "Train with validation speakers (--val 1 or more).",
                code="no-validation-predictions",
            )
    return lined


def _means(run: Run) -> pd.DataFrame:
    """Average the probabilities of a run over its seeds, sorted by fold, split and utterance."""
    if not run.finished:
        raise RunError(
            f"The run {run.folder} is unfinished.",
            "A fusion needs finished runs.",
            "Run its command again to resume.",
            code="unfinished-run",
        )
    table = run.predictions
    keys = ["fold", "split", "utterance_id"]
    shares = table.groupby(keys)[[f"p_{name}" for name in run.classes]].mean()
    known = table.drop_duplicates(keys).set_index(keys)[["speaker", "gender", "label"]]
    return known.join(shares).sort_index()


def _fused(table: pd.DataFrame, shares: np.ndarray, classes: list[str], split: str) -> pd.DataFrame:
    rows = table[["utterance_id", "speaker", "gender", "label"]].copy()
    rows["predicted"] = np.array(classes)[shares.argmax(axis=1)]
    rows[[f"p_{name}" for name in classes]] = shares
    return rows.assign(split=split, fold=table["fold"].to_numpy(), seed=0)


def _copy(member: Run, home: Path) -> None:
    """Copy what prediction needs of a member: its record and its models."""
    for path in [member.folder / "run.json", *member.folder.glob("fold_*/seed_*/model.keras")]:
        target = home / path.relative_to(member.folder)
        atomic.folder(target.parent)
        shutil.copyfile(path, target)


def _record(
    opened: list[Run], method: str, fitted: dict[int, dict[str, Any]], seconds: float, started: str
) -> dict[str, Any]:
    """Describe a fused run by its members."""
    kept = (
        "schema_version", "sertk_version", "corpora", "synthetic", "grouping", "grouping_note",
        "emotions", "classes", "preprocessing", "training", "standardize", "protocol", "folds",
        "audit", "data_sha256", "unreadable",
    )  # fmt: skip
    first = opened[0].info
    members = [
        {
            "model": run.info["model"]["name"],
            "feature": run.info["preprocessing"]["feature"]["name"],
            "seeds": run.info["seeds"],
        }
        for run in opened
    ]
    plain = {
        fold: {name: np.asarray(value).tolist() for name, value in parts.items()}
        for fold, parts in fitted.items()
    }
    fits = [
        {"fold": fold, "seed": 0, "best_epoch": 1, "epochs": 1, "seconds": 0.0, "fusion": parts}
        for fold, parts in plain.items()
    ]
    return {
        **{name: first[name] for name in kept if name in first},
        "status": "finished",
        "model": {
            "name": "fusion",
            "arguments": {"method": method},
            "parameters": sum(run.parameters for run in opened),
        },
        "members": members,
        "augmentation": None,
        "init_from": None,
        "seeds": [0],
        "fits": fits,
        "environment": provenance.environment(),
        "command": provenance.command(),
        "git_commit": provenance.git_commit(),
        "started": started,
        "finished": provenance.now(),
        "wall_seconds": seconds,
    }
