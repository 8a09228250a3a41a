"""Late fusion: its mathematics, and fused runs."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from sertk import Preprocessing, evaluation, export, predict, splits, studies, training
from sertk.errors import ConfigurationError, RunError, UnknownNameError
from sertk.evaluation import fusion
from tests import small_corpus
from tests.errors import raises


def shares(models=3, count=200, classes=4, seed=0):
    """Probabilities of models that are right more often the lower their number."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, classes, count)
    scores = generator.normal(size=(models, count, classes))
    for number in range(models):
        scores[number, np.arange(count), truth] += 1.5 - number / 2
    exponents = np.exp(scores)
    return exponents / exponents.sum(axis=2, keepdims=True), truth


def test_the_mean_is_the_mean():
    given, truth = shares()
    fused = fusion.combine(fusion.fit("mean", given, truth), given)
    np.testing.assert_allclose(fused, given.mean(axis=0))


def test_weights_have_the_largest_likelihood():
    given, truth = shares()
    right = given[:, np.arange(len(truth)), truth]
    weights = fusion.fit("weighted", given, truth)["weights"]
    assert weights.sum() == pytest.approx(1)

    def loss(free):
        mixture = np.exp(free) / np.exp(free).sum()
        return -np.log(mixture @ right).mean()

    best = minimize(loss, np.zeros(3), tol=1e-10).fun
    assert -np.log(weights @ right).mean() == pytest.approx(best, abs=1e-5)


def test_stacking_is_logistic_regression_on_logarithms():
    given, truth = shares()
    fitted = fusion.fit("stacking", given, truth)
    x = np.concatenate(list(np.log(given)), axis=1)
    expected = LogisticRegression(C=0.1, max_iter=1000).fit(x, truth).predict_proba(x)
    np.testing.assert_allclose(fusion.combine(fitted, given), expected, atol=1e-6)


@pytest.mark.parametrize("classes", [2, 4])
def test_stacking_knows_classes_that_no_validation_speaker_has(classes):
    given, truth = shares(classes=classes)
    kept = truth != truth.max() if classes > 2 else np.ones(len(truth), bool)
    fitted = fusion.fit("stacking", given[:, kept], truth[kept])
    fused = fusion.combine(fitted, given)
    assert fused.shape == given.shape[1:]
    np.testing.assert_allclose(fused.sum(axis=1), 1)
    assert (fused.argmax(axis=1) == truth)[kept].mean() > 0.5


@pytest.fixture(scope="module")
def members(small_root, tmp_path_factory):
    """An SVM and a probe on the same folds."""
    rows = splits.speaker_folds(small_corpus.manifest(small_root), folds=3, val=1)
    home = tmp_path_factory.mktemp("members")
    prep = Preprocessing("functionals", sample_rate=8000)
    frames = Preprocessing("log_mel", sample_rate=8000, clip_seconds=0.8)
    return [
        training.cross_validate("svm", rows, prep, folder=home / "svm"),
        training.cross_validate("probe", rows, frames, folder=home / "probe"),
    ]


@pytest.fixture(scope="module")
def fused(members, tmp_path_factory):
    return studies.fuse(members, tmp_path_factory.mktemp("fused") / "run", method="weighted")


def test_a_fused_run_is_evaluated_like_a_run(members, fused):
    result = evaluation.evaluate(fused)
    assert result.num_utterances == evaluation.evaluate(members[0]).num_utterances
    for fold in range(3):
        (weights,) = [f["fusion"]["weights"] for f in fused.info["fits"] if f["fold"] == fold]
        keys, names = ["utterance_id"], [f"p_{c}" for c in fused.classes]
        rows = [
            r.predictions.query(f"split == 'test' and fold == {fold}") for r in (*members, fused)
        ]
        one, two, both = (table.set_index(keys)[names].sort_index() for table in rows)
        np.testing.assert_allclose(weights[0] * one + weights[1] * two, both, atol=1e-6)


def test_a_fused_run_is_reported_and_compared(members, fused, done):
    done("report", fused.folder)
    page = (fused.folder / "report.html").read_text()
    assert "fusion" in page
    assert "members" in page
    assert "UAR" in done("compare", members[0].folder, fused.folder).out


def test_the_command_fuses(members, tmp_path, done):
    folders = [run.folder for run in members]
    words = ["fuse", *folders, "--method", "stacking", "-o", tmp_path / "fused"]
    assert "UAR" in done(*words).out


def test_mistakes_are_refused(members, fused, small_root, tmp_path):
    with raises(UnknownNameError, "unknown-name", "stacking"):
        studies.fuse(members, tmp_path / "x", method="stack")
    with raises(ConfigurationError, "too-few-runs"):
        studies.fuse(members[:1], tmp_path / "x")
    with raises(RunError, "folder-in-use"):
        studies.fuse(members, fused.folder)
    rows = splits.speaker_folds(small_corpus.manifest(small_root), folds=2, val=1)
    prep = Preprocessing("functionals", sample_rate=8000)
    other = training.cross_validate("logreg", rows, prep, folder=tmp_path / "other")
    with raises(ConfigurationError, "runs-do-not-match", "folds"):
        studies.fuse([members[0], other], tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("method", [pytest.param("weighted", marks=pytest.mark.slow), "stacking"])
def test_a_fused_run_predicts_and_is_exported_as_one_file(members, small_root, tmp_path, method):
    pytest.importorskip("tf2onnx")
    fused = studies.fuse(members, tmp_path / "fused", method=method)
    made = export.to_onnx(fused, tmp_path / "fused.onnx", roots={"small": small_root})
    assert made.parity["max_difference"].iloc[0] < 1e-4
    tested = fused.predictions.query("split == 'test' and fold == 0").iloc[:3]
    paths = [small_root / f"{u.split('_')[1]}/{u.split('_')[2]}_{u.split('_')[3]}.wav"
             for u in tested["utterance_id"]]  # fmt: skip
    shares = [f"p_{name}" for name in fused.classes]
    for source in (fused, tmp_path / "fused.onnx"):
        answers = predict.load(source).files(paths).frame()
        np.testing.assert_allclose(answers[shares], tested[shares], atol=1e-3)


def test_members_that_prepare_recordings_differently_do_not_predict(members, small_root, tmp_path):
    rows = splits.speaker_folds(small_corpus.manifest(small_root), folds=3, val=1)
    other = training.cross_validate(
        "logreg", rows, Preprocessing("functionals", sample_rate=8000, trim_db=None),
        folder=tmp_path / "other",
    )  # fmt: skip
    fused = studies.fuse([members[0], other], tmp_path / "fused")
    assert evaluation.evaluate(fused).num_utterances == len(rows)
    with raises(ConfigurationError, "members-differ", "trim_db"):
        predict.load(fused)
    with raises(ConfigurationError, "unknown-fit", "fold 7"):
        predict.load(fused, fold=7)
