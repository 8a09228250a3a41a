"""Places that cannot be written, damaged runs, unreadable files: said, and nothing is lost."""

import errno
import json
import math
import os
import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile

from sertk import Preprocessing, cache, manifest, report
from sertk import manifest as manifests
from sertk.errors import CacheError, RunError
from sertk.run import Run
from tests import fake_run, small_corpus
from tests.corpora import trees
from tests.errors import raises


def test_files_in_the_way(refused, done, tmp_path):
    root = trees.sounds(tmp_path / "c", "happy/a.wav")
    (tmp_path / "file").write_text("mine")
    scan = ("scan", "folders", "--root", root, "-o")
    refused(*scan, root).check("unwritable-path", "is a directory")
    refused(*scan, tmp_path / "file" / "m.csv").check("unwritable-path", "file exists")
    refused("download", "emodb", "--to", tmp_path / "file").check("unwritable-path")
    fake_run.write(tmp_path / "run", speakers=4)
    refused("report", tmp_path / "run", "-o", root).check("unwritable-path")
    refused("scan", "ravdess", "--root", tmp_path / "file").check("root-not-a-folder")
    assert (tmp_path / "file").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c", "file", "run"]
    done(*scan, tmp_path / "new" / "deep" / "m.csv")
    assert len(manifest.read(tmp_path / "new" / "deep" / "m.csv")) == 1


@pytest.mark.parametrize(
    ("number", "reason"),
    [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "denied")],
)
def test_disks_that_refuse(number, reason, refused, tmp_path, monkeypatch):
    root = trees.sounds(tmp_path / "c", "happy/a.wav")
    out = tmp_path / "m.csv"
    out.write_text("before")

    def write(self, path, *_, **__):
        path.write_text("half")
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(pd.DataFrame, "to_csv", write)
        said = refused("scan", "folders", "--root", root, "-o", out)
    said.check("unwritable-path", str(out))
    assert reason in said.lower()
    assert out.read_text() == "before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c", "m.csv"]


def change(**entries):
    def damage(folder):
        path = folder / "run.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))

    return damage


def text(name, change):
    def damage(folder):
        content = (folder / name).read_text()
        (folder / name).write_text(change(content))

    return damage


def column(name, **values):
    def damage(folder):
        frame = pd.read_csv(folder / "predictions.csv").drop(columns=name).assign(**values)
        frame.to_csv(folder / "predictions.csv", index=False)

    return damage


