"""Classical models against scikit-learn, as Keras networks, and through a whole run."""

import json
import os
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sertk import (
    Preprocessing,
    cache,
    classical,
    corpora,
    evaluation,
    labels,
    splits,
    studies,
    training,
)
from sertk import manifest as manifests
from sertk.analysis import saliency
from sertk.errors import ConfigurationError, UnknownNameError
from sertk.run import Run
from sertk.training import saving
from tests.errors import raises

REFERENCES = {
    "logreg": ({}, lambda: LogisticRegression(C=0.01, max_iter=1000)),
    "svm": ({}, lambda: SVC(C=0.01, kernel="linear", break_ties=True)),
    "svm rbf": ({"kernel": "rbf"}, lambda: SVC(C=10, kernel="rbf", break_ties=True)),
    "svm gamma": (
        {"kernel": "rbf", "gamma": 0.3, "C": 1.0},
        lambda: SVC(C=1.0, kernel="rbf", gamma=0.3, break_ties=True),
    ),
    "random_forest": ({"trees": 20}, lambda: RandomForestClassifier(20, random_state=0)),
}


def vectors(classes, count=160, numbers=12, seed=0):
    """Overlapping clouds, the same for every seed, so that classifiers err."""
    centers = np.random.default_rng(99).normal(size=(classes, numbers))
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, count)
    x = 0.7 * centers[labels] + generator.normal(size=(count, numbers))
    return x.astype(np.float32)[:, None], labels


@pytest.mark.backend
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("name", REFERENCES)
def test_a_network_predicts_what_scikit_learn_predicts(name, classes, tmp_path):
    arguments, reference = REFERENCES[name]
    x, y = vectors(classes)
    weights = np.where(y == 0, 2.0, 1.0)
    fitted = classical.fit(name.split()[0], x, y, classes, weights=weights, **arguments)
    estimator = reference().fit(x[:, 0], y, sample_weight=weights)
    new, _ = vectors(classes, count=500, seed=1)
    saving.save_model(fitted.network, tmp_path / "model.keras")
    shares = saving.load_model(tmp_path / "model.keras").predict(new, verbose=0)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    expected = estimator.predict(new[:, 0])
    np.testing.assert_array_equal(shares.argmax(axis=1), expected)
    if name == "logreg":
        np.testing.assert_allclose(shares, estimator.predict_proba(new[:, 0]), atol=1e-5)
    if name == "random_forest":
        given = np.maximum(estimator.predict_proba(new[:, 0]), 1e-3)
        np.testing.assert_allclose(shares, given / given.sum(1, keepdims=True), atol=1e-5)


@pytest.mark.backend
def test_a_probe_is_logistic_regression_on_mean_and_deviation():
    generator = np.random.default_rng(0)
    y = generator.integers(0, 3, 90)
    x = generator.normal(size=(90, 7, 5)) * (1 + y[:, None, None]) + y[:, None, None]
    x = x.astype(np.float32)
    pooled = np.concatenate([x.mean(axis=1), x.std(axis=1)], axis=1)
    estimator = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    expected = estimator.fit(pooled, y).predict_proba(pooled)
    network = classical.fit("probe", x, y, 3, C=0.1).network
    np.testing.assert_allclose(network.predict(x, verbose=0), expected, atol=1e-4)


@pytest.mark.parametrize("name", classical.names())
def test_a_temperature_changes_no_class(name):
    x, y = vectors(3)
    fitted = classical.fit(name, x, y, 3)
    before = fitted.network.predict(x, verbose=0)
    fitted.set_temperature(4.0)
    after = fitted.network.predict(x, verbose=0)
    np.testing.assert_array_equal(before.argmax(axis=1), after.argmax(axis=1))
    assert after.max() < before.max()


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("svm", {"kernel": "poly"}, "invalid-model-arguments"),
        ("svm", {"C": 0.0}, "invalid-model-arguments"),
        ("random_forest", {"trees": 1.5}, "wrong-argument-type"),
    ],
)
def test_arguments_out_of_range_are_refused(name, arguments, code):
    x, y = vectors(2)
    with raises(ConfigurationError, code, *arguments):
        classical.fit(name, x, y, 2, **arguments)


