"""Every model: shape, probabilities, batches, learning, saving; and published counts."""

import keras
import numpy as np
import pytest

from sertk import models
from sertk.errors import ConfigurationError, UnknownNameError

pytestmark = pytest.mark.backend

SHAPE = (96, 32)
WIDTH = 0.125


def small(name, classes=3):
    return models.build(name, SHAPE, classes, width=WIDTH)


def clips(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, *SHAPE)).astype(np.float32)


@pytest.mark.parametrize("name", models.names())
def test_probabilities_that_do_not_depend_on_batch_mates(name):
    model = small(name)
    x = clips(5)
    together = model.predict(x, verbose=0)
    assert together.shape == (5, 3)
    assert together.dtype == np.float32
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)
    for k in (0, 4):
        alone = model.predict(x[k : k + 1], verbose=0)
        np.testing.assert_allclose(alone[0], together[k], atol=1e-5)


@pytest.mark.parametrize("name", models.names())
def test_the_seed_gives_the_weights(name):
    one, same = small(name).get_weights(), small(name).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    other = models.build(name, SHAPE, 3, width=WIDTH, seed=1).get_weights()
    assert any(not np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("name", models.names())
def test_it_learns_eight_clips_by_heart(name):
    model = models.build(name, SHAPE, 2, width=0.5)
    x, y = clips(8), np.eye(2, dtype=np.float32)[[0, 1] * 4]
    rate = keras.optimizers.schedules.ExponentialDecay(2e-3, decay_steps=100, decay_rate=0.5)
    model.compile(keras.optimizers.AdamW(rate), "categorical_crossentropy")
    for _ in range(15):  # most are done after one or two
        model.fit(x, y, epochs=20, batch_size=8, verbose=0)
        hit = (model.predict(x, verbose=0).argmax(axis=1) == [0, 1] * 4).mean()
        if hit == 1:
            break
    assert hit == 1


@pytest.mark.parametrize("name", models.names())
def test_a_saved_model_is_the_same(name, tmp_path):
    model = small(name)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(
        again.predict(clips(3), verbose=0), model.predict(clips(3), verbose=0), atol=1e-6
    )


@pytest.mark.parametrize("name", models.names())
@pytest.mark.parametrize("shape", [(96, 32, 3), (1, 1), (96,)])
def test_what_does_not_fit_is_refused(name, shape):
    with pytest.raises(ConfigurationError, match=rf"'{name}' got clips of shape"):
        models.build(name, shape, 3)


@pytest.mark.parametrize(
    ("shape", "classes", "options", "count"),
    [
        ((216, 1), 10, {"variant": "original"}, 364_170),
        ((259, 1), 2, {"variant": "modified"}, 1_283_202),  # moving statistics included
    ],
)
def test_conv1d_has_the_published_number_of_parameters(shape, classes, options, count):
    assert models.build("conv1d", shape, classes, **options).count_params() == count


def test_compact_is_compact():
    assert models.build("compact", (188, 64), 8).count_params() < 500_000


def test_unknown_words():
    with pytest.raises(UnknownNameError, match="Did you mean 'compact'"):
        models.build("kompact", SHAPE, 3)
    with pytest.raises(UnknownNameError, match="Unknown compact argument 'wdth'"):
        models.build("compact", SHAPE, 3, wdth=1)
    with pytest.raises(UnknownNameError, match="Unknown conv1d variant 'orig'"):
        models.build("conv1d", SHAPE, 3, variant="orig")
    with pytest.raises(ConfigurationError, match="1 class"):
        models.build("mlp", SHAPE, 1)


def test_a_function_of_ones_own():
    def build(input_shape, num_classes, *, units=4):
        return keras.Sequential(
            [keras.Input(input_shape), keras.layers.Flatten(), keras.layers.Dense(units),
             keras.layers.Dense(num_classes, activation="softmax")]
        )  # fmt: skip

    assert models.build(build, SHAPE, 3, units=7).output_shape == (None, 3)
