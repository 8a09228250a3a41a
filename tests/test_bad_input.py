"""What strangers do to the command line: each mistake is one paragraph, status 2, nothing lost."""

import os

import numpy as np
import pandas as pd
import pytest
import soundfile

from sertk.cli import main
from tests.corpora import trees

TONE = (0.3 * np.sin(np.arange(8000) / 9)).astype(np.float32)


def table(count=8, **columns):
    return pd.DataFrame(
        {
            "utterance_id": [f"my_{n}" for n in range(count)],
            "corpus": "my",
            "path": [f"a/{n}.wav" for n in range(count)],
            "speaker": [f"my_{n % 4}" for n in range(count)],
            "emotion": ["happy", "sad"] * (count // 2),
            **columns,
        }
    )


def save(tmp_path, frame, name="m.csv", **options):
    frame.to_csv(tmp_path / name, index=False, **options)
    return tmp_path / name


TRAIN = ("train", "--corpus", "toy", "-o", "x")


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("trein",), "Unknown command 'trein'. Did you mean 'train'"),
        (("train", "--modle", "mlp", "-o", "x"), "Did you mean '--model'"),
        (("train", "--epoch", "3", "-o", "x"), "Did you mean '--epochs'"),
        (("train", "--epochs", "few", "-o", "x"), "invalid int value: 'few'"),
        (("train", "--corpus", "toy"), "required: -o/--output). See `sertk train --help`"),
        (("scan", "ravdess", "My", "Folder"), "My Folder was not understood"),
        (("names", "modelz"), "Did you mean 'models'"),
        (("download", "emdb", "--to", "x"), "Did you mean 'emodb'"),
        ((*TRAIN, "--backend", "tensorflo"), "Did you mean 'tensorflow'"),
        ((*TRAIN, "--feature", "logmel"), "Did you mean 'log_mel'"),
        ((*TRAIN, "--feature-option", "n_mel=4"), "Did you mean 'n_mels'"),
        ((*TRAIN, "--feature-option", "n_mels=abc"), "n_mels='abc'. n_mels is a whole number"),
        ((*TRAIN, "--feature-option", "n_fft=512.0"), "n_fft=512.0. n_fft is a whole number"),
        ((*TRAIN, "--feature-option", "n_mels=-1"), "n_mels is positive"),
        ((*TRAIN, "--feature-option", "n_mels=1000"), "at most n_fft / 2 + 1"),
        ((*TRAIN, "--feature-option", "hop_length=9000"), "hop_length at most n_fft"),
        ((*TRAIN, "--feature-option", "fmax=NaN"), "fmax is a number or nothing"),
        ((*TRAIN, "--feature-option", "sample_rate=8000"), "Use --sample-rate 8000"),
        ((*TRAIN, "--sample-rate", "100"), "sample_rate lies between 1000 and"),
        ((*TRAIN, "--sample-rate", "1000000000"), "sample_rate lies between 1000 and"),
        ((*TRAIN, "--clip-seconds", "inf"), "clip_seconds is a number"),
        ((*TRAIN, "--clip-seconds", "1000000"), "clip_seconds up to 600"),
        ((*TRAIN, "--trim-db", "loud"), "trim_db is a number or nothing"),
        ((*TRAIN, "--jobs", "0"), "--jobs 0. There is one worker at least"),
        ((*TRAIN, "--seeds", ""), "seeds got ''. It takes a word of one letter at least"),
        ((*TRAIN, "--seeds", "0,,1"), "Seeds are whole numbers"),
        ((*TRAIN, "--model-option", "width"), "It takes NAME=VALUE"),
        (("scan", "toy", "--root", "x", "--option", "speakers=abc"), "speakers is a whole number"),
        (("scan", "toy", "--root", "x", "--option", "speakers=2.5"), "speakers is a whole number"),
        (("scan", "folders", "--root", ".", "--option", "layout=5"), "layout is a word or nothing"),
        (
            ("scan", "folders", "--root", ".", "--option", "emotions=angry"),
            'emotions is a mapping, such as {"word": "other"} or nothing',
        ),
    ],
)
def test_words(words, match, refused, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert match in refused(*words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ("--protocol losso", "Did you mean 'loso'"),
        ("--protocol loso --test 1", "Unknown loso option 'test'. Known loso option names: val"),
        ("--protocol loso --val my_1", "val is a whole number"),
        ("--protocol dev4 --val 2", "The protocol dev4 got the option 'val'. It takes none"),
        ("--protocol dev4", "ravdess_01, ravdess_02"),
        ("--protocol by_speaker --val 0 --test 1", "4 speakers (my_"),
        ("--protocol by_speaker --val -1 --test 1", "cannot give -1 for validation"),
        ("--protocol by_speaker --val 0.5", "val is a whole number or a list"),
        ("--protocol by_speaker --val nan", "val is a whole number or a list"),
        ("--protocol by_speaker --val , --test 1", "A list of speakers is empty"),
        ("--protocol by_speaker --val my_9 --test 1", "no such speaker"),
        ("--protocol speaker_folds --folds 9", "9 folds were asked of 4 speakers"),
        ("--protocol speaker_folds --folds 2 --val 5", "Ask for another number in validation"),
        ("--protocol speaker_folds --folds 2 --val 0", "Ask for another number in validation"),
        ("--protocol random --val my_1,my_2", "val is a number"),
        ("--protocol random --val 2", "shares between 0 and 1"),
        ("--protocol random --split-seed -4", "A seed is 0 or more"),
        ("--protocol random --folds 1", "1 folds of 8 utterances"),
        ("--protocol by_session", "have no session"),
    ],
)
def test_protocols(words, match, refused, tmp_path):
    assert match in refused("audit", save(tmp_path, table()), *words.split())


