"""What training aims at: mixed pairs, stability, focal loss; what it visits; the range test."""

import keras
import numpy as np
import pandas as pd
import pytest

from sertk import datasets, models, training
from sertk.datasets import class_balance
from sertk.errors import ConfigurationError
from sertk.evaluation.learning_curve import steepest
from sertk.preprocessing import Preprocessing
from sertk.preprocessing.clips import CLIP_AGGREGATIONS, aggregate_clips
from sertk.training import fitting, objective
from sertk.training.config import CHOICES, Config
from sertk.training.objective import Mixup, ObjectiveModel, Stability
from sertk.training.unfreezing import Unfreezing
from tests.errors import raises

pytestmark = pytest.mark.backend

PREP = Preprocessing("log_mel", clip_seconds=0.9)
SHORT = Preprocessing("log_mel", clip_seconds=0.3)


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("by", CHOICES["mixup_by"])
def test_clips_and_labels_are_mixed_alike(by):
    layer = Mixup(0.4, by, seed=1)
    x = np.random.default_rng(0).normal(size=(6, 5, 4)).astype(np.float32)
    y = np.eye(6, dtype=np.float32)
    np.testing.assert_array_equal(array(layer(x)), x)
    mixed = array(layer(x, training=True))
    shares = array(layer.mix(y))
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(mixed, np.tensordot(shares, x, axes=(1, 0)), atol=1e-5)
    own = np.diag(shares)
    if by == "sample_max":
        assert (own >= 0.5 - 1e-6).all()
    else:
        assert (np.ptp(own) < 1e-6) == (by == "batch")


def test_stability_compares_halves_of_a_batch():
    inputs = keras.Input((3,))
    model = ObjectiveModel(inputs, Stability(2.0)(inputs))
    model.compile(loss=objective.loss(Config(label_smoothing=0.0)))
    clean = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]], np.float32)
    other = np.array([[0.5, 0.3, 0.2], [0.2, 0.6, 0.2]], np.float32)
    y = np.tile(np.eye(3, dtype=np.float32)[[0, 1]], (2, 1))

    def loss(twins):
        y_pred = keras.ops.convert_to_tensor(np.concatenate([clean, twins]))
        return float(array(model.compute_loss(None, keras.ops.convert_to_tensor(y), y_pred)))

    entropy = -np.log([0.7, 0.8]).mean()
    divergence = (clean * np.log(clean / other)).sum(axis=1).mean()
    assert loss(clean) == pytest.approx(entropy, abs=1e-5)
    assert loss(other) == pytest.approx(entropy + 2 * divergence, abs=1e-5)


def test_focal_loss_looks_away_from_what_is_sure():
    focal = objective.loss(Config(loss="focal", label_smoothing=0.0))
    y_true, y_pred = np.array([[1.0, 0.0]], "f4"), np.array([[0.8, 0.2]], "f4")
    expected = -((1 - 0.8) ** 2) * np.log(0.8)
    assert float(array(focal(y_true, y_pred))) == pytest.approx(expected, rel=1e-4)


def test_the_head_learns_alone_first(divided, tmp_path):
    net = models.build("compact", PREP.input_shape, 3, width=0.2)
    train, val, _ = datasets.make(divided, PREP, batch_size=16)
    before = [layer.get_weights() for layer in net.layers]
    # validation chooses; with one epoch, the kept weights are those after the head's
    training.fit(net, train, val, folder=tmp_path, epochs=1, head_epochs=1, optimizer="sgd")
    moved = {
        layer.name.rstrip("_0123456789")
        for layer, weights in zip(net.layers, before, strict=True)
        if any(
            not np.array_equal(a, b)
            for a, b in zip(layer.get_weights(), weights, strict=True)
            if a.dtype.kind == "f"
        )
    }
    assert moved == {"probabilities"}
    assert all(layer.trainable for layer in net.layers)


