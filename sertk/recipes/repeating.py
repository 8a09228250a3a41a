"""Reproduce a recipe: corpora, protocol, training.

In: a recipe's name and corpora. Out: a run whose run.json records what was published, under which
protocol, and what differs here and why.
"""

import copy
import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from sertk import augment, corpora, labels, splits
from sertk import manifest as manifests
from sertk import run as runs
from sertk._utils import atomic
from sertk.errors import ConfigurationError, UnknownNameError, listing
from sertk.recipes.record import Recipe
from sertk.recipes.systems import RECIPES
from sertk.run import Run
from sertk.training.config import Config

# default split and grouping of a corpus
_PROTOCOLS = {"iemocap": "by_dyad", "emodb": "loso", "savee": "loso", "toy": "speaker_folds"}
_GROUPINGS = {"iemocap": "iemocap4_strict", "emodb": "emotion7", "savee": "emotion7"}
_GROUPINGS |= {"ravdess": "emotion8", "toy": "emotion8"}
_ISOLATED = 4  # R3's last actors, who are not in the development set


def get(name: str, *, as_published: bool = False, everyone: bool = False) -> Recipe:
    """Look a recipe up.

    Args:
        name: One of `RECIPES`.
        as_published: With the defects that its published numbers rest on.
        everyone: On all of its corpora together, a few validation speakers and no test speakers:
            for a model to hand on, whose scores are those of a cross-validation.

    Raises:
        UnknownNameError: If there is no such recipe.
        ConfigurationError: If no published result rests on a defect, or both are requested.

    Examples:
        >>> get("r5-alexnet").prep.input_shape, get("r3-conv1d").prep.input_shape
        ((91, 128), (259, 1))
    """
    if name not in RECIPES:
        raise UnknownNameError("recipe", name, RECIPES)
    recipe = RECIPES[name]
    if as_published and everyone:
        raise ConfigurationError(
            f"{name} received both --as-published and --everyone.",
            "A model for use outside must not include the defects of the published one.",
            "Omit one of them (as_published, everyone in Python).",
            code="published-and-everyone",
        )
    if everyone:
        return dataclasses.replace(recipe, division="everyone")
    if not as_published:
        return recipe
    if not recipe.as_published:
        raise ConfigurationError(
            f"{name} received --as-published.",
            "Its published results have no defect that sertk leaves out.",
            "Omit --as-published (as_published in Python).",
            code="no-published-defects",
        )
    return dataclasses.replace(recipe, **recipe.as_published)


def describe(name: str, *, as_published: bool = False) -> str:
    """Describe a recipe, its published results, and what differs here."""
    recipe = get(name, as_published=as_published)
    origin = "published on" if recipe.published else "sertk's own, for"
    lines = [f"{name}: {recipe.title}", f"{origin} {listing(recipe.corpora)}"]
    lines += [f"published: {figure.score} ({figure.protocol})" for figure in recipe.published]
    lines += [
        f"{d.what}: there, {d.original}; here, {d.here} ({d.why})"
        for d in recipe.differences
        if not (as_published and d.restored)
    ]
    lines += [f"MARKED: {stamp}" for stamp in recipe.stamps if as_published]
    return "\n".join(lines)


def utterances(
    recipe: Recipe,
    names: Sequence[str] = (),
    roots: Mapping[str, str | Path] = MappingProxyType({}),
) -> pd.DataFrame:
    """Scan, label and split the training data of a recipe.

    Args:
        recipe: `Recipe`, as `get` returns it.
        names: Names of corpora; `recipe.usual_corpora` by default.
        roots: Corpus -> folder; others are looked for below `SERTK_CORPORA`.

    Returns:
        The divided manifest.

    Raises:
        CorpusError: If a corpus is not there.
    """
    chosen = tuple(names) or recipe.usual_corpora
    rows = manifests.concatenate([corpora.scan(name, roots.get(name)) for name in chosen])
    where = {k: v for k, v in recipe.where.items() if k in rows and rows[k].eq(v).any()}
    kept = manifests.select(rows, **where)
    if recipe.seconds is not None:
        start, end = recipe.seconds
        kept = kept.assign(start=start, end=kept["duration"].clip(upper=end))
    grouping = recipe.grouping or (_GROUPINGS.get(chosen[0]) if len(chosen) == 1 else None)
    labeled = labels.apply(kept, grouping or "moody7", gender=recipe.genders)
    return _divide(labeled, recipe, chosen)


