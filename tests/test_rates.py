"""The learning rate range test."""

import numpy as np
import pandas as pd
import pytest

from sertk import datasets, models, splits, training
from sertk.errors import ConfigurationError
from sertk.evaluation.learning_curve import steepest
from sertk.preprocessing import Preprocessing
from tests.errors import raises

pytestmark = pytest.mark.backend


@pytest.fixture
def train(small):
    divided = splits.by_speaker(small, val=1, test=1)
    return datasets.make(divided, Preprocessing("log_mel", clip_seconds=0.9), batch_size=16).train


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
