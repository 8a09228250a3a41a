"""Tracking of the metrics of a training."""

import sys
import types

import pytest

from sertk import Preprocessing, splits, training
from sertk.errors import ConfigurationError, UnknownNameError
from sertk.training import tracking
from tests.errors import raises


@pytest.fixture
def rows(small):
    return splits.by_speaker(small, val=1, test=1)


def train(rows, folder, track):
    prep = Preprocessing("log_mel", clip_seconds=0.6)
    return training.cross_validate("mlp", rows, prep, folder=folder, epochs=2, track=track)


def test_tensorboard_gets_what_history_gets(rows, tmp_path):
    pytest.importorskip("tensorboard")
    tensorflow = pytest.importorskip("tensorflow")
    run = train(rows, tmp_path / "run", "tensorboard")
    folder = tmp_path / "run" / "fold_0" / "seed_0" / "tensorboard"
    written = {}
    for path in folder.rglob("events.out.tfevents.*"):
        prefix = "val_" if path.parent.name == "validation" else ""
        for event in tensorflow.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                number = tensorflow.make_ndarray(value.tensor)
                name = prefix + value.tag.removeprefix("epoch_")
                written.setdefault(name, []).append(number.tolist())
    for metric in ("loss", "val_uar", "val_loss"):
        assert written[metric] == pytest.approx(run.history[metric].tolist(), rel=1e-5)


def test_mlflow_gets_a_run_for_each_fit(rows, tmp_path, monkeypatch):
    """The package is large; a module with the four functions that are called stands for it."""
    calls = []
    fake = types.ModuleType("mlflow")
    fake.__spec__ = types.SimpleNamespace()
    fake.active_run = lambda: None
    for name in ("start_run", "log_params", "log_metrics", "end_run"):
        setattr(fake, name, lambda *a, _name=name, **k: calls.append((_name, a, k)))
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    run = train(rows, tmp_path / "run", "mlflow")
    assert [name for name, *_ in calls] == [
        "start_run", "log_params", "log_metrics", "log_metrics", "end_run",
    ]  # fmt: skip
    assert calls[0][2]["run_name"] == "run/fold_0/seed_0"
    assert calls[2][1][0]["val_uar"] == pytest.approx(run.history["val_uar"].iloc[0])


def test_mistakes_are_refused(rows, tmp_path, monkeypatch):
    with raises(UnknownNameError, "unknown-name", "tensorboard"):
        train(rows, tmp_path / "run", "tensorbord")
    monkeypatch.setattr(tracking.importlib.util, "find_spec", lambda name: None)
    with raises(ConfigurationError, "tracker-not-installed", "mlflow"):
        train(rows, tmp_path / "run", "mlflow")
    monkeypatch.undo()
    prep = Preprocessing("functionals")
    with raises(ConfigurationError, "setting-without-effect", "track"):
        training.cross_validate("svm", rows, prep, folder=tmp_path / "r", track="tensorboard")
    assert not (tmp_path / "run").exists()
