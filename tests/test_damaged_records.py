"""Records damaged in every field, files without end, layouts that never match: read or refused."""

import itertools
import json
import os
import socket
import subprocess
import sys
import time

import pytest

from sertk import corpora, evaluation, manifest, notebooks, studies
from sertk._display import drawing
from sertk._utils import json_records, schemas
from sertk.app import server
from sertk.cli import main
from sertk.corpora.folders import _Layout
from sertk.errors import SertkError
from sertk.manifest import remarks
from sertk.predict import bundle, pretrained
from sertk.predict import spec as specs
from sertk.run import Run
from sertk.training.config import Config
from tests import damage, fake_run
from tests.corpora import trees
from tests.errors import raises
from tests.test_pretrained import SHIPPED

SMALL = {"classes": ("happy", "sad"), "speakers": 4, "folds": 2, "seeds": (0,)}
MORE = {
    "audit": [{"kind": "k", "severity": "leak", "message": "m", "rows": 3, "reaches_test": True}],
    "unreadable": [{"utterance_id": "u", "path": "p", "reason": "r"}],
    "recipe": {
        "title": "t", "stamps": ["s"], "stopped": "", "changed": {"a": 1},
        "published": [{"score": "1", "protocol": "p"}],
        "differences": [{"what": "w", "original": "o", "here": "h", "why": "y"}],
    },
}  # fmt: skip


def outcomes(mutations, read, refusal=SertkError):
    """Read every damaged record; count how many were read, and how many refused."""
    counts = {"read": 0, "refused": 0}
    for name, text in mutations:
        try:
            read(text)
        except refusal as error:
            counts["refused"] += str(error).isprintable()
        except Exception as error:
            pytest.fail(f"{name}: {error!r}")
        else:
            counts["read"] += 1
    return counts


def test_a_run_is_read_or_refused(tmp_path):
    run = fake_run.write(tmp_path / "run", **SMALL, **MORE)
    for fold in (0, 1):
        (run.folder / f"fold_{fold}" / "seed_0").mkdir(parents=True)
        (run.folder / f"fold_{fold}" / "seed_0" / "model.keras").write_bytes(b"")
    path = run.folder / "run.json"

    def read(text):
        path.write_text(text)
        found = Run(run.folder)
        repr(found)
        found._repr_html_()
        evaluation.evaluate(found)
        specs.of_run(found)
        Config().changed(found.info["training"])

    mutations = itertools.islice(damage.mutations(run.info), 0, None, 3)
    found = outcomes(mutations, read)
    assert found["read"] > 50
    assert found["refused"] > 300


def test_a_study_is_read_or_refused(tmp_path):
    study = studies.Study(
        "?", grouping={"own": {"happy": "yes", "sad": "no"}}, augment=("none", "noise"),
        model="mlp", seed=(0,), config={"epochs": 3}, where={"style": "speech"},
    )  # fmt: skip
    for trial in study.trials():
        fake_run.write(tmp_path / "trials" / trial.name, **{**SMALL, "classes": ("yes", "no")})
    record = {**study.record(), "data": {"ravdess": "a"}, "command": "c", "git_commit": None,
              "environment": {"backend": "jax"}}  # fmt: skip

    def read(text):
        (tmp_path / "study.json").write_text(text)
        found = studies.StudyResult(tmp_path)
        assert found.answer
        assert found.others <= 2
        assert len(found.missing) <= 2

    found = outcomes(itertools.islice(damage.mutations(record), 0, None, 4), read)
    assert found["refused"] > 100


@pytest.mark.skipif(not SHIPPED, reason="no pretrained model here")
def test_a_model_is_described_or_refused(tmp_path):
    files = pretrained.read()
    record = json.loads(files["spec.json"])
    found = outcomes(
        damage.mutations(record), lambda text: specs.Spec.from_json(text, "a").to_json()
    )
    assert found["refused"] > 500
    embedded = {"name": "embedding", "encoder": "/dev/zero"}
    record["preprocessing"]["feature"] = embedded
    with raises(SertkError, "damaged-model-description", "'embedding'"):
        specs.Spec.from_json(json.dumps(record), "a")
    index = json.loads(files["bundle.json"])
    unread = ("stranger", "sertk_version", "schema_version is true")
    for name, text in damage.mutations(index):
        if not any(word in name for word in unread):
            assert bundle.fault({**files, "bundle.json": text.encode()}, tmp_path), name


@pytest.mark.parametrize(
    ("schema", "record"),
    [
        (schemas.Fit, {"fold": 0, "seed": 0, "best_epoch": 1, "epochs": 2, "seconds": 0.5}),
        (schemas.Robustness, {"note": "n", "rows": [{"title": "t", "level": 1.0, "unit": "dB",
                                                      "uar": 0.5, "change": -0.1}]}),
        (schemas.Shard, {"rows": [["a", 3, 9]], "unreadable": [["b", "is empty", True]]}),
        (schemas.Progress, {"history": [{"loss": 1.0}], "best": [0.5], "best_epoch": 1,
                             "seconds": 2.0}),
    ],
)  # fmt: skip
def test_small_records_fit_or_are_damaged(schema, record):
    assert json_records.parse(json.dumps(record), schema) == record
    found = outcomes(
        damage.mutations(record), lambda text: json_records.parse(text, schema),
        json_records.DamagedError,
    )  # fmt: skip
    assert found["refused"] > 10


