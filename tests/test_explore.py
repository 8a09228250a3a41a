"""Exploring a corpus: the numbers behind the pictures, the players, and the page."""

import base64
import io
import re

import numpy as np
import pandas as pd
import pytest
import soundfile

from sertk import audio, explore, features, labels, splits
from sertk import manifest as manifests
from sertk.errors import AudioError, ConfigurationError, ManifestError, UnknownNameError
from sertk.explore.pitch import median_pitch
from sertk.preprocessing import Preprocessing
from sertk.preprocessing.clips import clip_starts
from tests import small_corpus
from tests.errors import raises


@pytest.fixture
def texts(small):
    """The small corpus, as if its speakers had said two sentences."""
    take = small["utterance_id"].str[-1].astype(int)
    return small.assign(text=np.where(take % 2 == 0, "kids are talking", "dogs are sitting"))


def tone(hertz, seconds=1.0, rate=16_000):
    time = np.arange(round(seconds * rate)) / rate
    return sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 8)).astype("float32")


def test_classes_are_counted_by_gender_and_in_order(small):
    table = explore.classes(small).frame()
    assert table.index.tolist() == list(small_corpus.EMOTIONS)  # the order of the grouping
    columns = ["female", "male", "utterances", "speakers"]
    assert table[columns].drop_duplicates().values.tolist() == [[12, 12, 24, 6]]
    emotions = explore.classes(small, by="emotion").frame().index
    assert emotions.tolist() == ["neutral", "sad", "angry"]
    assert explore.classes(small).note == ""


def test_classes_of_different_size_say_so(small):
    rows = small[(small["emotion"] != "sad") | (small["speaker"] == "small_ann")]
    assert explore.classes(rows).note == "The largest has 6.0 times the utterances of the smallest."


def test_splits_and_unknown_genders_have_their_place(small):
    divided = splits.by_speaker(small, val=1, test=1)
    speakers = explore.classes(divided, by="split").frame()["speakers"].to_dict()
    assert speakers == {"train": 4, "val": 1, "test": 1}
    unknown = small.assign(gender=None)
    assert explore.genders(unknown).frame().index.tolist() == ["unknown"]
    assert explore.classes(small.drop(columns="gender")).frame()["unknown"].sum() == len(small)
    with raises(UnknownNameError, "unknown-name", "Did you mean 'emotion'"):
        explore.classes(small, by="emotoin")


def test_minutes_nobody_knows_are_not_zero(small):
    assert explore.genders(small.assign(duration=np.nan)).frame()["minutes"].isna().all()
    told = explore.genders(small.assign(duration=60.0)).frame()
    assert told["minutes"].to_dict() == {"female": 36.0, "male": 36.0}
    assert explore.genders(small).names() == ["female, 3 speakers", "male, 3 speakers"]


def test_durations_are_quantiles_of_the_manifest(small):
    seconds = np.linspace(1, 5, len(small))
    rows = small.assign(duration=seconds)
    shown = explore.durations(rows, clip_seconds=3.0)
    expected = np.quantile(seconds, [0.05, 0.25, 0.5, 0.75, 0.95])
    np.testing.assert_allclose(shown.frame().loc["all"].to_numpy()[1:], expected)
    counts = {"all": 72, "neutral": 24, "sad": 24, "angry": 24}
    assert shown.frame()["utterances"].to_dict() == counts
    assert shown.note == "36 of 72 utterances are longer than a clip of 3.0 s."
    with raises(ManifestError, "missing-durations", "72", "trim_db=40"):
        explore.durations(small.assign(duration=np.nan))


