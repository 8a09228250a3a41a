"""Studies: what a leak promises, and differences on the same test speakers."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import recall_score

from sertk import evaluation, labels, manifest, splits, studies
from sertk.cli import main
from sertk.errors import ConfigurationError
from sertk.preprocessing import Preprocessing
from sertk.studies.paired import difference
from tests import small_corpus

PREP = Preprocessing(clip_seconds=1.0, trim_db=None)
QUICK = {"epochs": 2, "warmup": 0.0, "batch_size": 8}


def predictions(seed, hit, speakers=6, seeds=(0,)):
    """Answers of a listener who is right with probability `hit`, the same truth every time."""
    truth = np.random.default_rng(0).choice(["a", "b", "c"], size=speakers * 12)
    generator = np.random.default_rng(seed)
    tables = []
    for number in seeds:
        guess = generator.choice(["a", "b", "c"], size=len(truth))
        answer = np.where(generator.random(len(truth)) < hit, truth, guess)
        tables.append(
            pd.DataFrame(
                {
                    "utterance_id": [f"u{k}" for k in range(len(truth))],
                    "speaker": [f"s{k % speakers}" for k in range(len(truth))],
                    "label": truth, "predicted": answer, "seed": number,
                }
            )
        )  # fmt: skip
    return evaluation.evaluate(pd.concat(tables), classes=["a", "b", "c"])


def test_a_difference_is_that_of_two_scores():
    one, other = predictions(1, 0.9, seeds=(0, 1)), predictions(2, 0.4, seeds=(0, 1, 2))
    found = difference(one, other)
    scores = [
        np.mean([
            recall_score(rows["label"], rows["predicted"], average="macro")
            for _, rows in result.rows.groupby("seed")
        ])
        for result in (one, other)
    ]  # fmt: skip
    assert found.value == pytest.approx(scores[0] - scores[1])
    assert found.low < found.value < found.high
    assert found.low > 0
    back = difference(other, one)
    assert (back.value, back.low, back.high) == pytest.approx(
        (-found.value, -found.high, -found.low), abs=0.02
    )


def test_speakers_are_drawn_in_pairs():
    """Equal answers differ by nothing, however much speakers differ from each other."""
    one = predictions(1, 0.5)
    same = difference(one, predictions(1, 0.5))
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_a_difference_needs_the_same_utterances_and_classes():
    one = predictions(1, 0.5)
    elsewhere = one.rows.assign(utterance_id=one.rows["utterance_id"] + "x")
    with pytest.raises(ConfigurationError, match="no utterance in common"):
        difference(one, evaluation.evaluate(elsewhere, classes=["a", "b", "c"]))
    with pytest.raises(ConfigurationError, match="the other a, b, c, d"):
        difference(one, evaluation.evaluate(one.rows, classes=["a", "b", "c", "d"]))


@pytest.mark.backend
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


@pytest.mark.backend
def test_leak_gap_on_the_command_line(small_root, tmp_path, capsys, refused, monkeypatch):
    own = labels.Grouping({emotion: emotion for emotion in small_corpus.EMOTIONS})
    monkeypatch.setitem(labels.GROUPINGS, "own3", own)
    manifest.write(small_corpus.manifest(small_root), tmp_path / "m.csv")
    words = ["leak-gap", "--manifest", str(tmp_path / "m.csv"), "--root", str(small_root),
             "--grouping", "own3", "--folds", "3", "--val", "1", "--model", "mlp",
             "--clip-seconds", "1", "--epochs", "1", "-o", str(tmp_path / "gap")]  # fmt: skip
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = {(row["division"], row["scored on"]): row["uar"] for row in found["scores"]}
    assert found["gap"] == pytest.approx(rows["leaky", "test"] - rows["clean", "test"])
    assert (tmp_path / "gap" / "leak_gap.html").is_file()
    assert (tmp_path / "gap" / "clean" / "report.html").is_file()
    assert "files divided at random, which is done anyway" in refused(
        *words, "--protocol", "random"
    )
