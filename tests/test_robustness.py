"""Disturbed speech: conditions do what they say, and the clean point is the run's own score."""

import json
import re
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import soundfile
from scipy.signal import welch

from sertk import audio, evaluation, splits, training
from sertk.analysis import robustness
from sertk.analysis.robustness import conditions
from sertk.analysis.robustness.conditions import USUAL, Utterance
from sertk.errors import ConfigurationError, RunError, UnknownNameError
from sertk.preprocessing import Preprocessing
from tests import fake_run, small_corpus
from tests.errors import raises
from tests.test_augment import RATE, rms, tone
from tests.test_features import voice


def utterance(wave, seed=0, speaker="ann"):
    return Utterance(wave, RATE, speaker, np.random.default_rng(seed))


def test_noise_has_its_ratio_to_the_speech_and_is_the_same_at_every_level():
    silent = np.zeros(RATE, np.float32)
    wave = 0.05 * np.concatenate([silent, voice(seconds=1), silent])
    speech = audio.trim(wave, 40.0)
    noises = {
        level: conditions.white(utterance(wave), level) - wave for level in USUAL["white"].levels
    }
    for level, noise in noises.items():
        assert 20 * np.log10(rms(speech) / rms(noise)) == pytest.approx(level, abs=0.02)
    shapes = [noise / rms(noise) for noise in noises.values()]
    for shape in shapes[1:]:
        np.testing.assert_allclose(shape, shapes[0], atol=0.02)


def test_babble_is_made_of_others_and_never_of_the_tested_speaker(tmp_path):
    voices = {}
    for number, name in enumerate(["ann", "bob", "cat", "dan", "eve", "fay", "gus"]):
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, tone(300 + 200 * number, 1.0), RATE)
        voices[name] = [{"path": path, "start": None, "end": None}]
    wave = 0.02 * np.random.default_rng(0).normal(size=RATE).astype("f4")
    drawn = set()
    for seed in range(12):
        noise = conditions.babble(voices, utterance(wave, seed), 0.0) - wave
        frequency, power = welch(noise, RATE, nperseg=1600)
        loud = {n for k, n in enumerate(voices) if power[frequency == 300 + 200 * k] > 1e-9}
        assert len(loud) == 5
        assert "ann" not in loud
        drawn |= loud
        assert 20 * np.log10(rms(wave) / rms(noise)) == pytest.approx(0.0, abs=0.02)
    assert drawn == set(voices) - {"ann"}


def test_rooms_telephones_bands_gains_and_lengths():
    click = np.zeros(RATE, np.float32)
    click[0] = 0.5
    for level in USUAL["reverberation"].levels:
        ringing = conditions.reverberation(utterance(click), level)
        rest = np.cumsum(np.square(ringing[:0:-1], dtype=float))[::-1]
        decibels = 10 * np.log10(np.maximum(rest / rest[0], 1e-12))
        fell = np.argmax(decibels < -25) - np.argmax(decibels < -5)
        assert 3 * fell / RATE == pytest.approx(level, rel=0.15)
    hiss = 0.1 * np.random.default_rng(0).normal(size=4 * RATE).astype("f4")
    before = welch(hiss, RATE, nperseg=1024)[1]
    frequency, after = welch(conditions.telephone(utterance(hiss), 8000.0), RATE, nperseg=1024)
    change = 10 * np.log10(after / before)
    assert change[(frequency > 500) & (frequency < 3000)].min() > -2
    assert change[frequency < 150].max() < -20
    assert change[frequency > 4200].max() < -40
    _, low = welch(conditions.band(utterance(hiss), 1000.0), RATE, nperseg=1024)
    assert (low / before)[frequency > 1100].max() < 1e-4
    assert (low / before)[(frequency > 50) & (frequency < 900)].min() > 0.9
    wave = tone()
    assert np.abs(conditions.gain(utterance(wave), 30.0)).max() == 1.0
    np.testing.assert_allclose(conditions.gain(utterance(wave), -20.0), 0.1 * wave, rtol=1e-5)
    assert len(conditions.length(utterance(wave), 0.5)) == RATE // 2
    assert len(conditions.length(utterance(wave), 5.0)) == len(wave)


def test_offset_and_hum_are_shares_of_full_scale():
    wave = tone()
    for level in USUAL["offset"].levels:
        np.testing.assert_allclose(
            conditions.offset(utterance(wave), level) - wave, level, atol=1e-7
        )
    for level in USUAL["hum"].levels:
        added = conditions.hum(utterance(wave), level) - wave
        frequency, power = welch(added, RATE, nperseg=len(added))
        assert frequency[power.argmax()] == pytest.approx(50, abs=2)
        assert rms(added) * np.sqrt(2) == pytest.approx(level, rel=0.01)


@pytest.fixture(scope="module")
def run(tmp_path_factory, small_root):
    rows = splits.speaker_folds(small_corpus.manifest(small_root), folds=2, val=1)
    return training.cross_validate(
        "mlp", rows, Preprocessing("log_mel", clip_seconds=1.0),
        folder=tmp_path_factory.mktemp("robust") / "run", seeds=(0, 1), epochs=8, batch_size=16,
        learning_rate=5e-3,
    )  # fmt: skip


