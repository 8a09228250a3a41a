"""The listening page from Python's side: what it is made of, who may ask for it, and mistakes."""

import hashlib
import http.client
import io
import json
import re
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from sertk import app
from sertk.app import fetch, runtime, site
from sertk.errors import AudioError, ConfigurationError, ModelError, RunError
from sertk.export import bundling
from sertk.predict import bundle, pretrained
from tests import fake_model, fake_run
from tests.errors import raises


@pytest.fixture(autouse=True)
def runtimes(tmp_path, monkeypatch):
    """A runtime of three short files, where `make app` would put the real one."""
    files = {name: name.encode() for name in runtime.SHA256}
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(runtime, "SHA256", sums)
    monkeypatch.setattr(runtime, "FOLDER", tmp_path / "vendor")
    (tmp_path / "vendor").mkdir()
    for name, content in files.items():
        (tmp_path / "vendor" / name).write_bytes(content)
    return files


@pytest.fixture
def packed(tmp_path):
    bundling.pack(fake_model.files_of_a_bundle(tmp_path), tmp_path / "bundle.zip")
    return tmp_path / "bundle.zip"


def asked(address, path="/", method="GET", **headers):
    host, port = address.removeprefix("http://").rstrip("/").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def test_the_page_is_whole(packed):
    files = app.files(packed)
    assert {"index.html", "debug.html", "style.css", "main.js", "worklet.js"} <= set(files)
    assert files["bundle.zip"] == packed.read_bytes()
    assert files["runtime/ort.js"] == b"ort.wasm.min.mjs"
    assert json.loads(files["clips.json"]) == {"clips": []}
    listed = json.loads(files["downloads.json"])
    assert set(listed) == {"bundle.zip", "runtime/ort-wasm.wasm"}
    for name, about in listed.items():
        sha256 = hashlib.sha256(files[name]).hexdigest()
        assert about == {"bytes": len(files[name]), "sha256": sha256}
    style = files["style.css"].decode()
    assert "prefers-color-scheme: dark" in style
    assert "prefers-reduced-motion" in style
    for name in ("index.html", "debug.html"):
        html = files[name].decode()
        for named in ("style.css", "main.js" if name == "index.html" else "debug.js"):
            assert f'"{named}"' in html
            assert named in files


def test_every_script_that_is_imported_is_there(packed):
    files = app.files(packed)
    for name, content in files.items():
        if name.endswith(".js") and "/" not in name:
            wanted = re.findall(r'"\./([\w./-]+\.js)"', content.decode())
            assert set(wanted) <= set(files), name


def test_clips_stand_beside_what_python_says(packed, tmp_path):
    sounds = fake_model.write_recordings(tmp_path / "sounds")
    files = app.files(packed, clips=[sounds / "a.wav", sounds / "silent.wav"])
    first, second = json.loads(files["clips.json"])["clips"]
    assert (first["name"], first["label"]) == ("a.wav", "happy")
    assert sum(first["probabilities"]) == pytest.approx(1)
    assert files[first["file"]] == (sounds / "a.wav").read_bytes()
    assert (second["label"], second["probabilities"]) == ("no speech", None)
    with raises(AudioError, "missing-audio-file", "gone.wav"):
        app.files(packed, clips=["gone.wav"])


def test_a_folder_is_what_is_served(packed, tmp_path):
    page = app.write(packed, tmp_path / "out")
    assert page == tmp_path / "out" / "index.html"
    found = {
        p.relative_to(page.parent).as_posix(): p.read_bytes() for p in page.parent.rglob("*.*")
    }
    assert found == app.files(packed)


def test_without_a_model_it_is_the_pretrained_one(tmp_path, monkeypatch, done):
    monkeypatch.setattr(pretrained, "FOLDER", fake_model.write_pretrained(tmp_path / "pretrained"))
    sounds = fake_model.write_recordings(tmp_path / "sounds")
    with pytest.warns(UserWarning, match="for non-commercial use only") as told:
        files = app.files(clips=[sounds / "a.wav"])
    assert told[0].filename == __file__
    (tmp_path / "taken.zip").write_bytes(files["bundle.zip"])
    assert bundle.read(tmp_path / "taken.zip") == pretrained.read()
    assert json.loads(files["clips.json"])["clips"][0]["label"] == "happy"
    assert done("app", "--out", tmp_path / "site").err.count("for non-commercial use only") == 1
    assert (tmp_path / "site" / "bundle.zip").read_bytes() == files["bundle.zip"]
    (pretrained.FOLDER / "model.onnx").unlink()
    with raises(ModelError, "missing-pretrained-model"):
        app.files()


