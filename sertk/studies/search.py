"""Search settings on validation speakers, and confirm the best ones on test speakers.

In: a divided manifest, a model and a space. Out: a folder with every trial, and a `SearchResult`.
Trials never see test speakers: their fits are made without them. Test speakers are used once, when
the search has ended, to measure what it has found.
"""

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from tqdm import tqdm

from sertk import classical, splits
from sertk import manifest as manifests
from sertk import run as runs
from sertk._utils import atomic, child_processes, provenance, seeding
from sertk.errors import ConfigurationError, RunError, SertkError, listing
from sertk.evaluation import evaluate
from sertk.preprocessing import Preprocessing
from sertk.run import Run
from sertk.studies import space as spaces
from sertk.studies.runner import shared_cores
from sertk.studies.search_result import SearchResult
from sertk.training.config import Config

_RANDOM = 10  # trials that are drawn at random before the sampler learns from them
_UNPRUNED = 5  # trials that are never stopped early


def search(
    model: str,
    manifest: pd.DataFrame,
    prep: Preprocessing,
    *,
    folder: str | Path,
    space: Mapping[str, Any] | None = None,
    trials: int = 30,
    seed: int = 0,
    n_jobs: int = 1,
    **words: Any,
) -> SearchResult:
    """Search the settings of a model, scored on validation speakers only.

    A trial trains every fold on its training speakers and is scored by the UAR of the pooled
    predictions on validation speakers; one that is worse than the median of the others after a fold
    is stopped. The tree-structured Parzen estimator of Optuna proposes settings; the first trial
    has the defaults. Afterwards test speakers are used three times: for the defaults and for the
    best trial, both trained again with another seed, and for the nested estimate, in which each
    fold is tested with the trial that is best on its own validation speakers.

    The same call resumes a search that was stopped, and one with more trials continues it.

    Args:
        model: Name of a network or of a classical model.
        manifest: Rows with `label`, and `fold` and `val_folds` (or one `split`).
        prep: How a recording becomes a clip.
        folder: Folder of the search.
        space: Setting -> distribution of Optuna; see `sertk.studies.space.names` for the settings.
            By default the penalty of a linear model, or learning rate, weight decay, label
            smoothing, mixup and time masks of a network.
        trials: int >= 1. Number of trials.
        seed: int. Seed of the proposals and of the trainings.
        n_jobs: Trials at a time, each in a process of its own. With one, a resumed search proposes
            what an uninterrupted one would have proposed.
        **words: Arguments of `sertk.training.cross_validate` that do not vary, such as `augment`,
            `arguments` or `config`, and fields of `Config`.

    Returns:
        The finished search.

    Raises:
        UnknownNameError: If the space names a setting that does not exist.
        ConfigurationError: If nothing varies, or Optuna is not installed.
        SplitError: If there are no folds, or no validation or test speakers.
        RunError: If the folder holds another search, or every trial failed.

    References:
        Akiba et al. 2019, Optuna, arXiv 1907.10902. Bergstra et al. 2011, Algorithms for
        hyper-parameter optimization. Cawley & Talbot 2010, On over-fitting in model selection,
        JMLR 11, 2079-2107 (nested selection).
    """
    optuna = spaces.require_optuna()
    chosen = dict(space) if space is not None else spaces.usual(model)
    spaces.check(chosen, model, prep)
    if model in classical.names():
        classical.check(model, words.get("arguments") or {}, prep.input_shape[0])
    if trials < 1:
        raise ConfigurationError(
            f"Received trials={trials}.",
            "A search needs at least one trial.",
            "30 are usual (--trials 30).",
            code="invalid-trials",
        )
    fields = {name: words.pop(name) for name in list(words) if name in Config.__dataclass_fields__}
    words["config"] = (words.get("config") or Config()).changed(fields)
    rows = manifests.divided(manifest)
    folds = _views(rows)
    job = _Job(model, prep, words, chosen, seed, Path(folder).expanduser(), rows)
    _write_down(job, splits.protocol(rows))
    study = job.study()
    _requeue(study)
    if not study.trials:
        study.enqueue_trial(job.defaults(), skip_if_exists=True)
    waiting = trials - len(_ended(study))
    with shared_cores(n_jobs), tqdm(total=trials, unit="trial", desc="search") as bar:
        bar.update(trials - max(waiting, 0))
        here = os.getpid()
        work = (joblib.delayed(_attempt)(job, len(folds), here) for _ in range(waiting))
        for _ in joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")(work):
            bar.update()
    done = [t for t in study.trials if t.state is optuna.trial.TrialState.COMPLETE]
    if not done:
        reasons = [t.user_attrs.get("reason", "") for t in study.trials]
        raise RunError(
            f"None of the {len(study.trials)} trials could be trained. The first error: "
            f"{next(filter(None, reasons), 'every trial was stopped')}",
            code="all-trials-failed",
        )
    _confirm(job, study, list(folds))
    return SearchResult(job.home)


