"""Run the trials of a study in parallel, and resume it.

In: a `Study` and a folder. Out: a run folder per trial below `trials/`, `study.json` with every
choice, and a `StudyResult`. A trial that cannot be trained is reported, and the others go on.
"""

import json
import os
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import joblib
import pandas as pd
from tqdm import tqdm

from sertk import corpora, labels, manifest, splits
from sertk import run as runs
from sertk._utils import atomic, child_processes, provenance
from sertk.errors import ConfigurationError, RunError, SertkError, listing
from sertk.preprocessing import Preprocessing
from sertk.recipes import RECIPES
from sertk.run import Run
from sertk.studies.levels import FACTORS, USUAL, Described, fingerprint
from sertk.studies.results import StudyResult, read_record
from sertk.studies.study import Study, Trial

_SEVERAL = {"speaker_folds": ("folds", "val"), "random": ("folds",), "loso": ("val",)}


def run_study(
    study: Study,
    folder: str | Path,
    *,
    roots: Mapping[str, str | Path] = MappingProxyType({}),
    n_jobs: int = 1,
) -> StudyResult:
    """Train every trial of a study that is not there yet.

    Args:
        study: What to train.
        folder: Folder of the study. The same study, or one with more levels, resumes in it.
        roots: Corpus -> folder; others are looked for below `SERTK_CORPORA`.
        n_jobs: Trials at a time, each in a process of its own, with its share of the cores.

    Returns:
        The finished study.

    Raises:
        RunError: If the folder holds another study, or no trial could be trained.
        CorpusError: If a corpus is not there.
        ConfigurationError: If a level is an object that this study only read of.

    Examples:
        `run_study(STUDIES["gender"], "runs/gender", n_jobs=2)`
    """
    _check(study, roots, n_jobs)
    data = {
        name: fingerprint(manifest.select(_scanned(study, trial, roots), **study.where))
        for name, trial in {trial.corpus: trial for trial in study.trials()}.items()
    }
    home = atomic.folder(Path(folder).expanduser())
    _write_down(study, home, data)
    waiting = [t for t in study.trials() if not _finished(home / "trials" / t.name)]
    failed = {}
    with shared_cores(n_jobs), tqdm(total=len(study.trials()), unit="run", desc="study") as bar:
        bar.update(len(study.trials()) - len(waiting))
        here = os.getpid()
        work = (joblib.delayed(_attempt)(study, t, home, dict(roots), here) for t in waiting)
        for name, refusal in joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")(work):
            if refusal:
                failed[name] = refusal
            bar.update()
    atomic.write_json(home / "failed.json", failed)
    if len(failed) == len(study.trials()):
        raise RunError(
            f"None of the {len(failed)} trials could be trained. The first error: "
            f"{next(iter(failed.values()))}",
            code="all-trials-failed",
        )
    result = StudyResult(home)
    result.write_csv()
    return result


def _check(study: Study, roots: Mapping[str, str | Path], n_jobs: int) -> None:
    """Refuse what cannot be trained, before anything is written."""
    if n_jobs == 0:
        raise ConfigurationError(
            "Received 0 jobs.",
            "At least one is needed.",
            "Use -1 for all cores, or omit it.",
            code="invalid-jobs",
        )
    if not isinstance(roots, Mapping):
        raise ConfigurationError(
            f"A study received roots={roots!r}.",
            "It must be a mapping from corpus to folder.",
            f"For example: roots={{{study.corpus[0]!r}: {str(roots)!r}}}.",
            code="wrong-roots-type",
        )
    for factor, objects in study.own.items():
        for name in getattr(study, factor):
            if isinstance(objects.get(name), Described):
                raise ConfigurationError(
                    f"The {factor} {name!r} is a Python object, and this study was read from "
                    "study.json.",
                    "study.json records the settings of an object, not the object itself.",
                    f"Pass it again: {factor}={{{name!r}: ...}}.",
                    code="lost-level-object",
                )


def _write_down(study: Study, home: Path, data: dict[str, str]) -> None:
    """Write the study's record, merged with existing trials; refuse different settings."""
    path = home / "study.json"
    asked = {**study.record(), "data": data}
    origin = {"command": provenance.command(), "environment": provenance.environment()}
    record = {**asked, **origin, "git_commit": provenance.git_commit()}
    if (home / "run.json").is_file():
        raise RunError(
            f"{home} contains a run.",
            "A study needs a folder of its own.",
            "Choose another (-o).",
            code="folder-holds-run",
        )
    if path.is_file() and any(home.glob("trials/*/run.json")):
        prior = read_record(path)
        same = ("folds", "val", "copies", "standardize", "where", "config")
        differing = [d for key in same for d in runs.differences(key, prior.get(key), record[key])]
        parts = {"recordings of": (prior["data"], record["data"])}
        for factor in {*prior["own"], *record["own"]}:
            here = record["own"].setdefault(factor, {})
            parts[factor] = (prior["own"].get(factor, {}), here)
        for part, (before, now) in parts.items():
            for name, kept in before.items():
                now.setdefault(name, kept)
                differing += _differences(part, name, kept, now[name])
        if differing:
            raise RunError(
                f"{home} contains a different study (it differs in: {listing(differing, 6)}).",
                "All trials of a study must have the same settings.",
                "Choose another folder (-o), or delete this one.",
                code="different-study",
            )
        if all(prior.get(name) == value for name, value in json.loads(json.dumps(asked)).items()):
            return  # the same study again: keep the record of who started it
    atomic.write_json(path, record)


