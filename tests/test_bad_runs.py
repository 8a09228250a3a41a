"""Places that cannot be written, runs that are damaged, files that are no models: nothing lost."""

import errno
import json
import math
import os

import numpy as np
import pandas as pd
import pytest

from sertk import Preprocessing, cache, labels, manifest, report
from sertk.cli import main
from sertk.errors import CacheError, RunError
from sertk.run import Run
from tests import fake_run, small_corpus
from tests.corpora import trees


def test_files_in_the_way(refused, tmp_path):
    root = trees.sounds(tmp_path / "c", "happy/a.wav")
    (tmp_path / "file").write_text("mine")
    scan = ("scan", "folders", "--root", root, "-o")
    assert "in the way (is a directory)" in refused(*scan, root)
    assert "in the way (file exists)" in refused(*scan, tmp_path / "file" / "m.csv")
    assert "in the way (file exists)" in refused("download", "emodb", "--to", tmp_path / "file")
    fake_run.write(tmp_path / "run", speakers=4)
    assert "in the way" in refused("report", tmp_path / "run", "-o", root)
    assert "is a file" in refused("scan", "ravdess", "--root", tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c", "file", "run"]
    assert main([*map(str, scan), str(tmp_path / "new" / "deep" / "m.csv")]) == 0
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
    assert f"{out} cannot be written" in said
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
    ("damage", "match"),
    [
        (change(status="unfinished"), "Run the same command again, it goes on where it stopped"),
        (change(schema_version=3), "reads schemas up to 2. Upgrade sertk"),
        (change(schema_version="2"), "run.json is damaged (Expected `int`, got `str` - at"),
        (text("run.json", lambda t: t[:300]), "run.json is damaged (Input data was truncated)"),
        (text("run.json", lambda t: ""), "run.json is damaged (Input data was truncated)"),
        (text("run.json", lambda t: "[]"), "run.json is damaged (Expected `object`"),
        (text("run.json", lambda t: '{"schema_version": 1}'), "missing required field `status`"),
        (lambda f: (f / "run.json").write_bytes(b"\xff\xfe"), "is damaged (JSON is malformed"),
        (change(protocol="random"), "Expected `object`, got `str` - at `$.protocol`"),
        (lambda f: (f / "predictions.csv").unlink(), "has no predictions.csv"),
        (lambda f: (f / "predictions.csv").write_bytes(b"\xff" * 9), "predictions.csv is damaged"),
        (text("predictions.csv", lambda t: ""), "is damaged (No columns"),
        (text("predictions.csv", lambda t: t.split("\n")[0]), "is damaged (0 of 0 rows"),
        (text("predictions.csv", lambda t: t[: len(t) // 2]), "is damaged (1 of"),
        (text("predictions.csv", lambda t: t[:-8]), "is damaged (1 of"),
        (column("split"), "it lacks the columns split"),
        (column("p_sad"), "it lacks the columns p_sad"),
        (column("p_sad", p_sad=None), "rows are not whole"),
        (column("p_sad", p_sad="x"), "hold no probabilities"),
        (text("manifest.csv", lambda t: ""), "manifest.csv is damaged"),
    ],
)  # fmt: skip
def test_damaged_runs(damage, match, refused, tmp_path):
    run = tmp_path / "run"
    fake_run.write(run, classes=("happy", "sad"), speakers=4, folds=2, seeds=(0,))
    damage(run)
    for command in "evaluate", "report":
        assert match in refused(command, run)
    assert not (run / "report.html").exists()


def test_runs_that_are_none(refused, tmp_path):
    assert "holds no run" in refused("evaluate", tmp_path)
    fake_run.write(tmp_path / "run", classes=("happy", "sad"), speakers=4, folds=2, seeds=(0,))
    assert "Name one of those in it: run." in refused("report", tmp_path)
    assert "Did you mean 'valence2'" in refused(
        "evaluate", tmp_path / "run", "--grouping", "valenc2"
    )
    (tmp_path / "run" / "history.csv").write_text("epoch\n1\n")
    assert "history.csv is damaged (it lacks the columns" in refused("report", tmp_path / "run")


def test_stopping_says_so_and_leaves_what_was_there(tmp_path, capsys, monkeypatch):
    from sertk._html import pages

    run = tmp_path / "run"
    fake_run.write(run, classes=("happy", "sad"), speakers=4, folds=2, seeds=(0,))
    before = sorted(p.name for p in run.iterdir())

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(pages, "write", stop)
        assert main(["report", str(run)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "sertk: stopped. The same command goes on where this one was.\n"
    assert sorted(p.name for p in run.iterdir()) == before
    assert main(["report", str(run)]) == 0


def test_a_damaged_cache_says_what_to_delete(refused, tmp_path, small_root):
    path = tmp_path / "m.csv"
    manifest.write(small_corpus.manifest(small_root), path)
    words = ("extract", path, "--root", small_root, "--cache", tmp_path / "c")
    assert main([str(word) for word in words]) == 0
    (shard,) = (tmp_path / "c").glob("*/*/")
    index = shard / "index.json"
    whole = index.read_text()
    index.write_text(whole[:50])
    assert f"Delete the folder and run again: rm -r {shard}" in refused(*words)
    index.write_text(whole)
    rows = manifest.read(path, root=small_root)
    (shard / "features.npy").write_bytes(b"")
    with pytest.raises(CacheError, match=r"The cached features in .* are damaged"):
        cache.compute(rows, Preprocessing(), folder=tmp_path / "c")[rows["utterance_id"][0]]


QUICK = ("--model", "mlp", "--epochs", "4", "--clip-seconds", "0.9", "--batch-size", "16")


@pytest.fixture
def train(small_root, tmp_path, monkeypatch):
    """The words of a training on the small corpus, into a folder of the test's."""
    own = labels.Grouping({emotion: emotion for emotion in small_corpus.EMOTIONS})
    monkeypatch.setitem(labels.GROUPINGS, "own3", own)
    monkeypatch.setattr(report, "write_html", lambda run: run.folder / "report.html")  # it is slow
    manifest.write(small_corpus.manifest(small_root), tmp_path / "m.csv")
    common = ["train", "--manifest", tmp_path / "m.csv", "--root", small_root, *QUICK,
              "--grouping", "own3", "--val", "1", "--test", "1"]  # fmt: skip

    def words(out, *more):
        return [str(word) for word in (*common, *more, "-o", tmp_path / out)]

    return words


@pytest.mark.parametrize(
    ("more", "match"),
    [
        (["--seeds", "0,0"], "Got the seeds 0, 0."),
        (["--augment", "noise", "--copies", "0"], "0 copies of each utterance were asked for"),
        (["--augment", "light+noise"], "light is a whole recipe"),
        (["--augment", "noise+"], "Unknown augmentation ''"),
        (["--val", "0"], "cannot give 0 for validation"),
        (["--batch-size", "0"], "batch_size=0"),
        (["--learning-rate", "inf"], "learning_rate=inf"),
        (["--weight-decay", "nan"], "weight_decay=nan"),
        (["--schedule", "cos"], "Did you mean 'cosine'"),
        (["--monitor", "uar"], "Did you mean 'val_uar'"),
        (["--optimizer", "adammw"], "Did you mean 'adamw'"),
        (["--standardize", "speakr"], "Did you mean 'speaker'"),
        (["--model-option", "wdth=1"], "Did you mean 'width'"),
        (["--model-option", "width=-1"], "width lies above 0"),
        (["--model-option", "width=NaN"], "width is a number"),
        (["--model-option", "width=abc"], "width is a number"),
        (["--model-option", "width=1e9"], "width lies above 0, up to 32"),
        (["--model-option", "dropout=1.5"], "dropout in [0, 1)"),
        (["--db-reference", "full"], "Did you mean 'full_scale'"),
        (["--top-db", "-3"], "top_db=-3.0"),
        (["--model", "compact", "--clip-seconds", "0.01"], "with at least 4 frames"),
        (["--clip-seconds", "0.05", "--feature", "mfcc"], "Deltas of width 9 need at least 9"),
        (["--model", "compact", "--feature-option", "n_mels=8"], "and 16 bins"),
        (["--grouping", "emotion8"], "is labeled calm, disgust, fearful, happy, surprised"),
        (["--init-from", "nowhere"], "nowhere holds no run"),
        pytest.param(
            ["--learning-rate", "1e30", "--label-smoothing", "0"], "Training has diverged",
            marks=pytest.mark.backend,
        ),
    ],
)  # fmt: skip
def test_trainings_that_cannot_be(more, match, train, refused, tmp_path):
    assert match in refused(*train("run", *more))
    assert not list((tmp_path / "run").glob("*/*/fit.json"))


@pytest.mark.parametrize("more", [["--batch-size", "1"], ["--batch-size", "999"]])
def test_extreme_batches(more, train):
    assert main(train("run", *more, "--epochs", "1")) == 0


def test_a_folder_that_is_not_free(train, refused, tmp_path):
    (tmp_path / "file").write_text("mine")
    assert "in the way (file exists)" in refused(*train("file"))
    assert "in the way (not a directory)" in refused(*train("file/run"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "manifest.csv").write_text("mine")
    assert "holds manifest.csv, and no run" in refused(*train("data"))
    assert (tmp_path / "data" / "manifest.csv").read_text() == "mine"
    # a mistake that shows late leaves the folder to the corrected command
    assert "Did you mean 'speaker'" in refused(*train("run", "--standardize", "speakr"))
    assert (tmp_path / "run" / "run.json").is_file()
    assert main(train("run")) == 0
    assert "holds another run (it differs in: seeds)" in refused(*train("run", "--seeds", "1"))


def test_what_is_damaged_in_a_run_is_written_anew(train, refused, tmp_path):
    run = tmp_path / "run"
    assert main(train("run")) == 0
    before = {n: (run / n).read_bytes() for n in ("predictions.csv", "history.csv", "manifest.csv")}
    model = (run / "fold_0" / "seed_0" / "model.keras").stat().st_mtime_ns
    for name in before:
        (run / name).write_text("")
        if name == "history.csv":
            with pytest.raises(RunError, match="Give the command of the run again"):
                _ = Run(run).history
        else:
            assert "Give the command of the run again" in refused("evaluate", run)
        assert main(train("run")) == 0
        assert (run / name).read_bytes() == before[name]
    assert (run / "fold_0" / "seed_0" / "model.keras").stat().st_mtime_ns == model
    (run / "run.json").write_text("{")
    assert "delete the folder and train again" in refused(*train("run"))


@pytest.mark.backend
def test_models_that_cannot_be_loaded(train, refused, tmp_path):
    import keras

    run = tmp_path / "first"
    assert main(train("first")) == 0
    path = run / "fold_0" / "seed_0" / "model.keras"
    again = train("second", "--init-from", str(run))
    for content in b"", b"no model", path.read_bytes()[:5000]:
        path.write_bytes(content)
        assert f"{path} cannot be loaded" in refused(*again)
    shape = Run(run).info["preprocessing"]["feature"]["n_mels"]
    inputs = keras.Input((57, shape))
    code = keras.layers.Lambda(lambda x: x * 2)(inputs)
    keras.Model(inputs, code).save(path)
    assert "holds a lambda: Python code that would run" in refused(*again)


def test_a_disk_that_fills_up_in_training(train, refused, tmp_path, monkeypatch):
    from sertk.training import checkpoint

    assert main(train("whole")) == 0
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
        assert "state.npz cannot be written: the disk is full" in refused(*train("run"))
    folder = tmp_path / "run" / "fold_0" / "seed_0"
    assert [p.name for p in folder.iterdir()] == ["state.npz"]
    assert len(checkpoint.Checkpoint(folder).progress.history) == 2
    assert "is unfinished" in refused("evaluate", tmp_path / "run")
    assert main(train("run")) == 0
    whole, run = Run(tmp_path / "whole"), Run(tmp_path / "run")
    columns = [f"p_{name}" for name in whole.classes]
    np.testing.assert_allclose(run.predictions[columns], whole.predictions[columns], atol=1e-5)