def test_lengths_without_silence_and_levels_are_measured_in_the_files(tmp_path):
    levels = {"angry": 0.5, "neutral": 0.05, "sad": 0.005}
    rows = []
    for emotion, scale in levels.items():
        wave = np.concatenate([np.zeros(8000), scale * tone(200, 1.0), np.zeros(24_000)])
        soundfile.write(tmp_path / f"{emotion}.wav", wave, 16_000, subtype="FLOAT")
        rows.append({"utterance_id": emotion, "path": f"{emotion}.wav", "speaker": "a",
                     "emotion": emotion})  # fmt: skip
    found = manifests.from_rows(rows, "mine", tmp_path)
    kept = explore.durations(found, trim_db=40.0).frame()["median"]
    np.testing.assert_allclose(kept, 1.0, atol=0.15)
    level = explore.levels(found).frame()["median"]
    assert level["angry"] - level["neutral"] == pytest.approx(20, abs=0.1)
    rms = 20 * np.log10(np.sqrt(np.mean(np.square(0.5 * tone(200, 1.0)))))
    assert level["angry"] == pytest.approx(rms, abs=0.7)  # trimming keeps a frame of silence


def test_levels_count_what_they_did_not_read(small, small_root, tmp_path):
    shown = explore.levels(small, limit=10)
    assert shown.note == "Measured in 10 of 72 utterances."
    assert shown.frame()["utterances"]["all"] == 10
    assert shown.frame().equals(explore.levels(small, limit=10).frame())
    one = small.iloc[:2].assign(root=str(tmp_path))
    target = tmp_path / one["path"].iloc[0]
    target.parent.mkdir(parents=True)
    target.write_bytes((small_root / one["path"].iloc[0]).read_bytes())
    assert explore.levels(one).note.endswith("Not readable: ann/angry_1.wav.")
    soundfile.write(tmp_path / "ann/angry_1.wav", np.zeros(16_000), 16_000)
    assert explore.levels(one).note.endswith("Silent: ann/angry_1.wav.")
    with raises(AudioError, "no-readable-files"):
        explore.levels(one.assign(root=str(tmp_path / "nowhere")))


@pytest.mark.parametrize("hertz", [80, 110, 220, 440, 580])
def test_pitch_of_a_tone(hertz):
    assert median_pitch(tone(hertz), 16_000) == pytest.approx(hertz, rel=0.01)


def test_pitch_agrees_with_pyin_and_needs_a_voice(small):
    import librosa

    wave, rate = audio.read(manifests.paths(small)[0])
    other = np.nanmedian(librosa.pyin(wave, fmin=65, fmax=600, sr=rate)[0])
    assert median_pitch(wave, rate) == pytest.approx(other, rel=0.02)
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000).astype("float32")
    for silent in (noise, np.zeros(16_000, "float32"), np.zeros(10, "float32")):
        assert np.isnan(median_pitch(silent, 16_000))


def test_an_utterance_is_found_heard_and_measured(small):
    shown = explore.utterance(small, "small_eve_sad_2")
    row = shown.frame().iloc[0]
    assert (row["speaker"], row["emotion"], row["seconds"]) == ("small_eve", "sad", 1.0)
    assert row["pitch_hz"] == pytest.approx(220 * 2 ** (-4 / 12) * 1.08, rel=0.06)
    ((name, words, source),) = shown.players()
    assert name == "small_eve_sad_2"
    assert words.startswith("small_eve, 1.0 s, ")
    waveform, rate = soundfile.read(io.BytesIO(base64.b64decode(source.split(",")[1])))
    assert (len(waveform), rate) == (16_000, 16_000)
    assert explore.utterance(small).frame()["utterance_id"].iloc[0] == small["utterance_id"].iloc[0]
    with raises(
        ManifestError, "unknown-utterance", "'small_eve_sat_2'", "Did you mean 'small_eve_sad_2'"
    ):
        explore.utterance(small, "small_eve_sat_2")


def test_the_same_sentence_in_every_emotion(texts):
    shown = explore.across_emotions(texts, speaker="small_ben")
    table = shown.frame()
    assert table.index.tolist() == ["neutral", "sad", "angry"]
    assert table["speaker"].unique().tolist() == ["small_ben"]
    assert table["text"].nunique() == 1
    assert table["pitch_hz"]["angry"] > table["pitch_hz"]["neutral"] > table["pitch_hz"]["sad"]
    with raises(ManifestError, "selection-matches-nothing", "small_bob"):
        explore.across_emotions(texts, speaker="small_bob")


