"""Studies: what a leak promises, and differences on the same test speakers."""

import json
import re
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from sertk import evaluation, labels, manifest, splits, studies, training
from sertk.errors import RunError, SertkError
from sertk.evaluation import Interval
from sertk.preprocessing import Preprocessing
from sertk.studies import runner
from sertk.studies.displays import DifferenceDisplay
from tests import fake_run, small_corpus
from tests.errors import raises

PREP = Preprocessing(clip_seconds=1.0, trim_db=None)
QUICK = {"epochs": 2, "warmup": 0.0, "batch_size": 8}


def test_the_gap_between_random_files_and_speakers(small, tmp_path):
    rows = splits.speaker_folds(small, folds=3, val=1)
    gap = studies.leak_gap("mlp", rows, PREP, folder=tmp_path, **QUICK)
    assert gap.leaky.info["protocol"]["leaky"]
    assert not gap.clean.info["protocol"]["leaky"]
    table = gap.frame()
    assert table["holds"].to_dict() == {
        ("leaky", "validation"): False, ("leaky", "test"): False,
        ("clean", "validation"): True, ("clean", "test"): True,
    }  # fmt: skip
    scores = {name: evaluation.evaluate(run).uar for name, run in
              (("leaky", gap.leaky), ("clean", gap.clean))}  # fmt: skip
    assert gap.gap.value == pytest.approx(scores["leaky"] - scores["clean"])
    assert gap.gap.known  # both tested every utterance
    assert table.loc[("leaky", "test"), "uar"] == scores["leaky"]
    page = gap.write_html(tmp_path / "gap.html", "sertk leak-gap").read_text()
    assert gap.sentence.split(";")[0] in page
    assert page.count("<svg") == 2
    assert gap.plot().get_xlabel().startswith("UAR")


def test_no_gap_is_told_as_none(tmp_path):
    runs = [fake_run.write(tmp_path / name, speakers=6, seeds=(0,), skill=skill)
            for name, skill in (("leaky", 1.0), ("clean", 3.0))]  # fmt: skip
    worse = studies.LeakGap(*runs)
    assert worse.gap.value < 0
    points = f"{100 * worse.gap.value:.1f} points (95 % interval"
    assert f"does not raise it, the difference is {points}" in worse.sentence
    small = studies.LeakGap(*runs[::-1])
    assert small.gap.low < 0 < small.gap.value
    assert small.sentence.endswith("is not significant.")
    small.gap = Interval(0.05, 0.01, 0.09, 0.95, 6)
    assert small.sentence.endswith(
        "5.0 points (95 % interval 1.0 to 9.0) do not hold for new speakers."
    )


def test_leak_gap_on_the_command_line(own3, small_root, tmp_path, done, refused):
    manifest.write(small_corpus.manifest(small_root), tmp_path / "m.csv")
    words = ["leak-gap", "--manifest", tmp_path / "m.csv", "--root", small_root, "--grouping",
             "own3", "--folds", "3", "--val", "1", "--model", "mlp", "--clip-seconds", "1",
             "--epochs", "1", "-o", tmp_path / "gap"]  # fmt: skip
    found = json.loads(done(*words, "--json").out)
    rows = {(row["division"], row["scored on"]): row["uar"] for row in found["scores"]}
    assert found["gap"] == pytest.approx(rows["leaky", "test"] - rows["clean", "test"])
    assert (tmp_path / "gap" / "leak_gap.html").is_file()
    assert (tmp_path / "gap" / "clean" / "report.html").is_file()
    refused(*words, "--protocol", "random").check("invalid-gap-protocol")


@pytest.fixture(scope="module")
def studied(ravdess, tmp_path_factory):
    """Two models, two groupings and two recipes of copies over two seeds, trained for one epoch."""
    study = studies.Study(
        "Does noise help?", grouping=("valence2", "emotion8"), model=("mlp",),
        augment=("none", "noise"), seed=(0, 1), folds=3, val=2, config={"epochs": 1},
    )  # fmt: skip
    home = tmp_path_factory.mktemp("study")
    return studies.run(study, home, roots={"ravdess": ravdess})


def test_a_study_has_a_row_for_every_run(studied):
    table = studied.frame()
    assert len(table) == 8
    assert not studied.missing
    for trial, run in studied.runs.items():
        row = table[table["run"] == trial.name].iloc[0]
        assert row["uar"] == evaluation.evaluate(run).uar
        assert (row["augment"], row["seed"]) == (trial.augment, trial.seed)
    assert len(pd.read_csv(studied.folder / "study.csv")) == 8
    written = pd.read_csv(studied.folder / "differences.csv")
    found = studied.differences().frame()
    assert written["difference"].to_numpy() == pytest.approx(found["difference"].to_numpy())
    scores = studied.scores().frame()
    assert scores.loc[("valence2", "noise"), "uar"] == pytest.approx(
        table[(table["grouping"] == "valence2") & (table["augment"] == "noise")]["uar"].mean()
    )
    assert scores["seeds"].eq(2).all()


