"""Answers counted from a voice's mean: against scipy, with voices whose bias is known."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import log_softmax, softmax
from sklearn import metrics as oracle

from sertk import evaluation, report
from sertk.errors import ConfigurationError
from tests import fake_run
from tests.errors import raises

CLASSES = ["angry", "happy", "sad"]
NAMES = [f"p_{name}" for name in CLASSES]


def answers(logits, labels, **columns):
    """A table of predictions, with probabilities of these logits."""
    shares = softmax(logits, axis=1)
    table = pd.DataFrame(shares, columns=NAMES).assign(label=labels, **columns)
    return table.assign(
        predicted=np.array(CLASSES)[shares.argmax(1)], utterance_id=[f"u{k}" for k in table.index]
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return fake_run.write(tmp_path_factory.mktemp("run") / "one", folds=2, seeds=(0, 1), takes=2)


def test_each_model_and_voice_is_centered_apart(run):
    result = evaluation.evaluate(run)
    found = evaluation.normalize_speakers(result)
    names = [f"p_{name}" for name in run.classes]
    uars = []
    for _, of_seed in result.rows.groupby("seed"):
        parts = []
        for _, voice in of_seed.groupby(["fold", "speaker"]):
            logs = np.log(voice[names].to_numpy())
            heard = np.array(run.classes)[(logs - logs.mean(axis=0)).argmax(axis=1)]
            parts.append(voice.assign(predicted=heard))
        voices = pd.concat(parts)
        uars.append(oracle.recall_score(voices["label"], voices["predicted"], average="macro"))
    assert found.uar == pytest.approx(np.mean(uars))
    assert not (found.rows["predicted"] == result.rows["predicted"]).all()
    shares = found.rows[names].to_numpy()
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert (np.array(run.classes)[shares.argmax(axis=1)] == found.rows["predicted"]).all()
    given = run.predictions.query("split == 'test'")[names].to_numpy()
    assert (result.rows[names] == given).all(axis=None)


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


def test_the_report_says_it_beside_its_score(run):
    numbers = json.loads(report.write_json(run).read_text("utf-8"))["speaker_normalization"]
    result = evaluation.evaluate(run)
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


def test_on_the_command_line(run, done):
    words = ("evaluate", run.folder, "--speaker-normalization")
    scores = json.loads(done(*words, "--json").out)
    result = evaluation.evaluate(run)
    assert scores["uar"] == evaluation.normalize_speakers(result).uar
    assert scores["speaker_normalization"] is True
    assert "Speaker normalization (transductive)" in done(*words).out
    assert json.loads(done("evaluate", run.folder, "--json").out)["uar"] == result.uar
