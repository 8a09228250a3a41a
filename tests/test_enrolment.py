"""Enrolment: what is subtracted, in training and in use, the curve, profiles, and the commands."""

import dataclasses
import importlib.util
import json

import keras
import numpy as np
import pandas as pd
import pytest
import soundfile
from scipy import stats

from sertk import Preprocessing, datasets, evaluation, export, predict, splits, training
from sertk.datasets.enrolment import Enrolment
from sertk.errors import ConfigurationError
from sertk.features import Functionals
from sertk.layers import SubtractSpeaker
from sertk.predict import Profile
from tests import small_corpus
from tests.errors import raises

backend = pytest.mark.backend
PREP = Preprocessing("functionals")
THREE = Preprocessing(Functionals(frame_options="n_mels=3", statistics="mean"))


@pytest.fixture(scope="module")
def run(small_root, tmp_path_factory):
    """A run whose speakers can be enrolled."""
    rows = splits.by_speaker(small_corpus.manifest(small_root), val=1, test=3)
    return training.cross_validate(
        "logreg", rows, PREP, folder=tmp_path_factory.mktemp("enrolled") / "run",
        standardize="enrolment",
    )  # fmt: skip


@pytest.fixture(scope="module")
def opened(run, small_root, tmp_path_factory):
    """The same model on every engine that is installed."""
    engines = {"keras": predict.load(run)}
    if importlib.util.find_spec("tf2onnx"):
        folder, roots = tmp_path_factory.mktemp("files"), {"small": small_root}
        path = export.to_onnx(run, folder / "model.onnx", roots=roots).path
        engines["onnxruntime"] = predict.load(path)
        if importlib.util.find_spec("openvino"):
            path = export.to_openvino(run, folder / "model.xml", roots=roots).path
            engines["openvino"] = predict.load(path)
    return engines


@pytest.fixture(scope="module")
def predictor(run):
    return predict.load(run)


@pytest.fixture(autouse=True)
def _nobody(request):
    yield
    if "predictor" in request.fixturenames:
        request.getfixturevalue("predictor").enrol(None)


def recordings(root, speaker="ann", emotion="*"):
    return sorted((root / speaker).glob(f"{emotion}_*.wav"))


def fake(voices=4, takes=5, bins=3):
    """Rows and features: speakers with a mean of their own, and recordings around it."""
    generator = np.random.default_rng(0)
    names = [f"{voice}_{take}" for voice in range(voices) for take in range(takes)]
    centers = generator.normal(0, 2, (voices, bins)).repeat(takes, axis=0)
    values = (centers + generator.normal(size=centers.shape)).astype(np.float32)
    rows = pd.DataFrame({"utterance_id": names, "speaker": [name[0] for name in names]})
    return rows, dict(zip(names, values[:, None], strict=True))


def test_the_ratio_is_that_of_an_analysis_of_variance():
    rows, features = fake()
    found = Enrolment(rows, features, THREE)
    values = np.stack(list(features.values()))[:, 0]
    groups = [values[at] for at in rows.groupby("speaker").indices.values()]
    expected = 5 / (stats.f_oneway(*groups).statistic - 1)
    np.testing.assert_allclose(found.ratio, expected, rtol=1e-4)
    np.testing.assert_allclose(found.population, values.mean(axis=0), rtol=1e-5)


def test_speakers_that_do_not_differ_are_not_trusted():
    rows, features = fake()
    centers = {name: np.zeros(3) for name in rows["speaker"]}
    for name, speaker in zip(rows["utterance_id"], rows["speaker"], strict=True):
        centers[speaker] = centers[speaker] + features[name][0] / 5
    same = {n: features[n] - centers[n[0]].astype(np.float32) for n in rows["utterance_id"]}
    assert (Enrolment(rows, same, THREE).ratio > 1000).all()


def test_an_offset_is_the_shrunk_mean_of_other_recordings():
    rows, features = fake(takes=2)
    found = Enrolment(rows, features, THREE)
    other = features["1_1"][0] - found.population
    wanted = other / (1 + found.ratio)  # of one other recording
    drawn = [found.offset("1_0", "1", np.random.default_rng(seed)) for seed in range(40)]
    none = [offset for offset in drawn if not offset.any()]
    for offset in drawn:
        if offset.any():
            np.testing.assert_allclose(offset, wanted, rtol=1e-5)
    assert 2 <= len(none) <= 25  # a quarter


