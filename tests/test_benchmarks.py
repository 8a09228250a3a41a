"""`make bench`: everything runs, records are complete, ratios are what they say."""

import json
import math
import platform
import re
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import __main__ as bench
from benchmarks import child, growth, sound, table
from benchmarks.record import Missing, Record, Setting, faster, not_slower
from benchmarks.timing import Timing, alternate, spread
from sertk import audio

FIELDS = {
    "id", "what", "peer", "unit", "ours", "ratio", "ratio_is", "paired_ratio", "goal", "met", "n",
    "notes",
}  # fmt: skip
IDS = {
    "B1", "B1.cache", "B1.equal", "B1p", "B1p.cache", "B2", "B2.first", "B3", "B3.single",
    "B3.epoch", "B4", "B4.memory", "B4.fcn_attention", "B4.fcn_attention.memory", "B5", "B6",
    "B6.import", "B7", "B7.memory", "B7.rows",
}  # fmt: skip
QUIET = {
    "quick": False, "minutes": 1,
    "environment": {"sertk": "0", "commit": None, "measured": "", "python": "3", "cores": 2,
                    "platform": "", "packages": {}},
}  # fmt: skip
WITHOUT = {"B4", "B4.fcn_attention", "B5"}  # what needs PyTorch, or a run


class Clock:
    """Stands still but where it is moved."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def taking(self, seconds, calls):
        turns = iter(seconds)

        def function():
            calls.append(self.now)
            self.now += next(turns)

        return function


def test_turns_alternate_and_warm_up_is_not_timed():
    clock, ours, peer = Clock(), [], []
    timing = alternate(
        clock.taking([50, 1, 2, 4], ours), clock.taking([70, 3, 4, 40], peer), 3, clock=clock
    )
    assert timing == Timing((1, 2, 4), (3, 4, 40))
    in_turns = [start for turn in zip(ours, peer, strict=True) for start in turn]
    assert in_turns == sorted(in_turns)
    cold = alternate(clock.taking([5], []), clock.taking([7], []), 1, warm_up=False, clock=clock)
    assert cold == Timing((5,), (7,))


def test_ratios_are_of_medians_and_of_turns():
    timing = Timing((1, 2, 4), (3, 4, 40))
    assert timing.speed_up == 2  # 4 / 2
    assert timing.paired_speed_up == 3  # of 3, 2, 10
    assert timing.slow_down == 0.5
    assert timing.paired_slow_down == pytest.approx(1 / 3)
    assert timing.per(2) == Timing((0.5, 1, 2), (1.5, 2, 20))
    assert spread((4, 1, 2, 9)) == {"median": 3, "min": 1, "max": 9}


def test_goals_are_minima_or_maxima():
    timing = Timing((1, 2, 4), (3, 4, 40))
    words = {"id": "x", "what": "a", "peer": "b", "unit": "s"}
    assert faster(timing, **words, goal=2).met
    assert not faster(timing, **words, goal=2.01).met
    assert not_slower(timing, **words, goal=0.5).met
    assert not not_slower(timing, **words, goal=0.49).met


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_is_that_of_a_power_law(power):
    sizes = (1000, 4000, 16_000)
    assert growth.exponent(sizes, [3e-4 * n**power for n in sizes]) == pytest.approx(power)


def test_synthetic_rows_keep_speakers_apart(tmp_path):
    found = child.handle_rows("4000", str(tmp_path / "rows.csv"))
    assert list(found["steps"]) == ["write", "read", "split", "audit"]
    assert all(seconds > 0 for seconds in found["steps"].values())
    rows = child.synthetic(4000)
    assert rows["utterance_id"].is_unique
    assert rows.groupby("speaker")["gender"].nunique().max() == 1


def test_utterances_have_names_of_their_own(tmp_path):
    setting = Setting(tmp_path / "work", tmp_path, quick=True)
    setting.work.mkdir()
    rows = sound.utterances(setting, 100, seconds=0.5)
    assert rows["path"].nunique() == 100
    lengths = {len(audio.read(setting.work / "many" / path)[0]) for path in rows["path"][::20]}
    assert lengths == {8000}


def test_ravdess_is_found_or_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("SERTK_CORPORA", str(tmp_path))
    assert sound.ravdess_root(None) is None
    (tmp_path / "ravdess").mkdir()
    assert sound.ravdess_root(None) == tmp_path / "ravdess"
    monkeypatch.delenv("SERTK_CORPORA")
    assert sound.ravdess_root(None) is None


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (["--only", "B1,B8"], "Did you mean 'B"),
        (["--repeats", "3"], "--repeats 3"),
        (["--run", "nowhere"], "nowhere is not a run folder"),
        (["--root", "nowhere"], "No folder at nowhere"),
        (["--quik"], "Did you mean '--quick'"),
    ],
)
def test_mistakes_are_one_paragraph(words, value, capsys):
    assert bench.main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("benchmarks: ")
    assert value in said.err


def test_where_figures_go():
    everything = list(bench.BENCHMARKS)
    assert bench._default(False, everything) == bench.REPORT
    assert bench.REPORT.parent.name == "reports"
    assert bench._default(True, everything).parts[0] == "runs"
    assert bench._default(False, ["B6"]).parts[0] == "runs"


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """Everything, with next to nothing, on synthetic speech."""
    folder = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SERTK_CORPORA", raising=False)
        patch.chdir(folder)
        assert bench.main(["--quick"]) == 0
    return SimpleNamespace(
        measured=json.loads((folder / "runs" / "benchmarks_quick.json").read_text()),
        table=(folder / "runs" / "benchmarks_quick.md").read_text(),
    )


def test_every_record_is_complete(quick):
    records = quick.measured["records"]
    assert {record["id"] for record in records} == IDS
    assert len(records) == len(IDS)
    for record in records:
        assert set(record) == FIELDS
        assert record["what"]
        assert record["peer"]["what"]
        if record["met"] is None:
            assert record["id"] in WITHOUT
            assert re.match(r"not measured: .*(--run|pip install)", record["notes"])
            assert record["ours"] is record["ratio"] is record["n"] is None
            continue
        for figures in (record["ours"], record["peer"]):
            assert 0 <= figures["min"] <= figures["median"] <= figures["max"] < math.inf
        assert record["ours"]["min"] > 0
        assert np.isfinite(record["ratio"])
        sign, value = record["goal"].split()
        apart = record["ratio"] - float(value)
        assert record["met"] == (apart >= 0 if sign == ">=" else apart <= 0)
        assert record["n"] >= 1


def test_the_front_end_is_librosas(quick):
    (record,) = (r for r in quick.measured["records"] if r["id"] == "B1.equal")
    assert record["ratio"] <= 1e-3
    assert record["met"]


def test_the_setting_is_told_and_the_machine_is_not(quick):
    where = quick.measured["environment"]
    assert where["cores"] >= 1
    assert where["packages"]["librosa"]
    assert where["backend"] in ("jax", "tensorflow", "torch")
    for text in (quick.table, json.dumps(quick.measured)):
        assert not re.search(r"/(home|root|tmp|work|Users)/", text)
        assert platform.node() == "" or f" {platform.node()} " not in text
    assert "the toy corpus written at 48 kHz" in quick.table
    assert "A quick run" in quick.table


def test_the_table_says_what_was_missed():
    missed = Record(
        "B9", "a", "b", "s per file", spread([0.002]), spread([0.001]), 0.5, "peer / ours", 0.5,
        ">= 1.6", 5, "why",
    )  # fmt: skip
    text = table.text({**QUIET, "records": [missed.to_dict()]})
    assert "| 2 ms (2 to 2) | b | 1 ms (1 to 1) | 0.5 (0.5) peer / ours | >= 1.6 | **no** |" in text
    assert "- **B9** why." in text


def test_the_table_says_what_was_not_measured():
    lacking = Missing("B9", "a", "b", ">= 2", "nobody was here").to_dict()
    assert set(lacking) == FIELDS
    text = table.text({**QUIET, "records": [lacking]})
    assert "| B9 | a | not measured | b |  |  | >= 2 |  |  |" in text
    assert "- **B9** not measured: nobody was here." in text
