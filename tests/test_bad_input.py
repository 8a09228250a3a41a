"""What strangers do to the command line: each mistake is one paragraph, status 2, nothing lost."""

import os

import numpy as np
import pandas as pd
import pytest
import soundfile

from tests.corpora import trees
from tests.test_manifest import rows

TONE = (0.3 * np.sin(np.arange(8000) / 9)).astype(np.float32)


def table(count=8, **columns):
    """Rows of four speakers, with columns changed."""
    return rows(count, **{"speaker": [f"my_{n % 4}" for n in range(count)], **columns})


def save(tmp_path, frame, name="m.csv", **options):
    frame.to_csv(tmp_path / name, index=False, **options)
    return tmp_path / name


TRAIN, SCAN = ("train", "--corpus", "toy", "-o", "x"), ("scan", "--root", ".")


@pytest.mark.parametrize(
    ("words", "code", "value"),
    [
        ((), "command-line-syntax", ""),
        (("trein",), "unknown-name", "'train'"),
        (("train", "--modle", "mlp", "-o", "x"), "unknown-name", "'--model'"),
        (("train", "--epoch", "3", "-o", "x"), "unknown-name", "'--epochs'"),
        (("train", "--epochs", "few", "-o", "x"), "command-line-syntax", "'few'"),
        (("train", "--corpus", "toy"), "command-line-syntax", ""),
        (("scan", "ravdess", "My", "Folder"), "unexpected-arguments", ""),
        (("names", "modelz"), "unknown-name", "'models'"),
        (("download", "emdb", "--to", "x"), "unknown-name", "'emodb'"),
        ((*TRAIN, "--backend", "tensorflo"), "unknown-name", "'tensorflow'"),
        ((*TRAIN, "--feature", "logmel"), "unknown-name", "'log_mel'"),
        ((*TRAIN, "--feature-option", "n_mel=4"), "unknown-name", "'n_mels'"),
        ((*TRAIN, "--feature-option", "n_mels=abc"), "wrong-argument-type", "n_mels='abc'. n_mels"),
        ((*TRAIN, "--feature-option", "n_fft=512.0"), "wrong-argument-type", "n_fft=512.0. n_fft"),
        ((*TRAIN, "--feature-option", "n_mels=-1"), "invalid-mel-bands", "n_mels"),
        ((*TRAIN, "--feature-option", "n_mels=1000"), "invalid-mel-bands", "n_fft"),
        ((*TRAIN, "--feature-option", "hop_length=9000"), "invalid-fft-sizes", "hop_length"),
        ((*TRAIN, "--feature-option", "fmax=NaN"), "wrong-argument-type", "fmax"),
        ((*TRAIN, "--feature-option", "sample_rate=8000"), "misplaced-sample-rate", "8000"),
        ((*TRAIN, "--sample-rate", "100"), "invalid-preprocessing", "sample_rate"),
        ((*TRAIN, "--sample-rate", "1000000000"), "invalid-preprocessing", "sample_rate"),
        ((*TRAIN, "--clip-seconds", "inf"), "wrong-argument-type", "clip_seconds"),
        ((*TRAIN, "--clip-seconds", "1000000"), "invalid-preprocessing", "clip_seconds"),
        ((*TRAIN, "--trim-db", "loud"), "wrong-argument-type", "trim_db"),
        ((*TRAIN, "--jobs", "0"), "invalid-jobs", ""),
        ((*TRAIN, "--seeds", ""), "empty-argument", ""),
        ((*TRAIN, "--seeds", "0,,1"), "malformed-seeds", ""),
        ((*TRAIN, "--model-option", "width"), "malformed-assignment", ""),
        ((*SCAN, "toy", "--option", "speakers=abc"), "wrong-argument-type", "speakers"),
        ((*SCAN, "toy", "--option", "speakers=2.5"), "wrong-argument-type", "speakers"),
        ((*SCAN, "folders", "--option", "layout=5"), "wrong-argument-type", "layout"),
        ((*SCAN, "folders", "--option", "emotions=angry"), "wrong-argument-type", ""),
    ],
)
def test_words(words, code, value, refused, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    refused(*words).check(code, value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "code", "value"),
    [
        ("--protocol losso", "unknown-name", "'loso'"),
        ("--protocol loso --test 1", "unknown-name", "'test'"),
        ("--protocol loso --val my_1", "wrong-argument-type", "val"),
        ("--protocol dev4 --val 2", "unexpected-option", "'val'"),
        ("--protocol dev4", "missing-published-speakers", "ravdess_01, ravdess_02"),
        ("--protocol by_speaker --val 0 --test 1", "too-few-speakers", "4 speakers (my_"),
        ("--protocol by_speaker --val -1 --test 1", "too-few-speakers", "-1 for validation"),
        ("--protocol by_speaker --val 0.5", "wrong-argument-type", "val"),
        ("--protocol by_speaker --val nan", "wrong-argument-type", "val"),
        ("--protocol by_speaker --val , --test 1", "empty-speaker-list", ""),
        ("--protocol by_speaker --val my_9 --test 1", "unavailable-speakers", ""),
        ("--protocol speaker_folds --folds 9", "wrong-number-of-folds", "9 folds of 4 speakers"),
        ("--protocol speaker_folds --folds 2 --val 5", "too-few-speakers", "--val 1"),
        ("--protocol speaker_folds --folds 2 --val 0", "too-few-speakers", "--val 1"),
        ("--protocol random --val my_1,my_2", "wrong-argument-type", "val"),
        ("--protocol random --val 2", "invalid-split-shares", ""),
        ("--protocol random --split-seed -4", "invalid-seed", ""),
        ("--protocol random --folds 1", "wrong-number-of-folds", "1 folds of 8 utterances"),
        ("--protocol by_session", "too-few-sessions", ""),
    ],
)
def test_protocols(words, code, value, refused, tmp_path):
    refused("audit", save(tmp_path, table()), *words.split()).check(code, value)


