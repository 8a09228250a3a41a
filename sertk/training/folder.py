"""Write a run folder: locking, resuming, closing.

In: the record of a run. Out: a folder that belongs to one process. A finished run is not changed;
the same call resumes one that was stopped.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from sertk import manifest as manifests
from sertk import run as runs
from sertk._utils import atomic
from sertk.errors import RunError, listing
from sertk.run import Run
from sertk.training.records import PROVENANCE, closed

# what must be the same for a run to go on
_IDENTITY = (
    "classes", "model", "preprocessing", "augmentation", "standardize", "training", "protocol",
    "folds", "seeds", "data_sha256", "init_from",
)  # fmt: skip
_WRITTEN = ("manifest.csv", "history.csv", "predictions.csv", "report.html")
_OF_A_FIT = ("fit.json", "model.keras", "history.csv", "predictions.csv")
_JOINED = ("history.csv", "predictions.csv")
_SOMETIMES = ("importance.csv", "enrolment.csv")  # of classical models; of models that enrol


def of_fit(home: Path, fold: int, seed: int) -> Path:
    """Name the folder of one fit."""
    return home / f"fold_{fold}" / f"seed_{seed}"


def has_fit(home: Path, fold: int, seed: int) -> bool:
    """Whether a fit has ended: fit.json is written last."""
    return all((of_fit(home, fold, seed) / name).is_file() for name in _OF_A_FIT)


@contextmanager
def writing(
    folder: str | Path, record: dict[str, Any], manifest: pd.DataFrame
) -> Iterator[tuple[Path, Run | None]]:
    """Open a run folder for one process; resume only the same run.

    Args:
        folder: Run folder to write.
        record: As `records.of_run` returns it; a resumed run keeps its first provenance.
        manifest: The rows of the run.

    Yields:
        The folder; and the run, if it is finished and whole, so that nothing is left to do.

    Raises:
        RunError: If the folder holds another run or something else, or is in use.
    """
    import filelock

    home = atomic.folder(Path(folder).expanduser())
    lock = filelock.FileLock(home / ".lock")
    try:
        with atomic.into(home):
            lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise RunError(
            f"Another process is writing to the run {home}.",
            "Only one process at a time can write to a run folder.",
            "Wait until it is finished, or choose another folder (-o).",
            code="run-in-use",
        ) from error
    try:
        existing = Run(home) if (home / "run.json").is_file() else None
        if existing is None:
            _refuse_foreign(home)
        # a run that failed before its first fit can be replaced by the corrected command
        elif existing.finished or any(home.glob("fold_*/seed_*/*")):
            _refuse_another(existing, record)
            begun = (*PROVENANCE, "started")
            record.update({name: existing.info[name] for name in begun if name in existing.info})
        if existing is not None and _is_whole(existing, record):
            yield home, existing
            return
        manifests.write(manifest, home / "manifest.csv")
        if existing is None or not existing.finished:
            atomic.write_json(home / "run.json", record)
        yield home, None
    finally:
        lock.release()


def _refuse_foreign(home: Path) -> None:
    """Keep files of the names that a run writes, where no run has written them."""
    taken = [name for name in _WRITTEN if (home / name).exists()]
    if taken:
        raise RunError(
            f"{home} contains {listing(taken)}, and is not a run folder.",
            "A run needs a folder of its own.",
            "Choose another folder (-o), such as runs/NAME.",
            code="folder-in-use",
        )


def _identity(info: dict[str, Any]) -> dict[str, Any]:
    """Take what must be the same; how another version words a protocol need not be."""
    identity = {key: info.get(key) for key in _IDENTITY}
    protocol = {k: v for k, v in (info.get("protocol") or {}).items() if k != "sentence"}
    return {**identity, "protocol": protocol}


def _refuse_another(run: Run, record: dict[str, Any]) -> None:
    before, now = (_identity(info) for info in (run.info, json.loads(json.dumps(record))))
    differing = [d for key in before for d in runs.differences(key, before[key], now[key])]
    if differing:
        raise RunError(
            f"{run.folder} contains a different run (it differs in: {listing(differing, 6)}).",
            "A run folder holds one run; the same command resumes it.",
            "Choose another folder (-o), or delete this one.",
            code="different-run",
        )


def _is_whole(run: Run, record: dict[str, Any]) -> bool:
    """Whether a run has finished, and each of its files is there and can be read."""
    fits = [(fold["fold"], seed) for fold in record["folds"] for seed in record["seeds"]]
    if not run.finished or not all(has_fit(run.folder, *fit) for fit in fits):
        return False
    try:
        tables = [run.predictions, run.history, run.manifest]
    except RunError:  # damaged: joined again from those of the fits
        return False
    return all(len(table) for table in tables)


def finish(home: Path, record: dict[str, Any], unreadable: list[dict[str, str]]) -> Run:
    """Join the tables of all folds and seeds, and close the run."""
    fits = [runs.read_fit(path) for path in home.glob("fold_*/seed_*/fit.json")]
    fits.sort(key=lambda fit: (fit["fold"], fit["seed"]))
    folders = [home / f"fold_{fit['fold']}" / f"seed_{fit['seed']}" for fit in fits]
    more = [name for name in _SOMETIMES if all((folder / name).is_file() for folder in folders)]
    for name in (*_JOINED, *more):
        tables = [
            runs.read_csv(
                folder / name, ["fold", "seed"],
                f"Delete {folder}, and run the command again: only this fit is trained again.",
            )
            for folder in folders
        ]  # fmt: skip
        runs.write_csv(home / name, pd.concat(tables, ignore_index=True))
    atomic.write_json(home / "run.json", closed(record, fits, unreadable))
    return Run(home)
