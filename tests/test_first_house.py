"""Runs, studies and exported files of the state before the modules moved answer as they did."""

import json
from pathlib import Path

import numpy as np
import pytest

from sertk import evaluation, predict, report
from sertk.run import Run
from sertk.studies import StudyResult

HERE = Path(__file__).parent / "fixtures" / "first_house"
EXPECTED = json.loads((HERE / "expected.json").read_text())
MODELS = {
    "run": "cv",
    "second fold": "cv/fold_1/seed_0/model.keras",
    "study": next(p.relative_to(HERE).as_posix() for p in HERE.glob("study/**/model.keras")),
    "onnx": "model.onnx",
    "onnx with STFT": "stft.onnx",
    "bundle": "bundle.zip",
}


def sound(rate: int) -> np.ndarray:
    """Make 1.3 s of a rising tone with overtones and a swelling level: no file of sound."""
    t = np.arange(int(1.3 * rate)) / rate
    phase = 2 * np.pi * (140 * t + 60 * t**2)
    return (0.2 * t * sum(np.sin(k * phase) / k for k in (1, 2, 3, 5))).astype(np.float32)


@pytest.mark.parametrize(
    "name",
    [
        *(pytest.param(n, marks=pytest.mark.backend) for n in ("run", "second fold", "study")),
        "onnx", "onnx with STFT", "bundle",
    ],
)  # fmt: skip
def test_a_model_answers_as_it_did(name):
    predictor = predict.load(HERE / MODELS[name])
    found = predictor.probabilities(sound(predictor.sample_rate))
    np.testing.assert_allclose(found, EXPECTED["answers"][name], atol=2e-6)


def test_a_run_has_the_scores_it_had():
    result = evaluation.evaluate(Run(HERE / "cv"))
    found = {"uar": result.uar, "wa": result.wa, "low": result.interval().low}
    assert found == pytest.approx(EXPECTED["scores"])


def test_a_study_has_the_table_it_had():
    frame = StudyResult(HERE / "study").frame()
    found = [[str(row["augment"]), round(float(row["uar"]), 9)] for _, row in frame.iterrows()]
    assert found == EXPECTED["table"]


def test_a_run_is_reported_with_its_score(tmp_path):
    page = report.write_html(HERE / "cv", tmp_path / "report.html").read_text()
    assert f"{100 * EXPECTED['scores']['uar']:.1f}" in page
