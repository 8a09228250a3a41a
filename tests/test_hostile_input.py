"""Files that never end, layouts that never match, connections that never ask, names without end."""

import json
import os
import socket
import subprocess
import sys
import time

import pytest

from sertk import corpora
from sertk._display import drawing
from sertk.app import server
from sertk.corpora.folders import _Layout
from sertk.manifest import remarks
from tests.corpora import trees


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
