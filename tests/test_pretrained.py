"""The pretrained model: it answers unasked, and is refused where it was changed; model cards."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sertk
from sertk import evaluation, export, predict
from sertk.cli import main
from sertk.errors import ConfigurationError, ModelError, RunError
from sertk.export import bundling, model_card
from sertk.predict import bundle, pretrained
from sertk.predict.spec import Spec
from tests import fake_model, fake_run
from tests.errors import raises
from tests.test_export import run_of

HOME = Path(sertk.__file__).parent
SHIPPED = (HOME / "pretrained" / "encoder" / "model.onnx").is_file()
TERMS = "for non-commercial use only (RAVDESS: CC BY-NC-SA 4.0; EmoDB: CC0)"


@pytest.fixture
def recording(tmp_path):
    return fake_model.write_recordings(tmp_path / "sounds") / "a.wav"


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A small model in place of the package's own."""
    folder = fake_model.write_pretrained(tmp_path / "pretrained")
    monkeypatch.setattr(pretrained, "FOLDER", folder)
    return folder


RECIPE = {"title": "t", "stamps": [], "published": [], "differences": [], "changed": {}}


def test_it_answers_unasked_and_says_its_terms(shipped, recording, capsys):
    with pytest.warns(UserWarning, match="for non-commercial use only") as told:
        predictor = predict.load()
    assert told[0].filename == __file__
    assert str(shipped / "LICENSE.txt") in str(told[0].message)
    assert predictor.file(recording)["label"] == "happy"
    for words in ([], ["--timeline"], ["--format", "json"]):
        assert main(["predict", str(recording), *words]) == 0
        captured = capsys.readouterr()
        assert "happy" in captured.out
        assert [TERMS in line for line in captured.err.splitlines()].count(True) == 1
        assert TERMS not in captured.out


