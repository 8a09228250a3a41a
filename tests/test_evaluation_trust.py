"""Temperature, selective prediction and difficulty: against scikit-learn, scipy and brute force."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics as oracle

from sertk import evaluation
from sertk.errors import ConfigurationError
from sertk.evaluation import calibration
from tests import fake_run
from tests.errors import raises


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return fake_run.write(tmp_path_factory.mktemp("trust"), speakers=8, folds=2, seeds=(0, 1))


@pytest.fixture(scope="module")
def result(run):
    return evaluation.evaluate(run)


def names(classes):
    return [f"p_{name}" for name in classes]


def test_the_temperature_has_the_least_cross_entropy_on_validation(run):
    shown = evaluation.temperature(run)
    assert shown.temperatures.index.tolist() == [(0, 0), (0, 1), (1, 0), (1, 1)]
    for (fold, seed), row in shown.temperatures.iterrows():
        val = run.predictions.query(f"split == 'val' and fold == {fold} and seed == {seed}")
        assert row["utterances"] == len(val)
        logs = np.log(val[names(run.classes)].to_numpy())

        def loss(at, logs=logs, val=val):
            scaled = np.exp(logs / at)
            scaled /= scaled.sum(axis=1, keepdims=True)
            return oracle.log_loss(
                pd.Categorical(val["label"], categories=run.classes).codes, scaled,
                labels=range(len(run.classes)),
            )  # fmt: skip

        tried = np.linspace(0.9, 1.1, 21) * row["temperature"]
        assert tried[np.argmin([loss(at) for at in tried])] == pytest.approx(row["temperature"])


def test_scaling_keeps_predictions_and_known_temperatures_are_found(run, result):
    shown = evaluation.temperature(run)
    after = evaluation.evaluate(shown.rows, classes=run.classes)
    assert (after.uar, after.wa) == (result.uar, result.wa)
    shares = shown.rows[names(run.classes)].to_numpy()
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    predicted = np.array(run.classes)[shares.argmax(axis=1)]
    assert (predicted == shown.rows["predicted"]).all()
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4000, 3))
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(3, p=row) for row in honest])
    for at in (0.5, 2.0):
        found = calibration.fit(calibration.apply(honest, at), truth)
        assert found == pytest.approx(1 / at, rel=0.1)


def test_reliability_before_and_after(run, result):
    shown = evaluation.temperature(run)
    table = shown.frame()
    assert shown.ece["before"] == pytest.approx(result.calibration().ece)
    after = evaluation.evaluate(shown.rows, classes=run.classes).calibration()
    assert shown.ece["after"] == pytest.approx(after.ece)
    for when in ("before", "after"):
        rows = table.loc[when]
        gap = (rows["confidence"] - rows["accuracy"]).abs().fillna(0) * rows["predictions"]
        assert gap.sum() / rows["predictions"].sum() == pytest.approx(shown.ece[when])
    assert "Temperature" in shown.note
    assert len(shown.plot().lines) == 3


def test_a_temperature_needs_validation_and_test_speakers(run, tmp_path):
    tested = fake_run.write(tmp_path / "run", speakers=4, folds=2, seeds=(0,))
    rows = tested.predictions
    rows[rows["split"] == "test"].to_csv(tested.folder / "predictions.csv", index=False)
    with raises(ConfigurationError, "missing-calibration-predictions"):
        evaluation.temperature(tested.folder)


def test_selective_prediction_equals_brute_force(result):
    shown = evaluation.selective_prediction(result)
    rows = result.rows.assign(
        confidence=result.rows[names(result.classes)].max(axis=1),
        right=result.rows["label"] == result.rows["predicted"],
    ).sort_values("confidence", ascending=False, kind="stable")
    table = shown.frame()
    for coverage, row in table.iterrows():
        kept = rows.head(round(coverage * len(rows)))
        assert row["n"] == len(kept)
        assert row["accuracy"] == pytest.approx(kept["right"].mean())
        present = sorted(kept["label"].unique())
        sides = kept["label"], kept["predicted"]
        recall = oracle.recall_score(*sides, labels=present, average="macro")
        assert row["uar"] == pytest.approx(recall)
        assert row["classes"] == len(present)
        assert row["threshold"] == kept["confidence"].min()
    assert table.loc[1.0, "accuracy"] == pytest.approx(result.wa)
    assert table.loc[1.0, "uar"] == pytest.approx(result.uar)
    risks = [1 - rows["right"].head(n).mean() for n in range(1, len(rows) + 1)]
    assert shown.aurc == pytest.approx(np.mean(risks))
    assert shown.best_aurc < shown.aurc < 1 - result.wa  # confidence means something here
    interval = result.interval("wa")
    ends = [interval.low, interval.high]
    assert table.loc[1.0, ["low", "high"]].tolist() == pytest.approx(ends, abs=0.01)
    assert shown.plot().get_ylim() == (0, 100)


def test_perfect_and_blind_confidence():
    rows = pd.DataFrame({"speaker": list("abcd"), "label": list("xxyy"), "predicted": list("xxyx")})
    rows = rows.assign(p_x=[0.9, 0.8, 0.1, 0.6], p_y=[0.1, 0.2, 0.9, 0.4])
    shown = evaluation.selective_prediction(evaluation.evaluate(rows))
    assert shown.aurc == shown.best_aurc == pytest.approx(1 / 16)
    blind = evaluation.selective_prediction(evaluation.evaluate(rows.assign(p_x=0.5, p_y=0.5)))
    assert blind.frame().loc[1.0, "accuracy"] == 0.75
    with raises(ConfigurationError, "missing-probabilities"):
        bare = evaluation.evaluate(rows.drop(columns=["p_x", "p_y"]), classes=["x", "y"])
        evaluation.selective_prediction(bare)


def test_difficulty_agrees_with_friedman_and_with_the_confusions(run, result, tmp_path):
    weak = evaluation.evaluate(fake_run.write(tmp_path / "weak", speakers=8, folds=2, skill=0.9))
    third = evaluation.evaluate(
        result.rows.assign(predicted=result.rows["label"].iloc[::-1].values)
    )
    shown = evaluation.speaker_difficulty({"one": result, "two": weak, "three": third})
    table = shown.frame()
    assert table["mean"].is_monotonic_increasing
    np.testing.assert_allclose(
        table["one"], result.by_speaker().frame()["uar"].reindex(table.index)
    )
    statistic = stats.friedmanchisquare(*table[["one", "two", "three"]].to_numpy()).statistic
    # Kendall's W is Friedman's statistic of the speakers, over runs * (speakers - 1)
    assert shown.agreement == pytest.approx(statistic / (3 * 7))
    rows = pd.concat([result.rows, weak.rows, third.rows])
    name = table.index[0]
    own = rows[rows["speaker"] == name]
    of_class = own[own["label"] == table.loc[name, "true"]]
    share = (of_class["predicted"] == table.loc[name, "predicted"]).mean()
    assert table.loc[name, "taken"] == pytest.approx(share)
    assert share == max(
        (part["predicted"] == other).mean()
        for true, part in own.groupby("label")
        for other in result.classes
        if other != true
    )
    assert len(shown.plot().get_xticks()) == 8


def test_difficulty_of_one_run_and_of_strangers(result, tmp_path):
    alone = evaluation.speaker_difficulty(result)
    assert np.isnan(alone.agreement)
    assert alone.note == ""
    other = evaluation.evaluate(fake_run.write(tmp_path / "run", speakers=4, folds=2, corpus="x"))
    with raises(ConfigurationError, "no-common-speakers"):
        evaluation.speaker_difficulty({"one": result, "other": other})
    with raises(ConfigurationError, "no-evaluations"):
        evaluation.speaker_difficulty({})
    with raises(ConfigurationError, "invalid-bins"):
        result.calibration(bins=0)