@pytest.mark.parametrize(
    ("damage", "code", "value"),
    [
        (change(status="unfinished"), "unfinished-run", ""),
        (change(schema_version=3), "newer-run-schema", "Upgrade sertk"),
        (change(schema_version="2"), "damaged-run", "run.json"),
        (text("run.json", lambda t: t[:300]), "damaged-run", "run.json"),
        (text("run.json", lambda t: ""), "damaged-run", "run.json"),
        (text("run.json", lambda t: "[]"), "damaged-run", "run.json"),
        (text("run.json", lambda t: '{"schema_version": 1}'), "damaged-run", "`status`"),
        (lambda f: (f / "run.json").write_bytes(b"\xff\xfe"), "damaged-run", "JSON"),
        (change(protocol="random"), "damaged-run", "`$.protocol`"),
        (lambda f: (f / "predictions.csv").unlink(), "missing-run-file", "predictions.csv"),
        (lambda f: (f / "predictions.csv").write_bytes(b"\xff"), "damaged-run", "predictions.csv"),
        (text("predictions.csv", lambda t: ""), "damaged-run", "No columns"),
        (text("predictions.csv", lambda t: t.split("\n")[0]), "damaged-run", "0 of 0 rows"),
        (text("predictions.csv", lambda t: t[: len(t) // 2]), "damaged-run", "1 of"),
        (text("predictions.csv", lambda t: t[:-8]), "damaged-run", "1 of"),
        (column("split"), "damaged-run", "columns: split"),
        (column("p_sad"), "damaged-run", "p_sad"),
        (column("p_sad", p_sad=None), "damaged-run", "incomplete"),
        (column("p_sad", p_sad="x"), "damaged-run", "no probabilities"),
        (text("manifest.csv", lambda t: ""), "damaged-run", "manifest.csv"),
    ],
)  # fmt: skip
def test_damaged_runs(damage, code, value, refused, tmp_path):
    run = tmp_path / "run"
    fake_run.write(run, classes=("happy", "sad"), speakers=4, folds=2, seeds=(0,))
    damage(run)
    for command in "evaluate", "report":
        refused(command, run).check(code, value)
    assert not (run / "report.html").exists()


def test_runs_that_are_none(refused, tmp_path):
    refused("evaluate", tmp_path).check("missing-run")
    fake_run.write(tmp_path / "run", classes=("happy", "sad"), speakers=4, folds=2, seeds=(0,))
    refused("report", tmp_path).check("missing-run")
    refused("evaluate", tmp_path / "run", "--grouping", "valenc2").check(
        "unknown-name", "'valence2'"
    )
    (tmp_path / "run" / "history.csv").write_text("epoch\n1\n")
    refused("report", tmp_path / "run").check("damaged-run", "history.csv")


def test_stopping_says_so_and_leaves_what_was_there(tmp_path, done, monkeypatch):
    from sertk._html import pages

    run = tmp_path / "run"
    fake_run.write(run, classes=("happy", "sad"), speakers=4, folds=2, seeds=(0,))
    before = sorted(p.name for p in run.iterdir())

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(pages, "write", stop)
        said = done("report", run, status=1)
    assert said == ("", "sertk: stopped. Run the same command again to resume.\n")
    assert sorted(p.name for p in run.iterdir()) == before
    done("report", run)


def test_a_damaged_cache_says_what_to_delete(refused, done, tmp_path, small_root):
    path = tmp_path / "m.csv"
    manifest.write(small_corpus.manifest(small_root), path)
    words = ("extract", path, "--root", small_root, "--cache", tmp_path / "c")
    done(*words)
    (shard,) = (tmp_path / "c").glob("*/*/")
    index = shard / "index.json"
    whole = index.read_text()
    index.write_text(whole[:50])
    refused(*words).check("damaged-cache", f"rm -r {shard}")
    index.write_text(whole)
    rows = manifest.read(path, root=small_root)
    (shard / "features.npy").write_bytes(b"")
    with raises(CacheError, "damaged-cache"):
        cache.compute(rows, Preprocessing(), folder=tmp_path / "c")[rows["utterance_id"][0]]


QUICK = ("--model", "mlp", "--epochs", "4", "--clip-seconds", "0.9", "--batch-size", "16")


@pytest.fixture
def train(own3, small_root, tmp_path, monkeypatch):
    """The words of a training on the small corpus, into a folder of the test's."""
    monkeypatch.setattr(report, "write_html", lambda run: run.folder / "report.html")  # it is slow
    manifest.write(small_corpus.manifest(small_root), tmp_path / "m.csv")
    common = ("train", "--manifest", tmp_path / "m.csv", "--root", small_root, *QUICK,
              "--grouping", "own3", "--val", "1", "--test", "1")  # fmt: skip
    return lambda out, *more: (*common, *more, "-o", tmp_path / out)


@pytest.mark.parametrize(
    ("more", "code", "value"),
    [
        (["--seeds", "0,0"], "invalid-seeds", ""),
        (["--augment", "noise", "--copies", "0"], "invalid-copy-count", ""),
        (["--augment", "light+noise"], "unjoinable-recipe", ""),
        (["--augment", "noise+"], "unknown-name", ""),
        (["--val", "0"], "too-few-speakers", ""),
        (["--batch-size", "0"], "invalid-training-settings", "batch_size=0"),
        (["--learning-rate", "inf"], "wrong-argument-type", "learning_rate=inf"),
        (["--weight-decay", "nan"], "wrong-argument-type", "weight_decay=nan"),
        (["--schedule", "cos"], "unknown-name", "'cosine'"),
        (["--monitor", "uar"], "unknown-name", "'val_uar'"),
        (["--optimizer", "adammw"], "unknown-name", "'adamw'"),
        (["--standardize", "speakr"], "unknown-name", "'speaker'"),
        (["--model-option", "wdth=1"], "unknown-name", "'width'"),
        (["--model-option", "width=-1"], "invalid-model-arguments", ""),
        (["--model-option", "width=NaN"], "wrong-argument-type", "width"),
        (["--model-option", "width=abc"], "wrong-argument-type", "width"),
        (["--model-option", "width=1e9"], "invalid-model-arguments", "32"),
        (["--model-option", "dropout=1.5"], "invalid-model-arguments", ""),
        (["--db-reference", "full"], "unknown-name", "'full_scale'"),
        (["--top-db", "-3"], "invalid-preprocessing", "top_db=-3.0"),
        (["--model", "compact", "--clip-seconds", "0.01"], "clips-too-small", "4 frames"),
        (["--clip-seconds", "0.05", "--feature", "mfcc"], "too-few-frames", ""),
        (["--model", "compact", "--feature-option", "n_mels=8"], "clips-too-small", "16"),
        (["--grouping", "emotion8"], "classes-without-utterances", "calm, disgust, fearful"),
        (["--init-from", "nowhere"], "missing-run", ""),
        pytest.param(
            ["--learning-rate", "1e30", "--label-smoothing", "0"], "diverged-training", "",
            marks=pytest.mark.backend,
        ),
    ],
)  # fmt: skip
def test_trainings_that_cannot_be(more, code, value, train, refused, tmp_path):
    refused(*train("run", *more)).check(code, value)
    assert not list((tmp_path / "run").glob("*/*/fit.json"))


@pytest.mark.parametrize("more", [["--batch-size", "1"], ["--batch-size", "999"]])
def test_extreme_batches(more, train, done, tmp_path):
    assert "UAR" in done(*train("run", *more, "--epochs", "1")).out
    assert len(list((tmp_path / "run").glob("*/*/fit.json"))) > 0


def test_a_folder_that_is_not_free(train, refused, done, tmp_path):
    (tmp_path / "file").write_text("mine")
    refused(*train("file")).check("unwritable-path", "file exists")
    refused(*train("file/run")).check("unwritable-path", "not a directory")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "manifest.csv").write_text("mine")
    refused(*train("data")).check("folder-in-use", "manifest.csv")
    assert (tmp_path / "data" / "manifest.csv").read_text() == "mine"
    # a mistake that shows late leaves the folder to the corrected command
    refused(*train("run", "--standardize", "speakr")).check("unknown-name", "'speaker'")
    assert (tmp_path / "run" / "run.json").is_file()
    done(*train("run"))
    refused(*train("run", "--seeds", "1")).check("different-run", "seeds")


def test_what_is_damaged_in_a_run_is_written_anew(train, refused, done, tmp_path):
    run = tmp_path / "run"
    done(*train("run"))
    before = {n: (run / n).read_bytes() for n in ("predictions.csv", "history.csv", "manifest.csv")}
    model = (run / "fold_0" / "seed_0" / "model.keras").stat().st_mtime_ns
    for name in before:
        (run / name).write_text("")
        if name == "history.csv":
            with raises(RunError, "damaged-run"):
                _ = Run(run).history
        else:
            refused("evaluate", run).check("damaged-run")
        done(*train("run"))
        assert (run / name).read_bytes() == before[name]
    assert (run / "fold_0" / "seed_0" / "model.keras").stat().st_mtime_ns == model
    (run / "run.json").write_text("{")
    refused(*train("run")).check("damaged-run")


@pytest.mark.backend
def test_models_that_cannot_be_loaded(train, refused, done, tmp_path):
    import keras

    run = tmp_path / "first"
    done(*train("first"))
    path = run / "fold_0" / "seed_0" / "model.keras"
    again = train("second", "--init-from", str(run))
    for content in b"", b"no model", path.read_bytes()[:5000]:
        path.write_bytes(content)
        refused(*again).check("damaged-model-file", str(path))
    shape = Run(run).info["preprocessing"]["feature"]["n_mels"]
    inputs = keras.Input((57, shape))
    code = keras.layers.Lambda(lambda x: x * 2)(inputs)
    keras.Model(inputs, code).save(path)
    refused(*again).check("lambda-in-model")


def test_a_disk_that_fills_up_in_training(train, refused, done, tmp_path, monkeypatch):
    from sertk.training import checkpoint

    done(*train("whole"))
    save, saved = np.savez, []

    def fills_up(path, **arrays):
        saved.append(path)
        if len(saved) == 3:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        return save(path, **arrays)

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "_SHARE", math.inf)  # every epoch
        patched.setattr(np, "savez", fills_up)
        refused(*train("run")).check("unwritable-path", "state.npz", "disk is full")
    folder = tmp_path / "run" / "fold_0" / "seed_0"
    assert [p.name for p in folder.iterdir()] == ["state.npz"]
    assert len(checkpoint.Checkpoint(folder).progress.history) == 2
    refused("evaluate", tmp_path / "run").check("unfinished-run")
    done(*train("run"))
    whole, run = Run(tmp_path / "whole"), Run(tmp_path / "run")
    columns = [f"p_{name}" for name in whole.classes]
    np.testing.assert_allclose(run.predictions[columns], whole.predictions[columns], atol=1e-5)


SHORT = ("--clip-seconds", "0.6", "--epochs", "1", "--model-option", "width=0.2")


@pytest.fixture
def damaged(small, small_root, tmp_path):
    """A copy of the small corpus with its manifest, to be damaged."""
    shutil.copytree(small_root, tmp_path / "small")
    manifests.write(small.drop(columns="label"), tmp_path / "m.csv")
    return tmp_path


def words(damaged, command, *rest):
    root = ("--root", damaged / "small", "--cache", damaged / "cache")
    given = ("--manifest", damaged / "m.csv", *root, "-o", damaged / "run", *SHORT)
    return [command, *given, *rest]


def test_training_names_them(damaged, done):
    (damaged / "small/ann/sad_0.wav").write_bytes(b"")
    nothing = np.full(16_000, np.nan)
    soundfile.write(damaged / "small/ann/sad_1.wav", nothing, 16_000, subtype="FLOAT")
    manifest = manifests.read(damaged / "m.csv")
    manifest = manifest.assign(emotion=manifest["emotion"].replace({"neutral": "happy"}))
    manifests.write(manifest, damaged / "m.csv")
    protocol = ("--grouping", "valence2", "--protocol", "by_speaker", "--val", "1", "--test", "1")
    told = done(*words(damaged, "train", *protocol)).err
    for name, reason in (("sad_0", "is empty"), ("sad_1", "16000 non-finite samples")):
        (line,) = [x for x in told.splitlines() if x.startswith("unreadable: ") and name in x]
        assert reason in line


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_split_without_a_readable_file_says_so(split, damaged, refused):
    manifest = manifests.read(damaged / "m.csv")
    manifest["emotion"] = manifest["emotion"].replace({"neutral": "happy"})
    of = {"small_eve": "val", "small_fred": "test"}
    manifest = manifest.assign(split=manifest["speaker"].map(of).fillna("train"))
    manifests.write(manifest, damaged / "m.csv")
    lost = manifest.loc[manifest["split"] == split, "path"]
    for path in lost:
        (damaged / "small" / path).write_bytes(b"")
    said = refused(*words(damaged, "train", "--protocol", "manifest", "--grouping", "valence2"))
    assert said.code in ("class-without-training-data", "unreadable-split")
    for value in (f"{len(lost)} files cannot be read", "is empty", f"split {split!r}"):
        assert value in said


def test_a_study_names_them_once(tmp_path, done, monkeypatch):
    monkeypatch.setenv("SERTK_CACHE", str(tmp_path / "cache"))
    for speaker in ("ann", "ben", "eva"):
        for emotion in ("happy", "sad"):
            trees.sounds(tmp_path / "own" / speaker / emotion, "0.wav", "1.wav")
    (tmp_path / "own/ann/sad/1.wav").write_bytes(b"RIFF")
    told = done(
        "study", "--corpus", "folders", "--root", tmp_path / "own", "--grouping", "valence2",
        "--model", "mlp,conv1d", "--protocol", "speaker_folds", "--folds", "3", "--val", "1",
        "--seeds", "0", "--epochs", "1", "-o", tmp_path / "study",
    ).err  # fmt: skip
    (line,) = [part for part in told.splitlines() if "unreadable: " in part]
    assert "ann/sad/1.wav" in line
