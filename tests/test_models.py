"""Every model: shape, probabilities, batches, learning, saving; and published counts."""

import contextlib
import importlib
import inspect
import json
import math
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from sertk import models
from sertk.errors import ConfigurationError, UnknownNameError
from tests.errors import raises

SHAPE = (96, 64)
SHAPES = {"encoder": (96, 80)}  # of what it was pretrained on; its size is that of its weights
WIDTH = 0.125
SMALL = ["compact", "conv1d", "lstm", "mlp"]  # learn at half their size in a moment
LARGE = [name for name in models.names() if name not in SMALL]
# XLA takes long to compile large networks; on JAX their learning belongs to the slow tier
COMPILED = [pytest.mark.slow] * (keras.backend.backend() == "jax")
TUNED = [pytest.mark.slow]  # `encoder` learns in test_unfreezing
LEARNERS = [
    *SMALL,
    *(pytest.param(n, marks=TUNED if n == "encoder" else COMPILED) for n in LARGE),
]


def takes(name):
    """Names of the arguments that a model takes."""
    return inspect.signature(importlib.import_module(f"sertk.models.{name}").build).parameters


def small(name, classes=3, width=WIDTH, **words):
    sized = {"width": width} if "width" in takes(name) else {}
    return models.build(name, SHAPES.get(name, SHAPE), classes, **sized, **words)


def clips(count, seed=0, name=""):
    shape = SHAPES.get(name, SHAPE)
    return np.random.default_rng(seed).normal(size=(count, *shape)).astype(np.float32)


@pytest.mark.backend
@pytest.mark.parametrize("name", models.names())
def test_probabilities_that_do_not_depend_on_batch_mates(name):
    model = small(name)
    x = clips(5, name=name)
    together = model.predict(x, verbose=0)
    assert together.shape == (5, 3)
    assert together.dtype == np.float32
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)
    for k in (0, 4):
        alone = model.predict(x[k : k + 1], verbose=0)
        np.testing.assert_allclose(alone[0], together[k], atol=1e-5)


@pytest.mark.backend
@pytest.mark.parametrize("name", models.names())
def test_the_seed_gives_the_weights(name):
    one, same = small(name).get_weights(), small(name).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    other = small(name, seed=1).get_weights()
    assert any(not np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.backend
@pytest.mark.parametrize("name", LEARNERS)
def test_it_learns_eight_clips_by_heart(name):
    forgetful = {"dropout": 0.0} if "dropout" in takes(name) else {}
    model = small(name, 2, 0.5 if name in SMALL else WIDTH, **forgetful)
    x, y = clips(8, name=name), np.eye(2, dtype=np.float32)[[0, 1] * 4]
    rate = keras.optimizers.schedules.ExponentialDecay(2e-3, decay_steps=100, decay_rate=0.5)
    model.compile(keras.optimizers.AdamW(rate), "categorical_crossentropy")
    for _ in range(15):  # most are done after one or two
        model.fit(x, y, epochs=20, batch_size=8, verbose=0)
        hit = (model.predict(x, verbose=0).argmax(axis=1) == [0, 1] * 4).mean()
        if hit == 1:
            break
    assert hit == 1


@pytest.mark.backend
@pytest.mark.parametrize("name", models.names())
def test_a_saved_model_is_the_same(name, tmp_path):
    model = small(name)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    x = clips(3, name=name)
    np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)


@pytest.mark.parametrize("name", models.names())
@pytest.mark.parametrize("shape", [(96, 64, 3, 1), (96,)])
def test_what_does_not_fit_is_refused(name, shape):
    with raises(ConfigurationError, "clips-too-small", f"'{name}'"):
        models.build(name, shape, 3)


@pytest.mark.parametrize("name", models.names())
def test_a_clip_of_one_number_is_refused_or_works(name):
    with contextlib.suppress(ConfigurationError):  # any other error is a mistake of the model's
        model = models.build(name, (1, 1), 3)
        assert np.isfinite(model.predict(np.ones((2, 1, 1)), verbose=0)).all()


def parameters(variables):
    return sum(math.prod(variable.shape) for variable in variables)


@pytest.mark.parametrize(
    ("name", "shape", "classes", "options", "count"),
    [
        ("conv1d", (216, 1), 10, {"variant": "original"}, 364_170),
        ("alexnet", (300, 200, 3), 4, {}, 57_020_228),
        ("alexnet", (300, 200), 4, {"image_size": 256}, 57_020_228),
        ("alexnet_gap", (300, 200, 3), 4, {}, 2_470_724),
        ("fcn_attention", (300, 200, 3), 4, {}, 2_605_387),
        ("crnn_attention", (300, 40, 3), 4, {}, 7_334_726),
        ("alexnet_tuned", (91, 128), 8, {}, 4_123_848),
        ("resnet18", (91, 128), 8, {}, 11_304_136),
    ],
)
def test_the_published_number_of_trainable_parameters(name, shape, classes, options, count):
    model = models.build(name, shape, classes, **options)
    assert parameters(model.trainable_variables) == count


