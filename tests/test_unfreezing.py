"""Fine-tuning an encoder: what learns when and how fast, low-rank changes, precision, resuming."""

import json
import math
import os
import subprocess
import sys
import zipfile
from functools import partial

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from sertk import Preprocessing, datasets, models, splits, training
from sertk._utils import seeding
from sertk.errors import ConfigurationError, ModelError
from sertk.features import LogMel
from sertk.training import checkpoint, convex_start, fitting, objective, saving
from sertk.training.checkpoint import Checkpoint
from sertk.training.config import Config
from sertk.training.unfreezing import Stage, Unfreezing
from tests import small_corpus
from tests.errors import raises
from tests.test_encoders import written

pytestmark = pytest.mark.backend
PREP = Preprocessing(LogMel(12, 400, 160), clip_seconds=0.5, db_reference="full_scale")
PADDED = Preprocessing(LogMel(12, 400, 160), clip_seconds=1.2, db_reference="full_scale")
PLAIN = {"optimizer": "sgd", "schedule": "constant", "warmup": 0.0, "checkpoint": "last"}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    path = tmp_path_factory.mktemp("encoder") / "tiny.safetensors"
    written("whisper", path)
    return str(path)


@pytest.fixture
def build(encoder):
    """Build the network, with arguments for a small encoder without dropout."""
    return partial(
        models.build, "encoder", PREP.input_shape, 3, encoder=encoder, blocks="1,2", dropout=0.0
    )


@pytest.fixture
def train(divided, encoder):
    """Cross-validate the network."""

    def run(folder, prep=PREP, **config):
        given = {"encoder": encoder, "blocks": "1,2", "dropout": 0.0}
        given |= config.pop("arguments", {})
        return training.cross_validate(
            "encoder", divided, prep, folder=folder, standardize="none", arguments=given,
            **{"batch_size": 16, "learning_rate": 1e-3, "epochs": 2, **config},
        )  # fmt: skip

    return run


def net_of(run):
    loaded = saving.load_model(run.model_path())
    return next(layer for layer in loaded.layers if isinstance(layer, keras.Model))


def values(net):
    """Weights by the layer that they are in."""
    return {layer.name: layer.get_weights() for layer in net.layers if layer.weights}


def moved(run, before):
    """Names of the layers whose weights changed."""
    after = values(net_of(run))
    return {
        name
        for name, weights in before.items()
        if name != "standardize_states"
        and any(not np.array_equal(a, b) for a, b in zip(weights, after[name], strict=True))
    }


def assembled(net, config, divided):
    train, val, _ = datasets.make(divided, PREP, batch_size=16, standardize="none")
    for part in (train, val):
        part.configure(config)
    return fitting.assemble(net, train, config), train


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, [Stage(0, 0, 1, True), Stage(0, 9, None)]),
        ({"head_epochs": 2}, [Stage(0, 2, 1, True), Stage(2, 9, None)]),
        (
            {"head_epochs": 2, "unfreeze_epochs": 3},
            [Stage(0, 2, 1, True), Stage(2, 5, 2), Stage(5, 9, None)],
        ),
        (
            {"head_epochs": 1, "unfreeze_epochs": 20},
            [Stage(0, 1, 1, True), Stage(1, 9, 2), Stage(9, 9, None)],
        ),
    ],
)
def test_stages_cover_all_epochs(build, divided, config, expected):
    config = Config(epochs=9, **config)
    model, _ = assembled(build(), config, divided)
    assert Unfreezing(model).stages(config) == expected


