"""The model card says what the run knows, and what the model is not for."""

from sertk import evaluation
from sertk.errors import RunError
from sertk.export import model_card
from sertk.predict.spec import Spec
from tests import fake_run
from tests.errors import raises


def spec_of(run, **changes):
    known = {"classes": run.classes, "preprocessing": run.info["preprocessing"],
             "clip_aggregation": "mean", "model": "compact", "corpora": run.info["corpora"],
             "weights_sha256": "ab" * 32, "run": run.folder.name}  # fmt: skip
    return Spec(**{**known, **changes})


def test_a_card_holds_the_numbers_of_the_run(tmp_path):
    run = fake_run.write(tmp_path / "run", speakers=8, folds=2, seeds=(0, 1))
    card = model_card(run, spec_of(run))
    result = evaluation.evaluate(run)
    interval = result.interval("uar")
    assert f"| UAR | {100 * result.uar:.1f} | {100 * interval.low:.1f} to" in card
    for speaker, row in result.by_speaker().frame().iterrows():
        assert (
            f"| {speaker} | {row['gender']} | {row['utterances']} | {100 * row['uar']:.1f}" in card
        )
    for gender in ("female", "male"):
        assert f"| {gender} | 4 | " in card
    assert "CC BY-NC-SA 4.0" in card
    assert "Livingstone" in card
    assert run.info["protocol"]["sentence"].rstrip(".") in card
    assert "Out-of-scope use" in card
    assert "those of all models of the run" in card
    assert "Calibration: Temperature " in card
    assert "abab" in card
    recall = result.per_class().frame()["recall"]
    assert f"- {recall.idxmin()}: recall {100 * recall.min():.1f} %; predicted instead: " in card
    assert "**" not in card


def test_a_card_warns_of_leaks_synthetic_speech_and_unknown_licenses(tmp_path):
    leaky = {"name": "random", "sentence": "Random split", "leaky": True}
    run = fake_run.write(tmp_path / "run", speakers=4, synthetic=True, protocol=leaky)
    card = model_card(run, spec_of(run, corpora=["mine"]))
    assert "Its split leaks test data" in card
    assert "synthetic speech" in card
    assert "mine: your own corpus; its license is unknown" in card


def test_a_card_needs_a_finished_run(tmp_path):
    run = fake_run.write(tmp_path / "run", speakers=4, status="unfinished")
    with raises(RunError, "unfinished-run"):
        model_card(run, spec_of(run))
