"""Training: batches pure in seed and epoch; runs that repeat, resume, refuse, start from others."""

import json
import math
import weakref
from functools import partial

import keras
import numpy as np
import pandas as pd
import pytest

from sertk import audit, datasets, evaluation, labels, models, splits, training
from sertk.datasets import class_balance
from sertk.errors import ConfigurationError, RunError, SplitError, UnknownNameError
from sertk.preprocessing import Preprocessing
from sertk.preprocessing.clips import clip_starts
from sertk.run import Run
from sertk.training import checkpoint, config, cross_validation
from sertk.training.checkpoint import Checkpoint
from sertk.training.objective import ObjectiveModel
from tests.errors import raises

PREP = Preprocessing("log_mel", clip_seconds=0.9)
QUICK = {"epochs": 3, "learning_rate": 5e-3, "batch_size": 16}


def cv(rows, folder, model="mlp", **changes):
    return training.cross_validate(model, rows, PREP, folder=folder, **{**QUICK, **changes})


@pytest.fixture
def folded(small):
    kept = small[small["speaker"].isin(sorted(small["speaker"].unique())[:3])]
    return splits.leave_one_speaker_out(kept)


def test_batches_depend_on_seed_and_epoch_alone(divided):
    train, val, test = datasets.make(divided, PREP, augment="noise", batch_size=10)
    assert len(train) == 5
    first = train[3]
    train.epoch = 1
    moved = train[3]
    train.epoch = 0
    np.testing.assert_array_equal(train[3][0], first[0])
    assert not np.array_equal(moved[0], first[0])
    sizes = [len(train[k][0]) for k in range(len(train))]
    assert sum(sizes) == len(train.manifest) == 48
    assert sum(len(val[k][0]) for k in range(len(val))) == sum(val.clips_per_utterance)
    assert "48 utterances of 4 speakers" in repr(train)
    assert test.input_shape == train.input_shape == PREP.input_shape


def test_copies_are_drawn_and_never_outside_training(divided):
    train, val, test = datasets.make(divided, PREP, augment="noise+shift", copies=2)
    assert all(len(versions) == 3 for versions in train.versions.values())
    assert all(len(v) == 1 for part in (val, test) for v in part.versions.values())
    drawn = set()
    for epoch in range(6):
        train.epoch = epoch
        drawn |= {train._draw(row)[1] for row in range(8)}
    assert {name.count("~") for name in drawn} == {0, 1}


def test_standardization_uses_the_training_split_alone(divided):
    train, _, _ = datasets.make(divided, PREP)
    mean, deviation = train.statistics()
    frames = []
    for name in train.manifest["utterance_id"]:
        spectrum = train.features[name]
        starts = clip_starts(len(spectrum), PREP.clip_frames)
        for start, clip in zip(starts, PREP.clips(spectrum), strict=True):
            frames.append(PREP.finish(clip)[max(-start, 0) : len(spectrum) - start])
    frames = np.concatenate(frames)
    np.testing.assert_allclose(mean, frames.mean(axis=0), rtol=1e-3)
    np.testing.assert_allclose(deviation, frames.std(axis=0), rtol=1e-3)


def test_standardization_per_speaker(divided):
    parts = datasets.make(divided, PREP, standardize="speaker", batch_size=100)
    x = parts.test[0][0]
    assert abs(np.median(x)) < 0.5
    with raises(UnknownNameError, "unknown-name", "Did you mean 'speaker'"):
        datasets.make(divided, PREP, standardize="speakers")


@pytest.mark.backend
def test_fit_evaluate_and_what_the_folder_holds(divided, tmp_path):
    train, val, test = datasets.make(divided, PREP, batch_size=16)
    model = models.build("mlp", train.input_shape, train.num_classes)
    run = training.fit(
        model, train, val, test, folder=tmp_path / "run", epochs=12, learning_rate=5e-3
    )
    result = evaluation.evaluate(run)
    assert result.uar > 0.6
    before = (run.folder / "predictions.csv").read_bytes()
    assert evaluation.evaluate(run, val).uar == evaluation.evaluate(run, "val").uar
    assert (run.folder / "predictions.csv").read_bytes() == before
    assert run.finished
    assert run.info["model"]["parameters"] == model.count_params()
    assert run.info["environment"]["backend"] == keras.backend.backend()
    assert list(run.history.columns)[:1] == ["epoch"]
    assert {p.name for p in (tmp_path / "run").iterdir()} >= {
        "run.json", "manifest.csv", "history.csv", "predictions.csv", "fold_0",
    }  # fmt: skip
    assert set(Run(run.folder).predictions["split"]) == {"val", "test"}
    loaded = keras.saving.load_model(run.model_path(), safe_mode=True)
    again = test.predict(loaded)
    given = run.predictions.query("split == 'test'")
    np.testing.assert_allclose(again["p_sad"], given["p_sad"], atol=1e-6)


