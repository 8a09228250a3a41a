"""Downloads of encoders, against a server of our own, and the commands."""

import hashlib
import http.server
import json
import threading
from collections import Counter

import pytest
from safetensors.numpy import load_file

from sertk import encoders
from sertk.encoders import _weights, whisper
from sertk.errors import ModelError, SertkError, UnknownNameError
from tests import encoder_files as files
from tests.encoder_files import assert_same
from tests.errors import raises


class Handler(http.server.BaseHTTPRequestHandler):
    """Serve one file, from the byte that is asked for; break off after `cut` bytes, once."""

    def do_GET(self):
        self.server.asked[self.headers.get("Range")] += 1
        content = self.server.files.get(self.path.lstrip("/"))
        if content is None:
            self.send_error(404)
            return
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        if start >= len(content) and start:
            self.send_error(416)
            return
        self.send_response(206 if start and self.server.ranges else 200)
        rest = content[start if self.server.ranges else 0 :]
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: self.server.cut or None])
        self.server.cut = 0

    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A mirror of whisper-base, which is a small file here."""
    content = files.write_openai(tmp_path / "served.pt").read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    config = whisper.Config(files.UNITS, files.BLOCKS, files.HEADS, files.MELS)
    monkeypatch.setitem(whisper.CONFIGS, "whisper-base", config)
    monkeypatch.setitem(whisper.DOWNLOADS, "whisper-base", ("base.pt", sha256))
    monkeypatch.setenv("SERTK_ENCODERS", str(tmp_path / "encoders"))
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.asked, httpd.files, httpd.cut, httpd.ranges = Counter(), {"base.pt": content}, 0, True
    httpd.url = f"http://127.0.0.1:{httpd.server_port}/"
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield httpd
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def fetch(server, **options):
    return encoders.download("whisper-base", base_url=server.url, progress=False, **options)


def left(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_a_download_is_checked_and_converted_and_kept(server, tmp_path):
    path = fetch(server)
    assert path == tmp_path / "encoders" / "whisper-base.safetensors"
    assert left(path.parent) == [path.name]
    assert encoders.find("whisper-base", blocks=files.BLOCKS).path == path
    assert_same(load_file(path), files.whisper_arrays())
    assert _weights.read_metadata(path)["source"] == f"whisper-base, from {server.url}base.pt"
    assert fetch(server) == path
    assert server.asked == {None: 1}
    path.write_bytes(b"damaged")
    assert fetch(server) == path
    encoders.find("whisper-base", blocks=files.BLOCKS)


@pytest.mark.parametrize("ranges", [True, False])
def test_an_interrupted_download_is_resumed(ranges, server, tmp_path):
    server.cut, server.ranges = 100_000, ranges
    with raises(ModelError, "encoder-download-failed", "base.pt"):
        fetch(server, to=tmp_path / "to")
    assert left(tmp_path / "to") == [".base.pt.part"]
    received = (tmp_path / "to" / ".base.pt.part").stat().st_size
    assert 0 < received <= 100_000
    path = fetch(server, to=tmp_path / "to")
    assert server.asked == {None: 1, f"bytes={received}-": 1}
    assert left(tmp_path / "to") == [path.name]
    assert_same(load_file(path), files.whisper_arrays())


def test_a_download_that_was_complete_is_not_repeated(server, tmp_path):
    (tmp_path / "to").mkdir()
    content = server.files["base.pt"]
    (tmp_path / "to" / ".base.pt.part").write_bytes(content)
    path = fetch(server, to=tmp_path / "to")
    assert server.asked == {f"bytes={len(content)}-": 1}
    assert left(tmp_path / "to") == [path.name]


def test_another_file_is_deleted(server, tmp_path):
    server.files["base.pt"] = b"PK another file"
    with raises(ModelError, "wrong-encoder-checksum", "base.pt"):
        fetch(server, to=tmp_path / "to")
    assert left(tmp_path / "to") == []
    server.files.clear()
    with raises(ModelError, "encoder-download-failed", "404"):
        fetch(server, to=tmp_path / "to")
    with raises(SertkError, "unwritable-path"):
        fetch(server, to=tmp_path / "served.pt")


def test_one_process_at_a_time(server, tmp_path):
    import filelock

    (tmp_path / "to").mkdir()
    with (
        filelock.FileLock(tmp_path / "to" / ".base.pt.lock"),
        raises(ModelError, "encoder-download-in-use", "whisper-base"),
    ):
        fetch(server, to=tmp_path / "to")
    assert not server.asked


def test_what_is_the_users_is_not_downloaded(tmp_path):
    with raises(ModelError, "encoder-not-downloadable", "hubert-base-ls960", "sertk encoder"):
        encoders.download("hubert-base-ls960", tmp_path)
    with raises(UnknownNameError, "unknown-name", "whisper-base"):
        encoders.download("whisper-bas", tmp_path)


def test_the_commands(server, tmp_path, done, refused):
    out = done("download", "whisper-base", "--base-url", server.url).out
    path = tmp_path / "encoders" / "whisper-base.safetensors"
    assert out == f"{path}\n"
    listed = json.loads(done("encoder", "list", "--json").out)
    (row,) = (row for row in listed if row["name"] == "whisper-base")
    assert row["here"] == row["blocks"] == files.BLOCKS
    assert "whisper-base" in done("encoder").out
    other = tmp_path / "other.safetensors"
    source = tmp_path / "served.pt"
    words = ("encoder", "convert", source, other, "--license", "ours", "--blocks", "1")
    assert done(*words).out == f"Encoder: {other}\n"
    assert json.loads(done(*words, "--json").out) == {
        "path": str(other), "architecture": "whisper", "blocks": 1, "license": "ours",
    }  # fmt: skip
    refused("encoder", "convert", source, other).check("unknown-encoder-license")
    refused("encoder", "convert", source).check("missing-encoder-files", "one file")
    refused("encoder", "list", source).check("unexpected-encoder-arguments", "SOURCE")
    refused("encoder", "remove").check("unknown-name", "convert")
    refused("download", "whisper-bass").check("unknown-name", "whisper-base")
    refused("download", "ravdess").check("missing-download-folder", "--to")