class _Job:
    """What every process of a search needs; plain values, so that it can be sent to one."""

    def __init__(
        self, model: str, prep: Preprocessing, words: dict[str, Any], space: dict[str, Any],
        seed: int, home: Path, rows: pd.DataFrame,
    ):  # fmt: skip
        self.model, self.prep, self.words, self.space = model, prep, words, space
        self.seed, self.home, self.rows = seed, home, rows

    def study(self) -> Any:
        """Open the journal of the trials, which several processes may write to."""
        optuna = spaces.require_optuna()
        backend = optuna.storages.journal.JournalFileBackend(str(self.home / "trials.log"))
        return optuna.create_study(
            study_name="search", direction="maximize", load_if_exists=True,
            storage=optuna.storages.JournalStorage(backend),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=_UNPRUNED, n_warmup_steps=0),
        )  # fmt: skip

    def defaults(self) -> dict[str, Any]:
        """Give the point of the space that is nearest to the settings without a search."""
        config, arguments = self.words["config"], self.words.get("arguments", {})
        point = {}
        for name, values in self.space.items():
            owner, dot, own = name.partition(".")
            if dot and owner == "feature":
                usual = getattr(self.prep.feature, own)
            elif dot:
                usual = arguments.get(own, spaces.default(self.model, own))
            elif hasattr(config, name):
                usual = getattr(config, name)
            else:
                usual = getattr(self.prep, name, self.words.get(name))
            if usual is not None and values._contains(values.to_internal_repr(usual)):
                point[name] = usual
        return point

    def train(self, point: Mapping[str, Any], rows: pd.DataFrame, folder: Path, seed: int) -> Run:
        """Train one point of the space on some folds."""
        from sertk import training

        prep, words = spaces.applied(point, self.prep, self.words)
        return training.cross_validate(
            self.model, rows, prep, folder=folder, seeds=(seed,), **words
        )


def _views(rows: pd.DataFrame) -> dict[int, pd.DataFrame]:
    """Look at each fold as one division.

    Raises:
        SplitError: If a fold has no validation or no test speakers.
    """
    views = {}
    for fold in splits.folds(rows):
        view = splits.in_fold(rows, fold) if "fold" in rows else rows
        splits.check(view)
        views[fold] = splits.one_division(view)
    return views


def _write_down(job: _Job, protocol: dict[str, Any]) -> None:
    """Keep the record of a search; refuse to go on with another one."""
    home = atomic.folder(job.home)
    prep, words = job.prep, job.words
    plain = {k: v for k, v in words.items() if k != "config"}
    same = {
        "model": job.model,
        "preprocessing": prep.to_dict(),
        "words": json.loads(json.dumps(plain, default=repr)),
        "training": dataclasses.asdict(words["config"]),
        "space": {name: spaces.to_json(values) for name, values in job.space.items()},
        "seed": job.seed,
        "protocol": protocol,
        "data_sha256": provenance.data_hash(job.rows),
    }
    path = home / "search.json"
    if path.is_file():
        there = json.loads(path.read_text("utf-8"))
        found = [
            d for key, value in json.loads(json.dumps(same)).items()
            for d in runs.differences(key, there.get(key), value)
        ]  # fmt: skip
        if found:
            raise RunError(
                f"{home} contains a different search (it differs in: {listing(found, 6)}).",
                "The same command resumes a search; only the number of trials may differ.",
                "Choose another folder (-o), or delete this one.",
                code="different-search",
            )
        return
    taken = [name for name in ("run.json", "study.json") if (home / name).exists()]
    if taken:
        raise RunError(
            f"{home} contains {listing(taken)}.",
            "A search needs a folder of its own.",
            "Choose another (-o).",
            code="folder-in-use",
        )
    made = {"command": provenance.command(), "environment": provenance.environment()}
    atomic.write_json(path, {**same, **made, "git_commit": provenance.git_commit()})