@pytest.mark.backend
def test_cross_validation_repeats_and_pools_every_speaker(folded, tmp_path):
    runs = [
        cv(folded, tmp_path / name, seeds=seeds, augment="noise", copies=1)
        for name, seeds in (("one", (0, 1)), ("two", (1,)))
    ]
    one, two = (run.predictions for run in runs)
    pd.testing.assert_frame_equal(one[one["seed"] == 1].reset_index(drop=True), two)
    tested = one[one["split"] == "test"]
    assert len(tested) == 2 * len(folded)
    assert not tested.duplicated(["utterance_id", "seed"]).any()
    assert runs[0].info["augmentation"] == {"name": "noise", "copies": 1}
    assert runs[0].info["audit"] == []
    assert [(f["fold"], f["seed"]) for f in runs[0].info["fits"]] == [
        (k, s) for k in range(3) for s in (0, 1)
    ]
    assert not list((tmp_path / "one").rglob("state*"))
    shares = one[[c for c in one if c.startswith("p_")]].sum(axis=1)
    np.testing.assert_allclose(shares, 1, atol=1e-5)


@pytest.mark.parametrize(
    ("model", "config"),
    [
        pytest.param("compact", {}, marks=pytest.mark.backend),
        ("mlp", {"schedule": "plateau", "mixup": 0.4, "time_mask": 0.3}),
        pytest.param(
            "mlp", {"stability": 1.0, "augment": "noise", "oversample": "full"},
            marks=pytest.mark.backend,
        ),
        ("compact", {"head_epochs": 1, "loss": "focal"}),
    ],
)  # fmt: skip
def test_an_interrupted_fit_goes_on_with_the_same_result(
    divided, tmp_path, monkeypatch, model, config
):
    train = partial(cv, divided, model=model, arguments={"width": 0.2}, **{"epochs": 4, **config})
    whole = train(tmp_path / "whole")
    write = Checkpoint.write

    def stops(self, model):
        write(self, model)
        if len(self.progress.history) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "_SHARE", math.inf)  # every epoch
        patched.setattr(Checkpoint, "write", stops)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "parts")
    assert json.loads((tmp_path / "parts" / "run.json").read_text())["status"] == "unfinished"
    with raises(RunError, "missing-run-file", "predictions.csv"):
        _ = Run(tmp_path / "parts").predictions
    spent = Checkpoint(tmp_path / "parts/fold_0/seed_0").progress.seconds
    resumed = train(tmp_path / "parts")
    assert resumed.info["fits"][0]["seconds"] > spent > 0
    pd.testing.assert_frame_equal(resumed.history, whole.history, rtol=1e-5)
    columns = [c for c in whole.predictions if c.startswith("p_")]
    np.testing.assert_allclose(resumed.predictions[columns], whole.predictions[columns], atol=1e-5)


def test_a_large_network_is_not_written_in_every_epoch(divided, tmp_path, monkeypatch):
    clock = iter(range(0, 1000, 2))  # each look is two seconds later, so that writing takes two
    monkeypatch.setattr(checkpoint, "perf_counter", lambda: next(clock))
    written = []
    monkeypatch.setattr(np, "savez", lambda path, **_: written.append(path.write_bytes(b"")))
    net = models.build("mlp", (57, 4), 2, width=0.1)
    net.compile("adamw", "categorical_crossentropy")
    state = Checkpoint(tmp_path)
    for _ in range(25):
        state.write(net)
    assert len(written) == 2  # of 25 looks in 54 s: writing has a twentieth of the time