@pytest.mark.parametrize(
    ("speakers", "words"), [(1, ("by_speaker",)), (1, ("loso",)), (2, ("loso",))]
)
def test_too_few_speakers(speakers, words, refused, tmp_path):
    frame = table(speaker=[f"my_{n % speakers}" for n in range(8)])
    said = refused("audit", save(tmp_path, frame), "--protocol", *words)
    assert "three speakers are the least" in said


@pytest.mark.parametrize(
    ("frame", "options", "match"),
    [
        (table().drop(columns="emotion"), {}, "lacks the column emotion"),
        (table(path="a.wav"), {}, "the same file as another row"),
        (table().assign(path=lambda f: "../" + f.path), {}, "leaves the root"),
        (table(path=[f"C:\\a\\{n}.wav" for n in range(8)]), {}, "leaves the root"),
        (table(), {"sep": ";"}, "read it as `--corpus table`, which takes any separator"),
        (table(), {"encoding": "utf-16"}, "is not a CSV table in UTF-8"),
        (table()[:0], {}, "The manifest has no rows"),
        (table(emotion="  "), {}, "8 of 8 manifest rows have no emotion"),
        (table(start=0.5, end=0.2), {}, "a start and end that hold no time"),
        (table(start=0.5, end=0.5), {}, "a start and end that hold no time"),
        (table(start=-1, end=0.5), {}, "a start and end that hold no time"),
        (table(start="nan"), {}, "no number (nan in line 2"),
        (table(end="inf"), {}, "no number (inf in line 2"),
        (table(fold=1.5), {}, "no whole number (1.5 in line 2"),
        (table(path="a\0.wav")[:1], {}, "leaves the root"),
        (pd.concat([table(), table()[["path"]]], axis=1), {}, "two columns are called path"),
    ],
)
def test_manifests(frame, options, match, refused, tmp_path):
    path = save(tmp_path, frame, **options)
    before = path.read_bytes()
    assert match in refused("extract", path, "--root", tmp_path)
    assert path.read_bytes() == before


def test_a_manifest_from_windows(tmp_path, capsys):
    trees.sounds(tmp_path, "m\u00fcller s/a b.wav")
    frame = table(2, path=["m\u00fcller s\\a b.wav", "m\u00fcller s\\c.wav"], start="", end="")
    path = save(tmp_path, frame, encoding="utf-8-sig", lineterminator="\r\n")
    assert main(["extract", str(path), "--root", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("1 of 2 utterances")
    assert "There is no file" in captured.err


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["--gender", "male"], "has no column 'gender'"),
        (["--grouping", "emotion9"], "Did you mean 'emotion8'"),
        (["--grouping", "valence2"], "Unknown emotion 'hapy'. Did you mean 'happy'"),
        (["--grouping", "basic5", "--where", "emotion=hapy"], "Unknown emotion 'hapy'"),
        (["--where", "emotion"], "It takes NAME=VALUE"),
        (["--style", "song"], "has no column 'style'"),
    ],
)
def test_selections(words, match, refused, tmp_path):
    path = save(tmp_path, table(emotion=["hapy", "sad"] * 4))
    out = tmp_path / "run"
    assert match in refused("cv", "--manifest", path, "--root", tmp_path, *words, "-o", out)
    assert not out.exists()


