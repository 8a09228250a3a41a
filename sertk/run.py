"""The run folder: what a training writes, read without Keras.

In: records and tables from `sertk.training`. Out: a `Run`, from which evaluation, report and
export are rebuilt. The folder holds run.json (every argument, seeds, versions, speakers),
manifest.csv, history.csv, predictions.csv and fold_K/seed_S/model.keras.
"""

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sertk import labels
from sertk import manifest as manifests
from sertk._utils import atomic, json_records, old_names, plain_files, schemas
from sertk.errors import ManifestError, MissingRunError, RunError, listing

SCHEMA_VERSION = 2
_WHOLE_NUMBERS = ("fold", "seed", "epoch")
_NUMBERS = ("loss", "val_loss", "val_uar", "val_wa", "learning_rate")
_NO_RECORD = (
    "Restore the file from a backup, or delete the folder and train again (features stay in the "
    "cache)."
)
_JOIN_AGAIN = "Run the training command again: it writes the file again, and trains nothing twice."


class Run:
    """A run folder, read lazily.

    Args:
        folder: The folder, which must hold run.json.

    Attributes:
        folder: Where it is.
        info: What run.json holds.

    Raises:
        RunError: If the folder holds no run, or one that a newer sertk wrote.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder).expanduser()
        record = self.folder / "run.json"
        if not plain_files.is_file(record):
            inside = (
                ("*/run.json", "trials/*/run.json") if plain_files.is_folder(self.folder) else ()
            )
            paths = [path for pattern in inside for path in self.folder.glob(pattern)]
            below = sorted(str(path.parent.relative_to(self.folder)) for path in paths)
            raise MissingRunError(
                f"{self.folder} is not a run folder (no run.json).",
                "A run folder is written by `sertk train` or `sertk cv`.",
                f"Choose one of the runs in it: {listing(below)}."
                if below
                else "Check the path, or train first.",
                code="missing-run",
            )
        try:
            self.info: dict[str, Any] = json_records.read(record, schemas.Versioned)
            version = self.info["schema_version"]
            if version > SCHEMA_VERSION:
                raise RunError(
                    f"{self.folder} was written by sertk {self.info.get('sertk_version')} "
                    f"(schema {version}).",
                    f"This version of sertk reads schemas up to {SCHEMA_VERSION}.",
                    "Upgrade sertk.",
                    code="newer-run-schema",
                )
            json_records.require(self.info, schemas.Run)
            if version == 1:
                self.info = old_names.of_run(self.info)
        except json_records.DamagedError as error:
            raise _damaged(record, str(error), _NO_RECORD) from error
        if len(set(self.classes)) < len(self.classes):
            raise _damaged(record, "a class is listed twice", _NO_RECORD)

    @classmethod
    def open(cls, run: "Run | str | Path") -> "Run":
        """Open a run folder; a `Run` is returned as it is.

        Raises:
            RunError: If the folder holds no run.
        """
        return run if isinstance(run, Run) else cls(run)

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    def _repr_html_(self) -> str:
        shown = {"corpus": ", ".join(self.info["corpora"]), "model": self.info["model"]["name"]}
        shown |= {"protocol": self.info["protocol"]["sentence"], "status": self.info["status"]}
        rows = "".join(
            f"<tr><th scope=row>{key}</th><td>{html.escape(str(value))}</td></tr>"
            for key, value in shown.items()
        )
        return f"<table><caption>{html.escape(str(self.folder))}</caption>{rows}</table>"

    @property
    def classes(self) -> list[str]:
        return list(self.info["classes"])

    @property
    def finished(self) -> bool:
        return self.info["status"] == "finished"

    @property
    def parameters(self) -> int:
        """Number of parameters of a model; of classical ones the most that a fit has."""
        of_fits = [fit.get("parameters", 0) for fit in self.info.get("fits", [])]
        return max([self.info["model"]["parameters"], *of_fits])

    @property
    def predictions(self) -> pd.DataFrame:
        """One row per utterance, split, fold and seed, with `p_<class>` for every class.

        Raises:
            RunError: If the run has not got so far.
        """
        path = self._existing("predictions.csv")
        shares = [f"p_{name}" for name in self.classes]
        needed = ["utterance_id", "label", "predicted", "split", "fold", "seed", *shares]
        table = read_csv(path, needed)
        # what is cut off in the middle of a line makes no probabilities
        total = table[shares].apply(pd.to_numeric, errors="coerce").sum(axis=1)
        fair = np.isclose(total, 1, atol=1e-3)
        if table.empty or not fair.all():
            wrong = int((~fair).sum())
            raise _damaged(path, f"{wrong} of {len(table)} rows have no probabilities")
        return table

    @property
    def tested(self) -> bool:
        """Whether the run has test speakers; the run of a final model has none."""
        return not self.finished or bool((self.predictions["split"] == "test").any())

    @property
    def history(self) -> pd.DataFrame:
        """One row per fold, seed and epoch: losses, scores and learning rate."""
        return read_csv(self._existing("history.csv"), ["fold", "seed", "epoch"])

    @property
    def manifest(self) -> pd.DataFrame:
        """The utterances of the run, originals only, as they were trained and tested on."""
        path = self._existing("manifest.csv")
        try:
            rows = manifests.read(path)
        except ManifestError as error:
            raise _damaged(path, str(error)) from error
        strange = set(rows.get("label", pd.Series([None]))) - set(self.classes)
        if strange:
            raise _damaged(path, f"it has the labels {listing(sorted(map(str, strange)))}")
        return rows.assign(label=labels.ordered(rows["label"], self.classes))

    def model_path(self, fold: int = 0, seed: int | None = None) -> Path:
        """Name the .keras file of one fold and seed; the first seed by default."""
        if "members" in self.info:
            raise RunError(
                f"{self.folder} is a fusion of {len(self.info['members'])} runs.",
                "This needs a single model.",
                "Use one of the runs below its folder `members`; a fusion is evaluated, reported, "
                "predicted with, and exported as ONNX.",
                code="fused-run",
            )
        seed = self.info["seeds"][0] if seed is None else seed
        return self._existing(f"fold_{fold}/seed_{seed}/model.keras")

    def _existing(self, name: str) -> Path:
        path = self.folder / name
        if not plain_files.is_file(path):
            raise MissingRunError(
                f"The run {self.folder} has no {name} (status: {self.info.get('status')}).",
                "The file is written when its fit is finished.",
                "Run the same command again to resume.",
                code="missing-run-file",
            )
        return path


def read_fit(path: Path) -> dict[str, Any]:
    """Read the fit.json of one fold and seed.

    Raises:
        RunError: If it is not as the training wrote it.
    """
    try:
        return dict(json_records.read(path, schemas.Fit))
    except json_records.DamagedError as error:
        remedy = f"Delete {path.parent}, and run the command again: only this fit is trained again."
        raise _damaged(path, str(error), remedy) from error


def read_csv(path: Path, needed: list[str], remedy: str = _JOIN_AGAIN) -> pd.DataFrame:
    """Read a table of a run folder.

    Args:
        path: The file.
        needed: Columns that must be there, and full.
        remedy: What to do if it is damaged.

    Raises:
        RunError: If it is no such table any more.
    """
    text = {"utterance_id": str, "speaker": str, "label": str, "predicted": str}
    try:
        table = pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""])
    except (ValueError, OSError, OverflowError) as error:  # what pandas and the system raise
        raise _damaged(path, str(error).strip(), remedy) from error
    missing = [column for column in needed if column not in table]
    if missing:
        raise _damaged(path, f"missing columns: {listing(missing)}", remedy)
    empty = table[needed].isna().any(axis=1)
    if empty.any():
        raise _damaged(path, f"{empty.sum()} of {len(table)} rows are incomplete", remedy)
    for column in {*_WHOLE_NUMBERS, *_NUMBERS} & set(table):
        numbers = pd.to_numeric(table[column], errors="coerce")
        wrong = numbers.isna() & table[column].notna()
        if column in _WHOLE_NUMBERS:
            wrong |= ~(numbers.abs() < 2**53) | (numbers != numbers.round())
        if wrong.any():
            raise _damaged(path, f"{wrong.sum()} cells of {column} are invalid", remedy)
        table[column] = numbers.astype("int64" if column in _WHOLE_NUMBERS else "float64")
    return table


def _damaged(path: Path, what: str, remedy: str = _JOIN_AGAIN) -> RunError:
    return RunError(
        f"{path} is damaged ({what}).",
        "It must be unchanged since training wrote it.",
        remedy,
        code="damaged-run",
    )


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table whole or not at all; floats keep nine digits, enough for float32."""
    with atomic.whole(path) as temporary:
        atomic.to_csv(table, temporary, float_format="%.9g")


def differences(name: str, there: Any, here: Any) -> Iterator[str]:
    """Name what differs between two records of a run, down to the single setting.

    Examples:
        >>> list(differences("training", {"epochs": 3, "warmup": 0}, {"epochs": 4, "warmup": 0}))
        ['training.epochs, 3 there and 4 here']
    """
    if isinstance(there, dict) and isinstance(here, dict):
        for key in {**there, **here}:
            yield from differences(f"{name}.{key}", there.get(key), here.get(key))
    elif there != here:
        short = all(isinstance(value, str | int | float | None) for value in (there, here))
        yield f"{name}, {there} there and {here} here" if short else name
