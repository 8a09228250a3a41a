"""Copies drawn anew in every epoch, and lists of transforms through datasets and training."""

import json
import pickle
from concurrent.futures import ThreadPoolExecutor

import audiomentations
import numpy as np
import pytest

from sertk import augment, datasets, models, splits, training
from sertk import manifest as manifests
from sertk._utils import seeding
from sertk.augment import Augmentation
from sertk.cli import main
from sertk.datasets.on_the_fly import OnTheFlyName
from sertk.errors import ConfigurationError, RunError, UnknownNameError
from sertk.preprocessing import Preprocessing
from tests.errors import raises

PREP = Preprocessing("log_mel", clip_seconds=1.0)
QUICK = {"epochs": 2, "batch_size": 16, "patience": None}


def halve(waveform, sample_rate, generator):
    return waveform / 2


def batches(train, epoch):
    train.epoch = epoch
    return np.concatenate([train[k][0] for k in range(len(train))])


def test_live_copies_depend_on_seed_epoch_and_utterance_alone(divided):
    parts = [
        datasets.make(
            divided, PREP, augment=Augmentation("noise", on_the_fly=True), batch_size=size
        )
        for size in (10, 10)
    ]
    train, twin = (made.train for made in parts)
    assert all(len(versions) == 1 for versions in train.versions.values())  # nothing is kept
    first = batches(train, 0)
    with ThreadPoolExecutor(4) as pool:  # batches in another order, on several workers
        shuffled = dict(pool.map(lambda k: (k, twin[k][0]), reversed(range(len(twin)))))
    np.testing.assert_array_equal(first, np.concatenate([shuffled[k] for k in sorted(shuffled)]))
    traveled = pickle.loads(pickle.dumps(train.on_the_fly))  # to a worker process
    name = train.on_the_fly.name(train.manifest["utterance_id"][0], 5, copied=True)
    np.testing.assert_array_equal(traveled[name], train.on_the_fly[name])
    assert not np.array_equal(first, batches(train, 1))
    np.testing.assert_array_equal(first, batches(train, 0))


@pytest.mark.parametrize("stability", [0.0, 0.1])
def test_a_batch_of_any_size_computes_each_copy_once(divided, monkeypatch, stability):
    train = datasets.make(
        divided, PREP, augment=Augmentation("noise", on_the_fly=True), copies=9, batch_size=100
    ).train
    train.configure(train.config.changed({"stability": stability}))
    computed = []
    apply = augment.apply
    monkeypatch.setattr(augment, "apply", lambda *given: computed.append(given) or apply(*given))
    clips = len(train[0][0])
    copied = {True: len(train.manifest), False: 0.8 * len(train.manifest)}[stability > 0]
    assert copied <= len(computed) <= clips / (1 + (stability > 0))


def test_a_live_copy_is_what_the_recipe_makes_of_the_file(divided):
    wanted = Augmentation("pitch+noise", on_the_fly=True)
    train = datasets.make(divided, PREP, augment=wanted, copies=3).train
    drawn = {}
    for epoch in range(8):
        train.epoch = epoch
        drawn |= {train._draw(row)[1]: epoch for row in range(12)}
    copies = [name for name in drawn if isinstance(name, OnTheFlyName)]
    assert 0.6 < len(copies) / (12 * 8) < 0.9  # three in four, each of another sound
    name = copies[0]
    original, seed = name
    row = train.manifest[train.manifest["utterance_id"] == original]
    waveform = PREP.load(manifests.paths(row)[0])
    changed = augment.apply("pitch+noise", waveform, PREP.sample_rate, seed)
    np.testing.assert_allclose(train._spectrum(name), PREP.extract(changed), atol=1e-4)
    assert seed == seeding.derive(train.seed, drawn[name], original)


def test_live_copies_of_chosen_labels_and_what_does_not_go_together(divided):
    wanted = Augmentation("noise", only=("sad",), on_the_fly=True)
    train = datasets.make(divided, PREP, augment=wanted, copies=20).train
    names = [train._draw(row)[1] for row in range(len(train._visits))]
    sad = set(train.manifest.query("label == 'sad'")["utterance_id"])
    drawn = [name for name in names if isinstance(name, OnTheFlyName)]
    assert {name.utterance_id for name in drawn} <= sad
    assert len(drawn) > 10
    with raises(ConfigurationError, "unlimited-copies"):
        train.configure(train.config.changed({"augment_sampling": "all"}))
    with raises(UnknownNameError, "unknown-name", "Did you mean 'sad'"):
        datasets.make(divided, PREP, augment=Augmentation("noise", only=("sat",), on_the_fly=True))


