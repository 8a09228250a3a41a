"""Sets of augmentations: an entry for each copy, and noise recorded in a folder."""

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile

from sertk import augment, cache, datasets
from sertk.augment import noises
from sertk.errors import ConfigurationError, UnknownNameError
from sertk.preprocessing import Preprocessing
from tests.errors import raises
from tests.test_augment import RATE, SETS, peak_hertz, rms, tone
from tests.test_features import voice

SNR_DB = {
    "cafeteria": 0, "kitchen": 0, "park": 6, "traffic": 6, "restaurant": 10, "river": 0,
    "square": 0,
}  # fmt: skip


def test_r5_shift_moves_by_whole_fifths_and_keeps_half_of_a_short_clip():
    wave = np.random.default_rng(1).normal(size=round(2.1 * RATE)).astype("f4")
    fifth = RATE // 5
    seen = set()
    for seed in range(80):
        moved = augment.apply("r5:shift", wave, RATE, seed)
        zeros = np.flatnonzero(moved)
        before, after = zeros[0], len(wave) - 1 - zeros[-1]
        assert before == 0 or after == 0
        steps = (before - after) / fifth
        expected = np.zeros_like(wave)
        if before:
            expected[before:] = wave[:-before]
        else:
            expected[: len(wave) - after] = wave[after:]
        np.testing.assert_array_equal(moved, expected)
        seen.add(steps)
    assert seen == set(range(-4, 5))
    short = wave[: round(0.9 * RATE)]
    kept = [np.count_nonzero(augment.apply("r5:shift", short, RATE, s)) for s in range(40)]
    assert min(kept) == len(short) - 2 * fifth


def test_r5_fast_is_cut_and_keeps_the_level():
    wave = voice()
    wave[-8000:] = 0
    faster = librosa.effects.time_stretch(wave, rate=1.2)
    kept, _ = librosa.effects.trim(faster, top_db=40)
    assert len(kept) < len(faster)
    given = augment.apply("r5:fast", wave, RATE, 0)
    np.testing.assert_allclose(given, kept * rms(wave) / rms(kept), atol=1e-6)


def test_r5_trims_cut_silence_on_their_side_alone():
    quiet = np.zeros(8192, np.float32)
    both = np.concatenate([quiet, tone(), quiet])
    _, (start, end) = librosa.effects.trim(both, top_db=40)
    assert 0 < start < 8192
    left, right = (augment.apply(f"r5:{side}_trim", both, RATE, 0) for side in ("left", "right"))
    np.testing.assert_array_equal(left, both[start:])
    np.testing.assert_array_equal(right, both[:end])
    np.testing.assert_array_equal(augment.apply("r5:left_trim", tone(), RATE, 0), tone())


def test_mixnoise_has_its_published_ratios():
    wave = 0.05 * voice(seconds=2)  # so quiet that nothing has to be scaled down
    for place, snr_db in SNR_DB.items():
        for seed in range(3):
            noise = augment.apply(f"mixnoise:{place}", wave, RATE, seed) - wave
            assert 20 * np.log10(rms(wave) / rms(noise)) == pytest.approx(snr_db, abs=0.01)
    loud = augment.apply("mixnoise:river", 20 * wave / np.abs(wave).max(), RATE, 0)
    assert np.abs(loud).max() == pytest.approx(1)


def test_synthetic_noises_are_shaped_like_their_places():
    low, swings = {}, {}
    for name, place in noises.PLACES.items():
        noise = noises.synthetic(place, 20 * RATE, RATE, np.random.default_rng(0))
        power = np.square(np.abs(np.fft.rfft(noise)))
        low[name] = power[: 20 * 500].sum() / power.sum()  # below 500 Hz
        levels = [rms(part) for part in np.split(noise, 20)]  # by the second
        swings[name] = np.std(levels) / np.mean(levels)
    assert low["traffic"] > low["cafeteria"] > low["river"]
    assert low["traffic"] > 0.9
    assert low["river"] < 0.2
    assert swings["traffic"] > 2 * swings["river"]


def recordings(folder, names=SNR_DB, seconds=4.0, rate=48_000):
    """Write a tone for each place, each of another frequency: it tells which one was added."""
    for number, name in enumerate(names):
        file = folder / (name if "." in name else f"{name}.wav")
        file.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(file, tone(300 + 100 * number, seconds, rate), rate)
    return folder


@pytest.mark.parametrize("seconds", [4.0, 0.4])
def test_mixnoise_takes_recordings(tmp_path, seconds):
    names = (
        "Cafeteria_1.wav", "DKITCHEN/ch01.wav", "park/b.wav", "STRAFFIC/ch01.flac", "presto.wav",
        "river.ogg", "SQUARE/ch01.wav",
    )  # fmt: skip
    folder = recordings(tmp_path, names, seconds)
    wave = 0.05 * voice()
    for number, (place, snr_db) in enumerate(SNR_DB.items()):
        name = f"mixnoise:{place}@{folder}"
        noise = augment.apply(name, wave, RATE, 1) - wave
        assert peak_hertz(noise) == pytest.approx(300 + 100 * number, abs=5)
        assert 20 * np.log10(rms(wave) / rms(noise)) == pytest.approx(snr_db, abs=0.01)
        by_number = augment.apply(f"mixnoise@{folder}", wave, RATE, 1, number)
        np.testing.assert_array_equal(by_number, noise + wave)
        # another seed, another place in the recording
        assert not np.array_equal(by_number, augment.apply(name, wave, RATE, 2))
    assert list(augment.recipe(f"mixnoise@{folder}")) == [*SNR_DB, "reverb"]


