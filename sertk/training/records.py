"""The records of a run and its fits: run.json and fit.json.

In: the arguments of a training, and the datasets of each fit. Out: JSON-ready dictionaries.
run.json holds the arguments; fit.json the speakers a model was trained on, where, when and by which
command.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import pandas as pd

from sertk import __version__, audit, corpora, labels, splits
from sertk import run as runs
from sertk._utils import provenance
from sertk.augment import Augmentation
from sertk.datasets import ClipDataset, Datasets
from sertk.preprocessing import Preprocessing
from sertk.run import Run
from sertk.training.config import Config

PROVENANCE = ("environment", "command", "git_commit")


def views(manifest: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame]]:
    """Yield the views of the folds one at a time, to hold only one in memory."""
    for fold in splits.folds(manifest):
        yield fold, splits.in_fold(manifest, fold) if "fold" in manifest else manifest


def of_run(
    manifest: pd.DataFrame, prep: Preprocessing, config: Config, **rest: Any
) -> dict[str, Any]:
    """Describe a run before its first fit: every argument, the folds, the data, the process."""
    findings = audit.audit(manifest, compare_audio=False).records()
    source = rest.pop("init_from")
    if source is not None:
        findings += _trained_before(source, manifest)
    known = [name for name in manifest["corpus"].unique() if name in corpora.names()]
    group = labels.grouping_of(manifest)
    note = labels.GROUPINGS[group].note if group in labels.GROUPINGS else ""
    return {
        "schema_version": runs.SCHEMA_VERSION,
        "sertk_version": __version__,
        "status": "unfinished",
        "corpora": sorted(manifest["corpus"].unique()),
        "synthetic": any(corpora.load(name).SYNTHETIC for name in known),
        "grouping": group,
        "grouping_note": note,
        "emotions": _emotions(manifest),
        "classes": labels.classes(manifest),
        "preprocessing": prep.to_dict(),
        **({"feature_license": prep.feature.license} if prep.feature.license else {}),
        "training": dataclasses.asdict(config),
        "protocol": splits.protocol(manifest),
        "folds": [
            {"fold": fold, **{s: sorted(view.loc[view["split"] == s, "speaker"].dropna().unique())
                              for s in splits.SPLITS}}
            for fold, view in views(manifest)
        ],
        "audit": findings,
        "init_from": None if source is None else source.folder.name,
        "init_speakers": [] if source is None else sorted(set().union(*_trained(source).values())),
        "data_sha256": provenance.data_hash(manifest),
        **process(),
        "started": provenance.now(),
        **rest,
    }  # fmt: skip


def _emotions(manifest: pd.DataFrame) -> dict[str, list[str]]:
    """List the emotions behind each label, where the two differ."""
    pairs = manifest[["label", "emotion"]].drop_duplicates().astype(str)
    if (pairs["label"] == pairs["emotion"]).all():
        return {}
    emotions = pairs.groupby("label")["emotion"].agg(sorted).to_dict()
    return {label: list(emotions.get(label, [])) for label in labels.classes(manifest)}


def process() -> dict[str, Any]:
    """Describe the process that trains: its software and device, its command, its commit."""
    values = (provenance.environment(), provenance.command(), provenance.git_commit())
    return dict(zip(PROVENANCE, values, strict=True))


def of_fit(parts: Datasets, started: str) -> dict[str, Any]:
    """Describe a fit that has ended: whom its datasets held, and the process that made it.

    Args:
        parts: The datasets that it was trained, selected and tested on.
        started: When it began, as `provenance.now()` gives it.
    """
    held = {
        split: part.manifest
        for split, part in zip(splits.SPLITS, parts, strict=True)
        if part is not None
    }
    return {
        "speakers": {s: sorted(rows["speaker"].dropna().unique()) for s, rows in held.items()},
        "utterances": {s: len(rows) for s, rows in held.items()},
        **process(),
        "started": started,
        "finished": provenance.now(),
        "peak_memory_mb": provenance.peak_memory_mb(),
    }


def closed(
    record: dict[str, Any], fits: list[dict[str, Any]], unreadable: list[dict[str, str]]
) -> dict[str, Any]:
    """Describe a finished run by its fits.

    Args:
        record: As `of_run` returns it.
        fits: Content of each fit.json, in order; older ones have no provenance.
        unreadable: Recordings that could not be read: `utterance_id, path, reason`.
    """
    folds = {fold["fold"]: fold for fold in record["folds"]}
    for fit in fits:
        folds[fit["fold"]] = {**folds[fit["fold"]], **fit.get("speakers", {})}
    described = [
        {
            name: value
            for name, value in fit.items()
            # the speakers are in `folds`, and the process is usually that of the run
            if name != "speakers" and not (name in PROVENANCE and value == record.get(name))
        }
        for fit in fits
    ]
    memory = [fit.get("peak_memory_mb") or 0 for fit in fits]
    return {
        **record,
        "folds": list(folds.values()),
        "status": "finished",
        "fits": described,
        "unreadable": unreadable,
        "finished": max((fit.get("finished", "") for fit in fits), default="") or provenance.now(),
        "wall_seconds": round(sum(fit["seconds"] for fit in fits), 1),
        "peak_memory_mb": max(memory, default=0) or provenance.peak_memory_mb(),
    }


def _trained(source: Run) -> dict[int, set[str]]:
    """Name by fold the speakers that a run's weights were trained or selected on."""
    before = set(source.info.get("init_speakers", ()))
    return {f["fold"]: {*f["train"], *f["val"]} | before for f in source.info.get("folds", [])}


def _trained_before(source: Run, manifest: pd.DataFrame) -> list[dict[str, Any]]:
    """Find test speakers in the training or validation data of the initial weights."""
    trained = _trained(source)
    shared = {
        speaker
        for fold, view in views(manifest)
        for speaker in view.loc[view["split"] == "test", "speaker"]
        if speaker in trained.get(fold, next(iter(trained.values()), set()))
    }
    if not shared:
        return []
    message = (
        f"the weights this run starts from ({source.folder.name}) were trained on "
        f"{len(shared)} of the test speakers"
    )
    finding = audit.Finding("init_from", "leak", message)
    return [{**vars(finding), "rows": len(shared)}]


def augmentation(train: ClipDataset) -> dict[str, Any] | None:
    """Describe the copies that a training set holds or draws; `None` if there are none."""
    if train.on_the_fly is not None:
        return train.on_the_fly.augmentation.record(train.on_the_fly.copies)
    if train.augmentation is None:
        return None
    copies = {u: len(versions) - 1 for u, versions in train.versions.items()}
    copied = set(train.manifest["label"][train.manifest["utterance_id"].map(copies) > 0])
    only = None if copied >= set(train.classes) else tuple(sorted(copied))
    return Augmentation(train.augmentation, only).record(max(copies.values()))