def test_emotions_without_texts_are_compared_and_said_to_differ(small):
    shown = explore.across_emotions(small)
    assert shown.note == "The manifest has no sentence in common."
    with raises(ManifestError, "no-emotion-pair"):
        explore.across_emotions(manifests.select(small, emotion="sad"))


def test_a_woman_beside_a_man(texts):
    table = explore.across_genders(texts).frame()
    assert table.index.tolist() == ["female", "male"]
    assert table["emotion"].unique().tolist() == ["neutral"]
    assert table["text"].nunique() == 1
    assert table["pitch_hz"]["female"] > 1.5 * table["pitch_hz"]["male"]
    with raises(ManifestError, "no-gender-pair"):
        explore.across_genders(manifests.select(texts, gender="male"))


def test_before_and_after_augmentation(small):
    shown = explore.augmentations(small, recipes=["noise", "pitch+shift"])
    assert list(shown.waveforms) == ["before", "noise", "pitch+shift"]
    before = shown.waveforms["before"]
    assert all(len(w) == len(before) for w in shown.waveforms.values())
    noise = shown.waveforms["noise"] - before
    snr = 10 * np.log10(np.mean(before**2) / np.mean(noise**2))
    assert 9 < snr < 31
    again = explore.augmentations(small, recipes=["noise"])
    np.testing.assert_array_equal(again.waveforms["noise"], shown.waveforms["noise"])
    with raises(ConfigurationError, "no-recipes"):
        explore.augmentations(small, recipes="noise")
    with raises(UnknownNameError, "unknown-name", "Did you mean 'noise'"):
        explore.augmentations(small, recipes=["nois"])