@pytest.mark.parametrize(("speakers", "protocol"), [(1, "by_speaker"), (1, "loso"), (2, "loso")])
def test_too_few_speakers(speakers, protocol, refused, tmp_path):
    frame = table(speaker=[f"my_{n % speakers}" for n in range(8)])
    line = refused("audit", save(tmp_path, frame), "--protocol", protocol)
    line.check("too-few-speakers", "at least three")


@pytest.mark.parametrize(
    ("frame", "options", "code", "value"),
    [
        (table().drop(columns="emotion"), {}, "missing-manifest-columns", "no column emotion"),
        (table(path="a.wav"), {}, "invalid-manifest-rows", "same file"),
        (table(1, path="../a.wav"), {}, "invalid-manifest-rows", "outside the root"),
        (table(path=[f"C:\\a\\{n}.wav" for n in range(8)]), {}, "invalid-manifest-rows", "root"),
        (table(), {"sep": ";"}, "single-column-manifest", ""),
        (table(), {"encoding": "utf-16"}, "unreadable-manifest", ""),
        (table()[:0], {}, "empty-manifest", ""),
        (table(emotion="  "), {}, "invalid-manifest-rows", "no emotion"),
        (table(start=0.5, end=0.2), {}, "invalid-manifest-rows", "time span"),
        (table(start=0.5, end=0.5), {}, "invalid-manifest-rows", "time span"),
        (table(start=-1, end=0.5), {}, "invalid-manifest-rows", "time span"),
        (table(start="nan"), {}, "wrong-cell-type", "nan in line 2"),
        (table(end="inf"), {}, "wrong-cell-type", "inf in line 2"),
        (table(fold=1.5), {}, "wrong-cell-type", "1.5"),
        (table(1, path="a\0.wav"), {}, "invalid-manifest-rows", "outside the root"),
        (pd.concat([table(), table()[["path"]]], axis=1), {}, "unreadable-manifest", "column path"),
    ],
)
def test_manifests(frame, options, code, value, refused, tmp_path):
    path = save(tmp_path, frame, **options)
    before = path.read_bytes()
    refused("extract", path, "--root", tmp_path).check(code, value)
    assert path.read_bytes() == before


def test_a_manifest_from_windows(tmp_path, done):
    trees.sounds(tmp_path, "m\u00fcller s/a b.wav")
    frame = table(2, path=["m\u00fcller s\\a b.wav", "m\u00fcller s\\c.wav"], start="", end="")
    path = save(tmp_path, frame, encoding="utf-8-sig", lineterminator="\r\n")
    captured = done("extract", path, "--root", tmp_path)
    assert captured.out.startswith("1 of 2 utterances")
    assert "No audio file at" in captured.err


@pytest.mark.parametrize(
    ("words", "code", "value"),
    [
        (["--gender", "male"], "unknown-selection-column", "'gender'"),
        (["--grouping", "emotion9"], "unknown-name", "'emotion8'"),
        (["--grouping", "valence2"], "unknown-name", "'happy'"),
        (["--grouping", "basic5", "--where", "emotion=hapy"], "unknown-name", "'hapy'"),
        (["--where", "emotion"], "malformed-assignment", ""),
        (["--style", "song"], "unknown-selection-column", "'style'"),
    ],
)
def test_selections(words, code, value, refused, tmp_path):
    path = save(tmp_path, table(emotion=["hapy", "sad"] * 4))
    out = tmp_path / "run"
    refused("cv", "--manifest", path, "--root", tmp_path, *words, "-o", out).check(code, value)
    assert not out.exists()


def test_genders_that_are_empty(refused, tmp_path):
    path = save(tmp_path, table(gender=""))
    line = refused("cv", "--manifest", path, "--root", tmp_path, "--gender", "male", "-o", "x")
    line.check("selection-matches-nothing", "gender = male", "(none)")