@pytest.mark.parametrize("weight_decay", [0.0, 0.5])
def test_lower_layers_learn_more_slowly(build, divided, weight_decay):
    """One step of gradient descent, with and without layer decay."""
    steps = {}
    for decay in (1.0, 0.5):
        config = Config(
            optimizer="sgd", momentum=0.0, learning_rate=1e-3, weight_decay=weight_decay,
            schedule="constant", layer_decay=decay,
        )  # fmt: skip
        net = build()
        model, train = assembled(net, config, divided)
        factors = Unfreezing(model).factors(decay)
        model.compile(
            objective.optimizer(config, 3, factors, head=False, last=True), objective.loss(config)
        )
        before = values(net)
        model.train_on_batch(*train[0])
        steps[decay] = {
            name: [b - a for a, b in zip(before[name], after, strict=True)]
            for name, after in values(net).items()
        }
    for name, factor in {"probabilities": 1.0, "block2": 0.5, "block1": 0.25}.items():
        for whole, decayed in zip(steps[1.0][name], steps[0.5][name], strict=True):
            np.testing.assert_allclose(decayed, factor * whole, rtol=0.02, atol=3e-7)
        assert max(np.abs(step).max() for step in steps[1.0][name]) > 1e-4


def ladder(input_shape, num_classes):
    """A small network of five layers, of which the first never learns, and a head."""
    inputs = keras.Input(input_shape)
    x = inputs
    for number in range(4):
        layer = keras.layers.Conv1D(4, 3, activation="relu", name=f"step{number}")
        x = layer(x)
        layer.trainable = number > 0
    x = keras.layers.Dropout(0.2)(keras.layers.GlobalAveragePooling1D()(x))
    outputs = keras.layers.Dense(num_classes, activation="softmax", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="ladder")


def climb(divided, folder, **config):
    return training.cross_validate(
        ladder, divided, PREP, folder=folder, batch_size=16, learning_rate=1e-2, **config
    )


def test_layers_learn_from_the_top(divided, tmp_path):
    before = values(models.build(ladder, PREP.input_shape, 3, seed=seeding.derive(0, 0)))
    learn = ["probabilities", "step3", "step2", "step1"]
    for epochs, count in ((1, 1), (3, 2), (4, 3), (6, 4)):
        words = {**PLAIN, "head_epochs": 2, "unfreeze_epochs": 1, "epochs": epochs}
        run = climb(divided, tmp_path / str(epochs), **words)
        assert moved(run, before) == set(learn[:count]), epochs


def test_blocks_that_are_not_trained_never_move(train, build, tmp_path):
    words = {**PLAIN, "epochs": 2, "head_epochs": 1, "unfreeze_epochs": 1}
    run = train(tmp_path / "run", arguments={"trained_blocks": 1}, **words)
    assert moved(run, values(build())) == {"probabilities", "block2"}


def test_two_small_batches_are_one_large(train, build, tmp_path):
    words = {**PLAIN, "epochs": 1}
    runs = [
        train(tmp_path / "large", **words),
        train(tmp_path / "small", **words, batch_size=8, accumulate=2),
    ]
    large, small, before = (
        np.concatenate([w.ravel() for w in net.get_weights()])
        for net in (*map(net_of, runs), build())
    )
    np.testing.assert_allclose(large, small, atol=2e-5)
    assert np.abs(large - before).max() > 1e-3
    np.testing.assert_allclose(runs[0].history["loss"], runs[1].history["loss"], rtol=1e-3)


def test_accumulation_leaves_the_schedule_as_it_is():
    config = Config(accumulate=3, warmup=0.0, learning_rate=0.1)
    optimizer = objective.optimizer(config, 30, {}, head=False, last=True)
    variable = keras.Variable(np.ones(2, np.float32))
    optimizer.build([variable])
    rates = []
    for _ in range(30):
        rates.append(float(keras.ops.convert_to_numpy(optimizer.learning_rate)))
        optimizer.apply([np.ones(2, np.float32)], [variable])
    expected = 0.05 * (1 + np.cos(np.pi * np.arange(30) / 30))
    np.testing.assert_allclose(rates, expected, rtol=1e-4)


@pytest.fixture(scope="module")
def low_rank(encoder, small_root, tmp_path_factory):
    rows = splits.by_speaker(small_corpus.manifest(small_root), val=1, test=1)
    return training.cross_validate(
        "encoder", rows, PREP, folder=tmp_path_factory.mktemp("lora") / "run", standardize="none",
        arguments={"encoder": encoder, "blocks": "1,2", "lora_rank": 2}, epochs=2,
        learning_rate=0.01, checkpoint="last",
    )  # fmt: skip


