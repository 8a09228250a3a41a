"""Hidden states as features: both implementations, long recordings, clips, the cache."""

import numpy as np
import pytest

from sertk import Preprocessing, cache, encoders
from sertk import manifest as manifests
from sertk.errors import ConfigurationError, ModelError
from sertk.export.graph import CutClips
from sertk.features import HiddenStates, PooledStates
from tests.errors import raises
from tests.test_encoders import sound, written

backend = pytest.mark.backend


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Small encoders with random weights, by architecture."""
    folder = tmp_path_factory.mktemp("encoders")
    for variant in ("whisper", "wav2vec2"):
        written(variant, folder / f"{variant}.safetensors")
    return {path.stem: str(path) for path in folder.iterdir()}


def in_graph(feature, wave):
    return np.asarray(feature.layer()(wave[None]))[0]


def noise(samples):
    return np.random.default_rng(samples).normal(0, 0.1, samples).astype(np.float32)


def close(found, expected):
    """Compare within 1e-4 of the largest state: random weights make large ones."""
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-4 * max(1.0, np.abs(expected).max()))


@backend
@pytest.mark.parametrize("samples", [1, 16_001, 30 * 16_000 + 160, 65 * 16_000])
def test_the_layer_computes_the_same_of_any_length(files, samples):
    feature = HiddenStates(files["whisper"], "1,2")
    wave = noise(samples)
    states = feature(wave)
    assert states.dtype == np.float32
    assert states.shape == feature.shape(feature.frames(samples))
    assert np.isfinite(states).all()
    close(in_graph(feature, wave), states)


@backend
def test_the_weights_of_the_package_compute_the_same():
    feature = HiddenStates(blocks="1")
    wave = sound(9_000)
    states = feature(wave)
    assert states.shape == (29, 384)
    close(in_graph(feature, wave), states)


@backend
def test_an_encoder_of_waveforms_computes_the_same(files):
    feature = HiddenStates(files["wav2vec2"], "2")
    for samples in (400, 16_001):
        states = feature(sound(samples))
        assert states.shape == (feature.frames(samples), 16)
        close(in_graph(feature, sound(samples)), states)


def test_pieces_are_encoded_apart(files):
    """A sound in the second piece of a long recording changes nothing in the first."""
    feature = HiddenStates(files["whisper"], "2")
    wave = noise(40 * 16_000)
    other = wave.copy()
    other[30 * 16_000 :] *= 0.5
    one, two = feature(wave), feature(other)
    edge = len(one) // 2
    np.testing.assert_allclose(one[: edge - 2], two[: edge - 2], atol=1e-3)
    assert np.abs(one[edge:] - two[edge:]).max() > 0.1


@backend
def test_silence_has_states(files):
    feature = HiddenStates(files["whisper"], "1")
    silence = np.zeros(8000, np.float32)
    states = feature(silence)
    assert np.isfinite(states).all()
    close(in_graph(feature, silence), states)


def test_blocks_are_those_of_the_encoder(files):
    path = files["whisper"]
    together = HiddenStates(path, "0, 2")
    assert together.blocks == "0,2"
    assert together.number_names[:3] == ["block 0 unit 0", "block 2 unit 0", "block 0 unit 1"]
    states = together(sound(4001))
    model = encoders.find(path, 2).build(2)
    expected = model(encoders.find(path).front_end(sound(4001))[None])
    for place, block in enumerate((0, 2)):
        np.testing.assert_allclose(
            states[..., place], np.asarray(expected[block])[0], atol=1e-4, rtol=1e-4
        )


@pytest.mark.parametrize("blocks", ["", "x", "1,x", "1,1", "1, 1", "-1", "²", "1,"])
def test_what_is_no_list_of_blocks(blocks):
    for kind in (HiddenStates, PooledStates):
        with raises(ConfigurationError, "invalid-blocks", repr(blocks)):
            kind(blocks=blocks)


def test_blocks_and_rates_that_there_are_not(files):
    with raises(ModelError, "no-such-block", "2 blocks"):
        HiddenStates(files["whisper"], "3").shape(1)
    with raises(ConfigurationError, "encoder-sample-rate", "8000"):
        Preprocessing("hidden_states", sample_rate=8000)


def test_pooled_states_are_means_and_deviations(files):
    wave = sound(12_345)
    states = HiddenStates(files["whisper"], "1,2")(wave).reshape(-1, 32)
    feature = PooledStates(files["whisper"], "1,2")
    expected = np.concatenate([states.mean(axis=0), states.std(axis=0)])
    np.testing.assert_allclose(feature(wave)[0], expected, rtol=1e-4, atol=1e-4)
    assert feature.number_names[0] == "block 1 unit 0 mean"
    assert feature.number_names[-1] == "block 2 unit 15 std"


@backend
@pytest.mark.parametrize("frames", [1, 7, 24, 25, 26, 61])
def test_clips_of_a_short_utterance_repeat_it(files, frames):
    prep = Preprocessing(HiddenStates(files["whisper"], "1,2"), clip_seconds=0.49)
    assert prep.clip_frames == 25
    states = np.random.default_rng(0).normal(size=(frames, 16, 2)).astype(np.float32)
    clips = prep.clips(states)
    if frames < 25:
        first = (25 - frames) // 2
        np.testing.assert_array_equal(clips[0, first : first + frames], states)
        for k in range(25):  # no frame is empty: each is that of a period later
            np.testing.assert_array_equal(clips[0, k], states[(k - first) % frames])
    layer = CutClips(prep.clip_frames, None)
    np.testing.assert_array_equal(np.asarray(layer(states[None])), clips)


def test_the_cache_keeps_half_precision_and_finds_a_subset(files, small, tmp_path, monkeypatch):
    monkeypatch.setenv("SERTK_CACHE", str(tmp_path))
    prep = Preprocessing(HiddenStates(files["whisper"], "2"), target_rms_db=-26.0)
    rows = small.head(5)
    features = cache.compute(rows, prep)
    arrays = [np.load(path, mmap_mode="r") for path in tmp_path.rglob("*.npy")]
    assert {array.dtype for array in arrays} == {np.dtype(np.float16)}
    first = rows["utterance_id"].iloc[0]
    states = features[first]
    assert states.dtype == np.float32
    wave = prep.load(manifests.paths(rows)[0])
    np.testing.assert_allclose(states, prep.extract(wave), rtol=1e-3, atol=1e-3)

    def refuse(*_):
        raise AssertionError("computed again")

    monkeypatch.setattr(HiddenStates, "__call__", refuse)
    again = cache.compute(rows.iloc[[3, 0]], prep)
    np.testing.assert_array_equal(again[first], states)


def test_other_weights_under_the_same_name_are_other_features(files, tmp_path):
    path = tmp_path / "mine.safetensors"
    written("whisper", path, blocks=1)
    before = HiddenStates(str(path), "1").identity
    assert before == PooledStates(str(path), "1").identity
    written("whisper", path, blocks=2)
    assert HiddenStates(str(path), "1").identity != before
