"""Saliency against numeric gradients, attention against its layer, maps against numpy."""

import gc
import weakref

import keras
import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.manifold import trustworthiness

from sertk import evaluation, features, layers, splits, training
from sertk.analysis import cross_corpus, embeddings, gradients, saliency
from sertk.analysis.replay import Replay
from sertk.errors import ConfigurationError, RunError, UnknownNameError
from sertk.preprocessing import Preprocessing
from tests import fake_run, small_corpus
from tests.errors import raises
from tests.test_explore import any_feature

PREP = Preprocessing("log_mel", clip_seconds=1.0)


@pytest.fixture(scope="module")
def corpus(small_root):
    return small_corpus.manifest(small_root)


def train(corpus, folder, model, **more):
    rows = splits.speaker_folds(corpus, folds=2, val=1)
    return training.cross_validate(
        model, rows, PREP, folder=folder, epochs=2, batch_size=16, learning_rate=5e-3, **more
    )


@pytest.fixture(scope="module")
def run(corpus, tmp_path_factory):
    return train(corpus, tmp_path_factory.mktemp("runs") / "mlp", "mlp")


@pytest.fixture(scope="module")
def attentive(corpus, tmp_path_factory):
    def build(input_shape, num_classes):
        inputs = keras.Input(input_shape)
        x = layers.AttentionPooling(4)(keras.layers.Conv1D(8, 3, strides=2)(inputs))
        outputs = keras.layers.Dense(num_classes, activation="softmax")(x)
        return keras.Model(inputs, outputs, name="attentive")

    return train(corpus, tmp_path_factory.mktemp("runs") / "attentive", build)


@pytest.fixture
def roots(small_root):
    return {"small": small_root}


def smooth_net(seed=0):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((7, 5))
    x = keras.layers.Conv1D(6, 3, activation="tanh")(inputs)
    x = layers.AttentionPooling(4)(x)
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))


@pytest.mark.backend
def test_gradients_equal_numeric_ones():
    net = smooth_net()
    clips = np.random.default_rng(0).normal(size=(2, 7, 5)).astype("f4")
    gradient, logs = gradients.of_log_probability(net, clips, 1)
    np.testing.assert_allclose(logs, np.log(net.predict_on_batch(clips)[:, 1]), atol=1e-5)
    step = 2e-2
    for place in [(0, 0, 0), (0, 3, 2), (1, 6, 4), (1, 2, 1), (0, 5, 3)]:
        moved = np.repeat(clips[place[0]][None], 2, axis=0)
        moved[0][place[1:]] += step
        moved[1][place[1:]] -= step
        up, down = np.log(np.asarray(net.predict_on_batch(moved))[:, 1].astype(float))
        assert gradient[place] == pytest.approx((up - down) / (2 * step), abs=2e-3)
    assert np.abs(gradient).max() > 0.01


@pytest.mark.backend
def test_integrated_gradients_add_up_and_find_the_only_input_that_matters():
    net = smooth_net(1)
    clip = np.random.default_rng(1).normal(size=(7, 5)).astype("f4")
    values, rest = saliency.attribute(net, clip, 2, "integrated")
    base = np.broadcast_to(clip.mean(axis=0), clip.shape)
    ends = np.log(np.asarray(net.predict_on_batch(np.stack([base, clip]).astype("f4")))[:, 2])
    assert values.sum() == pytest.approx(ends[1] - ends[0], abs=5e-3)
    assert abs(rest) < 5e-3
    inputs = keras.Input((4, 3))
    picked = keras.layers.Flatten()(inputs[:, 1:2, 2:3])
    chosen = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(picked))
    for method in saliency.METHODS:
        found, _ = saliency.attribute(chosen, np.eye(4, 3, dtype="f4"), 0, method)
        assert (np.argwhere(found != 0) == [1, 2]).all()


@pytest.mark.backend
def test_what_follows_the_front_end_is_the_model(run, attentive, roots):
    for one in (run, attentive):
        replay = Replay(one, roots)
        rows = replay.rows(0)
        spectra = {
            sound["utterance_id"]: replay.prep.extract(replay.prep.load(sound["path"]))
            for sound in replay.sounds(rows)
        }
        dataset = replay.dataset(rows, spectra)
        model = replay.model(0)
        net = replay.network(model)
        shares = net.predict_on_batch(replay.finished(dataset)[:20])
        given = dataset.predict(model)[[f"p_{c}" for c in one.classes]].to_numpy()[:20]
        np.testing.assert_allclose(np.asarray(shares), given, atol=1e-5)


@pytest.mark.backend
def test_saliency_of_an_utterance(run, roots):
    name = run.predictions.query("split == 'test'")["utterance_id"].iloc[0]
    shown = saliency.saliency(run, name, roots=roots)
    row = run.predictions.query("split == 'test' and utterance_id == @name").iloc[0]
    assert shown.label == row["predicted"]
    assert shown.frame().shape == PREP.input_shape
    assert shown.frame().index[-1] < 1.0
    assert f"{100 * row['p_' + shown.label]:.1f} %" in shown.note
    other = saliency.saliency(run, name, "sad", method="gradient", roots=roots)
    assert other.label == "sad"
    assert (other.frame() >= 0).all(axis=None)
    assert len(shown.plot().child_axes) == len(other.plot().child_axes) == 2
    assert "saliency for" in shown._repr_html_()