def test_a_run_keeps_its_bundle_until_it_is_trained_anew(packed, tmp_path, monkeypatch):
    run = fake_run.write(tmp_path / "run", folds=1, seeds=(0,))
    model = run.folder / "fold_0" / "seed_0" / "model.keras"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"weights")
    monkeypatch.setattr(site.specs, "of_run", lambda *_: (spec, model))
    spec = fake_model.spec(weights_sha256="1")
    made = []

    def to_bundle(run, **_):
        files = fake_model.files_of_a_bundle(tmp_path)
        made.append(run.folder / "bundle.zip")
        bundling.pack({**files, "spec.json": spec.to_json().encode()}, made[-1])
        return type("Made", (), {"path": made[-1]})

    monkeypatch.setattr(bundling, "to_bundle", to_bundle)
    for _ in range(2):
        assert app.files(run)["bundle.zip"] == made[0].read_bytes()
    assert len(made) == 1
    spec = fake_model.spec(weights_sha256="2")
    app.files(run.folder)
    assert len(made) == 2
    made[0].write_bytes(b"damaged")
    app.files(run.folder)
    assert len(made) == 3


def test_headers_let_nothing_in_from_elsewhere(packed):
    with app.Server(app.files(packed), port=0) as server:
        answer, content = asked(server.address)
        assert answer.status == 200
        assert content.startswith(b"<!doctype html>")
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith(f"{app.POLICY}; ")
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy
        assert "unsafe-eval'" not in policy.replace("wasm-unsafe-eval", "")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        kinds = {"main.js": "text/javascript", "runtime/ort-wasm.wasm": "application/wasm",
                 "style.css": "text/css", "bundle.zip": "application/zip"}  # fmt: skip
        for name, kind in kinds.items():
            assert asked(server.address, f"/{name}")[0].headers["Content-Type"].startswith(kind)
        answer, content = asked(server.address, "/bundle.zip", "HEAD")
        assert (int(answer.headers["Content-Length"]), content) == (packed.stat().st_size, b"")


def test_what_a_browser_has_is_not_sent_again():
    files = {"index.html": b"page", "bundle.zip": b"model"}
    with app.Server(files, port=0) as server:
        answer, content = asked(server.address, "/bundle.zip")
        tag = answer.headers["ETag"]
        assert (tag, content) == (f'"{hashlib.sha256(b"model").hexdigest()}"', b"model")
        assert answer.headers["Cache-Control"] == "no-cache"
        for sent in (tag, f'W/"x", W/{tag}', "*"):
            answer, content = asked(server.address, "/bundle.zip", **{"If-None-Match": sent})
            assert (answer.status, content, answer.headers["ETag"]) == (304, b"", tag)
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        other = asked(server.address)[0].headers["ETag"]
        answer, content = asked(server.address, "/bundle.zip", **{"If-None-Match": other})
        assert (answer.status, content) == (200, b"model")


def test_a_browser_that_leaves_is_no_news(packed, capfd):
    with app.Server({"index.html": bytes(30_000_000)}, port=0) as server:
        port = int(server.address.rstrip("/").rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as caller:
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            caller.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
            assert caller.recv(9) == b"HTTP/1.1 "
        assert asked(server.address)[0].status == 200
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("path", "method", "headers", "status"),
    [
        ("/", "GET", {"Host": "evil.example"}, 403),
        ("/", "GET", {"Host": "evil.example:8765"}, 403),
        ("/", "GET", {"Host": "127.0.0.1.evil.example"}, 403),
        ("/", "GET", {"Host": "localhost.evil.example:9000"}, 403),
        ("/", "GET", {"Host": "evil.example@localhost"}, 403),
        ("/", "GET", {"Host": ""}, 403),
        ("/", "GET", {"Host": "127.0.0.1:1"}, 200),  # an ssh tunnel has its own port
        ("/", "GET", {"Host": "localhost:9000"}, 200),
        ("/", "GET", {"Host": "LOCALHOST"}, 200),
        ("/", "GET", {"Host": "[::1]:9000"}, 200),
        ("/../pyproject.toml", "GET", {}, 404),
        ("/..%2fpyproject.toml", "GET", {}, 404),
        ("//etc/passwd", "GET", {}, 404),
        ("/", "POST", {}, 501),
        ("/index.html?x=1", "GET", {}, 200),
    ],
)
def test_only_this_machine_and_only_the_page(path, method, headers, status, packed):
    with app.Server(app.files(packed), port=0) as server:
        assert server.address.startswith("http://127.0.0.1:")
        assert asked(server.address, path, method, **headers)[0].status == status