@pytest.fixture(scope="module")
def roots(small_root):
    return {"small": small_root}


@pytest.mark.parametrize("made", [None, [], np.zeros((2, 9)), np.full(9, np.nan)])
def test_a_condition_that_makes_no_waveform_is_refused(run, roots, made):
    broken = robustness.Condition("odd", "Odd", "x", (1.0,), lambda utterance, level: made)
    with raises(ConfigurationError, "invalid-condition-output", "'odd'"):
        robustness.measure(run, broken, roots=roots)


def test_curves_begin_with_the_runs_own_score_and_change_by_pairs(run, roots):
    mute = robustness.Condition(
        "mute", "Silence", "share", (0.0, 1.0), lambda given, level: given.waveform * (1 - level)
    )
    mild = replace(USUAL["white"], levels=(40.0, -20.0))
    shown = robustness.measure(run, [mild, mute, "babble"], roots=roots)
    table = shown.frame()
    assert list(table.columns) == [
        "condition", "level", "uar", "low", "high", "n", "change", "change_low", "change_high"
    ]  # fmt: skip
    own = evaluation.evaluate(run)
    clean = table.iloc[0]
    assert (clean["condition"], clean["n"]) == ("clean", 72)
    assert clean[["uar", "low", "high"]].tolist() == pytest.approx(
        [own.uar, own.interval().low, own.interval().high]
    )
    by = table.set_index(["condition", "level"])
    np.testing.assert_allclose(by.loc[("mute", 0.0), "uar"], own.uar)
    assert by.loc[("mute", 0.0), ["change", "change_low", "change_high"]].tolist() == [0, 0, 0]
    assert by.loc[("mute", 1.0), "uar"] == pytest.approx(1 / 3)  # all sound alike
    assert by.loc[("white", -20.0), "uar"] < by.loc[("white", 40.0), "uar"]
    np.testing.assert_allclose(by["change"], by["uar"] - own.uar, atol=1e-12)
    assert ((by["low"] <= by["uar"]) & (by["uar"] <= by["high"])).all()
    assert len(table) == 1 + 2 + 2 + 5
    assert len(shown.plot().child_axes) == 3
    again = robustness.measure(run, mild, roots=roots).frame()
    pd.testing.assert_frame_equal(again, table[: len(again)])


def test_the_command_writes_a_page_that_needs_nothing(
    run, roots, tmp_path, done, refused, monkeypatch
):
    monkeypatch.setattr(sys, "argv", ["sertk", "robustness", "runs/mine"])
    noises = tmp_path / "noises"
    noises.mkdir()
    soundfile.write(noises / "hum.wav", tone(100), RATE)
    page = tmp_path / "page.html"
    words = ["robustness", run.folder, "--root", roots["small"], "--conditions", "telephone"]
    out = done(*words, "-o", page).out
    own = evaluation.evaluate(run)
    assert f"{100 * own.uar:.1f}" in out.splitlines()[1]
    assert out.splitlines()[-1] == f"Page: {page}"
    rows = json.loads(done(*words, "--noises", noises, "--json", "-o", page).out)
    assert [row["condition"] for row in rows] == ["clean", "telephone", *["noises"] * 5]
    record = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    assert [row["title"] for row in record["rows"]] == ["Telephone", *["Recorded noise"] * 5]
    assert record["rows"][0]["uar"] == pytest.approx(rows[1]["uar"])
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", text)
    assert text.count("<tbody>") == 2
    assert "Recorded noise" in text
    assert "sertk robustness runs/mine</code>" in text
    assert text.count("<svg") == 2
    refused(*words[:-1], "whitee").check("unknown-name", "'white'")
    refused(*words, "--noises", run.folder).check("no-noise-recordings")


def test_what_cannot_be_measured(tmp_path):
    with raises(UnknownNameError, "unknown-name", "Did you mean 'babble'"):
        conditions.chosen(["babbl"], [], None)
    with raises(ConfigurationError, "no-conditions"):
        conditions.chosen([], [], None)
    with raises(ConfigurationError, "too-few-babble-speakers"):
        conditions.chosen(["babble"], [{"speaker": "ann"}], None)
    unfinished = fake_run.write(tmp_path / "run", speakers=4, folds=2, status="unfinished")
    with raises(RunError, "untested-run"):
        robustness.measure(unfinished)
    (tmp_path / "vectors").mkdir()
    np.save(tmp_path / "vectors" / "a.npy", np.zeros((3, 8), "float32"))
    feature = {"name": "embedding", "folder": str(tmp_path / "vectors")}
    read = fake_run.write(
        tmp_path / "read", speakers=4, folds=2, preprocessing={"feature": feature}
    )
    with raises(ConfigurationError, "features-from-files"):
        robustness.measure(read.folder)


def test_noise_that_is_none_is_refused_at_once(tmp_path):
    soundfile.write(tmp_path / "z.wav", np.zeros(RATE), RATE)
    with raises(ConfigurationError, "silent-noise-recording", "z.wav"):
        conditions.chosen(["white"], [], tmp_path)


def test_a_condition_of_ones_own_may_close_over_voices():
    mixed = replace(USUAL["babble"], disturb=partial(conditions.babble, {"bob": []}))
    assert conditions.chosen([mixed], [], None) == [mixed]
