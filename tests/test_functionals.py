"""Features of an utterance: functionals of frames, and openSMILE's feature sets."""

import warnings

import numpy as np
import pytest
from scipy import stats

from sertk import Preprocessing, features
from sertk.errors import ConfigurationError, UnknownNameError
from sertk.features import Functionals, LogMel
from sertk.features.functionals import STATISTICS, functionals
from tests.errors import raises
from tests.test_features import voice


def test_statistics_are_numpys_and_scipys():
    frames = np.random.default_rng(0).normal(size=(40, 3)).cumsum(axis=0)
    given = functionals(frames, list(STATISTICS)).reshape(len(STATISTICS), 3)
    found = dict(zip(STATISTICS, given, strict=True))
    np.testing.assert_allclose(found["mean"], frames.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found["std"], frames.std(axis=0), rtol=1e-6)
    for name in ("p5", "p10", "p25", "p50", "p75", "p90", "p95"):
        expected = np.percentile(frames, float(name[1:]), axis=0)
        np.testing.assert_allclose(found[name], expected, rtol=1e-5)
    time = np.linspace(-1, 1, 40)
    slopes = [stats.linregress(time, column).slope for column in frames.T]
    np.testing.assert_allclose(found["slope"], slopes, rtol=1e-5)
    steps = np.diff(frames, axis=0)
    np.testing.assert_allclose(found["change"], np.abs(steps).mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found["change_std"], steps.std(axis=0), rtol=1e-5)


def test_one_frame_has_no_change():
    given = functionals(np.array([[3.0, -2.0]]), ["p90", "slope", "change", "change_std"])
    np.testing.assert_array_equal(given, [3, -2, 0, 0, 0, 0, 0, 0])


def test_the_microphones_distance_changes_nothing():
    near, far = Functionals()(voice()), Functionals()(0.05 * voice())
    np.testing.assert_allclose(near, far, atol=1e-3)


@pytest.mark.backend
@pytest.mark.parametrize("frame_feature", ["log_mel", "log_mel_delta", "mfcc", "waveform"])
def test_the_layer_gives_the_same_numbers_of_any_frame_feature(frame_feature):
    feature = Functionals(frame_feature, statistics=",".join(STATISTICS))
    waves = np.stack([voice(0.6, seed=1), voice(0.6, seed=2)])
    in_graph = np.asarray(feature.layer()(waves))
    expected = np.stack([feature(wave) for wave in waves])
    assert in_graph.shape == expected.shape == (2, *feature.shape(1))
    np.testing.assert_allclose(in_graph, expected, atol=1e-3)


def test_numbers_and_their_groups_have_names():
    feature = Functionals(frame_options="n_mels=2", statistics="mean,p90")
    names = ["log_mel 0 mean", "log_mel 1 mean", "log_mel 0 p90", "log_mel 1 p90"]
    assert feature.number_names == names
    assert feature.number_groups == ["log_mel 0", "log_mel 1"] * 2
    assert LogMel(n_mels=2).number_groups == ["log_mel 0", "log_mel 1"]


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"frame_feature": "functionals"}, "invalid-frame-feature"),
        (
            {"frame_feature": "embedding", "frame_options": "encoder=x.onnx"},
            "invalid-frame-feature",
        ),
        ({"frame_options": "n_mels"}, "malformed-frame-options"),
        ({"frame_options": "n_mels=0"}, "invalid-mel-bands"),
    ],
)
def test_mistakes_are_refused(parameters, code):
    with raises(ConfigurationError, code):
        Functionals(**parameters)


@pytest.mark.parametrize(
    "parameters",
    [{"statistics": "mean,mode"}, {"frame_options": "n_mel=4"}, {"frame_feature": "x"}],
)
def test_unknown_names_are_refused(parameters):
    with raises(UnknownNameError, "unknown-name"):
        Functionals(**parameters)


def test_the_sample_rate_is_that_of_the_preprocessing():
    prep = Preprocessing("functionals", sample_rate=8000)
    assert prep.feature.shape(1) == prep.input_shape == (1, 512)
    assert prep.extract(voice(sample_rate=8000)).shape == (1, 512)


@pytest.fixture(scope="module")
def opensmile():
    return pytest.importorskip("opensmile")


@pytest.mark.parametrize(
    ("name", "feature_set"), [("egemaps", "eGeMAPSv02"), ("compare", "ComParE_2016")]
)
def test_functionals_are_those_of_opensmile(opensmile, name, feature_set, tmp_path):
    """Run in a process of its own: after TensorFlow, openSMILE damages its memory."""
    from joblib.externals.loky import get_reusable_executor

    wave = voice(2.0)
    expected, names = get_reusable_executor().submit(_by_opensmile, feature_set, wave).result()
    feature = features.get(name)
    np.testing.assert_array_equal(feature(wave), np.nan_to_num(expected))
    assert feature.number_names == names
    assert len(feature.number_groups) == feature.shape(1)[1] == len(names)


def _by_opensmile(feature_set, wave):
    import opensmile

    smile = opensmile.Smile(getattr(opensmile.FeatureSet, feature_set))
    return smile.process_signal(wave, 16_000).to_numpy(), smile.feature_names


@pytest.mark.parametrize(("name", "numbers"), [("egemaps", 25), ("compare", 65)])
def test_low_level_descriptors_are_frames(opensmile, name, numbers):
    feature = features.get(name, level="lld")
    frames = feature(voice(2.0))
    assert frames.shape[1] == numbers
    assert abs(len(frames) - feature.frames(32_000)) <= 8
    assert feature(np.zeros(100, np.float32)).shape[1] == numbers


def test_a_wrong_level_is_refused():
    with raises(UnknownNameError, "unknown-name", "level"):
        features.get("egemaps", level="frames")


def test_without_opensmile_its_extra_is_named(monkeypatch):
    from sertk.features import _opensmile

    monkeypatch.setattr(_opensmile.importlib.util, "find_spec", lambda name: None)
    with raises(ConfigurationError, "opensmile-not-installed", ".[opensmile]"):
        features.get("compare")(voice())


def test_the_license_is_named_once(opensmile):
    from sertk.features import _opensmile

    _opensmile._say_license.cache_clear()
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        for _ in range(2):
            features.get("egemaps")(voice())
    assert sum(_opensmile.LICENSE in str(warning.message) for warning in raised) == 1
    assert features.get("egemaps").license == _opensmile.LICENSE
    assert Functionals("egemaps", "level=lld").license == _opensmile.LICENSE
    assert not features.get("egemaps").in_graph
    assert not Functionals("egemaps", "level=lld").in_graph