def _divide(rows: pd.DataFrame, recipe: Recipe, names: Sequence[str]) -> pd.DataFrame:
    if recipe.division == "everyone":
        return _everyone(rows)
    if recipe.division == "files":
        return splits.random(rows, val=0.1, test=0.1)
    if recipe.division == "files, no test":
        drawn = splits.random(rows, val=0.15, test=0.15)
        both = drawn["split"].where(drawn["split"] == "train", "val")
        words = "files at random; the epoch is chosen on the files that give the score"
        return splits.custom(drawn.assign(split=both), words)
    if recipe.division in ("isolated", "copies first"):
        return _isolated(rows, recipe)
    if tuple(names) == ("ravdess",):
        for folds, actors in (("ravdess5", 24), ("dev4", 20)):
            if {f"ravdess_{actor + 1:02d}" for actor in range(actors)} <= set(rows["speaker"]):
                return splits.make(rows, folds)
    usual = _PROTOCOLS.get(names[0], "speaker_folds")
    return splits.make(rows, usual if len(names) == 1 else "speaker_folds")


def _everyone(rows: pd.DataFrame) -> pd.DataFrame:
    """Train on all but the last fifth of the speakers of each corpus, which validates."""
    last: list[str] = []
    for _, part in rows.groupby("corpus"):
        order = sorted(part["speaker"].unique())
        last += order[-max(1, len(order) // 5) :]
    split = np.where(rows["speaker"].isin(last), "val", "train")
    others = rows["speaker"].nunique() - len(last)
    words = f"{others} speakers train, {len(last)} validate, nobody is tested"
    return splits.custom(rows.assign(split=split), words)


def _isolated(rows: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Test the last speakers; the others develop, apart or as the original had them."""
    order = sorted(rows["speaker"].unique())
    count = max(1, min(_ISOLATED, len(order) // 5))
    last, before = order[-count:], order[-2 * count : -count]
    if recipe.division == "isolated":
        divided = splits.by_speaker(rows, val=before, test=last)
        words = f"speakers apart: the last {count} are tested, the {count} before them validate"
        return splits.custom(divided, words)
    test = rows[rows["speaker"].isin(last)]
    development = rows[~rows["speaker"].isin(last)].assign(split="train")
    augmented = augment.copies(development, str(recipe.augment), count=recipe.copies)
    # not `parent`: the defect is that these copies count as separate utterances
    augmented = augmented.rename(columns={"parent": "copy_of"})
    pool = pd.concat([development, augmented], ignore_index=True)
    generator = np.random.default_rng(12)
    drawn = pool["split"].where(generator.random(len(pool)) >= 0.2, "val")
    both = pd.concat([pool.assign(split=drawn), test.assign(split="test")], ignore_index=True)
    words = (
        f"copies made first, then divided at random into training and validation; the last "
        f"{count} speakers are tested"
    )
    return splits.custom(both, words)


def reproduce(
    name: str,
    *,
    folder: str | Path,
    names: Sequence[str] = (),
    roots: Mapping[str, str | Path] = MappingProxyType({}),
    as_published: bool = False,
    everyone: bool = False,
    arguments: Mapping[str, Any] = MappingProxyType({}),
    seeds: Sequence[int] = (),
    fold: int | None = None,
    grouping: str | None = None,
    **config: Any,
) -> Run:
    """Train and test a published system again, or sertk's own.

    Args:
        name: One of `RECIPES`.
        folder: Run folder to write.
        names: Names of corpora; `recipe.usual_corpora` by default.
        roots: Corpus -> folder; others are looked for below `SERTK_CORPORA`.
        as_published: With the defects that its published numbers rest on; the run is marked.
        everyone: On all of its corpora together, without test speakers; see `get`.
        arguments: Changes to those of the network, such as `{"width": 0.25}` or weights.
        seeds: Instead of the recipe's.
        fold: int, or `None` to train every fold of a cross-validation.
        grouping: Instead of the recipe's, such as one that a part of a corpus can fill.
        **config: Changes to the recipe's, such as `epochs=2`. A run that was still improving
            when it was stopped by fewer epochs than the recipe's is marked.

    Returns:
        The finished run; `run.info["recipe"]` says what was published and what differs.

    Raises:
        UnknownNameError: If there is no such recipe.
        CorpusError: If a corpus is not there.
        SplitError: If there is no such fold.
    """
    from sertk import training  # which loads Keras

    recipe = get(name, as_published=as_published, everyone=everyone)
    if grouping is not None:
        recipe = dataclasses.replace(recipe, grouping=grouping)
    rows = utterances(recipe, names, roots)
    if fold is not None:
        rows = splits.one_division(splits.in_fold(rows, fold))
    copies_first = recipe.division == "copies first"
    run = training.cross_validate(
        recipe.model, rows, recipe.prep, folder=folder, seeds=tuple(seeds) or recipe.seeds,
        augment=None if copies_first else recipe.augment, copies=recipe.copies,
        standardize=recipe.standardize, arguments={**recipe.arguments, **arguments},
        allow_shared_speakers=as_published, **{**recipe.config, **config},
    )  # fmt: skip
    before = copy.deepcopy(run.info)
    if recipe.division == "files, no test":
        _score_what_chose(run)
        # what was shared with validation is shared with the test, now that they are the same
        run.info["audit"] = [{**finding, "reaches_test": True} for finding in run.info["audit"]]
    described = {
        "name": name,
        "title": recipe.title,
        "as_published": as_published,
        "stamps": list(recipe.stamps) if as_published else [],
        "stopped": _stopped(run, recipe),
        "published": [dataclasses.asdict(figure) for figure in recipe.published],
        "differences": [
            dataclasses.asdict(difference)
            for difference in recipe.differences
            if not (as_published and difference.restored)
        ],
        "changed": {**({"grouping": grouping} if grouping else {}), **arguments, **config},
    }
    run.info["recipe"] = json.loads(json.dumps(described))  # as it is read back
    if run.info != before:  # a finished run that was repeated is left as it is
        atomic.write_json(run.folder / "run.json", run.info)
    return run


def _stopped(run: Run, recipe: Recipe) -> str:
    """Report fits that reached the last epoch before early stopping; empty if there are none."""
    limit, patience = (run.info["training"][name] for name in ("epochs", "patience"))
    config = Config(epochs=limit, patience=patience)
    usual = Config().changed(dict(recipe.config)).epochs
    losses = run.history.groupby(["fold", "seed"])["val_loss"].agg(list)
    improving = [
        fit
        for fit in run.info["fits"]
        if fit["epochs"] >= limit
        and not config.out_of_patience(losses[fit["fold"], fit["seed"]], fit["best_epoch"])
    ]
    if limit >= usual or not improving:
        return ""
    return (
        f"{len(improving)} of {len(run.info['fits'])} fits ended after {limit} of at most {usual} "
        "epochs, before they had stopped improving: the score shows that all of it runs, and "
        "nothing about how good the system is"
    )


def _score_what_chose(run: Run) -> None:
    """Report validation scores as test scores, as the original did."""
    predictions = run.predictions
    if not (predictions["split"] == "test").any():
        tested = predictions[predictions["split"] == "val"].assign(split="test")
        runs.write_csv(run.folder / "predictions.csv", pd.concat([predictions, tested]))