def test_published_numbers_that_count_otherwise():
    modified = models.build("conv1d", (259, 1), 2, variant="modified")
    assert modified.count_params() == 1_283_202  # moving statistics included
    assert parameters(modified.trainable_variables) == 1_282_434
    acrnn = models.build("crnn_attention", (300, 40, 3), 4).trainable_variables
    assert parameters(acrnn) - 2 * 768 == 7_333_190  # without the batch norm of the dense layer


@pytest.mark.parametrize("name", ["crnn_attention", "fcn_attention", "resnet18"])
def test_any_length_is_taken_where_it_is_claimed(name):
    model = models.build(name, (None, 64), 3, width=WIDTH)
    for frames in (63, 96, 161):
        x = np.random.default_rng(0).normal(size=(2, frames, 64)).astype(np.float32)
        assert np.asarray(model(x)).shape == (2, 3)
    fixed = models.build(name, SHAPE, 3, width=WIDTH)
    fixed.set_weights(model.get_weights())
    np.testing.assert_allclose(
        fixed.predict(clips(2), verbose=0), model.predict(clips(2), verbose=0), atol=1e-6
    )


@pytest.mark.slow
def test_densenet_is_keras_own():
    ours = models.build("densenet121", (64, 96, 3), 4)
    theirs = keras.applications.DenseNet121(
        include_top=False, weights=None, input_shape=(64, 96, 3), pooling="avg"
    )
    count = len(theirs.weights)
    assert [w.shape for w in ours.weights[:count]] == [w.shape for w in theirs.weights]
    ours.set_weights(theirs.get_weights() + ours.get_weights()[count:])
    body = keras.Model(ours.inputs, ours.layers[-4].output)
    x = np.random.default_rng(0).normal(size=(1, 64, 96, 3)).astype(np.float32)
    np.testing.assert_allclose(body.predict(x, verbose=0), theirs.predict(x, verbose=0), atol=1e-5)


@pytest.mark.parametrize("name", ["alexnet", "alexnet_gap", "densenet121"])
def test_a_spectrogram_becomes_a_picture(name):
    model = models.build(name, (40, 30), 3, width=WIDTH, image_size=64, colors="jet")
    assert model.get_layer("picture").output.shape == (None, 64, 85, 3)
    x = np.random.default_rng(0).uniform(size=(2, 40, 30)).astype(np.float32)
    np.testing.assert_allclose(model.predict(x, verbose=0).sum(axis=1), 1, atol=1e-5)


def test_weights_that_do_not_fit_densenet():
    with raises(ConfigurationError, "weights-of-other-size"):
        models.build("densenet121", SHAPE, 3, weights="imagenet")
    with raises(UnknownNameError, "unknown-name", "densenet121", "'imagnet'"):
        models.build("densenet121", SHAPE, 3, weights="imagnet")


CHILD = """
import json, sys
from pathlib import Path
import keras, numpy as np
import sertk.layers
folder = Path(sys.argv[1])
worst = {}
for file in sorted(folder.glob("*.keras")):
    model = keras.saving.load_model(file, safe_mode=True)
    given = np.load(file.with_suffix(".npz"))
    worst[file.stem] = float(np.abs(model.predict(given["x"], verbose=0) - given["y"]).max())
print(json.dumps(worst))
"""


@pytest.mark.parametrize("names", [SMALL, pytest.param(LARGE, marks=pytest.mark.slow)])
def test_a_model_saved_on_one_backend_is_the_same_on_the_other(names, tmp_path):
    for name in names:
        model = small(name)
        x = clips(3, name=name)
        model.save(tmp_path / f"{name}.keras")
        np.savez(tmp_path / f"{name}.npz", x=x, y=model.predict(x, verbose=0))
    other = "jax" if keras.backend.backend() == "tensorflow" else "tensorflow"
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path)],
        env={**os.environ, "KERAS_BACKEND": other}, capture_output=True, text=True,
    )  # fmt: skip
    assert child.returncode == 0, child.stderr
    worst = json.loads(child.stdout.splitlines()[-1])
    assert sorted(worst) == sorted(names)
    assert max(worst.values()) < 1e-5, worst


def test_compact_is_compact():
    assert models.build("compact", (188, 64), 8).count_params() < 500_000


def test_unknown_words():
    with raises(UnknownNameError, "unknown-name", "Did you mean 'compact'"):
        models.build("kompact", SHAPE, 3)
    with raises(UnknownNameError, "unknown-name", "'wdth'"):
        models.build("compact", SHAPE, 3, wdth=1)
    with raises(UnknownNameError, "unknown-name", "'orig'"):
        models.build("conv1d", SHAPE, 3, variant="orig")
    with raises(ConfigurationError, "too-few-classes"):
        models.build("mlp", SHAPE, 1)


def test_a_function_of_ones_own():
    def build(input_shape, num_classes, *, units=4):
        return keras.Sequential(
            [keras.Input(input_shape), keras.layers.Flatten(), keras.layers.Dense(units),
             keras.layers.Dense(num_classes, activation="softmax")]
        )  # fmt: skip

    assert models.build(build, SHAPE, 3, units=7).output_shape == (None, 3)
