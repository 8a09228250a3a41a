"""What a run and its fits write down: whom they were trained on, and the process that made them."""

import json
import shutil

import keras
import numpy as np
import pytest

from sertk import datasets, labels, models, splits, training
from sertk._utils import provenance
from sertk.preprocessing import Preprocessing
from sertk.report import sentences
from sertk.training import saving
from tests.test_training import PREP, cv, folded

__all__ = ["folded"]  # a fixture


def test_a_run_records_the_fold_that_was_trained(folded, tmp_path):
    view = splits.in_fold(folded, 2)
    train, val, test = datasets.make(view, PREP)
    model = models.build("mlp", train.input_shape, train.num_classes)
    run = training.fit(model, train, val, test, folder=tmp_path / "run", epochs=1)
    held = {
        split: sorted(part.manifest["speaker"].unique())
        for split, part in (("train", train), ("val", val), ("test", test))
    }
    assert run.info["folds"] == [{"fold": 0, **held}]
    assert set(held["test"]) == set(run.predictions.query("split == 'test'")["speaker"])
    assert "fold" not in run.manifest
    assert run.manifest.groupby("split")["speaker"].unique().map(sorted).to_dict() == held
    assert "fold 2 of 3 folds" in run.info["protocol"]["sentence"]
    fit = json.loads((run.folder / "fold_0/seed_0/fit.json").read_text())
    assert fit["speakers"] == held
    assert fit["utterances"] == {"train": len(train.manifest), "val": len(val.manifest),
                                 "test": len(test.manifest)}  # fmt: skip
    # what reads the record afterwards agrees with it
    again = training.cross_validate(
        "mlp", view.drop(columns=["fold", "val_folds"]), PREP, folder=tmp_path / "again",
        init_from=run, epochs=1,
    )  # fmt: skip
    assert again.info["audit"] == []
    assert again.info["init_speakers"] == sorted({*held["train"], *held["val"]})


def test_speakers_whose_files_cannot_be_read_were_not_trained_on(divided, small_root, tmp_path):
    root = tmp_path / "corpus"
    shutil.copytree(small_root, root)
    gone = divided.loc[divided["split"] == "train", "speaker"].iloc[0]
    for path in divided.loc[divided["speaker"] == gone, "path"]:
        (root / path).write_bytes(b"")
    moved = divided.assign(root=str(root))
    run = training.cross_validate("mlp", moved, PREP, folder=tmp_path / "run", epochs=1)
    (fold,) = run.info["folds"]
    assert gone not in {*fold["train"], *fold["val"], *fold["test"]}
    assert len(run.info["unreadable"]) == (divided["speaker"] == gone).sum()


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_finished_run_is_left_alone(folded, tmp_path, monkeypatch):
    cv(folded, tmp_path)
    before = contents(tmp_path)
    for name in ("environment", "command", "git_commit"):
        monkeypatch.setattr(provenance, name, lambda name=name: {"other": name})
    monkeypatch.setattr(provenance, "now", lambda: "2099-01-01T00:00:00Z")
    run = cv(folded, tmp_path)
    assert contents(tmp_path) == before
    assert run.finished
    # what is damaged is joined again, and says nothing of the process that joined it
    (tmp_path / "history.csv").write_text("")
    cv(folded, tmp_path)
    assert contents(tmp_path) == before


def test_a_run_of_another_version_that_words_its_protocol_otherwise_goes_on(folded, tmp_path):
    run = cv(folded, tmp_path)
    run.info["protocol"]["sentence"] = "each speaker is tested once"
    (tmp_path / "run.json").write_text(json.dumps(run.info))
    before = contents(tmp_path)
    cv(folded, tmp_path)
    assert contents(tmp_path) == before


def test_each_fit_says_which_process_made_it(folded, tmp_path, monkeypatch):
    first = cv(folded, tmp_path)
    assert all("environment" not in fit for fit in first.info["fits"])
    (tmp_path / "fold_1/seed_0/model.keras").unlink()
    other = {**provenance.environment(), "platform": "Elsewhere"}
    monkeypatch.setattr(provenance, "environment", lambda: other)
    monkeypatch.setattr(provenance, "command", lambda: "sertk cv again")
    run = cv(folded, tmp_path)
    assert run.info["environment"] == first.info["environment"]
    assert run.info["command"] == first.info["command"]
    assert run.info["started"] == first.info["started"]
    made = {fit["fold"]: fit.get("environment") for fit in run.info["fits"]}
    assert made.pop(1) == other
    assert set(made.values()) == {None}
    count = len(run.info["fits"])
    assert dict(sentences.facts(run))["Other machines"].startswith(f"1 of {count} fits")


@pytest.mark.parametrize("model", ["mlp", "alexnet_gap"])
def test_the_classifier_is_copied_only_for_the_same_classes(divided, tmp_path, model):
    """As many classes, or the same in another order, are not what its last layer scores."""
    arguments = {"width": 0.05} if model == "alexnet_gap" else {}
    prep = Preprocessing("log_mel", clip_seconds=1.2)
    shared = {"arguments": arguments, "epochs": 1, "learning_rate": 1e-9, "batch_size": 32}
    first = training.cross_validate(model, divided, prep, folder=tmp_path / "first", **shared)

    def last_and_other_layers(run):
        net = next(
            layer for layer in saving.load_model(run.model_path()).layers
            if isinstance(layer, keras.Model)
        )  # fmt: skip
        weights = [layer.get_weights() for layer in net.layers if layer.weights]
        return weights[-1][0], weights[0][0]

    turned = divided.assign(label=labels.ordered(divided["label"], labels.classes(divided)[::-1]))
    source = last_and_other_layers(first)
    for name, rows, same in (("same", divided, True), ("turned", turned, False)):
        run = training.cross_validate(
            model, rows, prep, folder=tmp_path / name, init_from=first, seeds=(5,), **shared
        )
        last, other = last_and_other_layers(run)
        np.testing.assert_allclose(other, source[1], atol=1e-5)
        assert np.allclose(last, source[0], atol=1e-5) == same


def test_a_configuration_is_an_argument_and_keywords_change_it(divided, tmp_path):
    config = training.Config(epochs=1, batch_size=16, mixup=0.2)
    run = training.cross_validate(
        "mlp", divided, PREP, folder=tmp_path / "run", config=config, batch_size=8
    )
    assert training.Config(**run.info["training"]) == config.changed({"batch_size": 8})
