"""Errors, lookup, seeding, the backend, and what `import sertk` costs."""

import logging
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import sertk
from sertk._utils import keras_backend, lookup, provenance, seeding
from sertk._utils.keras_backend import without_native_messages
from sertk.errors import ConfigurationError, UnknownNameError, listing
from tests import fake_run
from tests.errors import raises


@pytest.mark.parametrize(
    ("code", "unloaded"),
    [
        ("import sertk; import sertk.cli.parser; sertk.cli.parser.make_parser()",
         "numpy pandas keras librosa sklearn"),
        ("import sertk; [getattr(sertk, m) for m in ('corpora', 'cache', 'audit', 'splits', "
         "'evaluation', 'report', 'preprocessing')]; sertk.Preprocessing()", "keras"),
        ("import sertk.explore", "keras matplotlib"),
        ("from sertk import evaluation; evaluation.evaluate('RUN').summary()",
         "keras tensorflow jax matplotlib"),
    ],
)  # fmt: skip
def test_what_is_not_needed_is_not_loaded(code, unloaded, tmp_path):
    code = code.replace("RUN", str(fake_run.write(tmp_path, speakers=3).folder))
    code += f"; import sys; print(set({unloaded.split()}) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_public_name_is_there():
    for name in sertk.__all__:
        assert getattr(sertk, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'corpara'"):
        _ = sertk.corpara


def test_unknown_names_get_the_nearest_known_one():
    with raises(UnknownNameError, "unknown-name", "Did you mean 'compact'"):
        lookup.load("sertk.models", "compat", "model")
    with raises(UnknownNameError, "unknown-name", "'zzz'"):
        lookup.load("sertk.models", "zzz", "model")


def test_listing_counts_what_it_does_not_show():
    assert listing(range(9), limit=3) == "0, 1, 2 and 6 more"
    assert listing([]) == ""


def test_seeded_gives_the_same_and_restores_the_states():
    random.seed(5)
    np.random.seed(5)
    expected = random.random(), np.random.rand()
    random.seed(5)
    np.random.seed(5)
    with seeding.seeded(1):
        first = random.random(), np.random.rand()
    assert (random.random(), np.random.rand()) == expected
    with seeding.seeded(1):
        assert (random.random(), np.random.rand()) == first


def test_seeded_is_alone_among_threads():
    def draw(seed):
        with seeding.seeded(seed):
            return [random.random() for _ in range(50)], np.random.rand(50).tolist()

    seeds = list(range(8)) * 10
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(draw, seeds))
    assert together == [draw(seed) for seed in seeds]


def test_use_backend_again_and_otherwise():
    import keras

    running = keras.backend.backend()
    assert sertk.use_backend() == running
    assert sertk.use_backend(running) == running
    other = "jax" if running == "tensorflow" else "tensorflow"
    with raises(ConfigurationError, "backend-already-set", f"'{running}'"):
        sertk.use_backend(other)
    with raises(UnknownNameError, "unknown-name", "Did you mean 'tensorflow'"):
        sertk.use_backend("tensorflo")
    with raises(UnknownNameError, "unknown-name", "'tpu'"):
        sertk.use_backend(device="tpu")


@pytest.mark.parametrize(
    ("devices", "asked", "code"),
    [(["cpu:0"], "cpu", ""), (["gpu:0"], "cpu", "device-already-set"),
     (["cpu:0", "gpu:0"], "cpu", "device-already-set"), (["gpu:0"], "gpu", ""),
     (["cpu:0"], "gpu", "no-gpu"), (["gpu:0"], "auto", "")],
)  # fmt: skip
def test_a_device_that_comes_too_late_is_refused(monkeypatch, devices, asked, code):
    import keras

    monkeypatch.setattr(keras.distribution, "list_devices", lambda *_: devices)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    monkeypatch.setenv("JAX_PLATFORMS", os.environ.get("JAX_PLATFORMS", "cpu"))
    if not code:
        assert sertk.use_backend(device=asked) == keras.backend.backend()
        return
    with raises(ConfigurationError, code):
        sertk.use_backend(device=asked)


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with raises(ConfigurationError, "no-gpu"):
        sertk.use_backend(device="gpu")


@pytest.mark.parametrize(
    ("environment", "accelerator", "installed", "expected"),
    [
        ("torch", False, {"torch"}, "torch"),
        ("", False, {"jax", "tensorflow"}, "tensorflow"),
        ("", True, {"jax", "tensorflow"}, "jax"),
        ("", False, {"jax"}, "jax"),
    ],
)
def test_the_automatic_choice(monkeypatch, environment, accelerator, installed, expected):
    monkeypatch.setenv("KERAS_BACKEND", environment)
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setattr(keras_backend, "_has_accelerator", lambda: accelerator)
    monkeypatch.setattr(keras_backend, "_jax_accelerated", lambda: True)
    monkeypatch.setattr(keras_backend, "_installed", lambda name: name in installed)
    assert keras_backend._choose("auto") == expected


def test_the_command_is_repeated_without_where_somebody_keeps_files(monkeypatch):
    words = ["/home/ann/bin/sertk", "cv", "--root", "/home/ann/corpora/ravdess", "-o", "runs/one"]
    monkeypatch.setattr(sys, "argv", words)
    assert provenance.command() == "sertk cv --root ravdess -o runs/one"
    monkeypatch.setattr(sys, "argv", ["train.py"])
    assert provenance.command() is None


def test_tracing_again_is_no_warning():
    with without_native_messages():
        pass
    logger = logging.getLogger("tensorflow")
    record = logging.LogRecord("tensorflow", logging.WARNING, "", 0, "", (), None)
    record.msg = "5 out of the last 5 calls triggered tf.function retracing"
    assert not logger.filter(record)
    record.msg = "something else"
    assert logger.filter(record)
