"""Clips: the same numbers in numpy and in the graph, padding that is silence, a stable record."""

import dataclasses
import json

import numpy as np
import pytest
import soundfile

from sertk import features, preprocessing
from sertk.errors import ConfigurationError, UnknownNameError
from sertk.features._spectrum import PADDING_DB
from sertk.preprocessing import Preprocessing
from sertk.preprocessing.clips import aggregate_clips, clip_starts
from tests.errors import raises
from tests.test_features import COMPUTED, voice


def cut(prep, spectrum, start):
    clip = np.empty(prep.clip_shape, np.float32)
    prep.cut(spectrum, start, clip)
    return clip


@pytest.mark.backend
@pytest.mark.parametrize("name", COMPUTED)
@pytest.mark.parametrize("gain", [1.0, 1e-3])
@pytest.mark.parametrize("reference", preprocessing.DB_REFERENCES)
def test_the_graph_finishes_a_clip_as_numpy_does(name, gain, reference):
    prep = Preprocessing(features.get(name), clip_seconds=2.0, db_reference=reference)
    clip = cut(prep, prep.extract(gain * voice()), -7)
    loud = np.zeros_like(clip)  # a loud neighbor in the batch must not matter
    x = np.stack([clip, loud])
    for layer in prep.layers():
        x = layer(x)
    assert tuple(x.shape[1:]) == prep.input_shape
    np.testing.assert_allclose(np.asarray(x)[0], prep.finish(clip), atol=1e-3)


def test_padding_becomes_the_floor_even_beside_a_very_quiet_voice():
    prep = Preprocessing("log_mel", clip_seconds=2.0)
    clip = cut(prep, prep.extract(1e-4 * voice(seconds=1.0)), 0)
    done = prep.finish(clip)
    assert (clip[-1] == PADDING_DB).all()
    assert (done[-1] == -80).all()
    assert done.max() == 0


def test_each_channel_has_a_reference_of_its_own():
    prep = Preprocessing("noise_reverb_spectrogram", clip_seconds=1.0)
    clip = cut(prep, prep.extract(voice()), 0)
    done = prep.finish(clip)
    assert prep.input_shape == done.shape == (101, 200, 3)
    np.testing.assert_array_equal(done.max(axis=(0, 1)), 0)


def test_the_padding_of_r3_is_zero_in_the_trace():
    kept = Preprocessing("mfcc_trace", clip_seconds=1.0, db_reference="full_scale")
    zero = dataclasses.replace(kept, db_reference="full_scale_zero_padding")
    sound = kept.extract(voice()[:8_000])
    clip = cut(kept, sound, 0)
    heard = len(sound)
    np.testing.assert_array_equal(zero.finish(clip)[:heard], kept.finish(clip)[:heard])
    np.testing.assert_array_equal(zero.finish(clip)[heard:], 0)
    assert kept.finish(clip)[heard:].max() < kept.finish(clip)[:heard].max()


def test_full_scale_keeps_the_level():
    prep = Preprocessing("log_mel", clip_seconds=1.0, db_reference="full_scale")
    loud, quiet = (cut(prep, prep.extract(gain * voice()), 0) for gain in (1, 0.1))
    difference = prep.finish(loud) - prep.finish(quiet)
    np.testing.assert_allclose(difference, 20, atol=0.05)


def test_level_and_waveform(tmp_path):
    soundfile.write(tmp_path / "quiet.wav", 0.01 * voice(), 16_000, subtype="FLOAT")
    prep = Preprocessing("waveform", clip_seconds=2.0, trim_db=None, target_rms_db=-20)
    wave = prep.load(tmp_path / "quiet.wav")
    assert np.sqrt(np.mean(np.square(wave))) == pytest.approx(0.1, rel=1e-3)
    clip = cut(prep, prep.extract(wave), -100)
    assert clip.shape == prep.input_shape == (32_000, 1)
    assert (clip[:100] == 0).all()
    np.testing.assert_array_equal(prep.finish(clip)[100 : 100 + len(wave), 0], wave)


@pytest.mark.parametrize(("start", "first"), [(0, 0), (3, 3), (-4, -4), (60, 60)])
def test_cut_copies_the_right_frames(start, first):
    prep = Preprocessing("log_mel", clip_seconds=0.5)
    spectrum = np.repeat(np.arange(70, dtype=np.float32)[:, None], 64, axis=1)
    clip = cut(prep, spectrum, start)
    wanted = np.arange(first, first + len(clip), dtype=float)
    wanted[(wanted < 0) | (wanted >= 70)] = PADDING_DB
    np.testing.assert_array_equal(clip[:, 0], wanted)


def test_the_rate_of_the_feature_is_the_preprocessings():
    assert Preprocessing("mfcc", sample_rate=44_100).feature.sample_rate == 44_100


@pytest.mark.parametrize("name", COMPUTED)
def test_the_record_rebuilds_it(name):
    prep = Preprocessing(
        name, clip_seconds=1.5, trim_db=None, target_rms_db=-20, db_reference="full_scale"
    )
    assert Preprocessing.from_dict(json.loads(json.dumps(prep.to_dict()))) == prep


def test_the_key_names_the_spectrum_and_nothing_after_it():
    key = Preprocessing("log_mel").spectrum_key
    assert Preprocessing("log_mel", clip_seconds=1.0, top_db=60).spectrum_key == key
    assert Preprocessing("mfcc").spectrum_key == key  # shares the log-mel
    assert Preprocessing("log_mel", trim_db=30).spectrum_key != key
    assert Preprocessing("log_mel", target_rms_db=-20).spectrum_key != key
    assert Preprocessing(features.LogMel(n_mels=40)).spectrum_key != key


@pytest.mark.parametrize(
    "wrong", [{"clip_seconds": 0}, {"sample_rate": -1}, {"trim_db": -5}, {"top_db": 0}]
)
def test_values_out_of_range(wrong):
    with raises(ConfigurationError, "invalid-preprocessing"):
        Preprocessing(**wrong)


@pytest.mark.parametrize("frames", [1, 50, 100, 101, 199, 250, 1000])
def test_clips_cover_every_frame_with_the_fewest(frames):
    starts = clip_starts(frames, 100)
    covered = {k for s in starts for k in range(s, s + 100)}
    assert set(range(frames)) <= covered
    assert len(starts) == max(1, -(-frames // 100))
    if frames > 100:
        assert starts[0] == 0
        assert starts[-1] == frames - 100


def test_combinations_of_clips():
    shares = np.array([[0.8, 0.2], [0.4, 0.6], [0.5, 0.5]])
    np.testing.assert_allclose(aggregate_clips(shares, [2, 1])[0], [0.6, 0.4])
    logs = np.sqrt(shares[0] * shares[1])
    np.testing.assert_allclose(
        aggregate_clips(shares, [2, 1], "geometric_mean")[0], logs / logs.sum()
    )
    np.testing.assert_allclose(
        aggregate_clips(shares, [2, 1], "max")[0], np.array([0.8, 0.6]) / 1.4
    )
    with raises(UnknownNameError, "unknown-name", "Did you mean 'mean'"):
        aggregate_clips(shares, [2, 1], "meen")