def test_differences_of_a_study_are_paired(studied):
    found, scores = studied.differences().frame(), studied.scores().frame()["uar"]
    assert found.index.tolist() == [
        ("everywhere", "noise"), ("valence2", "noise"), ("emotion8", "noise")
    ]  # fmt: skip
    for grouping in ("valence2", "emotion8"):
        expected = scores[grouping, "noise"] - scores[grouping, "none"]
        assert found.loc[(grouping, "noise"), "difference"] == pytest.approx(expected)
    assert found.loc[("everywhere", "noise"), "difference"] == pytest.approx(
        found["difference"].iloc[1:].mean()
    )
    assert ((found["low"] <= found["difference"]) & (found["difference"] <= found["high"])).all()
    assert "noise" in studied.answer


def test_retrained_stands_beside_regrouped(studied):
    table = studied.regrouped().frame().loc[("none", "valence2", "emotion8")]
    members = [run for trial, run in studied.runs.items()
               if (trial.grouping, trial.augment) == ("emotion8", "none")]  # fmt: skip
    made = [evaluation.evaluate(run).regroup("valence2").uar for run in members]
    assert table["regrouped"] == pytest.approx(np.mean(made))
    assert table["retrained"] == studied.scores().frame().loc[("valence2", "none"), "uar"]
    assert table["difference"] == pytest.approx(table["retrained"] - table["regrouped"], abs=1e-9)


def test_a_study_goes_on_and_refuses_another(studied, ravdess):
    home = studied.folder
    before = {p: p.stat().st_mtime_ns for p in home.glob("trials/*/run.json")}
    more = studied.study.changed(model=("mlp", "lstm"), seed=(0,),
                                 augment=("none",), grouping=("valence2",))  # fmt: skip
    result = studies.run(more, home, roots={"ravdess": ravdess})
    assert len(result.runs) == 2
    assert result.others == len(before) - 1  # one of the two had been trained
    assert {p: p.stat().st_mtime_ns for p in before} == before
    with raises(RunError, "different-study", "config.epochs, 1 there and 2"):
        studies.run(more.changed(config={"epochs": 2}), home, roots={"ravdess": ravdess})


def test_a_study_of_gender(ravdess, tmp_path):
    study = studies.Study(
        "Whose voices?", compare="gender", gender=("all", "male", "male>female", "classes"),
        grouping=("valence2",), model=("mlp",), seed=(0,), folds=2, val=1, config={"epochs": 1},
    )  # fmt: skip
    result = studies.run(study, tmp_path, roots={"ravdess": ravdess})
    by = {trial.gender: run for trial, run in result.runs.items()}
    tested = {name: set(run.manifest["gender"][run.manifest["utterance_id"].isin(
        evaluation.evaluate(run).rows["utterance_id"])]) for name, run in by.items()}  # fmt: skip
    assert tested == {"all": {"male", "female"}, "male": {"male"}, "male>female": {"female"},
                      "classes": {"male", "female"}}  # fmt: skip
    (fold,) = by["male>female"].info["folds"]
    rows = by["male>female"].manifest
    heard = rows[rows["speaker"].isin([*fold["train"], *fold["val"]])]
    assert set(heard["gender"]) == {"male"}
    assert len(by["classes"].classes) == 4
    differences = result.differences().frame()["speakers"].to_dict()
    assert differences == {("everywhere", "male"): 4, ("everywhere", "male>female"): 4,
                           ("everywhere", "classes"): 8}  # fmt: skip


def test_what_cannot_be_trained_is_told_and_the_rest_goes_on(ravdess, tmp_path, done):
    said = done(
        "study", "r3-augmentation", "--root", ravdess, "--gender", "all", "--grouping", "valence2",
        "--model", "mlp, alexnet", "--feature", "mfcc_trace", "--augment", "none", "--seeds", "0",
        "--folds", "2", "--val", "1", "--epochs", "1", "--question", "Which model?", "-o", tmp_path,
        status=1,
    )  # fmt: skip
    assert "not trained: ravdess-all-valence2-mfcc_trace-alexnet" in said.err
    assert "'alexnet' received clips of shape" in said.err
    assert "nothing to compare: ravdess-all-valence2-mfcc_trace-alexnet" in said.out
    page = (tmp_path / "study.html").read_text(encoding="utf-8")
    assert "<h1><span>Which model?</span></h1>" in page
    assert "1 run is missing" in page
    assert "R3 trained for 700 epochs with SGD" in page


