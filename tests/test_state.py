"""No result hangs on `DataFrame.attrs`: every public function answers alike without them."""

import json

import pandas as pd
import pytest

from sertk import (
    analysis,
    audit,
    augment,
    cache,
    corpora,
    datasets,
    evaluation,
    explore,
    labels,
    manifest,
    recipes,
    report,
    splits,
    studies,
    training,
)
from sertk.preprocessing import Preprocessing
from tests.errors import raises

PREP = Preprocessing("log_mel", clip_seconds=0.9)


def stripped(table):
    """Copy a table as concat, merge and CSV leave it: with its columns alone."""
    bare = table.copy()
    bare.attrs = {}
    return bare


@pytest.fixture
def scanned(ravdess):
    return corpora.scan("ravdess", ravdess)


@pytest.fixture
def divided(scanned):
    return splits.make(labels.apply(scanned, "valence2"), "speaker_folds", folds=3, val=1)


def same(function, table):
    """Call a function with a table that has its attrs and with one that has lost them."""
    return function(table), function(stripped(table))


TABLES = {
    "select": lambda rows: manifest.select(rows, gender="male"),
    "validate": manifest.validate,
    "concatenate": lambda rows: manifest.concatenate([rows]),
    "describe": manifest.describe,
    "verify": lambda rows: corpora.verify(rows),
    "check_times": corpora.check_times,
    "check_files": corpora.check_files,
    "labels": lambda rows: labels.apply(rows, "emotion8"),
    "labels by gender": lambda rows: labels.apply(rows, "valence2", gender=True),
    "fold": lambda rows: splits.in_fold(rows, 1),
    "one fold alone": lambda rows: splits.one_division(splits.in_fold(rows, 1)),
    "copies": lambda rows: augment.copies(splits.in_fold(rows, 1), "noise", count=1),
    "by_speaker": lambda rows: splits.by_speaker(manifest.concatenate([rows]), val=1, test=1),
    "loso": splits.leave_one_speaker_out,
    "random": splits.random,
}


@pytest.mark.parametrize("name", TABLES)
def test_tables(divided, name):
    with_attrs, without = same(TABLES[name], divided)
    pd.testing.assert_frame_equal(stripped(with_attrs), stripped(without))


FACTS = {
    "paths": manifest.paths,
    "roots": manifest.roots,
    "classes": labels.classes,
    "grouping": labels.grouping_of,
    "protocol": splits.protocol,
    "folds": splits.folds,
    "audit": lambda rows: audit.audit(rows.assign(speaker="one")).records(),
}


@pytest.mark.parametrize("name", FACTS)
def test_facts(divided, name):
    with_attrs, without = same(FACTS[name], divided)
    assert with_attrs == without
    assert without  # something that attrs could have changed


def test_features_and_batches(divided):
    first, second = same(lambda rows: cache.compute(rows, PREP), divided)
    for name in divided["utterance_id"]:
        assert (first[name] == second[name]).all()
    one, other = same(
        lambda rows: datasets.make(splits.in_fold(rows, 0), PREP, augment="noise"), divided
    )
    assert one.train.classes == other.train.classes == ["positive", "negative"]
    for (clips, targets), (clips_too, targets_too) in zip(one.train, other.train, strict=True):
        assert (clips == clips_too).all()
        assert (targets == targets_too).all()


def test_a_run_and_its_report(divided, tmp_path, ravdess):
    def run(rows, name):
        alone = splits.one_division(splits.in_fold(rows, 0))
        options = {"folder": tmp_path / name, "epochs": 1, "arguments": {"width": 0.1}}
        return training.cross_validate("mlp", alone, PREP, **options)

    first, second = run(divided, "with"), run(stripped(divided), "without")
    pd.testing.assert_frame_equal(first.predictions, second.predictions)
    varying = {"command", "started", "finished", "fits", "peak_memory_mb", "wall_seconds"}
    one, other = ({k: v for k, v in r.info.items() if k not in varying} for r in (first, second))
    assert one == other
    assert str(ravdess) not in (first.folder / "manifest.csv").read_text()
    numbers = [json.loads(report.write_json(r).read_text()) for r in (first, second)]
    for name in ("headline", "protocol", "classes", "confusion", "by_gender"):
        assert numbers[0][name] == numbers[1][name]
    result = evaluation.evaluate(stripped(first.predictions), classes=first.classes)
    assert result.uar == evaluation.evaluate(first).uar
    table = analysis.robustness.measure(first, roots={"ravdess": ravdess}, conditions=["hum"])
    assert len(table.frame())


def test_a_page_about_a_corpus(divided, tmp_path):
    def page(rows):
        return explore.write_html(rows, tmp_path / "page.html", limit=4).read_text("utf-8")

    first, second = same(page, divided)
    for part in ("Two voices", "Durations and levels"):
        assert (part in first) == (part in second)


def test_what_is_refused_stays_refused(divided):
    homeless = stripped(divided.drop(columns="root"))
    with raises(manifest.ManifestError, "no-root-folder"):
        manifest.paths(homeless)


def test_other_classes_do_not_join(scanned):
    rows = [labels.apply(scanned, name) for name in ("valence2", "valence3")]
    with raises(manifest.ManifestError, "different-label-classes"):
        manifest.concatenate(rows)


def test_recipes_and_studies_scan_alike(ravdess):
    rows = recipes.utterances(recipes.get("compact"), roots={"ravdess": ravdess})
    assert labels.classes(rows) == labels.classes(stripped(rows))
    across = studies.Study(
        "Who is trained on?", compare="gender", gender=("male>female",), corpus=("ravdess",),
        model=("mlp",), val=1,
    )  # fmt: skip
    trial = across.trials()[0]
    rows = studies.runner.utterances(across, trial, {"ravdess": ravdess})
    assert splits.protocol(stripped(rows)) == splits.protocol(rows)
    assert "female speakers are tested" in splits.protocol(rows)["sentence"]