def test_a_clip_is_what_the_dataset_gives_the_network(small):
    prep = Preprocessing("mfcc", clip_seconds=1.5)
    shown = explore.clip(small, prep)
    assert shown.frame().shape == prep.input_shape
    spectrum = prep.extract(prep.load(manifests.paths(small)[0]))
    cut = np.empty(prep.clip_shape, np.float32)
    prep.cut(spectrum, -((prep.clip_frames - len(spectrum)) // 2), cut)
    np.testing.assert_array_equal(shown.frame().to_numpy(), prep.finish(cut))
    assert len(cut[shown.sound]) == len(spectrum)
    assert shown.note.endswith("frames after trimming; the rest is padding.")
    short = explore.clip(small, Preprocessing(clip_seconds=0.4))
    assert "cut into 3 clips" in short.note
    assert explore.mfcc(small, n_mfcc=20).frame().shape[1] == 20


DISPLAYS = {
    "classes": explore.classes,
    "genders": explore.genders,
    "durations": lambda rows: explore.durations(rows.assign(duration=1.0)),
    "levels": lambda rows: explore.levels(rows, limit=6),
    "utterance": explore.utterance,
    "across_emotions": explore.across_emotions,
    "across_genders": explore.across_genders,
    "augmentations": explore.augmentations,
    "clip": explore.clip,
    "mfcc": explore.mfcc,
}


def any_feature(name, folder):
    """A feature by name, with what it needs."""
    if name != "embedding":
        return features.get(name)
    pytest.importorskip("onnx")
    from tests.test_embedding import encoder

    encoder(folder / "encoder.onnx")
    return features.get(name, encoder=str(folder / "encoder.onnx"))


@pytest.mark.parametrize("name", features.names())
def test_a_clip_of_every_feature_is_shown(name, small, tmp_path):
    prep = Preprocessing(any_feature(name, tmp_path), clip_seconds=1.0)
    shown = explore.clip(small, prep)
    table = shown.frame()
    frames, *numbers = prep.input_shape
    assert table.shape == (frames, np.prod(numbers))
    assert table.index[-1] == pytest.approx(1.0 if frames > 1 else 0.0, abs=0.05)
    first = next(iter(small["utterance_id"]))
    cut = np.empty(prep.clip_shape, np.float32)
    path = manifests.paths(small)[0]
    spectrum = prep.extract(prep.load(path))
    prep.cut(spectrum, clip_starts(len(spectrum), prep.clip_frames)[0], cut)
    for channel in range(numbers[1] if len(numbers) > 1 else 1):
        columns = table.iloc[:, channel * numbers[0] : (channel + 1) * numbers[0]]
        finished = prep.finish(cut)
        expected = finished if finished.ndim == 2 else finished[..., channel]
        np.testing.assert_array_equal(columns.to_numpy("f4"), expected)
    axes = shown.plot()
    axes.figure.canvas.draw()
    assert first in shown.title
    assert "<table" in shown._repr_html_()


@pytest.mark.parametrize("name", DISPLAYS)
def test_every_display_has_a_frame_a_figure_and_html(name, texts):
    shown = DISPLAYS[name](texts)
    table = shown.frame()
    assert isinstance(table, pd.DataFrame)
    table["more"] = 0  # a copy: the display keeps its own
    assert "more" not in shown.frame()
    figure = shown.plot()._repr_svg_()
    assert figure.count("<svg") == 1
    text = shown._repr_html_()
    assert "http" not in text
    assert "nan" not in re.sub(r"base64,[^']*", "", text).lower()
    if hasattr(shown, "waveforms"):
        assert text.count("<audio") == len(shown.waveforms)


def test_what_stands_in_a_manifest_is_escaped(texts):
    evil = texts.assign(text="<script>alert(1)</script>", speaker="<b>ann</b>")
    assert "<script" not in explore.utterance(evil)._repr_html_()
    assert "<b>ann" not in explore.classes(evil, by="speaker")._repr_html_()


def test_the_page_needs_nothing_else(texts, tmp_path):
    texts.loc[0, "text"] = "<script>alert(1)</script>"
    page = explore.write_html(texts, tmp_path / "new" / "page.html", limit=6)
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", text)
    assert "http://" not in text
    assert "https://" not in text
    assert "alert(1)</script>" not in text
    assert text.count("<audio") == 1 + 3 + 2 + 4
    assert "Measured in 6 of 72 utterances." in text
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert page.stat().st_size < 2e6


def test_a_page_without_sound_reads_no_file(small, tmp_path):
    rows = small.assign(duration=2.0).drop(columns="root")
    text = explore.write_html(rows, tmp_path / "page.html", sound=False).read_text("utf-8")
    assert "<audio" not in text
    with raises(ManifestError, "no-root-folder", "'small'"):
        explore.write_html(rows, tmp_path / "page.html")


def test_what_a_corpus_cannot_show_is_left_out(small, tmp_path):
    rows = manifests.select(small, emotion="sad", gender="male")
    text = explore.write_html(rows, tmp_path / "page.html", limit=3).read_text("utf-8")
    assert "Two voices" not in text
    assert "One sentence in every emotion" not in text
    assert "Augmentation" in text


def test_speakers_nobody_knows_are_not_named(small, tmp_path):
    text = explore.write_html(small.assign(speaker=None), tmp_path / "page.html").read_text("utf-8")
    assert "<audio" in text
    assert "None" not in text
    ((_, known, _),) = explore.utterance(small).players()
    ((_, unknown, _),) = explore.utterance(small.assign(speaker=None)).players()
    assert known == f"{small['speaker'].iloc[0]}, {unknown}"


def test_genders_nobody_knows_take_no_room_on_the_page(small, tmp_path):
    rows = small.assign(gender=None, duration=2.0)
    text = explore.write_html(rows, tmp_path / "page.html", sound=False).read_text("utf-8")
    assert "72 utterances of 6 speakers in 3 emotions" in text
    assert "unknown" not in text
    assert "Utterances by gender" not in text
    some = rows.assign(gender=["female"] * 36 + [None] * 36)
    text = explore.write_html(some, tmp_path / "page.html", sound=False).read_text("utf-8")
    assert "of unknown gender) in 3 emotions" in text


def test_the_command_writes_the_page(small, small_root, tmp_path, done):
    path, page = tmp_path / "small.csv", tmp_path / "page.html"
    manifests.write(labels.apply(small, "iemocap4"), path)
    words = ["explore", path, "--root", small_root, "--limit", "4", "-o", page]
    told = done(*words)
    assert told.out == f"Page: {page}\n"
    assert "license" in told.err
    done(*words, "--no-sound")
    done("explore", "nowhere.csv", "-o", "x.html", status=2)