def test_draws_depend_on_seed_epoch_and_utterance_alone(divided):
    def batches(size, epoch, seed=0, standardize="enrolment"):
        parts = datasets.make(divided, PREP, batch_size=size, seed=seed, standardize=standardize)
        parts.train.epoch = epoch
        return np.concatenate([parts.train[k][0] for k in range(len(parts.train))])

    first = batches(10, 0)
    np.testing.assert_array_equal(first, batches(7, 0))
    plain = batches(10, 0, standardize="training")
    moved = (first != plain).any(axis=(1, 2))
    assert 0.5 < moved.mean() < 0.95  # nobody is enrolled for a quarter of the clips
    again = (batches(10, 1) != batches(10, 1, standardize="training")).any(axis=(1, 2))
    assert not np.array_equal(moved, again)
    assert not np.array_equal(first, batches(10, 0, seed=1))


def test_the_disturbed_twin_is_of_the_same_enrolment(divided):
    enrolled, plain = (
        datasets.make(divided, PREP, augment="noise", copies=1, standardize=how).train
        for how in ("enrolment", "training")
    )
    for train in (enrolled, plain):
        train.configure(train.config.changed({"stability": 1.0}))
    original, disturbed = np.split(plain[0][0] - enrolled[0][0], 2)
    assert np.abs(original).max() > 0.1
    np.testing.assert_allclose(original, disturbed, atol=1e-3)


@backend
def test_the_layer_subtracts_what_the_formula_says():
    layer = SubtractSpeaker()
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    np.testing.assert_array_equal(np.asarray(layer(x)), x)
    ratio, mean = np.array([0.0, 1.0, 3.0]), np.array([1.0, -2.0, 0.5])
    layer.ratio.assign(ratio)
    layer.mean.assign(mean)
    np.testing.assert_array_equal(np.asarray(layer(x)), x)  # the count is 0
    layer.enrol(mean, 3)
    expected = x - mean * (3 / (3 + ratio))
    np.testing.assert_allclose(np.asarray(layer(x)), expected, atol=1e-6)
    layer.enrol(np.zeros(3), 0)
    given = layer(x, mean=mean[None].astype("f4"), count=np.full((1, 1), 3, "f4"))
    np.testing.assert_allclose(np.asarray(given), expected, atol=1e-6)


def test_the_curve_scores_no_enrolled_recording(run):
    rows = pd.read_csv(run.folder / "enrolment.csv")
    tested = run.predictions.query("split == 'test'")
    assert len(tested) == 36
    assert set(rows["speaker"]) == set(tested["speaker"])
    scored = rows.groupby(["of", "enrolled"])["utterances"].sum().to_dict()
    plain = {0: 36, 1: 5 * 33, 2: 5 * 30, 5: 5 * 21}
    assert scored == {("any", n): count for n, count in plain.items()} | {("neutral", 2): 150}
    of_neutral = rows.query("of == 'neutral' and label == 'neutral'")["utterances"].sum()
    assert of_neutral == 5 * 2 * 3
    alone = rows.query("enrolled == 0").groupby(["label", "predicted"])["utterances"].sum()
    assert alone.to_dict() == tested.groupby(["label", "predicted"]).size().to_dict()


def test_the_curve_is_shown(run, trained):
    shown = evaluation.enrolment_curve(run)
    table = shown.frame()
    assert table.index.tolist() == [0, 1, 2, 2, 5]
    assert table["of"].tolist() == ["any", "any", "any", "neutral", "any"]
    score = run.predictions.query("split == 'test'")
    hit = (score["label"] == score["predicted"]).groupby(score["label"]).mean()
    assert table["uar"].iloc[0] == pytest.approx(hit.mean())
    assert (table["low"] <= table["uar"]).all()
    assert "with 5 recordings of the speaker" in shown._repr_html_()
    shown.plot().figure.canvas.draw()
    with raises(ConfigurationError, "no-enrolment-curve", "--standardize enrolment"):
        evaluation.enrolment_curve(trained)


