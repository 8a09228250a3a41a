"""The table of networks as files: what it takes from exports, what it keeps, what falls short."""

import json
import re

import pandas as pd
import pytest

from docs._make import exports
from sertk.errors import ModelError
from sertk.export.result import Exported
from sertk.predict import spec as specs
from tests import fake_run

GOOD = {
    "max_difference": 3e-6, "label_agreement": 1.0, "uar_keras": 0.65, "uar": 0.65,
    "uar_difference": 0.0, "waveforms": 262, "utterances": 256, "labelled": 250,
    "milliseconds": 5.0, "megabytes": 1.25,
}  # fmt: skip


@pytest.fixture
def run(tmp_path):
    made = fake_run.write(tmp_path / "somewhere" / "compact_dev4", seeds=(0,), skill=2.5)
    _train(made, b"weights")
    return made


def _train(run, weights):
    path = run.folder / "fold_0" / "seed_0" / "model.keras"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(weights)


class Exporter:
    """Stands in for `sertk.export.export`, and counts what it is asked."""

    def __init__(self, **row):
        self.row, self.asked = {**GOOD, **row}, []

    def __call__(self, run, to, *, path, splits, **options):
        assert splits[0] == "test"
        self.asked.append((to, *options.values()))
        figures = {k: v for k, v in self.row.items() if k not in ("milliseconds", "megabytes")}
        found = pd.DataFrame([figures], index=pd.Index(["x"], name="file"))
        engine = "openvino" if to == "openvino" else "onnxruntime"
        times = pd.DataFrame(
            {"threads": ["all", "1", "all"], "milliseconds": [50.0, self.row["milliseconds"], 3.0],
             "real_time_factor": 0.0, "megabytes": [2.0, self.row["megabytes"], 9.0]},
            index=pd.Index(["Keras predict", engine, engine], name="engine"),
        )  # fmt: skip
        if options.get("precision") == "int8":
            raise ModelError(f"{run.folder}/m.xml answers otherwise (labels agree 80.0%).")
        return Exported(path, found, times, "on recordings")


@pytest.fixture
def report(tmp_path, monkeypatch):
    monkeypatch.setattr(exports, "REPORTS", tmp_path / "export")
    monkeypatch.setattr(exports.converting, "require_onnx", lambda: None)

    def make(exporter, *words):
        monkeypatch.setattr(exports.export, "export", exporter)
        return exports.main([str(word) for word in words])

    return make


def test_the_readme_is_what_was_measured():
    if not exports.REPORTS.is_dir():
        pytest.skip("no report of exports has been committed")
    assert (exports.REPORTS / "README.md").read_text("utf-8") == exports.readme(exports.read())


def test_a_run_becomes_a_row_per_format(run, report, tmp_path):
    exporter = Exporter()
    assert report(exporter, run.folder) == 0
    assert exporter.asked == [
        ("onnx",), ("onnx", "stft"), ("openvino",), ("openvino", "fp16"), ("openvino", "int8")
    ]  # fmt: skip
    (network,) = exports.read()
    assert network["name"] == "compact_dev4"
    assert network["backend"] == "tensorflow"
    assert network["weights_sha256"] == specs.of_run(run)[0].weights_sha256
    assert network["files"]["ONNX"] == GOOD
    text = (exports.REPORTS / "README.md").read_text("utf-8")
    assert text == exports.readme([network])
    row = "| ONNX | 3e-06 | 100.0 % | 256, 250 of test speakers | 65.0, +0.0 | 1.25 | 5.00 | met |"
    assert row in text
    assert re.search(r"\| tensorflow \| [\d.]+ \([\d.]+ to [\d.]+\) \| ONNX", text)
    assert text.count("| compact_dev4: compact, ravdess, 8 classes | tensorflow |") == 5
    assert "| OpenVINO INT8 | - | - | - | - | - | - | **missed** |" in text
    assert "**compact_dev4**, OpenVINO INT8: was not written: compact_dev4/m.xml answers" in text
    for written in (text, json.dumps(network)):
        assert "somewhere" not in written
        assert str(tmp_path) not in written


def test_what_is_known_is_not_measured_again(run, report):
    assert report(Exporter(), run.folder) == 0
    again = Exporter(max_difference=1.0)
    assert report(again, run.folder) == 0
    assert again.asked == []
    record = exports.REPORTS / exports.RECORD
    known = json.loads(record.read_text())
    del known["networks"][0]["files"]["OpenVINO FP16"]
    record.write_text(json.dumps(known))
    assert report(again, run.folder) == 0
    assert again.asked == [("openvino", "fp16")]
    _train(run, b"other weights")
    assert report(again, run.folder) == 0
    assert len(again.asked) == 6
    assert len(exports.read()) == 1


def test_an_interruption_keeps_what_was_measured(run, report):
    class Interrupted(Exporter):
        def __call__(self, run, to, **options):
            if to == "openvino":
                raise KeyboardInterrupt
            return super().__call__(run, to, **options)

    with pytest.raises(KeyboardInterrupt):
        report(Interrupted(), run.folder)
    assert list(exports.read()[0]["files"]) == ["ONNX", "ONNX, STFT"]


@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        ("ONNX", {}, None),
        ("ONNX", {"max_difference": 2e-4}, r"differ by 0\.0002, more than 0\.0001"),
        ("ONNX", {"max_difference": float("nan")}, r"differ by nan, more than"),
        (
            "ONNX, STFT",
            {"label_agreement": 0.996},
            r"99\.6 % of the labels agree, less than 100\.0",
        ),
        ("OpenVINO FP16", {"max_difference": 2e-4, "label_agreement": 0.99}, None),
        ("OpenVINO FP16", {"max_difference": 0.03}, r"differ by 0\.03, more than 0\.02"),
        ("OpenVINO INT8", {"max_difference": 0.4, "label_agreement": 0.98}, None),
        ("OpenVINO INT8", {"label_agreement": 0.974}, r"97\.4 % of the labels agree, less than 98"),
        ("OpenVINO INT8", {"uar_difference": -0.012}, r"UAR loses 1\.2 points, more than one"),
        ("OpenVINO INT8", {"uar_difference": 0.012}, None),
        ("OpenVINO FP32", {"utterances": 231}, r"231 recordings are fewer than 240"),
    ],
)
def test_goals(name, changed, said):
    found = exports.missed(name, {**GOOD, **changed})
    assert (found == []) if said is None else re.search(said, *found)


def test_a_network_that_learnt_little_is_named(run, report, tmp_path):
    weak = fake_run.write(tmp_path / "weak", seeds=(0,), skill=-1.0)
    _train(weak, b"weak")
    assert report(Exporter(), run.folder, weak.folder) == 0
    networks = exports.read()
    assert [exports.doubted(network) for network in networks] == [False, True]
    told = exports.shortfalls(networks)
    assert re.search(r"\*\*weak\*\*: its UAR of [\d.]+ is not above 50, so that", told)
    assert "**compact_dev4**: its UAR" not in told
    for network in networks:
        del network["files"]["OpenVINO INT8"]
    assert exports.shortfalls(networks[:1]).startswith("Every network has a UAR above 50")
    assert exports.table(networks).count(", **not above 50** |") == 4


def test_mistakes(run, report, tmp_path, capsys):
    assert report(Exporter(), tmp_path / "nowhere") == 2
    assert "exports: " in capsys.readouterr().err
    assert report(Exporter(utterances=0, labelled=0), run.folder) == 2
    assert "Set SERTK_CORPORA to the folder above" in capsys.readouterr().err
    assert exports.read() == []