def _requeue(study: Any) -> None:
    """Put trials that a killed process left running at the head of the queue."""
    from optuna.trial import TrialState

    for trial in study.get_trials(states=[TrialState.RUNNING]):
        study.tell(trial.number, state=TrialState.FAIL)  # without a reason: see `_ended`
        study.enqueue_trial(trial.params)


def _ended(study: Any) -> list[Any]:
    """List the trials that ended by themselves, in whatever way; not those that were killed."""
    ended = [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]
    return [t for t in ended if t.state.name != "FAIL" or t.user_attrs.get("reason")]


def _attempt(job: _Job, folds: int, parent: int) -> None:
    """Ask for one trial, train its folds, and tell its score."""
    if os.getpid() != parent:
        child_processes.end_with(parent)
    optuna = spaces.require_optuna()
    study = job.study()
    number = len(_ended(study))
    study.sampler = optuna.samplers.TPESampler(
        seed=seeding.derive(job.seed, "proposal", number) % 2**32, n_startup_trials=_RANDOM,
        constant_liar=True,
    )  # fmt: skip
    trial = study.ask(job.space)
    equal = [t for t in study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
             if t.params == trial.params]  # fmt: skip
    if equal:  # it would give the same
        for name, value in equal[0].user_attrs.items():
            trial.set_user_attr(name, value)
        study.tell(trial, equal[0].value)
        return
    home = job.home / "trials" / _name(trial.params)
    predictions = []
    try:
        for step, (fold, view) in enumerate(_views(job.rows).items()):
            unseen = view[view["split"] != "test"]
            run = job.train(trial.params, unseen, home / f"fold_{fold}", job.seed)
            score = evaluate(run, "val").uar
            trial.set_user_attr(f"fold_{fold}", score)
            predictions.append(run.predictions.assign(fold=fold))
            pooled = evaluate(pd.concat(predictions), "val", classes=run.classes).uar
            trial.report(pooled, step)
            if step + 1 < folds and trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                return
    except SertkError as error:  # such as settings that exclude each other
        trial.set_user_attr("reason", str(error))
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return
    finally:
        for weights in home.glob("fold_*/fold_*/seed_*/model.keras"):
            weights.unlink()
    study.tell(trial, pooled)


def _name(point: Mapping[str, Any]) -> str:
    """Name the folder of a point; a trial that was killed goes on in it."""
    text = json.dumps(dict(point), sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _confirm(job: _Job, study: Any, folds: list[int]) -> None:
    """Use the test speakers: train defaults and best trial again, and the best of each fold."""
    from optuna.trial import TrialState

    done = study.get_trials(states=[TrialState.COMPLETE])
    best = max(done, key=lambda trial: trial.value)
    points = {"best": best.params, "defaults": job.defaults()}
    _forget(job.home / "confirmed", points)
    for name, point in points.items():
        job.train(point, job.rows, job.home / "confirmed" / name, job.seed + 1)
    tables = []
    for fold, view in _views(job.rows).items():
        chosen = max(done, key=lambda trial: trial.user_attrs[f"fold_{fold}"])
        folder = job.home / "nested" / f"fold_{fold}"
        _forget(folder, {"trial": chosen.params})
        run = job.train(chosen.params, view, folder / "trial", job.seed)
        tables.append(run.predictions.assign(fold=fold))
    runs.write_csv(job.home / "nested" / "predictions.csv", pd.concat(tables))


def _forget(folder: Path, points: dict[str, Any]) -> None:
    """Remove confirmations of other points, which a search with fewer trials has left."""
    record, plain = folder / "points.json", json.loads(json.dumps(points))
    if record.is_file() and json.loads(record.read_text("utf-8")) != plain:
        shutil.rmtree(folder)
    atomic.folder(folder)
    atomic.write_json(record, plain)