@backend
def test_enrolling_is_what_the_layer_subtracts(run, predictor, small_root):
    """Predictions of an enrolled speaker, computed from the features by hand."""
    paths = recordings(small_root)
    profile = predictor.enrol(paths[:6])
    assert profile.count == 6
    assert profile.model == predictor.spec.weights_sha256
    model = predictor.engine.model
    scale, speaker = model.get_layer("standardize"), model.get_layer("speaker")
    mean, deviation, ratio = (
        keras.ops.convert_to_numpy(v) for v in (scale.mean, scale.deviation, speaker.ratio)
    )
    vectors = [(PREP.spectrum(path)[0] - mean) / deviation for path in paths]
    own = np.mean(vectors[:6], axis=0)
    np.testing.assert_allclose(profile.mean, own, atol=1e-3)
    x = vectors[7] - own * 6 / (6 + ratio)
    rest = keras.Model(speaker.output, model.output)
    expected = np.asarray(rest(x[None, None].astype(np.float32)))[0]
    row = predictor.file(paths[7])
    found = [row[f"p_{name}"] for name in predictor.classes]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_every_engine_gives_the_same_probabilities(opened, small_root):
    paths = recordings(small_root)
    profiles, shares = {}, {}
    for name, predictor in opened.items():
        columns = [f"p_{c}" for c in predictor.classes]
        before = predictor.files(paths[5:]).frame()[columns]
        profiles[name] = predictor.enrol(paths[:5])
        with_speaker = predictor.files(paths[5:]).frame()[columns]
        predictor.enrol(None)
        after = predictor.files(paths[5:]).frame()[columns]
        np.testing.assert_array_equal(before, after)
        assert np.abs(before - with_speaker).to_numpy().max() > 1e-3
        shares[name] = np.stack([before, with_speaker])
    for name, found in shares.items():
        np.testing.assert_allclose(found, shares["keras"], atol=1e-4, err_msg=name)
        np.testing.assert_allclose(profiles[name].mean, profiles["keras"].mean, atol=2e-3)
        assert profiles[name].model == profiles["keras"].model  # it fits every file of the model
    if "onnxruntime" in opened:
        opened["onnxruntime"].enrol(profiles["keras"])
        opened["onnxruntime"].enrol(None)


def test_a_profile_is_kept_in_a_file(predictor, small_root, tmp_path):
    given = predictor.enrol(recordings(small_root)[:3])
    expected = predictor.file(recordings(small_root)[8])
    given.write(tmp_path / "ann.json")
    again = Profile.read(tmp_path / "ann.json")
    assert (again.count, again.model) == (3, given.model)
    np.testing.assert_allclose(again.mean, given.mean, rtol=1e-4)
    predictor.enrol(None)
    predictor.enrol(tmp_path / "ann.json")
    row = predictor.file(recordings(small_root)[8])
    assert row["probability"] == pytest.approx(expected["probability"], abs=1e-3)


def test_profiles_that_do_not_fit_are_refused(predictor, small_root, tmp_path):
    given = predictor.enrol(recordings(small_root)[:3])
    with raises(ConfigurationError, "profile-of-another-model"):
        predictor.enrol(dataclasses.replace(given, model="another"))
    for wrong in (
        {"mean": given.mean[:-1]}, {"mean": given.mean[None]}, {"mean": given.mean * np.nan},
        {"count": 0},
    ):  # fmt: skip
        with raises(ConfigurationError, "profile-of-other-shape"):
            predictor.enrol(dataclasses.replace(given, **wrong))
    record = given.to_dict()
    path = tmp_path / "x.json"
    for changed in (
        {"count": 0}, {"shape": [3]}, {"mean": "x"}, {"schema_version": 9}, {"model": 3},
        {"shape": [-1]},
    ):  # fmt: skip
        path.write_text(json.dumps(record | changed))
        with raises(ConfigurationError, "damaged-profile", str(path)):
            predictor.enrol(path)
    with raises(ConfigurationError, "damaged-profile"):
        predictor.enrol(tmp_path / "none.json")


def test_models_and_recordings_that_cannot_enrol(trained, predictor, small_root, tmp_path):
    with raises(ConfigurationError, "model-without-enrolment", "compact"):
        predict.load(trained).enrol(small_root / "ann")
    with raises(ConfigurationError, "model-without-enrolment"):
        predict.load(trained).timeline(recordings(small_root)[0], turns="self")
    soundfile.write(tmp_path / "silent.wav", np.zeros(16_000), 16_000)
    with raises(ConfigurationError, "no-speech-to-enrol"):
        predictor.enrol(tmp_path / "silent.wav")


@pytest.fixture(scope="module")
def dialogue(small_root, tmp_path_factory):
    """Twelve seconds of one speaker, then twelve of another."""
    folder = tmp_path_factory.mktemp("dialogue")
    waves = [soundfile.read(path)[0] for name in ("ann", "ben") for path in
             recordings(small_root, name)]  # fmt: skip
    soundfile.write(folder / "talk.wav", np.concatenate(waves), 16_000)
    soundfile.write(folder / "ann.wav", np.concatenate(waves[:12]), 16_000)
    return folder