def test_low_rank_changes_are_all_that_learns(build, divided):
    net = build(lora_rank=2)
    model, _ = assembled(net, Config(), divided)
    unfreezing = Unfreezing(model)
    for count in (1, 2, 3, None):
        unfreezing.let_learn(count)
        inside = [v for layer in net.layers[:-1] for v in layer.trainable_variables]
        assert {v.name.rsplit("_", 1)[0] for v in inside} <= {"lora_kernel"}
    assert len(inside) == 2 * 2 * 6  # two factors of six matrices in two blocks


def test_low_rank_changes_are_merged_when_a_model_is_saved(low_rank, build):
    before, net = values(build()), net_of(low_rank)
    assert not [v.path for v in net.variables if "lora" in v.path]
    for layer in ("block1", "block2"):
        ranks = [
            np.linalg.matrix_rank(new - old, tol=1e-4) if new.ndim == 2 else int((new != old).any())
            for new, old in zip(values(net)[layer], before[layer], strict=True)
        ]
        assert sorted(ranks) == [0] * (len(ranks) - 6) + [2] * 6


def test_a_saved_run_is_the_same_in_another_process(low_rank, divided, tmp_path):
    test = datasets.make(divided, PREP, standardize="none").test
    given = low_rank.predictions.query("split == 'test'")
    np.save(tmp_path / "clips.npy", np.concatenate([test[k][0] for k in range(len(test))]))
    code = (
        "import sys, numpy; from sertk.training import saving\n"
        "model = saving.load_model(sys.argv[1])\n"
        "shares = model.predict(numpy.load(sys.argv[2]), verbose=0)\n"
        "numpy.save(sys.argv[3], shares)"
    )
    paths = [str(low_rank.model_path()), str(tmp_path / "clips.npy"), str(tmp_path / "shares.npy")]
    child = subprocess.run(
        [sys.executable, "-c", code, *paths], capture_output=True, text=True,
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
    )  # fmt: skip
    assert child.returncode == 0, child.stderr
    shares = test.utterance_probabilities(np.load(paths[2]).astype(float))
    np.testing.assert_allclose(shares, given[[f"p_{c}" for c in test.classes]], atol=1e-5)


def test_functions_that_are_not_registered_are_refused(build, tmp_path):
    """The activation of a transformer is a registered function; others are not built."""
    net = build()
    saving.save_model(net, tmp_path / "model.keras")
    assert saving.load_model(tmp_path / "model.keras").name == "encoder"
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    contents["config.json"] = (
        contents["config.json"]
        .replace(b'"class_name": "gelu"', b'"class_name": "x"')
        .replace(b"sertk>gelu", b"os.system")
    )
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    with raises(ModelError, "damaged-model-file", "function"):
        saving.load_model(tmp_path / "other.keras")


def test_the_convex_start_is_logistic_regression(build, divided):
    config = Config(head_start="convex")
    net = build()
    model, train = assembled(net, config, divided)
    convex_start.start(model, train)
    batches = [train[k] for k in range(len(train))]
    clips = np.concatenate([batch[0] for batch in batches])
    labels = np.concatenate([batch[1] for batch in batches]).argmax(axis=1)
    pooled = keras.Model(net.input, net.get_layer("pooled").output)(clips)
    vectors = np.asarray(pooled, np.float64)
    vectors = (vectors - vectors.mean(axis=0)) / vectors.std(axis=0)
    oracle = LogisticRegression(C=0.01, max_iter=1000, tol=1e-8).fit(vectors, labels)
    found = model.predict(clips, verbose=0)
    np.testing.assert_allclose(found, oracle.predict_proba(vectors), atol=2e-3)
    assert np.ptp(found) > 0.2