def _differences(part: str, name: str, there: Any, here: Any) -> list[str]:
    if part in FACTORS:
        return list(runs.differences(f"{part}.{name}", there, here))
    return [f"{part} {name}"] * (there != here)


def _finished(folder: Path) -> bool:
    try:
        return Run(folder).finished
    except RunError:  # none, or a damaged one: its trial says what is wrong
        return False


@contextmanager
def shared_cores(n_jobs: int) -> Iterator[None]:
    """Give each process its share of the cores, and hide the progress bars of fits."""
    if n_jobs == 1:
        yield
        return
    count = os.cpu_count() or 1
    share = str(max(1, count // (count if n_jobs < 0 else n_jobs)))
    variables = {
        "OMP_NUM_THREADS": share, "TF_NUM_INTRAOP_THREADS": share, "TF_NUM_INTEROP_THREADS": share,
        "TF_CPP_MIN_LOG_LEVEL": "3", "TQDM_DISABLE": "1",
    }  # fmt: skip
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        with warnings.catch_warnings():
            # loky replaces a worker whose memory has grown; the next trial runs in a new one
            warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def _attempt(
    study: Study, trial: Trial, home: Path, roots: dict[str, Any], parent: int
) -> tuple[str, str]:
    """Train a trial; return its name, and the reason if it was refused."""
    if os.getpid() != parent:
        child_processes.end_with(parent)
    from sertk import training  # which loads Keras

    try:
        training.cross_validate(
            study.level("model", trial), utterances(study, trial, roots),
            preprocessing(study, trial),
            folder=home / "trials" / trial.name, seeds=(trial.seed,),
            augment=None if trial.augment == "none" else study.level("augment", trial),
            copies=study.copies,
            standardize=study.standardize, **study.config,
        )  # fmt: skip
    except SertkError as error:  # the others may still be trained
        return trial.name, str(error)
    except Exception as error:  # of a function of the caller's, or for want of memory
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(where.filename).name}, line {where.lineno}"
        return trial.name, f"{type(error).__name__} in {place}: {error}"
    return trial.name, ""


def preprocessing(study: Study, trial: Trial) -> Preprocessing:
    """Build what a trial's recordings go through."""
    feature = study.level("feature", trial)
    if feature != USUAL:
        return feature if isinstance(feature, Preprocessing) else Preprocessing(feature)
    model = study.level("model", trial)
    published = (recipe.prep for recipe in RECIPES.values() if recipe.model == model)
    return next(published, Preprocessing())


def utterances(study: Study, trial: Trial, roots: Mapping[str, str | Path]) -> pd.DataFrame:
    """Scan, select, label and divide what a trial is trained on."""
    rows = manifest.select(_scanned(study, trial, roots), **study.where)
    if trial.gender in ("male", "female"):
        rows = manifest.select(rows, gender=trial.gender)
    labeled = labels.apply(rows, study.level("grouping", trial), gender=trial.gender == "classes")
    if ">" in trial.gender:
        return _across_genders(labeled, *trial.gender.split(">"), val=study.val)
    options = {name: getattr(study, name) for name in _SEVERAL.get(trial.protocol, ())}
    return splits.make(labeled, trial.protocol, **options)


def _scanned(study: Study, trial: Trial, roots: Mapping[str, str | Path]) -> pd.DataFrame:
    corpus = study.level("corpus", trial)
    is_table = isinstance(corpus, pd.DataFrame)
    return corpus if is_table else corpora.scan(corpus, roots.get(trial.corpus))


def _across_genders(rows: pd.DataFrame, trained: str, tested: str, *, val: int) -> pd.DataFrame:
    """Train and select on speakers of one gender, test all of the other."""
    kept = rows[rows["gender"].isin([trained, tested])]
    absent = {trained, tested} - set(kept["gender"])
    if absent:
        raise ConfigurationError(
            f"No utterance has a {' or '.join(sorted(absent))} speaker.",
            f"The level {trained}>{tested} trains on {trained} and tests on {tested} speakers.",
            "Fill the column `gender` of the manifest, or omit this level.",
            code="no-speakers-of-gender",
        )
    voices = kept.drop_duplicates("speaker").set_index("speaker")["gender"]
    selecting = sorted(voices.index[voices == trained])[-val:]
    divided = splits.by_speaker(kept, val=selecting, test=sorted(voices.index[voices == tested]))
    words = (
        f"{trained} speakers train, {len(selecting)} of them validate; all "
        f"{(voices == tested).sum()} {tested} speakers are tested"
    )
    return splits.custom(divided, words)