def test_the_head_of_every_model_ends_before_its_last_map():
    for name in models.names():
        shape, sized = ((96, 64), {"width": 0.125}) if name != "encoder" else ((96, 80), {})
        net = models.build(name, shape, 3, **sized)
        inputs = keras.Input(shape)
        unfreezing = Unfreezing(keras.Model(inputs, net(inputs)))
        head = unfreezing.stages(Config(head_epochs=1))[0]
        assert (head.begin, head.end, head.head) == (0, 1, True)
        unfreezing.let_learn(head.layers)
        free = [layer for layer in net.layers if layer.trainable and layer.weights]
        frozen = [layer for layer in net.layers if not layer.trainable]
        assert free, name
        assert all("Conv2D" not in type(k).__name__ or k.name == "classes" for k in free), name
        if name != "mlp":
            assert frozen, name
        learns = {v.path for v in net.trainable_variables}
        unfreezing.let_learn(None)
        assert (learns < {v.path for v in net.trainable_variables}) == bool(frozen), name


def test_mixup_leaves_the_saved_model_an_ordinary_one(divided, tmp_path):
    run = training.cross_validate(
        "mlp", divided, PREP, folder=tmp_path, epochs=8, batch_size=16, learning_rate=5e-3,
        mixup=0.3, time_mask=0.2, freq_mask=0.2,
    )  # fmt: skip
    model = keras.saving.load_model(run.model_path(), safe_mode=True)
    assert type(model).__name__ == "Functional"
    losses = run.history["loss"]
    assert losses.iloc[-1] < losses.iloc[0]


def test_stability_training_learns_and_wants_copies(divided, tmp_path):
    options = {"epochs": 8, "batch_size": 16, "learning_rate": 5e-3, "stability": 1.0}
    with raises(ConfigurationError, "stability-without-augmentation"):
        training.cross_validate("mlp", divided, PREP, folder=tmp_path / "no", **options)
    run = training.cross_validate(
        "mlp", divided, PREP, folder=tmp_path / "yes", augment="noise", copies=2, **options
    )
    losses = run.history["loss"]
    assert losses.iloc[-1] < losses.iloc[0]


def test_a_batch_of_stability_training_is_pairs(divided):
    train, _, _ = datasets.make(divided, PREP, augment="noise", copies=1, batch_size=8)
    train.configure(Config(batch_size=8, stability=1.0))
    x, y = train[0]
    assert len(x) == len(y) == 16
    np.testing.assert_array_equal(y[:8], y[8:])
    assert (x[:8] != x[8:]).any(axis=(1, 2)).all()
    assert train.visited_labels == train.manifest["label"].tolist()


def visits(train, **settings):
    """The clips of a whole epoch."""
    train.configure(Config(batch_size=7, **settings))
    return np.concatenate([train[k][0] for k in range(len(train))])


def test_an_epoch_can_visit_every_copy_and_every_clip(divided):
    train, _, _ = datasets.make(divided, SHORT, augment="noise", copies=2)
    count = len(train.manifest)
    assert len(visits(train)) == count
    assert len(visits(train, augment_sampling="all")) == 3 * count
    clips = sum(train.clips_per_utterance)
    assert clips > count
    every = visits(train, train_crop="all", augment_sampling="all")
    assert len(every) == 3 * clips
    assert len(np.unique(every.reshape(len(every), -1), axis=0)) == len(every)


def test_oversampling_fills_small_classes_up(divided):
    kept = divided[(divided["label"] != "sad") | (divided.index % 3 == 0)]
    train, _, _ = datasets.make(kept, PREP)
    counts = train.manifest["label"].value_counts()
    visits(train, oversample="full")
    labels = np.array(train.visited_labels)
    assert {(labels == name).sum() for name in counts.index} == {counts.max()}


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("none", [6, 3, 1]),
        ("minority", [6, 3, 6]),
        ("minority_twice", [6, 6, 6]),
        ("full", [6, 6, 6]),
    ],
)
def test_how_oversampling_counts(how, expected):
    labels = ["a"] * 6 + ["b"] * 3 + ["c"]
    rows = class_balance.oversampled(labels, how, seed=0)
    assert [sum(labels[row] == name for row in rows) for name in "abc"] == expected
    assert rows == class_balance.oversampled(labels, how, seed=0)