def test_every_recording_of_a_place_is_drawn(tmp_path):
    names = [*SNR_DB, "park/one.wav", "park/two.wav", "park/notes.txt.wav"]
    folder = recordings(tmp_path, names)
    (folder / "park" / "README.txt").write_text("no sound")
    wave = voice()
    heard = {
        round(peak_hertz(augment.apply(f"mixnoise:park@{folder}", wave, RATE, s) - wave), -2)
        for s in range(40)
    }
    assert {500, 1000, 1100, 1200} <= heard


def test_other_recordings_are_other_copies(tmp_path):
    frame = pd.DataFrame({"utterance_id": ["a"], "split": ["train"]})

    def ids(folder):
        return augment.copies(frame, f"mixnoise@{folder}")["utterance_id"].tolist()

    one, twin = (recordings(tmp_path / name) for name in ("one", "twin"))
    first = ids(one)
    assert len(first) == 8
    assert str(tmp_path) not in first[0]
    assert first == ids(twin)  # wherever the folder is
    soundfile.write(twin / "park.wav", tone(333.0), RATE)
    assert not set(first) & set(ids(twin))
    assert first == ids(one)
    assert augment.copies(frame, f"mixnoise@{one}")["copy"].tolist() == list(range(8))


def test_a_folder_without_its_noises(tmp_path):
    folder = recordings(tmp_path / "some", ["park", "river", "squirrel"])
    frame = pd.DataFrame({"utterance_id": ["a"], "split": ["train"]})
    with raises(ConfigurationError, "incomplete-noise-folder", "cafeteria.wav"):
        augment.copies(frame, f"mixnoise@{folder}")
    with raises(ConfigurationError, "missing-noise-folder"):
        augment.apply(f"mixnoise@{tmp_path / 'nowhere'}", tone(), RATE, 0)
    (tmp_path / "empty").mkdir()
    with raises(ConfigurationError, "incomplete-noise-folder"):
        augment.recipe(f"mixnoise@{tmp_path / 'empty'}")
    damaged = recordings(tmp_path / "damaged")
    (damaged / "park.wav").write_bytes(b"RIFF")
    with raises(ConfigurationError, "unreadable-noise-recording", "park.wav"):
        augment.copies(frame, f"mixnoise@{damaged}")
    with raises(ConfigurationError, "unreadable-noise-recording", "park.wav"):
        augment.apply(f"mixnoise:park@{damaged}", tone(), RATE, 0)


def test_a_set_makes_one_copy_of_each_entry(divided):
    train = int((divided["split"] == "train").sum())
    wave = voice()
    for name in SETS:
        made = augment.copies(divided, name)
        assert len(made) == augment.size(name) * train
        assert made["utterance_id"].is_unique
        for number, entry in enumerate(augment.recipe(name)):
            np.testing.assert_array_equal(
                augment.apply(name, wave, RATE, 5, number),
                augment.apply(f"{name}:{entry}", wave, RATE, 5),
            )
        assert len(augment.copies(divided, name, count=2)) == 2 * train
        # without a number the seed draws one, as a preview does
        lone = {augment.apply(name, wave, RATE, s).tobytes() for s in range(40)}
        assert len(lone) > augment.size(name) / 2
    assert len(augment.copies(divided, "noise")) == augment.size("noise") * train == 2 * train
    assert augment.size("r5:pitch") == 2


def test_copies_of_a_set_reach_the_network(divided, tmp_path, monkeypatch):
    monkeypatch.setenv("SERTK_CACHE", str(tmp_path))
    prep = Preprocessing("mfcc", clip_seconds=1.0)
    made = augment.copies(divided, "r5")
    spectra = cache.compute(pd.concat([divided, made]), prep)
    frames = spectra.frame(made).set_index(made["parent"])["frames"]
    originals = spectra.frame(divided).set_index("utterance_id")["frames"]
    slow = (made["copy"] == 3).to_numpy()
    ratio = frames[slow] / originals[frames.index[slow]]
    assert ratio.between(1.2, 1.3).all()
    train, _, _ = datasets.make(divided, prep, augment="r5", copies=7)
    assert train.augmentation == "r5"
    assert {len(versions) for versions in train.versions.values()} == {8}
    for epoch in range(3):
        train.epoch = epoch
        assert all(np.isfinite(train[k][0]).all() for k in range(len(train)))


def test_sets_that_are_asked_too_much(divided):
    with raises(ConfigurationError, "too-many-copies", "8 copies", "makes 7", "r5:noise"):
        augment.copies(divided, "r5", count=8)
    with raises(ConfigurationError, "too-many-copies", "makes 8"):
        augment.apply("mixnoise", tone(), RATE, 0, number=8)
    with raises(UnknownNameError, "unknown-name", "Did you mean 'r5:pitch'"):
        augment.recipe("r5:pitc")
    with raises(UnknownNameError, "unknown-name", "Did you mean 'mixnoise'"):
        augment.recipe("mixnose")
    for name, code in {
        "r5+noise": "unjoinable-recipe",
        "noise+r5:pitch": "unjoinable-recipe",
        "noise+light": "unjoinable-recipe",
        "r5@somewhere": "unexpected-noise-folder",
        "mixnoise@": "unexpected-noise-folder",
    }.items():
        with raises(ConfigurationError, code):
            augment.recipe(name)