def test_a_leaderboard_ranks_within_each_protocol(studied, done, tmp_path):
    board = studies.Leaderboard(studied.folder)
    table = board.frame().reset_index()
    assert table["protocol"].nunique() == 2  # two groupings
    for _, rows in table.groupby("protocol"):
        assert rows["rank"].tolist() == list(range(1, len(rows) + 1))
        assert rows["uar"].is_monotonic_decreasing
        assert rows["behind"].iloc[0] == 0
        assert rows["behind"].to_numpy() == pytest.approx(rows["uar"] - rows["uar"].max())
    assert set(board.published["corpus"]) == {"ravdess"}
    page = tmp_path / "board.html"
    assert done("leaderboard", studied.folder, "-o", page).out.count("1. UAR") == 2
    assert "files at random" in page.read_text(encoding="utf-8")  # of published figures


def test_an_empty_leaderboard(refused, tmp_path):
    refused("leaderboard", str(tmp_path)).check("no-finished-runs")
    fake_run.write(tmp_path / "a", speakers=4, status="unfinished")
    refused("leaderboard", str(tmp_path)).check("no-rankable-runs", "1 runs", "of a: The run")


def test_a_leaderboard_leaves_out_what_another_hand_wrote(tmp_path, done):
    fake_run.write(tmp_path / "good", speakers=4)
    odd = fake_run.write(tmp_path / "odd", speakers=4)
    record = {**odd.info, "model": {"name": "mlp"}}
    (odd.folder / "run.json").write_text(json.dumps(record))
    said = done("leaderboard", tmp_path)
    assert "not ranked: odd:" in said.err
    assert "is damaged (Object missing required field `parameters` - at `$.model`)" in said.err
    assert "1. UAR" in said.out
    _, published = said.out.split("Published scores, each with its own protocol, not ranked:\n")
    assert all(line.startswith("  ravdess: ") for line in published.splitlines())
    assert "files at random" in published
    assert "IEMOCAP" not in published  # recipes for it may be tried on others


@pytest.mark.parametrize("corpus", ["iemocap", "emodb", "ravdess"])
def test_published_figures_stand_beside_the_corpus_that_they_were_measured_on(corpus, tmp_path):
    fake_run.write(tmp_path / "a", speakers=4, folds=2, seeds=(0,), corpus=corpus)
    found = studies.Leaderboard(tmp_path).published
    assert set(found["corpus"]) == {corpus}
    assert found["protocol"].str.contains("IEMOCAP").all() == (corpus == "iemocap")
    assert found["score"].str.contains("82.82", regex=False).any() == (corpus == "emodb")


def test_training_across_genders_needs_both(small):
    for rows, absent in (
        (small.assign(gender=None), "a female or male speaker"),
        (small[small["gender"] == "male"], "a female speaker"),
    ):
        with raises(SertkError, "no-speakers-of-gender", absent):
            runner._across_genders(rows, "male", "female", val=1)


def faked(home, **changes):
    """A study whose runs nobody trained; the last trial is missing."""
    study = studies.Study("Does noise help?", augment=("none", "noise"), seed=(0, 1), **changes)
    home.mkdir()
    runner._write_down(study, home, {})
    for trial in study.trials()[:-1]:
        fake_run.write(home / "trials" / trial.name, speakers=6, takes=1, seeds=(trial.seed,),
                       grouping=trial.grouping)  # fmt: skip
    return studies.StudyResult(home)


