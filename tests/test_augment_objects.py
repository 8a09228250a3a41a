"""Augmentation by objects, for some labels, live; and the words that take ranges and folders."""

import functools
import itertools
import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import audiomentations
import numpy as np
import pytest
import soundfile
from scipy.signal import welch

from sertk import augment, cache, explore
from sertk.augment import Augmentation, folders
from sertk.augment.fingerprints import described
from sertk.errors import ConfigurationError, UnknownNameError
from sertk.preprocessing import Preprocessing
from tests.errors import raises
from tests.test_augment import RATE, peak_hertz, rms, tone
from tests.test_features import voice

PREP = Preprocessing("log_mel", clip_seconds=1.0)


def halve(waveform, sample_rate, generator):
    return waveform / 2


def scale(factor):
    return augment.named(
        "scale", lambda waveform, sample_rate, rng: waveform * factor, factor=factor
    )


def louder():
    return audiomentations.Gain(min_gain_db=3.0, max_gain_db=6.0, p=1.0)


def snr_db(clean, noisy):
    return 20 * np.log10(rms(clean) / rms(noisy - clean))


@pytest.mark.parametrize(
    ("name", "low", "high"), [("noise", 10, 30), ("strong_noise", 0, 10), ("steady_noise", 0, 40)]
)
def test_named_ranges_of_noise(name, low, high):
    wave = 0.05 * voice()
    ratios = [snr_db(wave, augment.apply(name, wave, RATE, s)) for s in range(60)]
    assert low - 0.1 <= min(ratios) < low + 1.5
    assert high - 1.5 < max(ratios) <= high + 0.1


def test_steady_noise_goes_from_hiss_to_rumble():
    wave = 0.05 * voice()
    slopes = []
    for seed in range(40):
        noise = augment.apply("steady_noise", wave, RATE, seed) - wave
        frequency, power = welch(noise, RATE, nperseg=2048)
        inside = (frequency > 100) & (frequency < 6000)
        slopes.append(np.polyfit(np.log2(frequency[inside]), 10 * np.log10(power[inside]), 1)[0])
    assert -6.5 < min(slopes) < -5
    assert -1 < max(slopes) < 0.5


def test_a_limited_band_keeps_what_is_inside():
    noise = np.random.default_rng(0).normal(size=2 * RATE).astype(np.float32)
    cuts = []
    for seed in range(40):
        kept = np.abs(np.fft.rfft(augment.apply("band_limit", noise, RATE, seed)))
        share = kept / np.abs(np.fft.rfft(noise))
        inside = np.flatnonzero(share > 0.5) / 2  # Hz
        cuts.append((inside[0], inside[-1]))
        np.testing.assert_allclose(share[share > 0.5], 1, atol=1e-3)
        assert share[: int(2 * inside[0])].max(initial=0) < 0.01
    low, high = np.array(cuts).T
    assert 10 < (low < 1).sum() < 30
    assert 100 <= low[low > 1].min() < low.max() <= 401
    assert 2499 < high.min() < 3500 < 6000 < high.max() <= 7000