def test_unknown_names_are_refused():
    x, y = vectors(2)
    with raises(UnknownNameError, "unknown-name", "svm"):
        classical.fit("svn", x, y, 2)
    with raises(UnknownNameError, "unknown-name", "max_iter"):
        classical.fit("logreg", x, y, 2, iterations=4)


def test_frames_need_a_probe(divided, tmp_path):
    with raises(ConfigurationError, "frames-for-classical-model", "188 frames", "functionals"):
        training.cross_validate("svm", divided, Preprocessing(), folder=tmp_path / "run")
    with raises(ConfigurationError, "frames-for-classical-model", "probe"):
        classical.fit("svm", np.zeros((4, 9, 3), np.float32), np.array([0, 1, 0, 1]), 2)


@pytest.fixture(scope="module")
def prep():
    return Preprocessing("functionals", sample_rate=8000)


@pytest.fixture
def divided(small):
    return splits.speaker_folds(small, folds=3, val=1)


@pytest.fixture(scope="module")
def solved(small_root, prep, tmp_path_factory):
    """A cross-validated SVM."""
    from tests import small_corpus

    rows = splits.speaker_folds(small_corpus.manifest(small_root), folds=3, val=1)
    folder = tmp_path_factory.mktemp("classical") / "svm"
    return training.cross_validate("svm", rows, prep, folder=folder)


def test_a_run_predicts_what_a_few_lines_of_scikit_learn_predict(solved, divided, prep):
    features = cache.compute(divided.drop_duplicates("utterance_id"), prep)
    for fold in range(3):
        rows = splits.in_fold(divided, fold)
        x = np.stack([features[u][0] for u in rows["utterance_id"]])
        tested = (rows["split"] == "test").to_numpy()
        estimator = make_pipeline(StandardScaler(), SVC(C=0.01, kernel="linear", break_ties=True))
        estimator.fit(x[~tested], rows["label"].astype(str)[~tested])
        given = solved.predictions.query(f"split == 'test' and fold == {fold}")
        given = given.set_index("utterance_id")["predicted"][rows["utterance_id"][tested]]
        assert (given.to_numpy() == estimator.predict(x[tested])).all()


def test_validation_speakers_are_predicted_by_a_model_that_was_not_fitted_on_them(
    small, prep, tmp_path, solved, divided
):
    apart = training.cross_validate("svm", divided, prep, folder=tmp_path / "run", refit=False)
    shares = [f"p_{name}" for name in solved.classes]
    for run in (solved, apart):
        kept = training.saving.load_model(run.model_path(0))
        assert kept.layers[-1].layers[-1].name == "probabilities"
    val = [run.predictions.query("split == 'val'").reset_index() for run in (solved, apart)]
    np.testing.assert_allclose(val[0][shares], val[1][shares], atol=1e-6)
    test = [run.predictions.query("split == 'test'").reset_index() for run in (solved, apart)]
    assert np.abs(test[0][shares] - test[1][shares]).to_numpy().max() > 1e-3


def test_a_run_names_what_decides(solved):
    table = pd.read_csv(solved.folder / "importance.csv")
    assert set(table["fold"]) == {0, 1, 2}
    first = table[table["fold"] == 0]
    assert first["relevance"].sum() == pytest.approx(1, abs=1e-6)
    assert first["uar_drop"].is_monotonic_decreasing
    assert first["inputs"].sum() == 512
    assert first["strongest"].str.startswith("log_mel ").all()


def test_what_decides_is_found_by_permutation():
    """Of two inputs one decides everything and one nothing."""
    from sertk.training import importance

    class Tested:
        seed, num_classes, classes = 0, 2, ["a", "b"]

        class prep:
            class feature:
                number_names = number_groups = ["decides", "idle"]  # noqa: RUF012

        def __len__(self):
            return 1

        def __getitem__(self, batch):
            return x, np.eye(2)[y]

    x = np.random.default_rng(0).normal(size=(400, 1, 2)).astype(np.float32)
    y = (x[:, 0, 0] > 0).astype(int)
    fitted = classical.fit("logreg", x, y, 2, C=1.0)
    inputs = keras.Input((1, 2))
    model = keras.Model(inputs, fitted.network(inputs))
    table = importance.table(model, fitted, Tested()).set_index("group")
    assert table.loc["decides", "uar_drop"] == pytest.approx(0.5, abs=0.08)
    assert abs(table.loc["idle", "uar_drop"]) < 0.02
    assert table.loc["decides", "relevance"] > 0.9


