"""Searches: spaces, trials without test speakers, resuming, and what is confirmed."""

import json

import optuna
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from sertk import Preprocessing, evaluation, splits, studies
from sertk.cli import inputs
from sertk.errors import ConfigurationError, RunError, UnknownNameError
from sertk.studies import space
from sertk.studies.search import _Job
from tests import small_corpus
from tests.errors import raises

SPACE = {"model.C": FloatDistribution(1e-6, 1.0, log=True)}
WORDS = {"model": "logreg", "space": SPACE, "trials": 3}


@pytest.fixture(scope="module")
def divided(small_root):
    return splits.speaker_folds(small_corpus.manifest(small_root), folds=2, val=1)


@pytest.fixture(scope="module")
def prep():
    return Preprocessing("functionals", sample_rate=8000)


@pytest.fixture(scope="module")
def searched(divided, prep, tmp_path_factory):
    folder = tmp_path_factory.mktemp("search") / "logreg"
    return studies.search(manifest=divided, prep=prep, folder=folder, **WORDS)


def test_trials_are_trained_without_test_speakers(searched, divided):
    fits = list(searched.folder.glob("trials/*/fold_*/run.json"))
    assert fits
    for path in fits:
        fold = int(path.parent.name.removeprefix("fold_"))
        view = splits.in_fold(divided, fold)
        tested = set(view.loc[view["split"] == "test", "speaker"])
        record = json.loads(path.read_text())
        (division,) = record["folds"]
        assert not tested & {*division["train"], *division["val"]}
        assert division["test"] == []
        assert set(pd.read_csv(path.parent / "predictions.csv")["split"]) == {"val"}
    assert not list(searched.folder.glob("trials/**/*.keras"))


def test_the_first_trial_has_the_defaults(searched):
    assert searched.trials().frame().loc[0, "model.C"] == 0.01


def test_the_nested_estimate_tests_each_fold_with_the_best_of_its_own(searched, divided):
    study = searched._study
    done = [t for t in study.trials if t.state is optuna.trial.TrialState.COMPLETE]
    for fold in range(2):
        best = max(done, key=lambda t: t.user_attrs[f"fold_{fold}"])
        points = json.loads((searched.folder / f"nested/fold_{fold}/points.json").read_text())
        assert points["trial"] == best.params
    assert searched.nested.num_speakers == divided["speaker"].nunique()


def test_the_worth_compares_validation_and_test(searched):
    worth = searched.worth()
    assert worth.iloc[0]["uar"] == searched._study.best_value
    tested = evaluation.evaluate(searched.confirmed["best"])
    assert worth.loc["best settings again, test speakers", "uar"] == tested.uar
    assert searched.optimism == pytest.approx(searched._study.best_value - searched.nested.uar)
    assert str(searched.confirmed["best"].info["model"]["arguments"]["C"]) == str(
        searched.best["model.C"]
    )


@pytest.mark.slow
def test_a_search_goes_on_with_more_trials(divided, prep, tmp_path, searched):
    whole = searched.trials().frame()
    studies.search(manifest=divided, prep=prep, folder=tmp_path / "s", **{**WORDS, "trials": 2})
    again = studies.search(manifest=divided, prep=prep, folder=tmp_path / "s", **WORDS)
    pd.testing.assert_frame_equal(again.trials().frame(), whole)


def test_a_killed_trial_is_tried_again(divided, prep, tmp_path, monkeypatch, searched):
    """What a killed process leaves is a trial that runs forever."""
    words = {"manifest": divided, "prep": prep, "folder": tmp_path / "s"}
    train = _Job.train
    calls = []

    def killed(job, *arguments):
        calls.append(arguments)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return train(job, *arguments)

    monkeypatch.setattr(_Job, "train", killed)
    with pytest.raises(KeyboardInterrupt):
        studies.search(**words, **WORDS)
    monkeypatch.undo()
    result = studies.search(**words, **WORDS)
    table = result.trials().frame()
    assert (table["state"] == "complete").sum() + (table["state"] == "stopped early").sum() == 3
    assert result.best == pytest.approx(searched.best)


def test_another_search_is_refused(divided, prep, searched):
    with raises(RunError, "different-search", "seed"):
        studies.search(manifest=divided, prep=prep, folder=searched.folder, seed=5, **WORDS)


def test_the_page_names_what_was_found(searched):
    page = studies.write_search_html(searched).read_text()
    assert "model.C" in page
    assert searched.answer.split(" (")[0] in page


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-4..1:log", FloatDistribution(1e-4, 1.0, log=True)),
        ("0..0.5", FloatDistribution(0, 0.5)),
        ("20..80", IntDistribution(20, 80)),
        ("40,64,80", CategoricalDistribution([40, 64, 80])),
        ("none,noise", CategoricalDistribution(["none", "noise"])),
        ("true,false", CategoricalDistribution([True, False])),
    ],
)
def test_ranges_are_read(text, expected):
    assert space.read("x", text, inputs.read_value) == expected


@pytest.mark.parametrize("text", ["5..1", "a..b", "0..1:log", "1..2:square"])
def test_malformed_ranges_are_refused(text):
    with raises(ConfigurationError, "malformed-range", text):
        space.read("x", text, inputs.read_value)


@pytest.mark.parametrize(
    ("own", "code"),
    [({}, "empty-search-space"), ({"mixup": [0.1, 0.2]}, "wrong-distribution-type")],
)
def test_mistakes_in_a_space_are_refused(own, code, prep):
    with raises(ConfigurationError, code):
        space.check(own, "mlp", prep)


def test_frames_for_a_classical_model_are_refused_before_the_search(divided, tmp_path):
    with raises(ConfigurationError, "frames-for-classical-model", "functionals"):
        studies.search("svm", divided, Preprocessing(), folder=tmp_path / "s", trials=1)
    assert not (tmp_path / "s").exists()


def test_an_unknown_setting_is_named(prep):
    with raises(UnknownNameError, "unknown-name", "learning_rate"):
        space.check({"learning_rte": FloatDistribution(0, 1)}, "mlp", prep)


def test_a_point_changes_feature_preprocessing_model_and_training():
    point = {
        "feature.n_mels": 40, "clip_seconds": 2.0, "model.width": 0.5, "mixup": 0.1,
        "augment": "none",
    }  # fmt: skip
    changed, words = space.applied(point, Preprocessing("log_mel"), {"arguments": {"dropout": 0.1}})
    assert (changed.feature.n_mels, changed.clip_seconds) == (40, 2.0)
    assert words["arguments"] == {"dropout": 0.1, "width": 0.5}
    assert words["config"].mixup == 0.1
    assert words["augment"] is None


def test_the_command_searches(ravdess, tmp_path, done):
    words = [
        "search", "--corpus", "ravdess", "--root", ravdess, "--protocol", "speaker_folds",
        "--folds", 2, "--val", 1, "--feature", "functionals", "--model", "probe", "--space",
        "model.C=1e-3..1:log", "--trials", 2, "-o", tmp_path / "search",
    ]  # fmt: skip
    assert "The best of 2 trials (model.C" in done(*words).out
    assert (tmp_path / "search" / "search.html").is_file()