def test_silence_and_noise_get_no_emotion(shipped, recording, capsys):
    assert main(["predict", str(recording.parent / "silent.wav"), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["label"] == "no speech"


def test_weights_of_free_corpora_are_not_said_to_be_otherwise():
    told = pretrained.notice(fake_model.spec(license="EmoDB: CC0"))
    assert "under the licenses of their corpora (EmoDB: CC0)" in told


IMPORTS = """
import sys
from pathlib import Path
from sertk.cli import main
from sertk.predict import pretrained
pretrained.FOLDER = Path(sys.argv[1])
status = main(["predict", sys.argv[2], "--format", "csv"])
print(status, [m for m in ("keras", "tensorflow", "jax", "torch", "onnx") if m in sys.modules])
"""


def test_it_needs_onnxruntime_alone(shipped, recording):
    command = [sys.executable, "-c", IMPORTS, str(shipped), str(recording)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"
    assert done.stderr.count("non-commercial") == 1
    assert "Warning" not in done.stderr


def test_a_package_without_the_folder_works_and_says_what_is_missing(recording, tmp_path):
    without = shutil.ignore_patterns("pretrained", "__pycache__", "vendor")
    shutil.copytree(HOME, tmp_path / "sertk", ignore=without)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    model = fake_model.write_model(tmp_path / "model.onnx")

    def run(*words):
        command = [sys.executable, "-m", "sertk", "predict", str(recording), *words]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    done = run()
    assert (done.returncode, done.stdout) == (2, "")
    (paragraph,) = done.stderr.splitlines()
    assert paragraph.startswith("sertk: This installation does not include the pretrained model")
    for words in ("--run, --model or --bundle", "reproduce encoder --everyone", "--to pretrained"):
        assert words in paragraph
    assert run("--model", str(model)).returncode == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model.onnx", "model.onnx was changed"),
        ("LICENSE.txt", "LICENSE.txt was changed"),
        ("bundle.json", "its bundle.json is "),
    ],
)
def test_a_changed_file_is_refused(name, value, shipped, recording, refused):
    content = bytearray((shipped / name).read_bytes())
    content[len(content) // 2] ^= 255
    (shipped / name).write_bytes(content)
    refused("predict", recording).check("damaged-pretrained-model", value)


def test_other_mistakes(shipped, recording, refused):
    refused("predict", recording, "--fold", "1").check("fold-of-single-model")
    line = refused("predict", recording, "--model", "a.onnx", "--run", "b")
    line.check("several-models", "2 of --run, --model, --bundle and --model-name")
    (shipped / "MODEL_CARD.md").unlink()
    refused("predict", recording).check("damaged-pretrained-model", "MODEL_CARD.md")


def keep_validation(run):
    """Leave a run the predictions of its validation speakers alone."""
    table = run.predictions.assign(split="val")
    table.to_csv(run.folder / "predictions.csv", index=False)
    run.manifest.assign(split="val").to_csv(run.folder / "manifest.csv", index=False)


def write_robustness(run):
    rows = [{"condition": "white", "title": "White noise", "unit": "dB SNR", "level": 10.0,
             "uar": 0.4, "change": -0.123}]  # fmt: skip
    record = {"run": "x", "note": "96 utterances of 8 test speakers.", "rows": rows}
    (run.folder / "robustness.json").write_text(json.dumps(record))


def test_it_is_made_from_a_run_and_its_cross_validation(tmp_path, monkeypatch, recording, capsys):
    pytest.importorskip("tf2onnx")
    untrained = run_of("mlp", tmp_path / "untrained")
    same = {"classes": tuple(untrained.classes), "preprocessing": untrained.info["preprocessing"],
            "model": {"name": "mlp", "arguments": {}, "parameters": 2}}  # fmt: skip
    stopped = "1 of 1 fits ended after 2 of at most 60 epochs, before they had stopped improving"
    nobody = {"name": "custom", "leaky": False, "sentence": "nobody is tested"}
    everyone = fake_run.write(
        tmp_path / "everyone", speakers=4, folds=1, seeds=(0,), corpora=["emodb", "ravdess"],
        recipe={**RECIPE, "stopped": stopped}, protocol=nobody, **same,
    )  # fmt: skip
    shutil.copytree(untrained.folder / "fold_0", everyone.folder / "fold_0")
    keep_validation(everyone)
    tested = fake_run.write(tmp_path / "cv", speakers=8, folds=2, seeds=(0,), **same)
    write_robustness(tested)
    folder = tmp_path / "compact"  # of a model without an encoder
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path / "encoder")
    words = [
        "export",
        str(everyone.folder),
        "--to",
        "pretrained",
        "--evaluation",
        str(tested.folder),
    ]
    assert main(words) == 0
    assert str(folder) in capsys.readouterr().out
    assert {path.name for path in folder.iterdir()} == {bundle.INDEX, *bundle.NEEDED}
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    for part in (
        f"> **Mechanics only: {stopped}.**",
        "### ravdess, cross-validated",
        "tested on held-out speakers",
        "| speaker | gender | utterances | UAR, % |",
        "Calibration: Temperature",
        "| White noise | 10 dB SNR | 40.0 | -12.3 |",
        "On ravdess:",
    ):
        assert part in card, part
    license = (folder / "LICENSE.txt").read_text(encoding="utf-8")
    for part in ("CC-BY-NC-SA-4.0", "Livingstone", "Burkhardt", "EmoDB, CC0", "MIT license"):
        assert part in license
    assert max(len(line) for line in license.splitlines() if not line.startswith("- ")) <= 100
    with pytest.warns(UserWarning, match="non-commercial"):
        assert predict.load(model_name="compact").spec.run == "everyone"


def test_figures_of_another_system_are_refused(tmp_path, refused):
    run = fake_run.write(tmp_path / "run", speakers=4)
    other = fake_run.write(
        tmp_path / "other", speakers=4, model={"name": "mlp", "arguments": {}, "parameters": 2}
    )
    with raises(ConfigurationError, "different-system", "model.name"):
        export.model_card(run, spec_of(run), [other])
    nobody = fake_run.write(tmp_path / "nobody", speakers=4)
    keep_validation(nobody)
    with raises(RunError, "untested-run"):
        export.model_card(run, spec_of(run), [nobody])
    line = refused("export", run.folder, "--to", "onnx", "--evaluation", other.folder)
    line.check("unexpected-evaluation", "--to bundle or pretrained")


def test_a_large_model_is_not_shipped(tmp_path, monkeypatch):
    made = run_of("mlp", tmp_path / "run")
    monkeypatch.setattr(bundling, "_made", lambda *_: ({"model.onnx": bytes(13_000_000)}, None))
    with raises(ModelError, "model-too-large", "13.0"):
        bundling.to_pretrained(made, tmp_path / "pretrained")
    assert list((tmp_path / "pretrained").iterdir()) == []


@pytest.mark.skipif(not SHIPPED, reason="the package was taken without its pretrained models")
@pytest.mark.parametrize(
    ("name", "corpora"),
    [("encoder", ["emodb", "nemo", "ravdess"]), ("compact", ["emodb", "ravdess"])],
)
def test_what_is_shipped_is_whole_small_and_knows_eight_emotions(name, corpora, recording):
    files = pretrained.read(name)
    assert sum(map(len, files.values())) < bundling.LARGEST
    with pytest.warns(UserWarning, match="for non-commercial use only"):
        predictor = predict.load(model_name=name)
    assert predictor.classes == list(fake_run.EMOTION8)
    assert predictor.spec.corpora == corpora
    assert (predictor.engine.bins is not None) == (name == "encoder")
    assert predictor.file(recording)["label"] in predictor.classes
    license = files["LICENSE.txt"].decode()
    assert "CC-BY-NC-SA-4.0" in license
    assert ("Copyright (c) 2022 OpenAI" in license) == (name == "encoder")
    assert "## Out-of-scope use" in files["MODEL_CARD.md"].decode()


def spec_of(run, **changes):
    known = {"classes": run.classes, "preprocessing": run.info["preprocessing"],
             "clip_aggregation": "mean", "model": "compact", "corpora": run.info["corpora"],
             "weights_sha256": "ab" * 32, "run": run.folder.name}  # fmt: skip
    return Spec(**{**known, **changes})


def test_a_card_holds_the_numbers_of_the_run(tmp_path):
    run = fake_run.write(tmp_path / "run", speakers=8, folds=2, seeds=(0, 1))
    card = model_card(run, spec_of(run))
    result = evaluation.evaluate(run)
    interval = result.interval("uar")
    assert f"| UAR | {100 * result.uar:.1f} | {100 * interval.low:.1f} to" in card
    for speaker, row in result.by_speaker().frame().iterrows():
        assert (
            f"| {speaker} | {row['gender']} | {row['utterances']} | {100 * row['uar']:.1f}" in card
        )
    for gender in ("female", "male"):
        assert f"| {gender} | 4 | " in card
    assert "CC BY-NC-SA 4.0" in card
    assert "Livingstone" in card
    assert run.info["protocol"]["sentence"].rstrip(".") in card
    assert "Out-of-scope use" in card
    assert "those of all models of the run" in card
    assert "Calibration: Temperature " in card
    assert "abab" in card
    recall = result.per_class().frame()["recall"]
    assert f"- {recall.idxmin()}: recall {100 * recall.min():.1f} %; predicted instead: " in card
    assert "**" not in card


def test_a_card_warns_of_leaks_synthetic_speech_and_unknown_licenses(tmp_path):
    leaky = {"name": "random", "sentence": "Random split", "leaky": True}
    run = fake_run.write(tmp_path / "run", speakers=4, synthetic=True, protocol=leaky)
    card = model_card(run, spec_of(run, corpora=["mine"]))
    assert "Its split leaks test data" in card
    assert "synthetic speech" in card
    assert "mine: your own corpus; its license is unknown" in card


def test_a_card_needs_a_finished_run(tmp_path):
    run = fake_run.write(tmp_path / "run", speakers=4, status="unfinished")
    with raises(RunError, "unfinished-run"):
        model_card(run, spec_of(run))
