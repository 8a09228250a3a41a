"""Temperature, coverage, difficulty and normalized speakers: against scikit-learn, scipy, loops."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import log_softmax, softmax
from sklearn import metrics as oracle

from sertk import evaluation, report
from sertk.errors import ConfigurationError
from sertk.evaluation import calibration
from tests import fake_run
from tests.errors import raises
from tests.test_evaluation import result, run

__all__ = ["result", "run"]  # fixtures


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


CLASSES = ["angry", "happy", "sad"]
NAMES = names(CLASSES)


def answers(logits, labels, **columns):
    """A table of predictions, with probabilities of these logits."""
    shares = softmax(logits, axis=1)
    table = pd.DataFrame(shares, columns=NAMES).assign(label=labels, **columns)
    return table.assign(
        predicted=np.array(CLASSES)[shares.argmax(1)], utterance_id=[f"u{k}" for k in table.index]
    )


def test_each_model_and_voice_is_centered_apart(run, result):
    found = evaluation.normalize_speakers(result)
    columns = names(run.classes)
    uars = []
    for _, of_seed in result.rows.groupby("seed"):
        parts = []
        for _, voice in of_seed.groupby(["fold", "speaker"]):
            logs = np.log(voice[columns].to_numpy())
            heard = np.array(run.classes)[(logs - logs.mean(axis=0)).argmax(axis=1)]
            parts.append(voice.assign(predicted=heard))
        voices = pd.concat(parts)
        uars.append(oracle.recall_score(voices["label"], voices["predicted"], average="macro"))
    assert found.uar == pytest.approx(np.mean(uars))
    assert not (found.rows["predicted"] == result.rows["predicted"]).all()
    shares = found.rows[columns].to_numpy()
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert (np.array(run.classes)[shares.argmax(axis=1)] == found.rows["predicted"]).all()
    given = run.predictions.query("split == 'test'")[columns].to_numpy()
    assert (result.rows[columns] == given).all(axis=None)


def test_the_bias_of_a_voice_goes():
    rng = np.random.default_rng(0)
    labels = np.tile(CLASSES, 40)
    told = 2.0 * np.eye(3)[np.tile(range(3), 40)] + rng.normal(size=(120, 3))
    voices = np.repeat(["ann", "bob"], 60)
    fair = evaluation.evaluate(answers(told, labels, speaker=voices))
    bias = {"ann": [6.0, 0, 0], "bob": [0, -3.0, 6.0]}
    heard = answers(told + np.array([bias[v] for v in voices]), labels, speaker=voices)
    biased = evaluation.evaluate(heard)
    assert biased.uar < 0.45
    centered = evaluation.normalize_speakers(biased)
    assert centered.uar > 0.7
    again = evaluation.normalize_speakers(fair).rows[NAMES]
    np.testing.assert_allclose(centered.rows[NAMES], again, rtol=0, atol=1e-6)
    logs = log_softmax(told[:60], axis=1)
    by_hand = softmax(logs - logs.mean(axis=0), axis=1)
    np.testing.assert_allclose(again.to_numpy()[:60], by_hand, rtol=0, atol=1e-9)


def test_who_is_alone_or_unknown_stays():
    logits = np.array([[2.0, 1, 0], [2, 0, 1], [3, 0, 0], [0, 3, 0], [1, 0, 0]])
    voices = ["ann", "ann", "bob", None, None]
    labels = ["happy", "sad", "angry", "happy", "angry"]
    result = evaluation.evaluate(answers(logits, labels, speaker=voices))
    found = evaluation.normalize_speakers(result).rows
    assert found["predicted"].tolist() == ["happy", "sad", "angry", "happy", "angry"]
    assert (found.loc[2:, NAMES] == result.rows.loc[2:, NAMES]).all(axis=None)
    strangers = evaluation.evaluate(answers(logits[2:], labels[2:], speaker=voices[2:]))
    with raises(ConfigurationError, "no-repeated-speakers"):
        evaluation.normalize_speakers(strangers)
    silent = evaluation.evaluate(result.rows.drop(columns="p_sad"), classes=CLASSES)
    with raises(ConfigurationError, "missing-probabilities"):
        evaluation.normalize_speakers(silent)


def test_the_report_says_it_beside_its_score(run, result):
    numbers = json.loads(report.write_json(run).read_text("utf-8"))["speaker_normalization"]
    found = evaluation.normalize_speakers(result)
    assert numbers["headline"]["uar"]["value"] == found.uar
    assert numbers["change"] == pytest.approx(found.uar - result.uar)
    assert numbers["change_low"] < numbers["change"] < numbers["change_high"]
    page = report.write_html(run).read_text("utf-8")
    assert f"With speaker normalization, UAR is {100 * found.uar:.1f} %" in page


def test_no_word_of_known_voices_where_nobody_is_known(tmp_path):
    run = fake_run.write(tmp_path / "run", folds=1, seeds=(0,), takes=1)
    predictions = run.predictions.assign(speaker=None)
    predictions.to_csv(run.folder / "predictions.csv", index=False)
    numbers = json.loads(report.write_json(run.folder).read_text("utf-8"))
    assert numbers["speaker_normalization"] is None
    assert "With speaker normalization" not in report.write_html(run.folder).read_text("utf-8")


def test_on_the_command_line(run, result, done):
    words = ("evaluate", run.folder, "--speaker-normalization")
    scores = json.loads(done(*words, "--json").out)
    assert scores["uar"] == evaluation.normalize_speakers(result).uar
    assert scores["speaker_normalization"] is True
    assert "Speaker normalization (transductive)" in done(*words).out
    assert json.loads(done("evaluate", run.folder, "--json").out)["uar"] == result.uar