@pytest.mark.parametrize("on_the_fly", [False, True])
def test_half_of_the_visits_are_to_the_utterance_itself(divided, on_the_fly):
    wanted = Augmentation("noise", on_the_fly=on_the_fly)
    train = datasets.make(divided, PREP, augment=wanted, copies=5).train
    originals = set(divided["utterance_id"])

    def copied(versions):
        train.configure(train.config.changed({"augment_sampling": versions}))
        names = []
        for train.epoch in range(10):
            names += [train._draw(row)[1] for row in range(24)]
        return np.mean([name not in originals for name in names])

    assert 0.4 < copied("half") < 0.6
    assert copied("uniform") > 0.75  # five in six


def test_stability_training_takes_live_copies(divided):
    train = datasets.make(divided, PREP, augment=Augmentation("noise", on_the_fly=True)).train
    train.configure(train.config.changed({"stability": 1.0, "batch_size": 8}))
    clean, disturbed = np.split(train[0][0], 2)
    assert (np.abs(clean - disturbed).max(axis=(1, 2)) > 1).all()


def test_a_list_is_recorded_resumed_and_refused_for_another(small, tmp_path):
    rows = splits.speaker_folds(small, folds=2, val=1)
    gain = audiomentations.Gain(min_gain_db=-6.0, max_gain_db=6.0, p=0.5)

    def train(transforms, **more):
        return training.cross_validate(
            "mlp", rows, PREP, folder=tmp_path / "run", copies=1,
            augment=Augmentation(transforms, only=("sad",), **more), **QUICK,
        )  # fmt: skip

    run = train([halve, gain])
    record = run.info["augmentation"]
    assert record["copies"] == 1
    assert record["only"] == ["sad"]
    assert record["transforms"][0]["name"] == "tests.test_on_the_fly.halve"
    assert record["transforms"][1]["max_gain_db"] == 6.0
    assert run.info["audit"] == []
    assert train([halve, gain]).predictions.equals(run.predictions)
    with raises(RunError, "different-run", "augmentation"):
        train([halve])
    with raises(RunError, "different-run", "augmentation.on_the_fly"):
        train([halve, gain], on_the_fly=True)


@pytest.mark.backend
def test_fit_records_what_the_dataset_was_made_with(divided, tmp_path):
    for name, wanted, expected in (
        ("kept", Augmentation("noise", only=("sad",)), {"only": ["sad"]}),
        ("live", Augmentation("noise", on_the_fly=True), {"on_the_fly": True}),
    ):
        train, val, _ = datasets.make(divided, PREP, augment=wanted, copies=1)
        model = models.build("mlp", train.input_shape, train.num_classes)
        run = training.fit(model, train, val, folder=tmp_path / name, **QUICK)
        assert run.info["augmentation"] == {"name": "noise", "copies": 1, **expected}


def test_the_command_line_restricts_and_draws(tmp_path, capsys, refused):
    words = [
        "train", "--corpus", "toy", "--root", tmp_path / "toy", "--option", "speakers=4",
        "--option", "takes=1", "--grouping", "valence2", "--val", 1, "--test", 1,
        "--model", "mlp", "--clip-seconds", 1, "--epochs", 1, "-o", tmp_path / "run",
    ]  # fmt: skip
    live = ["--augment", "noise", "--augment-only", "negative", "--augment-on-the-fly"]
    assert main([str(word) for word in [*words, *live]]) == 0
    info = json.loads((tmp_path / "run" / "run.json").read_text())
    assert info["augmentation"] == {
        "name": "noise", "copies": 2, "only": ["negative"], "on_the_fly": True
    }  # fmt: skip
    capsys.readouterr()
    refused(*words, "--augment-only", "negative").check("option-without-augment")
    refused(*words, "--augment", "noise", "--augment-only", "negativee").check(
        "unknown-name", "'negative'"
    )
