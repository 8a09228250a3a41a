"""The command line: the main job on tones and on files of every layout, and its mistakes."""

import json
import subprocess
import sys

import pandas as pd
import pytest

from sertk import manifest
from sertk.cli import inputs
from sertk.run import Run

pytestmark = pytest.mark.usefixtures("own3")
QUICK = ["--model", "mlp", "--epochs", "3", "--clip-seconds", "0.9", "--batch-size", "16"]
SCAN = ["scan", "folders", "--option", "layout={speaker}/{emotion}_*.wav", "--root"]


@pytest.fixture
def scanned(small_root, tmp_path, done):
    """The manifest file of the small corpus, scanned as folders of speakers."""
    done(*SCAN, small_root, "-o", tmp_path / "small.csv")
    return tmp_path / "small.csv"


def arguments(scanned, small_root, out):
    return ["--manifest", scanned, "--root", small_root, "--grouping", "own3", *QUICK,
            "-o", out]  # fmt: skip


def test_python_m_sertk_is_sertk():
    done = subprocess.run(
        [sys.executable, "-m", "sertk", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("sertk 0.")


def test_names(done):
    assert "corpora: crema_d emodb folders iemocap" in done("names").out
    assert "compact" in done("names", "models").out.split()
    assert "Did you mean 'models'" in done("names", "model", status=2).err


def test_scan_writes_a_manifest_to_a_file_or_to_standard_output(scanned, small_root, done):
    assert len(manifest.read(scanned)) == 72
    out = done(*SCAN, small_root).out
    assert out.startswith("utterance_id,corpus,path,speaker,emotion")
    assert out.count("\n") == 73


@pytest.mark.backend
def test_the_main_job(scanned, small_root, tmp_path, done):
    run = tmp_path / "run"
    words = ["--val", "1", "--test", "1", "--augment", "noise"]
    out = done("train", *arguments(scanned, small_root, run), *words).out
    assert "UAR" in out
    assert "test speakers are not in the training set" in out
    assert (run / "report.html").stat().st_size > 10_000
    scores = json.loads(done("evaluate", run, "--json").out)
    assert 0 <= scores["uar"] <= 1
    assert list(scores["recall"]) == ["angry", "neutral", "sad"]
    done("evaluate", run, "--grouping", "valence3")
    done("report", run, "-o", tmp_path / "page.html", "--audio", "--root", small_root)
    assert (tmp_path / "page.html").is_file()
    assert Run(run).info["augmentation"] == {"name": "noise", "copies": 2}


def test_cross_validation_from_the_command_line_is_the_one_from_python(
    scanned, small_root, tmp_path, done
):
    from sertk import Preprocessing, evaluation, labels, splits, training

    words = ["cv", *arguments(scanned, small_root, tmp_path / "cli"), "--json"]
    uar = json.loads(done(*words, "--protocol", "speaker_folds", "--folds", "2").out)["uar"]
    utterances = manifest.read(scanned, root=small_root)
    utterances = labels.apply(utterances, "own3")
    utterances = splits.speaker_folds(utterances, folds=2)
    run = training.cross_validate(
        "mlp", utterances, Preprocessing("log_mel", clip_seconds=0.9), folder=tmp_path / "python",
        epochs=3, batch_size=16,
    )  # fmt: skip
    pd.testing.assert_frame_equal(run.predictions, Run(tmp_path / "cli").predictions)
    assert evaluation.evaluate(run).uar == pytest.approx(uar)


def test_a_random_split_says_so_everywhere(scanned, small_root, tmp_path, done):
    run = tmp_path / "run"
    words = ["train", *arguments(scanned, small_root, run), "--protocol", "random"]
    assert "LEAKY" in done(*words).out
    assert "LEAKY" in done("evaluate", run).out
    assert Run(run).info["protocol"]["leaky"]


def test_audit_finds_and_exits_with_1(scanned, small_root, done):
    assert "Nothing found" in done("audit", scanned, "--protocol", "loso").out
    found = json.loads(done("audit", scanned, "--split", "random", "--json", status=1).out)
    assert found[0]["kind"] == "shared speakers"
    done("audit", scanned, "--root", small_root, "--compare-audio")


def test_extract(scanned, small_root, done, tmp_path, monkeypatch):
    monkeypatch.setenv("SERTK_CACHE", "unused")
    words = ["extract", scanned, "--root", small_root, "--cache", tmp_path / "c", "--jobs", "2"]
    assert "72 of 72 utterances" in done(*words, "--feature", "mfcc").out
    assert list((tmp_path / "c").glob("*/*/features.npy"))


def test_verify(scanned, small_root, done):
    assert "72 ok" in done("verify", scanned, "--root", small_root).out


def test_a_split_and_folds_have_a_command_each(refused):
    words = ("--corpus", "toy", "-o", "x", "--protocol")
    refused("train", *words, "loso").check("protocol-with-folds")
    refused("cv", *words, "by_speaker").check("protocol-without-folds")


def test_a_grouping_that_does_not_fit_offers_those_that_do():
    told = inputs._groupings_for({"neutral", "happy", "sad", "angry"})
    assert told.startswith("These groupings fit: iemocap4 (neutral, happy, sad, angry); ")
    assert "emotion7" not in told


@pytest.mark.parametrize(
    ("words", "code", "value"),
    [
        (["--model", "kompact"], "unknown-name", "'compact'"),
        (["--feature", "logmel"], "unknown-name", "'log_mel'"),
        (["--protocol", "lozo"], "protocol-with-folds", "'lozo'"),
        (["--epochs", "-3"], "invalid-training-settings", "epochs=-3"),
        (["--augment", "nois"], "unknown-name", "'noise'"),
        (["--seeds", "a"], "malformed-seeds", "'a'"),
        (["--grouping", "emotion9"], "unknown-name", "'emotion8'"),
        (["--grouping", "basic5"], "classes-without-utterances", "calm, fearful, happy"),
        (["--where", "speaker=folders_ann", "--where", "speaker=folders_ben"],
         "too-few-speakers", "2 speakers"),
        (["--gender", "mael"], "selection-matches-nothing", "mael"),
        (["--val", "5", "--test", "5"], "too-few-speakers", "6 speakers"),
        (["--where", "intensity=strong"], "unknown-selection-column", "'intensity'"),
        (["--model", "conv1d", "--clip-seconds", "0.5"], "clips-too-small", "64 frames"),
    ],
)  # fmt: skip
def test_mistakes_in_training(words, code, value, scanned, small_root, tmp_path, refused):
    given = arguments(scanned, small_root, tmp_path / "run")
    refused("train", *given, "--val", "1", "--test", "1", *words).check(code, value)


def test_several_corpora_in_folders_of_their_names_or_in_one(tmp_path):
    (tmp_path / "emodb").mkdir()
    found = inputs.roots(["emodb", "ravdess", "mine", "toy"], str(tmp_path))
    assert found == {
        "emodb": tmp_path / "emodb", "ravdess": tmp_path, "mine": tmp_path,
        "toy": tmp_path / "toy",  # it is made there
    }  # fmt: skip
    assert inputs.roots(["toy"], str(tmp_path)) == {"toy": tmp_path}
    assert inputs.roots(["toy"], None) == {}