@pytest.mark.backend
def test_a_damaged_state_is_told_and_kept(divided, tmp_path, monkeypatch):
    def stops(self, model):
        write(self, model)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        write = Checkpoint.write
        patched.setattr(Checkpoint, "write", stops)
        with pytest.raises(KeyboardInterrupt):
            cv(divided, tmp_path)
    state = tmp_path / "fold_0" / "seed_0" / "state.npz"
    whole = state.read_bytes()
    for damaged in (b"", b"no archive", whole[: len(whole) // 2]):
        state.write_bytes(damaged)
        with raises(RunError, "damaged-checkpoint", "state.npz"):
            cv(divided, tmp_path)
        assert state.read_bytes() == damaged
    np.savez(state, progress='{"history": [], "best": [], "best_epoch": 0, "seconds": 1}',
             last_0=np.zeros(3))  # fmt: skip
    with raises(RunError, "damaged-checkpoint", "1 arrays for"):
        cv(divided, tmp_path)


def test_a_folder_is_one_run(folded, tmp_path):
    cv(folded, tmp_path)
    cv(folded, tmp_path)
    with raises(RunError, "different-run", "training.epochs, 3 there and 4 here"):
        cv(folded, tmp_path, epochs=4)


def test_a_folder_belongs_to_one_process(folded, tmp_path):
    import filelock

    with filelock.FileLock(tmp_path / ".lock"), raises(RunError, "run-in-use"):
        cv(folded, tmp_path)


def test_init_from_starts_from_the_weights_and_tells_what_they_heard(folded, divided, tmp_path):
    first = cv(folded, tmp_path / "first")
    fair = cv(folded, tmp_path / "fair", init_from=first)
    assert fair.info["audit"] == []
    assert fair.history["loss"].iloc[0] < first.history["loss"].iloc[0]
    unfair = cv(divided, tmp_path / "unfair", init_from=first)
    heard = set(divided.loc[divided["split"] == "test", "speaker"])
    known = {*first.info["folds"][0]["train"], *first.info["folds"][0]["val"]}
    assert [f["kind"] for f in unfair.info["audit"]] == ["init_from"] * bool(heard & known)


def test_init_from_another_model_is_refused(folded, tmp_path):
    first = cv(folded, tmp_path / "first")
    with raises(ConfigurationError, "no-matching-layers", "'lstm'"):
        cv(folded, tmp_path / "second", model="lstm", init_from=first)


def test_shared_speakers_are_refused_and_random_is_marked(small, tmp_path):
    mixed = small.assign(split=["train", "train", "val", "test"] * 18)
    with raises(SplitError, "shared-speakers", "'train'", "'test'"):
        cv(mixed, tmp_path)
    run = cv(splits.random(small), tmp_path)
    assert run.info["protocol"]["leaky"]
    assert run.info["audit"][0]["severity"] == "leak"


def test_a_class_without_examples_is_refused(divided):
    emptied = divided[(divided["split"] != "train") | (divided["label"] != "sad")]
    with raises(ConfigurationError, "class-without-training-data", "'train'"):
        datasets.make(emptied, PREP)


def test_a_class_that_no_validation_speaker_has_is_noted(divided):
    thinned = divided[(divided["split"] != "val") | (divided["label"] != "sad")]
    assert datasets.make(thinned, PREP).val.classes == labels.classes(divided)
    note = next(f for f in audit.audit(thinned).findings if f.kind == "unselected classes")
    assert (note.severity, "no validation speaker has sad" in note.message) == ("note", True)
    alone = divided[(divided["split"] != "val") | (divided["label"] == "sad")]
    with raises(ConfigurationError, "single-class-validation"):
        datasets.make(alone, PREP)


@pytest.mark.parametrize(
    ("changes", "code", "value"),
    [
        ({"epochs": -1}, "invalid-training-settings", "epochs=-1"),
        ({"learning_rate": 0}, "invalid-training-settings", "learning_rate=0"),
        ({"label_smoothing": 1.0}, "invalid-training-settings", "label_smoothing=1.0"),
        ({"patience": 0}, "invalid-training-settings", "patience=0"),
        ({"optimizer": "adamww"}, "unknown-name", "'adamw'"),
        ({"mixup_by": "clip"}, "unknown-name", "'clip'"),
        ({"mixup": 0.2, "stability": 1.0}, "mixup-with-stability", ""),
        ({"time_mask": 1.5}, "invalid-training-settings", "time_mask=1.5"),
        ({"monitor": "val_acc"}, "unknown-name", "'val_wa'"),
        ({"epoch": 3}, "unknown-name", "'epochs'"),
    ],
)
def test_settings_out_of_range(changes, code, value):
    with raises(ConfigurationError, code, value):
        config.Config().changed(changes)


@pytest.mark.parametrize(
    "optimizer",
    [pytest.param(n, marks=[pytest.mark.backend] * (n == "adamw")) for n in config.OPTIMIZERS],
)
def test_every_optimizer_learns_and_has_its_step_traced_once(
    divided, tmp_path, optimizer, monkeypatch
):
    steps, whole = [], ObjectiveModel.compute_loss
    monkeypatch.setattr(
        ObjectiveModel, "compute_loss", lambda *a, **k: (steps.append(1), whole(*a, **k))[1]
    )
    run = cv(
        divided, tmp_path, optimizer=optimizer, schedule="constant", class_weight="inverse",
        patience=None, epochs=6,
    )  # fmt: skip
    losses = run.history["loss"]
    assert losses.iloc[-1] < losses.iloc[0]
    assert len(steps) == (2 if keras.backend.backend() == "jax" else 1)  # JAX asks for shapes first


def test_warm_up_rises_and_cosine_falls(divided, tmp_path):
    run = cv(divided, tmp_path, warmup=0.5, patience=None, epochs=6)
    rate = run.history["learning_rate"].to_numpy()
    assert rate.argmax() in (2, 3)
    assert rate[-1] < 0.05 * rate.max()


def test_early_stopping_keeps_the_best_epoch(divided, tmp_path):
    run = cv(divided, tmp_path, patience=2, epochs=30)
    history, record = run.history, run.info["fits"][0]
    assert record["epochs"] == len(history) < 30
    improved = max(record["best_epoch"], history["val_loss"].idxmin() + 1)
    assert record["epochs"] == improved + 2
    ranked = history.sort_values(["val_uar", "val_loss"], ascending=[False, True])
    assert record["best_epoch"] == ranked["epoch"].iloc[0]
    val = run.predictions.query("split == 'val'")
    uar = (val["label"] == val["predicted"]).groupby(val["label"]).mean().mean()
    assert uar == pytest.approx(history["val_uar"].max())


def test_the_last_epoch_is_kept_where_that_is_asked_for(divided, tmp_path):
    run = cv(divided, tmp_path, checkpoint="last", patience=2, epochs=8)
    history, record = run.history, run.info["fits"][0]
    assert record["best_epoch"] == record["epochs"] == 8
    assert history["val_uar"].idxmax() < 7  # another would have been kept
    val = run.predictions.query("split == 'val'")
    uar = (val["label"] == val["predicted"]).groupby(val["label"]).mean().mean()
    assert uar == pytest.approx(history["val_uar"].iloc[-1])


def test_class_weights_even_classes_out():
    labels = ["a"] * 6 + ["b"] * 2
    weights = class_balance.class_weights(labels, ["a", "b"])
    assert weights[0] * 6 == pytest.approx(weights[1] * 2)
    assert sum(weights[["a", "b"].index(label)] for label in labels) == pytest.approx(8)


def test_views_of_folds_are_looked_at_one_by_one(small, tmp_path, monkeypatch):
    alive, most = {}, []
    plain = splits.in_fold

    def counted(manifest, fold):
        view = plain(manifest, fold)
        alive[id(view)] = weakref.ref(view)
        most.append(sum(held() is not None for held in alive.values()))
        return view

    monkeypatch.setattr(splits, "in_fold", counted)
    monkeypatch.setattr(cross_validation, "_fit_once", lambda *_: None)
    monkeypatch.setattr(cross_validation.folders, "finish", lambda *_: "done")
    folded = splits.leave_one_speaker_out(small)
    found = cv(folded, tmp_path, augment="noise")
    assert found == "done"
    assert len(most) >= 6
    assert max(most) <= 3, "the views of several folds are held at once"