CELLS = ["word", "-1", "1" + "0" * 29, "9" * 6000, "inf", "1e400", "w" * 30_000, "a\0b", '"']


@pytest.mark.parametrize("name", ["predictions.csv", "history.csv", "manifest.csv"])
def test_tables_are_read_or_refused(name, tmp_path):
    run = fake_run.write(tmp_path / "run", **SMALL)
    path = run.folder / name
    if name == "manifest.csv":
        run.manifest.assign(fold=0, val_folds="1", start=0.0).to_csv(path, index=False)
    lines = [line.split(",") for line in path.read_text().splitlines()]

    def read(text):
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        found = Run(run.folder)
        found.manifest, found.history, evaluation.evaluate(found).summary().frame()

    def changed():
        for column, cell in itertools.product(range(len(lines[0])), [*CELLS, "\ud800"]):
            for rows in (range(1, 2), range(1, len(lines)), range(1)):
                made = [list(line) for line in lines]
                for row in rows:
                    made[row][column] = cell
                yield f"{lines[0][column]} {cell[:9]!r}", "\n".join(map(",".join, made))

    assert outcomes(itertools.islice(changed(), 0, None, 2), read)["refused"] > 50


def test_names_that_no_system_takes(tmp_path):
    for name in ("a" * 5000, "a/" * 5000, "a\0b"):
        with raises(SertkError, "missing-manifest-file", "manifest"):
            manifest.read(tmp_path / name)
        with raises(SertkError, "missing-run"):
            Run(tmp_path / name)


def test_notebooks_that_are_none(tmp_path):
    pytest.importorskip("papermill")
    cell = {"cell_type": "code", "source": "epochs: int = 3", "metadata": {"tags": ["parameters"]},
            "outputs": [], "execution_count": None, "id": "a"}  # fmt: skip
    record = {"cells": [cell], "metadata": {"kernelspec": {"name": "python3", "language": "python",
              "display_name": "p"}}, "nbformat": 4, "nbformat_minor": 5}  # fmt: skip
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(record))
    assert notebooks.parameters(path) == {"epochs": 3}

    def read(text):
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        notebooks.read_words(path, [("epochs", "3")])

    outcomes(itertools.islice(damage.mutations(record), 0, None, 3), read)


@pytest.mark.parametrize(
    ("field", "value"),
    [("seeds", []), ("classes", None), ("folds", [{"fold": 10**30}]), ("protocol", "a"),
     ("classes", ["a\x1b[31m", "b"]), ("classes", ["happy", "happy"]), ("status", "\ud800")],
)  # fmt: skip
def test_the_command_line_says_it_in_one_paragraph(field, value, refused, tmp_path):
    run = fake_run.write(tmp_path / "run", **SMALL)
    (run.folder / "run.json").write_text(json.dumps({**run.info, field: value}))
    for command in ("evaluate", "report", "export"):
        refused(command, run.folder).check("damaged-run", "run.json")


EXTRACT = ("extract", "MANIFEST", "--feature-option")


@pytest.mark.parametrize(
    ("words", "code", "value"),
    [
        (("scan", "toy", "-o", ""), "empty-argument", ""),
        (("scan", "toy", "-o", "a\0b"), "empty-argument", ""),
        (("scan", "toy", "--root", "~no-such-user/x"), "unknown-home-folder", ""),
        (("audit", "~no-such-user"), "unknown-home-folder", ""),
        (("predict", "a.wav", "~nobody7/a.wav"), "unknown-home-folder", "'~nobody7/a.wav'"),
        (("predict", "a.wav", "--threads", "1000000"), "invalid-threads", "1024"),
        ((*EXTRACT, "n_fft=1000000000"), "invalid-fft-sizes", "65536"),
        ((*EXTRACT, "n_fft=" + "9" * 6000), "wrong-argument-type", ""),
        ((*EXTRACT, "n_fft=" + "[" * 9999), "wrong-argument-type", ""),
        ((*EXTRACT, "fmin=NaN"), "wrong-argument-type", "fmin"),
    ],
)
def test_odd_words(words, code, value, refused, tmp_path):
    run = fake_run.write(tmp_path / "run", **SMALL)
    given = [str(run.folder / "manifest.csv") if word == "MANIFEST" else word for word in words]
    refused(*given).check(code, value)


def test_what_the_system_refuses_is_no_traceback(refused, monkeypatch):
    def full(*_):
        raise OSError(5, "Input/output error", "/somewhere")

    monkeypatch.setattr("sertk.cli.data.names", full)
    refused("names").check("system-error")
    monkeypatch.setattr("sertk.cli.data.names", lambda *_: [0] * 2**60)
    assert main(["names"]) == 2