def test_effective_numbers_weigh_less_than_counts():
    labels = ["a"] * 5000 + ["b"] * 50
    by_count = class_balance.class_weights(labels, ["a", "b"], "inverse")
    effective = class_balance.class_weights(labels, ["a", "b"], "effective")
    ratio = (1 - 0.9999**5000) / (1 - 0.9999**50)
    assert effective[1] / effective[0] == pytest.approx(ratio)
    assert 1 < effective[1] / effective[0] < by_count[1] / by_count[0]


def test_minmax_puts_training_clips_between_zero_and_one(divided, tmp_path):
    train, val, test = datasets.make(divided, PREP, standardize="minmax")
    net = models.build("mlp", train.input_shape, 3)
    model = fitting.assemble(net, train, Config())
    scaled = keras.Model(model.inputs, model.get_layer("standardize").output)
    x = np.concatenate([train[k][0] for k in range(len(train))])
    out = scaled.predict(x, verbose=0)
    assert out.min() == 0
    assert out.max() == pytest.approx(1, abs=1e-5)
    assert 0.2 < np.median(out.max(axis=(0, 1))) <= 1
    run = training.fit(net, train, val, test, folder=tmp_path, epochs=1)
    assert run.info["standardize"] == "minmax"


def test_none_leaves_decibels_as_they_are(divided):
    train, _, _ = datasets.make(divided, PREP, standardize="none")
    net = models.build("mlp", train.input_shape, 3)
    model = fitting.assemble(net, train, Config())
    assert "standardize" not in {layer.name for layer in model.layers}


def test_clips_vote_as_they_are_told(divided):
    train, val, _ = datasets.make(divided, SHORT)
    shares = np.random.default_rng(0).dirichlet(np.ones(3), sum(val.clips_per_utterance))
    for decision in CLIP_AGGREGATIONS:
        val.configure(Config(clip_aggregation=decision))
        expected = aggregate_clips(shares, val.clips_per_utterance, decision)
        np.testing.assert_array_equal(val.utterance_probabilities(shares), expected)
    assert CHOICES["clip_aggregation"] == CLIP_AGGREGATIONS
    assert train.num_classes == 3


@pytest.fixture
def train(divided):
    return datasets.make(divided, PREP, batch_size=16).train


def test_the_loss_falls_and_runs_away_and_the_weights_stay(train):
    network = models.build("mlp", train.input_shape, 3, dropout=0.0)
    before = network.get_weights()
    shown = training.lr_range_test(network, train, lowest=1e-4, highest=100.0, steps=60)
    table = shown.frame()
    assert table["smoothed"].min() < 0.8 * table["loss"].iloc[0]
    assert table["smoothed"].iloc[-1] > 2 * table["smoothed"].min()
    assert 1e-4 < shown.steepest < 1.0
    for given, kept in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(given, kept)
    axes = shown.plot()
    assert axes.get_xscale() == "log"
    assert "falls fastest" in shown._repr_html_()
    assert train.epoch == 0


def test_dropout_draws_afterwards_as_if_nothing_had_been(train):
    twins = [models.build("mlp", train.input_shape, 3, dropout=0.5, seed=3) for _ in range(2)]
    training.lr_range_test(twins[0], train, steps=12)
    clips = train[0][0]
    drawn = [np.asarray(network(clips, training=True)) for network in twins]
    np.testing.assert_array_equal(*drawn)


def test_the_steepest_fall_is_found():
    rate = np.geomspace(1e-5, 1, 101)
    loss = 1 / (1 + (rate / 1e-2) ** 2) + (rate > 0.3)
    table = pd.DataFrame({"learning_rate": rate, "smoothed": loss})
    assert steepest(table) == pytest.approx(1e-2, rel=0.15)


@pytest.mark.parametrize("wrong", [{"lowest": 1.0, "highest": 0.1}, {"lowest": 0}, {"steps": 3}])
def test_ranges_that_do_not_rise(train, wrong):
    network = models.build("mlp", train.input_shape, 3)
    with raises(ConfigurationError, "invalid-range-test"):
        training.lr_range_test(network, train, **wrong)