def test_a_part_is_a_piece_of_what_is_longer():
    wave = np.arange(4 * RATE, dtype=np.float32)
    parts = [augment.apply("part", wave, RATE, s) for s in range(40)]
    lengths = [len(piece) / RATE for piece in parts]
    assert 0.8 <= min(lengths) < 1.1 < 2.3 < max(lengths) <= 2.6
    assert all((np.diff(piece) == 1).all() for piece in parts)
    assert len({piece[0] for piece in parts}) > 30
    short = wave[: RATE // 2]
    np.testing.assert_array_equal(augment.apply("part", short, RATE, 0), short)


def test_background_is_recorded_at_a_ratio_from_the_range(tmp_path):
    (tmp_path / "deep").mkdir()
    soundfile.write(tmp_path / "deep" / "hum.flac", tone(300, 4.0, 48_000), 48_000)
    wave = 0.05 * voice()
    noises = [augment.apply(f"background@{tmp_path}", wave, RATE, s) - wave for s in range(40)]
    ratios = [20 * np.log10(rms(wave) / rms(noise)) for noise in noises]
    assert 0 <= min(ratios) < 2
    assert 18 < max(ratios) <= 20.01
    frequency, power = welch(noises[0], RATE, nperseg=2048)
    assert frequency[power.argmax()] == pytest.approx(300, abs=8)
    narrow = augment.background(tmp_path, min_snr_db=3, max_snr_db=3)
    assert snr_db(wave, augment.apply([narrow], wave, RATE, 0)) == pytest.approx(3, abs=0.01)


def test_a_silent_or_broken_recording_is_refused_before_anything_is_made(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(), RATE)
    late = np.concatenate([np.zeros(12 * RATE, "float32"), tone()])  # beyond the first piece read
    soundfile.write(tmp_path / "late.wav", late, RATE)
    (tmp_path / "folder.wav").mkdir()
    assert [p.name for p in folders.sounds(tmp_path)] == ["a.wav", "late.wav"]
    soundfile.write(tmp_path / "z.wav", np.zeros(800), RATE)
    for name in ("background", "room"):
        with raises(ConfigurationError, "silent-noise-recording", "z.wav"):
            augment.recipe(f"{name}@{tmp_path}")
    (tmp_path / "z.wav").write_bytes(b"RIFF")
    with raises(ConfigurationError, "unreadable-noise-recording", "z.wav"):
        augment.resolved(Augmentation(f"background@{tmp_path}", on_the_fly=True))


def test_a_measured_room_keeps_level_and_moment(tmp_path):
    measured = np.zeros(4000, np.float32)
    measured[[700, 1900]] = 0.8, -0.4  # the sound needs 700 samples to the microphone
    soundfile.write(tmp_path / "hall.wav", measured, RATE, subtype="FLOAT")
    wave = voice()
    expected = wave.astype(float).copy()
    expected[1200:] -= 0.5 * wave[:-1200]
    expected *= rms(wave) / rms(expected)
    given = augment.apply(f"room@{tmp_path}", wave, RATE, 0)
    np.testing.assert_allclose(given, expected, atol=1e-5)


def test_other_recordings_are_other_copies(divided, tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(), RATE)
    name = f"pitch+background@{tmp_path}"
    first = augment.copies(divided, name, count=1)["utterance_id"].iloc[0]
    assert str(tmp_path) not in first
    lists = ([name], [augment.background(tmp_path)])
    before = [augment.resolved(given).recipe for given in lists]
    assert all(str(tmp_path) not in str(chain.record) for chain in before)
    soundfile.write(tmp_path / "a.wav", tone(500), RATE)
    assert augment.copies(divided, name, count=1)["utterance_id"].iloc[0] != first
    after = [augment.resolved(given).recipe for given in lists]
    assert all(one != other for one, other in zip(before, after, strict=True))


def test_a_replaced_room_is_heard(tmp_path):
    path = tmp_path / "room.wav"
    dry = np.zeros(400)
    dry[0] = 0.9
    heard = []
    for place in (100, 200):
        echo = dry.copy()
        echo[place] = 0.5
        soundfile.write(path, echo, RATE)
        heard.append(augment.apply(f"room@{tmp_path}", tone(), RATE, seed=0))
    assert not np.array_equal(*heard)


def test_masks_hide_a_tenth_at_most():
    wave = np.random.default_rng(0).normal(size=2 * RATE).astype("f4")
    hidden = [np.mean(augment.apply("time_mask", wave, RATE, s) == 0) for s in range(60)]
    assert 0.08 < max(hidden) <= 0.1
    mel = 2595 * np.log10(1 + np.fft.rfftfreq(len(wave), 1 / RATE) / 700)
    widths = []
    for seed in range(60):
        changed = np.fft.rfft(augment.apply("band_mask", wave, RATE, seed).astype(float))
        gone = np.abs(changed) < 1e-3 * np.abs(np.fft.rfft(wave))
        widths.append(np.ptp(mel[gone]) / mel[-1] if gone.any() else 0.0)
        np.testing.assert_allclose(changed[~gone], np.fft.rfft(wave)[~gone], atol=1e-2)
    assert 0.08 < max(widths) <= 0.1


def test_gain_dynamic_and_trim_shift_stay_in_their_ranges():
    wave = tone()
    gains = [
        20 * np.log10(rms(augment.apply("gain", wave, RATE, s)) / rms(wave)) for s in range(60)
    ]
    assert -12 <= min(gains) < -10
    assert 10 < max(gains) <= 12
    ones = np.ones(2 * RATE, np.float32)
    levels = [20 * np.log10(augment.apply("dynamic", ones, RATE, s)) for s in range(30)]
    assert -6 <= np.min(levels) < -5.5
    assert 5.5 < np.max(levels) <= 6
    assert np.ptp(levels[0]) > 3
    time = np.arange(2 * RATE, dtype=np.float32)
    kept = [augment.apply("trim_shift", time, RATE, s) for s in range(60)]
    assert max(k[0] for k in kept) > 1500
    assert all(k[0] <= 1600 and time[-1] - k[-1] <= 1600 for k in kept)
    assert all((np.diff(k) == 1).all() for k in kept)


def test_tempo_keeps_the_pitch_and_speed_does_not():
    sounds = [augment.apply("stretch", tone(), RATE, s) for s in range(30)]
    lengths = [len(wave) / (2 * RATE) for wave in sounds]
    assert 0.8 <= min(lengths) < 0.9
    assert 1.1 < max(lengths) <= 1.25
    np.testing.assert_allclose([peak_hertz(wave) for wave in sounds], 440, atol=3)
    for seed, (word, slowest, fastest) in itertools.product(
        range(20), (("speed_pitch", 0.9, 1.1), ("voice", 0.8, 1.25))
    ):
        played = augment.apply(word, tone(), RATE, seed)
        factor = 2 * RATE / len(played)
        assert slowest - 1e-4 <= factor <= fastest + 1e-4
        assert peak_hertz(played) == pytest.approx(440 * factor, abs=1)


def test_strong_changes_about_half_of_the_copies_in_each_way():
    wave = voice(seconds=1)
    silent = sum((augment.apply("strong", wave, RATE, s) == 0).sum() > 100 for s in range(40))
    assert 4 < silent < 30  # noise, drawn before, does not fill what time_mask silences


def test_a_list_does_what_its_members_do_in_order():
    wave = voice()
    given = augment.apply([halve, "shift", louder()], wave, RATE, seed=3)
    again = augment.apply([halve, "shift", louder()], wave, RATE, seed=3)
    np.testing.assert_array_equal(given, again)
    assert rms(given) / rms(wave) == pytest.approx(0.75, abs=0.15)
    with ThreadPoolExecutor(4) as pool:
        gains = list(pool.map(lambda s: augment.apply([louder()], wave, RATE, s), range(12)))
    for seed, gained in enumerate(gains):
        np.testing.assert_array_equal(gained, augment.apply([louder()], wave, RATE, seed))


def test_lists_that_act_alike_are_one_and_others_are_not():
    def name(*transforms):
        return augment.resolved(list(transforms)).recipe.name

    assert name(halve, louder()) == name(halve, louder())
    used = louder()
    used(samples=tone(), sample_rate=RATE)  # what it drew last is no part of what it is
    different = [
        name(halve), name(louder()), name(used, used), name(scale(2)), name(scale(3)),
        name("noise"), name(halve, "noise"),
        name(audiomentations.Gain(min_gain_db=3.0, max_gain_db=7.0, p=1.0)),
        name(partial(halve)),
        name(audiomentations.Compose([louder()])), name(audiomentations.OneOf([louder()])),
        name(augment.noise_between(0, 5)), name(augment.noise_between(0, 6)),
    ]  # fmt: skip
    assert len(set(different)) == len(different)
    assert name(used) == name(louder())


def test_an_object_is_its_name_and_its_parameters():
    assert described(scale(2)) == described(scale(2)) != described(scale(3))
    assert described(functools.cache(halve))["name"].endswith("test_augment_objects.halve")
    assert described(partial(halve, 2))["with"] == [[2], {}]
    assert described({"limit": math.inf, "at": (1, np.float32(2))}) == {
        "limit": "inf",
        "at": [1, "2.0"],
    }
    with raises(ConfigurationError, "unnamed-function", "<lambda>"):
        described(lambda waveform: waveform)
    itself = louder()
    itself.transforms = [itself]
    with raises(ConfigurationError, "unidentifiable-object"):
        described(itself)


@pytest.mark.parametrize(
    ("make", "value"),
    [
        (lambda: augment.noise_between(10, 0), "10 to 0"),
        (lambda: augment.noise_between("a", 3), "'a' to 3"),
        (lambda: augment.noise_between(float("nan"), 3), "nan to 3"),
        (lambda: augment.speed_between(0, 1), "above 0"),
        (lambda: augment.background(".", min_snr_db=9, max_snr_db=3), "9 to 3"),
    ],
)
def test_a_range_that_is_none_is_refused_where_it_is_given(make, value):
    with raises(ConfigurationError, "invalid-random-range", value):
        make()


def test_a_list_has_the_same_name_in_another_process():
    code = (
        "from sertk import augment; from tests import test_augment_objects as t; "
        "print(augment.resolved([t.halve, t.scale(2), t.louder()]).recipe)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    own = augment.resolved([halve, scale(2), louder()]).recipe.name
    assert done.stdout.split()[-1] == own


def test_objects_that_read_files_and_what_nobody_can_know(tmp_path):
    soundfile.write(tmp_path / "hum.wav", tone(300, 4.0), RATE)
    noise, room = (
        kind(str(tmp_path), p=1.0)
        for kind in (audiomentations.AddBackgroundNoise, audiomentations.ApplyImpulseResponse)
    )
    names = [augment.resolved([item]).recipe.name for item in (noise, room)]
    assert rms(augment.apply([noise], tone(), RATE, 0) - tone()) > 0.001
    augment.apply([room, audiomentations.OneOf([louder(), louder()])], tone(), RATE, 0)
    assert [augment.resolved([item]).recipe.name for item in (noise, room)] == names
    drawing = partial(halve, generator=np.random.default_rng(0))
    with raises(ConfigurationError, "unidentifiable-object"):
        augment.resolved([drawing])


@pytest.mark.parametrize(
    ("wrong", "code", "value"),
    [
        ([], "no-transforms", ""),
        ([3], "invalid-transform", ""),
        ([("noise", 2)], "invalid-transform", "'noise'"),
        ([rms], "wrong-transform-arguments", ""),
        (["r5"], "set-in-transforms", "'r5'"),
        (["nois"], "unknown-name", "'noise'"),
        ("background", "no-noise-folder", ""),
        ("background@/nowhere/at all", "no-noise-recordings", ""),
        ("room+background@x", "unexpected-noise-folder", ""),
    ],
)
def test_what_cannot_be_done(wrong, code, value):
    with raises(ConfigurationError, code, value):
        augment.resolved(wrong)


def test_a_transform_that_returns_no_waveform_is_named():
    with raises(ConfigurationError, "invalid-transform-output", "8000"):
        augment.apply(
            [augment.named("two", lambda w, r, g: np.stack([w, w]))], tone()[:8000], RATE, 0
        )
    with raises(ConfigurationError, "invalid-transform-output", "non-finite"):
        augment.apply([augment.named("nan", lambda w, r, g: w * np.nan)], tone()[:8000], RATE, 0)


def test_copies_of_chosen_labels_and_their_lineage(divided, tmp_path):
    made = augment.copies(divided, Augmentation([halve], only=("angry",)), count=2)
    train = divided[(divided["split"] == "train") & (divided["label"] == "angry")]
    assert set(made["parent"]) == set(train["utterance_id"])
    assert len(made) == 2 * len(train)
    features = cache.compute(made, PREP, folder=tmp_path)
    original = cache.compute(divided, PREP, folder=tmp_path)
    copy, parent = made[["utterance_id", "parent"]].iloc[0]
    loud = original[parent] > original[parent].max() - 60
    np.testing.assert_allclose((original[parent] - features[copy])[loud], 6.0206, atol=1e-3)
    again = augment.copies(divided, Augmentation([halve], only=("angry",)), count=2)
    assert again["utterance_id"].tolist() == made["utterance_id"].tolist()
    with raises(UnknownNameError, "unknown-name", "Did you mean 'angry'"):
        augment.copies(divided, Augmentation("noise", only=("angri",)))
    with raises(ConfigurationError, "invalid-only-labels"):
        Augmentation("noise", only="happy")


def test_preview_shows_waveform_and_spectrogram_before_and_after(small):
    shown = explore.preview(small, [halve, "pitch"], seed=1)
    table = shown.frame()
    assert table.index.tolist() == ["before", "after"]
    assert table.loc["before", "target_rms_db"] - table.loc[
        "after", "target_rms_db"
    ] == pytest.approx(6.02, abs=1.0)
    assert len(shown.plot().child_axes) == 4
    assert shown._repr_html_().count("<audio") == 2
    assert [name for name, _, _ in shown.players()] == ["before", "after"]