def averaging(input_shape, num_classes):
    """A network for clips of any rank."""
    inputs = keras.Input(input_shape)
    x = keras.ops.mean(keras.ops.reshape(inputs, (-1, input_shape[0], *input_shape[1:])), axis=1)
    x = keras.layers.Dense(4, activation="tanh")(keras.layers.Flatten()(x))
    return keras.Model(inputs, keras.layers.Dense(num_classes, activation="softmax")(x))


@pytest.mark.parametrize("name", features.names())
def test_saliency_of_every_feature(name, corpus, tmp_path, roots):
    prep = Preprocessing(any_feature(name, tmp_path), clip_seconds=0.5)
    rows = splits.by_speaker(corpus, val=1, test=1)
    trained = training.cross_validate(
        averaging, rows, prep, folder=tmp_path / "run", epochs=1, batch_size=64
    )
    tested = trained.predictions.query("split == 'test'")["utterance_id"].iloc[0]
    if prep.input_shape[0] == 1:
        with raises(ConfigurationError, "no-frames"):
            saliency.saliency(trained, tested, roots=roots)
        return
    for method in saliency.METHODS:
        shown = saliency.saliency(trained, tested, method=method, roots=roots)
        assert shown.frame().shape == prep.input_shape[:2]
        assert np.isfinite(shown.frame().to_numpy()).all()
        shown.plot().figure.canvas.draw()


def test_standardization_by_speaker_is_carried_along(corpus, tmp_path, roots):
    run = train(corpus, tmp_path / "run", "mlp", standardize="speaker")
    row = run.predictions.query("split == 'test'").iloc[3]
    shown = saliency.saliency(run, row["utterance_id"], roots=roots)
    assert f"{100 * row['p_' + shown.label]:.1f} %" in shown.note


@pytest.mark.backend
def test_attention_is_what_the_layer_weighs(attentive, roots):
    name = attentive.predictions.query("split == 'test'")["utterance_id"].iloc[0]
    shown = saliency.attention(attentive, name, roots=roots)
    weights = shown.frame()["attention"]
    assert len(weights) == PREP.input_shape[0]
    assert weights.sum() == pytest.approx(1)
    assert (weights > 0).all()
    assert weights.std() > 0
    assert len(shown.plot().child_axes) == 2


@pytest.mark.backend
@pytest.mark.parametrize("kind", ["AttentionPooling", "MapAttention", "SigmoidAttention"])
def test_pooling_is_the_sum_weighted_by_attention(kind):
    layer = getattr(layers, kind)()
    x = np.random.default_rng(0).normal(size=(2, 6, *(3,) * (kind == "MapAttention"), 4))
    pooled = np.asarray(layer(x.astype("f4")))
    weights = np.asarray(layer.attention(x.astype("f4")))
    axes = tuple(range(1, x.ndim - 1))
    np.testing.assert_allclose(weights.sum(axis=axes), 1, atol=1e-5)
    np.testing.assert_allclose(pooled[:, :4], (weights * x).sum(axis=axes), atol=1e-5)


def test_map_attention_covers_time_and_frequency(corpus, tmp_path, roots):
    def build(input_shape, num_classes):
        inputs = keras.Input(input_shape)
        x = keras.layers.Conv2D(4, 3, strides=2)(inputs[..., None])
        x = layers.MapAttention(4)(x)
        outputs = keras.layers.Dense(num_classes, activation="softmax")(x)
        return keras.Model(inputs, outputs, name="tiny")

    run = train(corpus, tmp_path / "run", build)
    name = run.predictions.query("split == 'test'")["utterance_id"].iloc[0]
    shown = saliency.attention(run, name, roots=roots)
    assert shown.frame().shape == PREP.input_shape
    assert shown.frame().to_numpy().sum() == pytest.approx(1)


def test_what_cannot_be_looked_at(run, roots):
    name = run.predictions.query("split == 'test'")["utterance_id"].iloc[0]
    with raises(ConfigurationError, "untested-utterance", "'nobody'"):
        saliency.saliency(run, "nobody", roots=roots)
    with raises(UnknownNameError, "unknown-name", "Did you mean 'sad'"):
        saliency.saliency(run, name, "sat", roots=roots)
    with raises(UnknownNameError, "unknown-name", "Did you mean 'gradient'"):
        saliency.saliency(run, name, method="gradients", roots=roots)
    with raises(ConfigurationError, "clip-out-of-range"):
        saliency.saliency(run, name, clip=4, roots=roots)
    with raises(ConfigurationError, "no-attention-layer"):
        saliency.attention(run, name, roots=roots)