def test_settings_without_effect_are_refused(divided, prep, tmp_path):
    with raises(ConfigurationError, "setting-without-effect", "epochs", "mixup"):
        training.cross_validate("svm", divided, prep, folder=tmp_path / "run", epochs=3, mixup=0.2)
    assert not (tmp_path / "run").exists()


def test_class_weights_and_copies_are_used(divided, prep, tmp_path, solved):
    weighted = training.cross_validate(
        "svm", divided, prep, folder=tmp_path / "copies", augment="noise", copies=1,
        class_weight="inverse",
    )  # fmt: skip
    assert weighted.info["augmentation"]["copies"] == 1
    shares = [f"p_{name}" for name in solved.classes]
    assert not np.allclose(weighted.predictions[shares], solved.predictions[shares], atol=1e-4)


def test_speaker_normalization_and_reports_take_a_classical_run(solved):
    result = evaluation.evaluate(solved)
    assert result.uar > 0.5
    assert evaluation.normalize_speakers(result).uar >= 0


def test_a_classical_model_predicts_a_recording(solved, small, done):
    (path, *_) = manifests.paths(small)
    out = done("predict", path, "--run", solved.folder, "--format", "json").out
    assert json.loads(out)[0]["label"] in solved.classes


def test_the_number_of_parameters_is_that_of_the_fits(solved):
    assert solved.info["model"]["parameters"] == 0
    assert solved.parameters == solved.info["fits"][0]["parameters"] > 1000
    board = studies.Leaderboard(solved.folder.parent).frame()
    assert board["parameters"].iloc[0] == solved.parameters


def test_a_study_compares_classical_models_with_networks(small, tmp_path):
    study = studies.Study(
        "Which model?", compare="model", corpus={"tones": small}, model=("svm", "logreg"),
        grouping={"own": {e: e for e in ("angry", "neutral", "sad")}}, feature="functionals",
        seed=(0,), folds=3, val=1,
    )  # fmt: skip
    result = studies.run(study, tmp_path / "study")
    assert len(result.runs) == 2
    assert (result.frame()["parameters"] > 0).all()


def test_a_vector_has_no_map_over_frames(solved, small_root):
    tested = solved.predictions.query("split == 'test'")["utterance_id"].iloc[0]
    with raises(ConfigurationError, "no-frames", "feature_importance"):
        saliency.saliency(solved, tested, roots={"small": small_root})


def test_finished_runs_are_found_again(solved, divided, prep):
    again = training.cross_validate("svm", divided, prep, folder=solved.folder)
    assert again.info["finished"] == solved.info["finished"]
    assert isinstance(again, Run)


@pytest.mark.corpus
def test_compare_with_an_svm_on_emodb_is_a_few_lines_of_other_libraries(tmp_path):
    """Feature, standardization, classifier and protocol at once, on real recordings."""
    pytest.importorskip("opensmile")
    from joblib.externals.loky import get_reusable_executor

    if not (Path(os.environ.get("SERTK_CORPORA", "")) / "emodb").is_dir():
        pytest.skip("no EmoDB below SERTK_CORPORA")
    rows = labels.apply(corpora.scan("emodb"), "emotion6")
    voices = sorted(rows["speaker"].unique())
    rows = splits.by_speaker(rows, val=voices[1:2], test=voices[:1])
    prep = Preprocessing("compare")
    run = training.cross_validate("svm", rows, prep, folder=tmp_path / "run")
    waves = [prep.load(path) for path in manifests.paths(rows)]
    x = get_reusable_executor().submit(_compare, waves).result()  # apart from TensorFlow
    tested = (rows["split"] == "test").to_numpy()
    estimator = make_pipeline(StandardScaler(), SVC(C=0.01, kernel="linear", break_ties=True))
    estimator.fit(x[~tested], rows["label"].astype(str)[~tested])
    given = run.predictions.query("split == 'test'").set_index("utterance_id")["predicted"]
    expected = estimator.predict(x[tested])
    assert (given[rows["utterance_id"][tested]].to_numpy() == expected).all()
    assert evaluation.evaluate(run).uar > 0.5


def _compare(waves):
    import opensmile

    smile = opensmile.Smile(opensmile.FeatureSet.ComParE_2016)
    return np.nan_to_num(np.concatenate([smile.process_signal(w, 16_000) for w in waves]))