def sounds(root):
    """Write a file of every kind that people have; the ones that can be read are in `good`."""
    for name, options in (
        ("16.wav", {}), ("8.wav", {"subtype": "PCM_U8"}), ("24.wav", {"subtype": "PCM_24"}),
        ("float.wav", {"subtype": "FLOAT"}), ("a.flac", {}), ("a.mp3", {}), ("a.ogg", {}),
    ):  # fmt: skip
        soundfile.write(root / "good" / name, TONE, 16_000, **options)
    soundfile.write(root / "good/stereo.wav", np.stack([TONE, TONE], 1), 16_000)
    soundfile.write(root / "good/silent.wav", 0 * TONE, 16_000)
    soundfile.write(root / "good/short.wav", TONE[:100], 16_000)
    soundfile.write(root / "good/one sample.wav", TONE[:1], 16_000)
    for name, wave, rate in (
        ("none.wav", TONE[:0], 16_000),
        ("nan.wav", np.where(np.arange(8000) < 3, np.nan, TONE), 16_000),
        ("huge.wav", 1e30 * TONE, 16_000),
        ("rate.wav", TONE, 1),
    ):
        soundfile.write(root / "bad" / name, wave, rate, subtype="FLOAT")
    for suffix in ("wav", "flac", "mp3"):
        whole = (root / "good" / f"{'16' if suffix == 'wav' else 'a'}.{suffix}").read_bytes()
        (root / "bad" / f"cut.{suffix}").write_bytes(whole[: len(whole) // 2])
    (root / "bad/zero.wav").touch()
    (root / "bad/text.wav").write_text("hello\n" * 20)
    (root / "bad/text.mp3").write_text("hello\n" * 20)
    (root / "bad/pointer.wav").write_text("version https://git-lfs.github.com/spec/v1\nsize 9\n")


WRONG = {
    "none.wav": "no samples",
    "nan.wav": "3 non-finite samples",
    "huge.wav": "samples as large as",
    "rate.wav": "sample rate of 1 Hz",
    "cut.wav": "truncated",
    "cut.flac": "Cannot read",
    "cut.mp3": "truncated",
    "zero.wav": "is empty (0 bytes)",
    "text.wav": "Cannot read",
    "text.mp3": "Format not recognised",
    "pointer.wav": "git lfs pull",
}


@pytest.mark.parametrize("feature", ["log_mel", "mfcc"])
def test_sounds_of_every_kind(feature, tmp_path, done):
    for folder in ("good", "bad"):
        (tmp_path / folder).mkdir()
    sounds(tmp_path)
    files = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.glob("*/*"))
    frame = table(2)[:1].loc[[0] * len(files)].assign(path=files, utterance_id=files)
    path = save(tmp_path, frame)
    at = (path, "--root", tmp_path)
    for _ in range(2):  # the second time from the cache
        captured = done("extract", *at, "--feature", feature, "--cache", tmp_path / "cache")
        assert captured.out.startswith(f"{len(files) - len(WRONG)} of {len(files)} utterances")
        told = captured.err.rstrip("\n").split("\n")
        for name, reason in WRONG.items():
            (line,) = [line for line in told if f"bad/{name} " in line]
            assert line.startswith("unreadable: ")
            assert reason in line
    for switch in ([], ["--compare-audio"]):
        told = done("audit", *at, *switch).out
        assert "unreadable, so their audio is not compared: bad/cut.flac" in told
        assert f"({len(WRONG)} rows)" in told
    assert done("audit", *at, "--no-compare-audio").out.endswith("by name.\nNothing found.\n")


def test_an_audit_that_requires_sound(refused, tmp_path, done):
    path = save(tmp_path, table())
    line = refused("audit", path, "--root", tmp_path, "--compare-audio")
    line.check("no-readable-files", "8 files")
    told = done("audit", path, "--root", tmp_path).out
    assert "the audio is not compared, since no file exists at its path" in told


def test_half_an_archive(tmp_path, refused, done):
    names = [f"Actor_0{n}/03-01-05-01-01-01-0{n}.wav" for n in (1, 2, 3)]
    trees.sounds(tmp_path / "r", *names)
    last = tmp_path / "r" / names[-1]
    last.write_bytes(last.read_bytes()[:99])
    out = tmp_path / "m.csv"
    assert "99 of" in done("scan", "ravdess", "--root", tmp_path / "r", "-o", out).err
    refused("audit", out, "--protocol", "dev4").check(
        "missing-published-speakers", "ravdess_04, ravdess_05"
    )
    (tmp_path / "zip").mkdir()
    (tmp_path / "zip" / "Audio_Speech_Actors_01-24.zip").write_bytes(b"PK")
    line = refused("scan", "ravdess", "--root", tmp_path / "zip")
    line.check("no-corpus-files", "1 *.zip, 0 *.wav", "Audio_Speech_Actors_01-24.zip")


def test_names_that_are_no_text(tmp_path, done):
    trees.sounds(tmp_path, "happy/\u00e4 \u4f60 +.wav")
    try:
        (tmp_path / "happy" / os.fsdecode(b"\xe9.wav")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    captured = done("scan", "folders", "--root", tmp_path)
    assert "happy/\u00e4 \u4f60 +.wav" in captured.out
    assert "skipped: 1 name that is not UTF-8" in captured.err
