"""`make bench`: everything runs, records are complete, ratios and agreements are what they say."""

import json
import math
import platform
import re
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import __main__ as bench
from benchmarks import child, growth, latency, processes, sound, table, throughput
from benchmarks.record import Missing, Record, Setting, faster, not_slower
from benchmarks.timing import Timing, alternate, spread
from sertk import audio, models
from sertk.errors import ConfigurationError, RunError
from sertk.run import Run
from tests import fake_run
from tests.errors import raises

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


ROW = {
    "max_difference": 2e-6, "label_agreement": 0.996, "uar_keras": 0.65, "uar": 0.638,
    "uar_difference": -0.012, "waveforms": 262, "utterances": 256, "labeled": 250,
}  # fmt: skip


def test_the_run_is_refused_before_anything_is_measured(tmp_path, trained):
    assert latency.chosen(None) is None
    assert latency.chosen(trained.folder).folder == trained.folder
    with raises(RunError, "unfinished-run"):
        latency.chosen(fake_run.write(tmp_path / "half", status="unfinished").folder)
    with raises(ConfigurationError, "standardized-per-speaker"):
        latency.chosen(fake_run.write(tmp_path / "speaker", standardize="speaker").folder)
    with raises(RunError, "missing-run-file", "fold_0/seed_0/model.keras"):
        latency.chosen(fake_run.write(tmp_path / "bare").folder)


@pytest.mark.parametrize(("skill", "doubted"), [(2.5, False), (-1.0, True)])
def test_an_agreement_of_a_bad_network_proves_little(skill, doubted, tmp_path):
    run = fake_run.write(tmp_path / "run", seeds=(0,), skill=skill)
    setting = Setting(tmp_path, tmp_path, run=run)
    labels, lost = latency._answers(setting, run, "B5", "ONNX", ROW, 0.995)
    pattern = r"UAR of [\d.]+ is not above 50: this proves little"
    for record in (labels, lost):
        assert bool(re.search(pattern, record.what)) is doubted
    assert labels.met
    assert (labels.ratio, labels.n, labels.goal) == (0.996, 256, ">= 0.995")
    assert lost.ratio == pytest.approx(1.2)
    assert not lost.met
    assert lost.n == 250
    assert re.search(r"the run's UAR is [\d.]+ \(", labels.notes)


@pytest.mark.parametrize("few", [{"utterances": 239}, {"labeled": 0}])
def test_an_agreement_over_few_recordings_is_none(few, tmp_path):
    run = fake_run.write(tmp_path / "run", seeds=(0,))
    setting = Setting(tmp_path, tmp_path, run=run)
    found = latency._answers(setting, run, "B5", "ONNX", {**ROW, **few}, 0.995)
    assert [type(one) for one in found] == [Missing, Missing]
    assert "and 240 are needed: set SERTK_CORPORA" in found[0].why


def test_what_fails_is_told_without_its_folder(tmp_path):
    run = fake_run.write(tmp_path / "secret" / "run", seeds=(0,))
    found = latency.measure(Setting(tmp_path, tmp_path, run=run))
    assert [one.id for one in found] == ["B5", "B5.int8"]
    for one in found:
        assert "The run run has no fold_0/seed_0/model.keras" in one.why
        assert "secret" not in one.why


@pytest.mark.slow
def test_a_run_is_measured(trained, small_root, tmp_path, monkeypatch):
    pytest.importorskip("tf2onnx")
    pytest.importorskip("nncf")
    pytest.importorskip("jax")
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "small").symlink_to(small_root)
    monkeypatch.setenv("SERTK_CORPORA", str(tmp_path / "corpora"))
    work = tmp_path / "work"
    work.mkdir()
    found = latency.measure(Setting(work, tmp_path, True, None, 1, Run(trained.folder)))
    kinds = ("", ".compiled", ".labels", ".uar")
    assert [one.id for one in found] == [f"B5{s}{k}" for s in ("", ".int8") for k in kinds]
    assert all(one.ours["median"] > 0 for one in found if "uar" not in one.id)
    by_id = {one.id: one for one in found}
    assert by_id["B5.labels"].ratio == 1
    assert by_id["B5.labels"].n == 72
    assert by_id["B5.uar"].n == 12
    assert by_id["B5"].theirs["median"] > by_id["B5"].ours["median"]
    # the process that takes the times, on the other backend
    given = (work / "model.onnx", trained.model_path(), work / "clip.npy", 1, 1)
    on_jax = processes.run("one_thread", *map(str, given), KERAS_BACKEND="jax")
    assert list(on_jax) == ["predict", "compiled"]
    assert all(len(on_jax[way][side]) == 1 for way in on_jax for side in ("ours", "peer"))


@pytest.mark.torch
@pytest.mark.parametrize("width", [1.0, 0.1])
@pytest.mark.parametrize("name", ["compact", "fcn_attention"])
def test_twins_have_as_many_parameters(name, width):
    torch = pytest.importorskip("torch")
    from benchmarks import torch_models

    assert sorted(torch_models.TWINS) == sorted(throughput._NETWORKS.values())
    twin = torch_models.TWINS[name](64, 8, width)
    net = models.build(name, (188, 64), 8, width=width)
    assert sum(p.numel() for p in twin.parameters()) == throughput.trainable(net)
    clips = torch.zeros(2, 188, 64)
    assert twin.train()(clips).shape == twin.eval()(clips).shape == (2, 8)


@pytest.mark.torch
def test_fcn_attention_computes_what_keras_does():
    torch = pytest.importorskip("torch")
    from benchmarks import torch_models

    net, twin = (
        models.build("fcn_attention", (188, 64), 8),
        torch_models.FcnAttention(64, 8, 1.0).eval(),
    )
    learned = [p for p in twin.parameters() if p.requires_grad]
    for given, taken in zip(net.trainable_variables, learned, strict=True):
        value = np.random.default_rng(0).normal(0, 0.02, given.shape).astype(np.float32)
        given.assign(value)
        axes = {2: (1, 0), 4: (3, 2, 0, 1)}.get(value.ndim)
        taken.data = torch.from_numpy(np.ascontiguousarray(value.transpose(axes)))
    clips = np.random.default_rng(1).normal(size=(2, 188, 64)).astype(np.float32)
    found = torch.softmax(twin(torch.from_numpy(clips)), dim=1).detach().numpy()
    np.testing.assert_allclose(found, net.predict_on_batch(clips), atol=1e-5)


@pytest.mark.torch
def test_the_peer_gets_the_threads_that_suit_it(monkeypatch):
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    clock = [0.0]
    monkeypatch.setattr(throughput.environment, "cores", lambda: 2)
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: clock[0])

    def slower_by_threads():
        clock[0] += torch.get_num_threads()

    try:
        assert throughput.fastest_threads(slower_by_threads) == torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.torch
def test_a_twin_of_another_size_is_refused(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    from types import SimpleNamespace

    part = SimpleNamespace(input_shape=(188, 64), num_classes=8)
    ready = throughput.Pipeline(models.build("mlp", (188, 64), 8), part, None, None)
    with raises(ConfigurationError, "different-twin"):
        throughput.torch_loop(Setting(tmp_path, tmp_path), "compact", ready)


def test_without_torch_the_peer_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(throughput.importlib.util, "find_spec", lambda name: None)
    with raises(ConfigurationError, "torch-not-installed", "'.[parity]'"):
        throughput.torch_loop(Setting(tmp_path, tmp_path), "compact", None)