def test_the_map_is_the_principal_plane_of_the_last_layers_input(run, roots):
    vectors = embeddings.vectors(run, roots=roots)
    shown = embeddings.embedding_map(run, roots=roots)
    table = shown.frame()
    centered = vectors.to_numpy() - vectors.to_numpy().mean(axis=0)
    left, sizes, _ = np.linalg.svd(centered, full_matrices=False)
    np.testing.assert_allclose(
        pdist(table[["x", "y"]]), pdist(left[:, :2] * sizes[:2]), rtol=1e-3, atol=1e-3
    )
    share = 100 * (sizes[:2] ** 2).sum() / (sizes**2).sum()
    assert f"{share:.1f} %" in shown.note
    tested = run.predictions.query("split == 'test' and fold == 0")
    assert table.index.tolist() == tested["utterance_id"].tolist()
    assert table["predicted"].tolist() == tested["predicted"].tolist()
    net = Replay(run, roots).model(0).layers[-1]
    dense = net.layers[-1].get_weights()
    logits = vectors.to_numpy() @ dense[0] + dense[1]  # one clip per utterance here
    predicted = np.array(run.classes)[logits.argmax(axis=1)]
    assert (predicted == table["predicted"]).all()
    assert shown.plot().get_legend() is not None


def test_neighbors_of_tsne_and_what_cannot_be_mapped(run, roots):
    near = embeddings.embedding_map(run, fold=1, method="tsne", roots=roots).frame()
    vectors = embeddings.vectors(run, fold=1, roots=roots)
    assert near.index.tolist() == vectors.index.tolist()
    assert trustworthiness(vectors, near[["x", "y"]]) > 0.8
    with raises(UnknownNameError, "unknown-name", "Did you mean 'tsne'"):
        embeddings.embedding_map(run, method="t-sne", roots=roots)
    with raises(ConfigurationError, "unknown-fold", "no fold 7", "0, 1"):
        embeddings.vectors(run, fold=7, roots=roots)


def test_the_matrix_keeps_home_to_test_predictions_and_abroad_to_all_models(
    run, corpus, monkeypatch, small_root
):
    monkeypatch.setenv("SERTK_CORPORA", str(small_root.parent))
    (small_root.parent / "small").exists() or (small_root.parent / "small").symlink_to(small_root)
    abroad = corpus[corpus["label"] != "neutral"].copy()
    abroad["utterance_id"] = "b" + abroad["utterance_id"]
    abroad["speaker"] = "b" + abroad["speaker"]
    shown = cross_corpus.matrix({"a": run}, {"home": corpus, "abroad": abroad})
    table = shown.frame()
    assert shown.classes == ["angry", "sad"]
    own = evaluation.evaluate(run).regroup({"angry": "angry", "sad": "sad"})
    assert table.loc[("a", "home"), "uar"] == pytest.approx(own.uar)
    assert table.loc[("a", "home"), "low"] == pytest.approx(own.interval().low)
    scores = []
    for fold in (0, 1):
        model = keras.saving.load_model(run.model_path(fold))
        replay = Replay(run)
        spectra = {
            s["utterance_id"]: PREP.extract(PREP.load(s["path"])) for s in replay.sounds(abroad)
        }
        given = replay.dataset(abroad, spectra).predict(model)
        heard = np.where(given["p_angry"] >= given["p_sad"], "angry", "sad")
        scores += [np.mean([(heard == c)[given["label"] == c].mean() for c in ("angry", "sad")])]
    assert table.loc[("a", "abroad"), "uar"] == pytest.approx(np.mean(scores))
    assert table.loc[("a", "abroad"), ["n", "speakers"]].tolist() == [48, 6]
    assert len(shown.plot().texts) == 2


@pytest.mark.backend
def test_models_of_a_run_are_in_memory_one_at_a_time(run, monkeypatch):
    replay, alive = Replay(run), []
    load = replay.model

    def counted(*fit):
        model = load(*fit)
        alive.append(weakref.ref(model))
        return model

    monkeypatch.setattr(replay, "model", counted)
    for _ in replay.each_model():
        gc.collect()
        assert sum(held() is not None for held in alive) <= 2
    assert len(alive) == 2


def test_what_makes_no_matrix(run, corpus, tmp_path):
    with raises(ConfigurationError, "unlabeled-manifest", "'b'"):
        cross_corpus.matrix({"a": run}, {"b": corpus.drop(columns="label")})
    with raises(ConfigurationError, "no-shared-classes", "a, b share sad."):
        cross_corpus.matrix({"a": run}, {"b": corpus[corpus["label"] == "sad"]})
    first = corpus["speaker"].iloc[0]
    mixed = corpus.assign(speaker=corpus["speaker"].replace(first, "stranger"))
    with raises(ConfigurationError, "partly-known-speakers", "stranger"):
        cross_corpus.matrix({"a": run}, {"b": mixed})
    unfinished = fake_run.write(tmp_path / "run", speakers=4, folds=2, status="unfinished")
    with raises(RunError, "untested-run"):
        cross_corpus.matrix({"a": unfinished}, {"b": corpus})


def test_another_backend_is_named(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with raises(ConfigurationError, "backend-without-gradients"):
        gradients.of_log_probability(None, np.zeros((1, 2, 2)), 0)