def test_the_convex_start_serves_any_network_with_a_dense_end(divided, tmp_path):
    run = training.cross_validate(
        "mlp", divided, PREP, folder=tmp_path / "run", head_start="convex", epochs=1,
        learning_rate=1e-9, arguments={"width": 0.2, "dropout": 0.0},
    )  # fmt: skip
    assert run.history["loss"].iloc[0] < 1.0  # log 3 is chance

    def ends_otherwise(input_shape, num_classes):
        inputs = keras.Input(input_shape)
        x = keras.layers.Dense(num_classes)(keras.layers.Flatten()(inputs))
        return keras.Model(inputs, keras.layers.Softmax()(x))

    with raises(ConfigurationError, "no-dense-head"):
        training.cross_validate(
            ends_otherwise, divided, PREP, folder=tmp_path / "x", head_start="convex"
        )
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains(train, build, tmp_path, precision):
    """With clips that are padded, whose frames are hidden."""
    run = train(tmp_path / "run", PADDED, precision=precision, layer_decay=0.9)
    assert keras.config.dtype_policy().name == "float32"
    block = net_of(run).get_layer("block1")
    assert (block.compute_dtype, block.variable_dtype) == (precision.split("_")[1], "float32")
    assert np.isfinite(run.history["loss"]).all()
    assert run.history["loss"].is_monotonic_decreasing
    columns = [c for c in run.predictions if c.startswith("p_")]
    np.testing.assert_allclose(run.predictions[columns].sum(axis=1), 1, atol=1e-5)
    assert {"block1", "block2"} < moved(run, values(build()))


def test_gradual_unfreezing_goes_on_where_it_was_interrupted(divided, tmp_path, monkeypatch):
    """In the middle of a stage, with others to come."""
    words = {"epochs": 7, "head_epochs": 1, "unfreeze_epochs": 2, "layer_decay": 0.7}
    words |= {"head_start": "convex", "accumulate": 2}
    whole = climb(divided, tmp_path / "whole", **words)
    write = Checkpoint.write

    def stops(self, model):
        write(self, model)
        if len(self.progress.history) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "_SHARE", math.inf)  # every epoch
        patched.setattr(Checkpoint, "write", stops)
        with pytest.raises(KeyboardInterrupt):
            climb(divided, tmp_path / "parts", **words)
    assert json.loads((tmp_path / "parts" / "run.json").read_text())["status"] == "unfinished"
    resumed = climb(divided, tmp_path / "parts", **words)
    assert resumed.info["fits"][0]["resumed_after_epoch"] == 2
    pd.testing.assert_frame_equal(resumed.history, whole.history, rtol=1e-4)
    columns = [c for c in whole.predictions if c.startswith("p_")]
    np.testing.assert_allclose(resumed.predictions[columns], whole.predictions[columns], atol=1e-4)


def test_an_encoder_takes_its_feature_as_it_is(divided, encoder, tmp_path):
    def run(standardize="training", prep=PREP, **arguments):
        training.cross_validate(
            "encoder",
            divided,
            prep,
            folder=tmp_path / "run",
            standardize=standardize,
            arguments={"encoder": encoder, "blocks": 2, **arguments},
        )

    wanted = "--standardize none --feature log_mel --feature-option n_mels=80"
    for standardize in ("training", "minmax", "speaker"):
        with raises(ConfigurationError, "standardized-for-encoder", standardize, wanted):
            run(standardize)
    with raises(ConfigurationError, "clips-too-small", "'encoder'", wanted):
        run("none", Preprocessing("log_mel", clip_seconds=0.5))
    for wrong in ({"trained_blocks": 3}, {"trained_blocks": -1}, {"lora_rank": -1}):
        with raises(ConfigurationError, "invalid-model-arguments", "0 to 2"):
            run("none", **wrong)
    with raises(ConfigurationError, "invalid-blocks", "'1,1'"):
        run("none", blocks="1,1")
    assert not (tmp_path / "run").exists()
    train, val, _ = datasets.make(divided, PREP)
    net = models.build("encoder", PREP.input_shape, 3, encoder=encoder, blocks=1, trained_blocks=1)
    with raises(ConfigurationError, "standardized-for-encoder"):
        training.fit(net, train, val, folder=tmp_path / "run")