def test_a_long_recording_counts_as_its_pieces(predictor, dialogue, small_root):
    profile = predictor.enrol(dialogue / "ann.wav")
    assert profile.count == 4  # of three seconds each
    wave = soundfile.read(dialogue / "ann.wav", dtype="float32")[0]
    pieces = [PREP.remove_offset(wave[k * 48_000 : (k + 1) * 48_000]) for k in range(4)]
    expected = predictor.engine.vectors(pieces).mean(axis=0)
    np.testing.assert_allclose(profile.mean, expected, atol=1e-4)


def test_turns_of_one_speaker(predictor, dialogue):
    path = dialogue / "ann.wav"
    plain = predictor.timeline(path).frame()
    shown = predictor.timeline(path, turns="self").frame()
    assert "speaker" not in plain
    assert shown["speaker"].unique().tolist() == ["self"]
    predictor.enrol(path)
    enrolled = predictor.timeline(path).frame()
    columns = [f"p_{name}" for name in predictor.classes]
    np.testing.assert_allclose(shown[columns], enrolled[columns], atol=1e-5)
    assert np.abs(shown[columns] - plain[columns]).to_numpy().max() > 1e-3


def test_turns_enrol_each_speaker_by_their_own_windows(predictor, dialogue):
    path = dialogue / "talk.wav"
    table = pd.DataFrame({"start": [0.0, 12.0], "end": [12.0, 24.0], "speaker": ["ann", "ben"]})
    before = predictor.enrol(dialogue / "ann.wav")
    usual = predictor.timeline(path).frame()
    shown = predictor.timeline(path, turns=table, hop=3.0).frame()
    assert shown["speaker"].tolist() == ["ann"] * 4 + ["ben"] * 4
    columns = [f"p_{name}" for name in predictor.classes]
    alone = predictor.timeline(dialogue / "ann.wav", turns="self", hop=3.0).frame()
    np.testing.assert_allclose(shown[columns][:4], alone[columns], atol=1e-3)
    # whoever was enrolled before is again
    np.testing.assert_array_equal(predictor.timeline(path).frame()[columns], usual[columns])
    assert before.count == 4


def test_training_that_cannot_learn_to_enrol(divided, tmp_path):
    def train(rows, feature):
        training.cross_validate(
            "mlp", rows, Preprocessing(feature), folder=tmp_path / "run", standardize="enrolment"
        )

    with raises(ConfigurationError, "enrolment-of-decibels", "LogMel"):
        train(divided, "log_mel")
    own = divided.assign(speaker=divided["utterance_id"])
    with raises(ConfigurationError, "enrolment-without-speakers", "0 training speakers"):
        train(own, "functionals")


def test_the_commands(run, small_root, tmp_path, done, refused, dialogue):
    profile, path = tmp_path / "ann.json", recordings(small_root)[0]
    given = ("--run", run.folder)
    said = done("enrol", small_root / "ann", *given, "-o", profile)
    assert said.out == f"{profile}: 12 recordings, long ones in pieces\n"
    assert Profile.read(profile).count == 12
    plain = json.loads(done("predict", path, *given, "--format", "json").out)
    said = done("predict", path, *given, "--format", "json", "--speaker", profile)
    assert "The speaker is enrolled with 12 recordings" in said.err
    enrolled = json.loads(said.out)
    assert enrolled[0]["p_sad"] != plain[0]["p_sad"]
    folder = done("predict", path, *given, "--format", "json", "--speaker", small_root / "ann")
    assert json.loads(folder.out)[0]["p_sad"] == pytest.approx(enrolled[0]["p_sad"], abs=1e-3)
    talk = ("predict", dialogue / "talk.wav", *given, "--timeline", "--format", "json")
    rows = done(*talk, "--turns", "self").out.splitlines()
    assert {json.loads(row)["speaker"] for row in rows} == {"self"}


def test_refused_commands(run, trained, small_root, tmp_path, refused):
    path, given = recordings(small_root)[0], ("--run", run.folder)
    refused("enrol", path, *given, "-o", tmp_path / "ann.txt").check(
        "wrong-file-ending", "ann.json"
    )
    refused("enrol", path, "--run", trained.folder, "-o", tmp_path / "a.json").check(
        "model-without-enrolment", "--speaker-normalization"
    )
    refused("predict", path, *given, "--turns", "self").check("turns-without-timeline")
    refused("predict", path, *given, "--speaker", tmp_path / "none.json").check("damaged-profile")
    turns = tmp_path / "none.csv"
    refused("predict", path, *given, "--timeline", "--turns", turns).check("unreadable-turns")
    assert not (tmp_path / "a.json").exists()