@pytest.mark.parametrize(
    ("layout", "path", "fields"),
    [
        ("{emotion}/*.wav", "sad/a.wav", {"emotion": "sad"}),
        ("{emotion}_{speaker}.wav", "sad_a_b.WAV", {"emotion": "sad", "speaker": "a_b"}),
        ("*_{speaker}.wav", "sad_a_b.wav", {"speaker": "b"}),
        ("{emotion}/*.wav", "sad/deep/a.wav", None),
        ("{emotion}.wav", ".wav", None),
        ("A.b", "aXb", None),
    ],
)
def test_layouts(layout, path, fields):
    assert _Layout(layout).match(path) == fields


def test_a_layout_of_many_wildcards_takes_no_time():
    began = time.monotonic()
    for _ in range(100):
        assert _Layout("*a" * 20 + "{emotion}.wav").match("a" * 250 + ".mp3") is None
    assert time.monotonic() - began < 5


def commands(fifo, sound):
    """Name the FIFO wherever a command takes a file."""
    model = ["predict", str(sound)]
    yield ["predict", f"{fifo}.wav"]
    for suffix in (".onnx", ".zip", ".keras", ".xml"):
        word = "--bundle" if suffix == ".zip" else "--model"
        yield [*model, word, f"{fifo}{suffix}"]
    yield ["audit", f"{fifo}.csv"]
    yield ["scan", "table", "--root", f"{fifo}.csv"]
    yield ["scan", "table", "--root", str(fifo.parent)]
    yield ["evaluate", str(fifo.parent)]
    yield ["report", str(fifo.parent)]
    yield ["run", f"{fifo}.ipynb"]
    yield ["app", "--runtime", f"{fifo}.tgz"]


def test_a_fifo_is_refused_wherever_a_file_is_named(tmp_path):
    root = trees.sounds(tmp_path / "c", "happy/a.wav")
    fifo = tmp_path / "f" / "fifo"
    fifo.parent.mkdir()
    for name in ("fifo.wav", "fifo.onnx", "fifo.zip", "fifo.keras", "fifo.xml", "fifo.csv",
                 "fifo.ipynb", "fifo.tgz", "run.json", "study.json"):  # fmt: skip
        os.mkfifo(fifo.parent / name)
    code = (
        "import json, sys; from sertk.cli import main; "
        "[print(main(words), *words) for words in json.loads(sys.argv[1])]"
    )

    words = list(commands(fifo, root / "happy" / "a.wav"))
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(words)], capture_output=True, text=True,
        timeout=240, check=False,
    )  # fmt: skip
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["2"] * len(words), done.stderr
    assert "Traceback" not in done.stderr


def test_a_fifo_among_recordings_is_unreadable(tmp_path):
    root = trees.sounds(tmp_path / "c", "happy/a.wav", "sad/b.wav")
    (root / "sad" / "c.wav").unlink(missing_ok=True)
    os.mkfifo(root / "sad" / "c.wav")
    found = corpora.scan("folders", root=root)
    unreadable = dict(remarks.of(found).unreadable)
    assert "sad/c.wav" not in set(found["path"]) or "FIFO" in unreadable["sad/c.wav"]


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(server, "_ASKING_SECONDS", 1.0)
    monkeypatch.setattr(server, "_MOST_CONNECTIONS", 8)
    with server.Server({"index.html": b"hello"}, port=0) as opened:
        yield int(opened.address.rstrip("/").rpartition(":")[2])


def ask(port):
    with socket.create_connection((server.HOST, port), timeout=20) as connection:
        connection.sendall(f"GET / HTTP/1.0\r\nHost: {server.HOST}:{port}\r\n\r\n".encode())
        return b"".join(iter(lambda: connection.recv(4096), b""))


def test_connections_that_ask_for_nothing_are_closed(quick):
    idle = [socket.create_connection((server.HOST, quick), timeout=20) for _ in range(30)]
    began = time.monotonic()
    for connection in idle:
        assert connection.recv(1) == b""
        connection.close()
    assert time.monotonic() - began < 15
    assert b"hello" in ask(quick)


def drip(connection):
    for _ in range(100):
        connection.sendall(b"G")
        time.sleep(0.1)


def test_a_request_that_drips_is_closed(quick):
    with socket.create_connection((server.HOST, quick), timeout=20) as connection:
        with pytest.raises(OSError, match=r"[Rr]eset|[Bb]roken pipe"):
            drip(connection)
        assert b"hello" in ask(quick)


def test_long_names_leave_room_for_the_drawing():
    (axes,) = drawing.new_axes()
    axes.plot([0, 1], [0, 1], label="w" * 30_000)
    axes.legend()
    axes.set_yticks([0, 1], ["v" * 30_000, "b"])
    text = drawing.svg(axes)
    assert "w" * 200 not in text
    assert "v" * 200 not in text
    assert "w" * 30 in text