def test_the_answer_to_one_comparison(tmp_path, monkeypatch):
    result = faked(tmp_path / "study")

    def answered(*rows):
        columns = ["context", "augment", "difference", "low", "high", "speakers"]
        table = pd.DataFrame([(*row, 8) if len(row) == 5 else row for row in rows], columns=columns)
        shown = DifferenceDisplay(table.set_index(["context", "augment"]), "")
        monkeypatch.setattr(studies.StudyResult, "differences", lambda self: shown)
        return result.answer

    noise = ("everywhere", "noise")
    assert answered((*noise, -0.019, -0.038, 0.001)) == (
        "noise differs from none by -1.9 points (-3.8 to +0.1), which is not significant."
    )
    assert answered((*noise, 0.02, 0.01, 0.03)).endswith("which is significant.")
    assert answered((*noise, 0.02, 0.01, 0.03, 5)).endswith(
        "significant. The result is based on 5 speakers."
    )
    few = (*noise, 0.02, np.nan, np.nan)
    assert answered(few) == (
        "noise differs from none by +2.0 points, with too few test speakers for an interval."
    )
    assert "there are too few test speakers for an interval; the best is noise" in answered(
        few, ("everywhere", "pitch", 0.01, np.nan, np.nan)
    )
    assert answered() == (
        "There is nothing to compare: ravdess-all-emotion8-usual-compact-noise-speaker_folds-1 "
        "could not be trained, or is not finished."
    )
    result.study = result.study.changed(augment=("none",), seed=(0,))
    assert result.answer == "There is nothing to compare: none is the only level of augment."


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        ([("everywhere", "noise"), ("everywhere", "pitch")], ["  noise", "  pitch"]),
        ([("everywhere", "noise"), ("mlp", "noise")], ["everywhere", "mlp"]),
        (
            [("everywhere", "noise"), ("mlp", "noise"), ("mlp", "pitch")],
            ["everywhere", "  noise", "mlp", "  noise", "  pitch"],
        ),
        ([("mlp", "valence2", "basic5")], ["  valence2 from basic5"]),
    ],
)
def test_a_figure_names_what_its_rows_do_not_share(rows, lines):
    names = ["context", "grouping", "from"][: len(rows[0])]
    index = pd.MultiIndex.from_tuples(rows, names=names)
    table = pd.DataFrame({"difference": 0.01, "low": -0.01, "high": 0.03}, index=index)
    axes = DifferenceDisplay(table, "").plot()
    assert [label.get_text() for label in axes.get_yticklabels()] == lines
    assert len(axes.lines) == 1 + len(rows)  # zero, and a mark each
    cells = re.findall(r"<td>(.*?)</td>", DifferenceDisplay(table, "")._repr_html_())
    assert cells == ["1.0", "-1.0", "3.0"] * len(rows)  # all in points


def test_the_page_of_an_unfinished_study(tmp_path, done):
    home = faked(tmp_path / "study").folder
    assert done("report", home).out == f"Page: {home / 'study.html'}\n"
    page = (home / "study.html").read_text(encoding="utf-8")
    assert "1 run is missing" in page
    assert len(pd.read_csv(home / "study.csv")) == 3
    number = r'<td class="number">{}</td>'
    cells = rf'<th scope="row">(none|noise)</th>.*?{number}{number}'.format(r"(\d)", r"12\.5")
    assert re.findall(cells, page) == [("none", "2"), ("noise", "1")]  # seeds, beside chance


def test_groupings_that_tested_nobody_in_common_are_not_set_against_each_other(tmp_path):
    study = studies.Study("?", grouping=("emotion8", "merged_negative"), seed=0)
    runner._write_down(study, tmp_path, {})
    for trial, corpus in zip(study.trials(), ("ravdess", "savee"), strict=True):
        group = labels.GROUPINGS[trial.grouping]
        fake_run.write(tmp_path / "trials" / trial.name, speakers=6, takes=1, seeds=(0,),
                       classes=tuple(group.classes), corpus=corpus)  # fmt: skip
    result = studies.StudyResult(tmp_path)
    assert result.study.compare == "grouping"
    assert result.regrouped() is None
    assert "no two combinations tested the same speakers" in result.answer


def test_a_folder_without_a_study(tmp_path):
    with raises(RunError, "missing-study", "study.json"):
        studies.StudyResult(tmp_path)
    (tmp_path / "study.json").write_text('{"question": ')
    with raises(RunError, "damaged-study", "study.json"):
        studies.StudyResult(tmp_path)


def test_test_sets_of_the_same_words_are_kept_apart(ravdess, tmp_path):
    for seed in (0, 1):
        study = studies.Study("?", compare="model", grouping=("valence2",), model=("mlp",),
                              seed=(0,), config={"epochs": 1})  # fmt: skip
        rows = runner.utterances(study, study.trials()[0], {"ravdess": ravdess})
        divided = splits.by_speaker(rows, val=2, test=3, seed=seed)
        training.cross_validate("mlp", divided, PREP, folder=tmp_path / str(seed), epochs=1)
    names = studies.Leaderboard(tmp_path).frame().index.get_level_values(0)
    assert len(set(names)) == 2
    assert all("(test set " in name for name in names)


def test_a_process_ends_with_the_one_that_started_it():
    child = (
        "import os, time; from sertk._utils.child_processes import end_with; "
        "end_with(os.getppid()); "
        "print('there', flush=True); time.sleep(600)"
    )
    parent = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]], "
        "stdout=sys.stdout); sys.stdin.readline()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent, child], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as started:
        assert started.stdout.readline() == b"there\n"
        started.kill()
        began = time.monotonic()
        assert started.stdout.read() == b""  # which ends when the last of both has ended
    assert time.monotonic() - began < 300


def test_no_processes_train_nothing(tmp_path, refused):
    refused("study", "gender", "--jobs", "0", "-o", str(tmp_path)).check("invalid-jobs")