def test_a_port_that_is_taken(packed):
    with app.Server({}, port=0) as server:
        port = int(server.address.rstrip("/").rpartition(":")[2])
        with raises(ConfigurationError, "port-unavailable", str(port)):
            app.Server({}, port=port)
    with raises(ConfigurationError, "port-unavailable", "70000"):
        app.Server({}, port=70_000)


def test_the_runtime_is_pinned(runtimes, tmp_path):
    archive = tmp_path / "runtime.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, content in runtimes.items():
            entry = tarfile.TarInfo(f"package/dist/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    assert runtime.read(archive) == runtimes
    other = tmp_path / "other" / "dist"
    other.mkdir(parents=True)
    with raises(ConfigurationError, "missing-runtime", "ort.wasm.min.mjs"):
        runtime.read(other.parent)
    for name in runtimes:
        (other / name).write_bytes(b"something else")
    with raises(ConfigurationError, "wrong-runtime-version", "1.30.0"):
        runtime.read(other.parent)
    (tmp_path / "half.tgz").write_bytes(archive.read_bytes()[:40])
    with raises(ConfigurationError, "damaged-runtime-archive", "half.tgz"):
        runtime.read(tmp_path / "half.tgz")


def test_fetching_asks_npm_once(runtimes, monkeypatch):
    assert fetch.fetch() == runtime.FOLDER
    (runtime.FOLDER / "ort.wasm.min.mjs").unlink()
    monkeypatch.setattr(fetch.shutil, "which", lambda _: None)
    with raises(ConfigurationError, "npm-not-installed"):
        fetch.fetch()
    monkeypatch.setattr(fetch.shutil, "which", lambda _: sys.executable)
    with raises(ConfigurationError, "npm-pack-failed", "onnxruntime-web@1.30.0"):
        fetch.fetch()


def test_a_static_folder_by_command(packed, tmp_path, done):
    said = done("app", "--bundle", packed, "--out", tmp_path / "o").out
    assert said == f"Page: {tmp_path / 'o' / 'index.html'}\n"
    with zipfile.ZipFile(tmp_path / "o" / "bundle.zip") as archive:
        assert "model.onnx" in archive.namelist()


# a shell's background jobs ignore Ctrl-C, and so would what they start
SERVE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from sertk.app import runtime
from sertk.cli import main
runtime.read = lambda _=None: {name: b"" for name in runtime.SHA256}
sys.exit(main(["app", "--bundle", sys.argv[1], "--port", "0"]))
"""


def test_serving_by_command_until_it_is_stopped(packed):
    words = [sys.executable, "-c", SERVE, str(packed)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        line = process.stdout.readline().decode()
        address = line.split()[2]
        assert line.endswith("(Ctrl-C ends it)\n")
        assert asked(address)[0].status == 200
        process.send_signal(signal.SIGINT)
        try:
            _, told = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0
    assert told == b""


@pytest.mark.parametrize(
    ("words", "code", "value"),
    [
        (["--fold", "1"], "fold-of-single-model", ""),
        (["--run", "a", "--bundle", "b"], "several-models", ""),
        (["--bundle", "gone.zip"], "missing-bundle", "gone.zip"),
        (["--bundle", "bundle.zip", "--fold", "1"], "fold-of-single-model", "bundle.zip"),
        (["--bundle", "bundle.zip", "--runtime", "."], "missing-runtime", ""),
        (["--bundle", "bundle.zip", "--port", "-1"], "port-unavailable", ""),
        (["--bundle", "text.zip"], "damaged-bundle", "text.zip"),
        (["--run", "."], "missing-run", ""),
        (["--bundle", "bundle.zip", "--speaker", "."], "speaker-without-clips", ""),
    ],
)
def test_mistakes(words, code, value, packed, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("text.zip").write_text("no zip")
    refused("app", *words).check(code, value)


def test_mistakes_in_python(packed, tmp_path):
    packed.write_bytes(packed.read_bytes()[:-9])
    with raises(ModelError, "damaged-bundle"):
        app.files(packed)
    with raises(RunError, "missing-run"):
        app.files(tmp_path)
