"""B5: which run is measured on, what an agreement is worth, and that no folder is told."""

import re

import pytest

from benchmarks import latency, processes
from benchmarks.record import Missing, Setting
from sertk.errors import ConfigurationError, RunError
from sertk.run import Run
from tests import fake_run
from tests.errors import raises

ROW = {
    "max_difference": 2e-6, "label_agreement": 0.996, "uar_keras": 0.65, "uar": 0.638,
    "uar_difference": -0.012, "waveforms": 262, "utterances": 256, "labeled": 250,
}  # fmt: skip


def test_the_run_is_refused_before_anything_is_measured(tmp_path, trained):
    assert latency.chosen(None) is None
    assert latency.chosen(trained.folder).folder == trained.folder
    with raises(RunError, "unfinished-run"):
        latency.chosen(fake_run.write(tmp_path / "half", status="unfinished").folder)
    with raises(ConfigurationError, "standardized-per-speaker"):
        latency.chosen(fake_run.write(tmp_path / "speaker", standardize="speaker").folder)
    with raises(RunError, "missing-run-file", "fold_0/seed_0/model.keras"):
        latency.chosen(fake_run.write(tmp_path / "bare").folder)


@pytest.mark.parametrize(("skill", "doubted"), [(2.5, False), (-1.0, True)])
def test_an_agreement_of_a_bad_network_proves_little(skill, doubted, tmp_path):
    run = fake_run.write(tmp_path / "run", seeds=(0,), skill=skill)
    setting = Setting(tmp_path, tmp_path, run=run)
    labels, lost = latency._answers(setting, run, "B5", "ONNX", ROW, 0.995)
    pattern = r"UAR of [\d.]+ is not above 50: this proves little"
    for record in (labels, lost):
        assert bool(re.search(pattern, record.what)) is doubted
    assert labels.met
    assert (labels.ratio, labels.n, labels.goal) == (0.996, 256, ">= 0.995")
    assert lost.ratio == pytest.approx(1.2)
    assert not lost.met
    assert lost.n == 250
    assert re.search(r"the run's UAR is [\d.]+ \(", labels.notes)


@pytest.mark.parametrize("few", [{"utterances": 239}, {"labeled": 0}])
def test_an_agreement_over_few_recordings_is_none(few, tmp_path):
    run = fake_run.write(tmp_path / "run", seeds=(0,))
    setting = Setting(tmp_path, tmp_path, run=run)
    found = latency._answers(setting, run, "B5", "ONNX", {**ROW, **few}, 0.995)
    assert [type(one) for one in found] == [Missing, Missing]
    assert "and 240 are needed: set SERTK_CORPORA" in found[0].why


def test_what_fails_is_told_without_its_folder(tmp_path):
    run = fake_run.write(tmp_path / "secret" / "run", seeds=(0,))
    found = latency.measure(Setting(tmp_path, tmp_path, run=run))
    assert [one.id for one in found] == ["B5", "B5.int8"]
    for one in found:
        assert "The run run has no fold_0/seed_0/model.keras" in one.why
        assert "secret" not in one.why


@pytest.mark.slow
def test_a_run_is_measured(trained, small_root, tmp_path, monkeypatch):
    pytest.importorskip("tf2onnx")
    pytest.importorskip("nncf")
    pytest.importorskip("jax")
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "small").symlink_to(small_root)
    monkeypatch.setenv("SERTK_CORPORA", str(tmp_path / "corpora"))
    work = tmp_path / "work"
    work.mkdir()
    found = latency.measure(Setting(work, tmp_path, True, None, 1, Run(trained.folder)))
    kinds = ("", ".compiled", ".labels", ".uar")
    assert [one.id for one in found] == [f"B5{s}{k}" for s in ("", ".int8") for k in kinds]
    assert all(one.ours["median"] > 0 for one in found if "uar" not in one.id)
    by_id = {one.id: one for one in found}
    assert by_id["B5.labels"].ratio == 1
    assert by_id["B5.labels"].n == 72
    assert by_id["B5.uar"].n == 12
    assert by_id["B5"].theirs["median"] > by_id["B5"].ours["median"]
    # the process that takes the times, on the other backend
    given = (work / "model.onnx", trained.model_path(), work / "clip.npy", 1, 1)
    on_jax = processes.run("one_thread", *map(str, given), KERAS_BACKEND="jax")
    assert list(on_jax) == ["predict", "compiled"]
    assert all(len(on_jax[way][side]) == 1 for way in on_jax for side in ("ours", "peer"))