def test_genders_that_are_empty(refused, tmp_path):
    path = save(tmp_path, table(gender=""))
    said = refused("cv", "--manifest", path, "--root", tmp_path, "--gender", "male", "-o", "x")
    assert "No row has gender = male. The values there are: none" in said


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
    "none.wav": "holds no samples",
    "nan.wav": "holds 3 samples that are no numbers",
    "huge.wav": "holds samples as large as",
    "rate.wav": "has a sample rate of 1 Hz",
    "cut.wav": "is cut short",
    "cut.flac": "cannot be read as sound",
    "cut.mp3": "is cut short",
    "zero.wav": "is empty (0 bytes)",
    "text.wav": "cannot be read as sound",
    "text.mp3": "Format not recognised",
    "pointer.wav": "git lfs pull",
}


@pytest.mark.parametrize("feature", ["log_mel", "mfcc"])
def test_sounds_of_every_kind(feature, tmp_path, capsys):
    for folder in ("good", "bad"):
        (tmp_path / folder).mkdir()
    sounds(tmp_path)
    files = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.glob("*/*"))
    frame = table(2)[:1].loc[[0] * len(files)].assign(path=files, utterance_id=files)
    path = save(tmp_path, frame)
    cached = ("--cache", str(tmp_path / "cache"))
    words = ["extract", str(path), "--root", str(tmp_path), "--feature", feature, *cached]
    for _ in range(2):  # the second time from the cache
        assert main(words) == 0
        captured = capsys.readouterr()
        assert captured.out.startswith(f"{len(files) - len(WRONG)} of {len(files)} utterances")
        told = captured.err.rstrip("\n").split("\n")
        for name, reason in WRONG.items():
            (line,) = [line for line in told if f"bad/{name} " in line]
            assert line.startswith("unreadable: ")
            assert reason in line
    for switch in ([], ["--compare-audio"]):
        assert main(["audit", str(path), "--root", str(tmp_path), *switch]) == 0
        told = capsys.readouterr().out
        assert "cannot be read, so that their sound is not compared: bad/cut.flac" in told
        assert f"({len(WRONG)} rows)" in told
    assert main(["audit", str(path), "--root", str(tmp_path), "--no-compare-audio"]) == 0
    assert capsys.readouterr().out.endswith("by name.\nNothing found.\n")


def test_an_audit_that_requires_sound(refused, tmp_path, capsys):
    path = save(tmp_path, table())
    said = refused("audit", path, "--root", tmp_path, "--compare-audio")
    assert "None of the 8 files can be read, the first because: There is no file" in said
    assert main(["audit", str(path), "--root", str(tmp_path)]) == 0
    assert "the sound is not compared, since no file is at its path" in capsys.readouterr().out


def test_half_an_archive(tmp_path, refused, capsys):
    names = [f"Actor_0{n}/03-01-05-01-01-01-0{n}.wav" for n in (1, 2, 3)]
    trees.sounds(tmp_path / "r", *names)
    last = tmp_path / "r" / names[-1]
    last.write_bytes(last.read_bytes()[:99])
    out = tmp_path / "m.csv"
    assert main(["scan", "ravdess", "--root", str(tmp_path / "r"), "-o", str(out)]) == 0
    assert "is cut short: 99 of" in capsys.readouterr().err
    assert "ravdess_04, ravdess_05" in refused("audit", out, "--protocol", "dev4")
    (tmp_path / "zip").mkdir()
    (tmp_path / "zip" / "Audio_Speech_Actors_01-24.zip").write_bytes(b"PK")
    said = refused("scan", "ravdess", "--root", tmp_path / "zip")
    assert "found 1 *.zip, 0 *.wav" in said
    assert "Unpack Audio_Speech_Actors_01-24.zip there" in said


def test_names_that_are_no_text(tmp_path, capsys):
    trees.sounds(tmp_path, "happy/\u00e4 \u4f60 +.wav")
    try:
        (tmp_path / "happy" / os.fsdecode(b"\xe9.wav")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    assert main(["scan", "folders", "--root", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert "happy/\u00e4 \u4f60 +.wav" in captured.out
    assert "skipped: 1 a name that is not UTF-8" in captured.err
