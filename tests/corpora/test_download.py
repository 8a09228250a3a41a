"""Downloads, against a server of our own; archives that want out of their folder."""

import functools
import gc
import hashlib
import http.server
import io
import json
import shutil
import stat
import threading
import types
import warnings
import zipfile
from collections import Counter
from typing import ClassVar

import pytest

from sertk import corpora
from sertk.corpora import _download
from sertk.corpora._download import Archive
from sertk.errors import CorpusError, UnknownNameError
from tests.errors import raises

CLIPS = {"Actor_01/a.wav": b"sound of a" * 50, "Actor_02/b.wav": b"sound of b" * 70}


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serve a folder; break off in the middle of what `cut` names, once."""

    asked: ClassVar[Counter] = Counter()
    cut: ClassVar[set] = set()

    def do_GET(self):
        name = self.path.lstrip("/")
        Handler.asked[name] += 1
        if name in Handler.cut:
            Handler.cut.discard(name)
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b"PK only the beginning")
            return
        super().do_GET()

    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path):
    Handler.asked, Handler.cut = Counter(), set()
    folder = tmp_path / "served"
    folder.mkdir()
    httpd = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))
    )
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield types.SimpleNamespace(folder=folder, url=f"http://127.0.0.1:{httpd.server_port}")
    httpd.shutdown()
    thread.join()
    httpd.server_close()
    with warnings.catch_warnings():
        # pooch leaves the connection of a broken download to the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def served(server, monkeypatch):
    """Stand two small archives in for those of RAVDESS."""
    archives = []
    for part, files in (("speech", CLIPS), ("song", {"Actor_01/sung.wav": b"la" * 99})):
        content = zipped(files)
        (server.folder / f"{part}.zip").write_bytes(content)
        md5 = hashlib.md5(content).hexdigest()
        archives.append(Archive(part, f"{part}.zip", "http://unused", len(content), md5))
    monkeypatch.setattr(corpora.load("ravdess"), "DOWNLOADS", tuple(archives))
    return server


def fetch(server, to, **options):
    return corpora.download("ravdess", to, base_url=server.url + "/", progress=False, **options)


def visible(folder):
    return sorted(
        str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.name[0] != "."
    )


def test_fetch_check_and_unpack(served, tmp_path):
    to = tmp_path / "to" / "ravdess"
    assert fetch(served, to) == to
    assert visible(to) == ["Actor_01/a.wav", "Actor_01/sung.wav", "Actor_02/b.wav"]
    assert (to / "Actor_01/a.wav").read_bytes() == CLIPS["Actor_01/a.wav"]
    fetch(served, to)
    assert served_counts() == {"speech.zip": 1, "song.zip": 1}
    (to / "Actor_02/b.wav").unlink()
    fetch(served, to)
    assert (to / "Actor_02/b.wav").is_file()
    assert served_counts() == {"speech.zip": 2, "song.zip": 1}


def served_counts():
    return dict(Handler.asked)


def test_parts(served, tmp_path):
    fetch(served, tmp_path / "to", parts=["song"])
    assert visible(tmp_path / "to") == ["Actor_01/sung.wav"]
    with raises(UnknownNameError, "unknown-name", "'video'"):
        fetch(served, tmp_path / "to", parts=["video"])


def test_an_archive_fetched_by_hand_is_used(served, tmp_path):
    to = tmp_path / "to"
    to.mkdir()
    shutil.copy(served.folder / "speech.zip", to)
    fetch(served, to, parts=["speech"])
    assert visible(to) == ["Actor_01/a.wav", "Actor_02/b.wav", "speech.zip"]
    assert served_counts() == {}


def test_another_file_under_the_name_leaves_nothing(served, tmp_path):
    (served.folder / "speech.zip").write_bytes(zipped({"Actor_01/a.wav": b"tampered with"}))
    with raises(CorpusError, "wrong-checksum", "speech.zip"):
        fetch(served, tmp_path / "to", parts=["speech"])
    assert list((tmp_path / "to").iterdir()) == []


def test_an_interrupted_download_leaves_nothing_and_can_be_repeated(served, tmp_path):
    Handler.cut = {"speech.zip"}
    with raises(CorpusError, "download-failed"):
        fetch(served, tmp_path / "to", parts=["speech"])
    assert list((tmp_path / "to").iterdir()) == []
    fetch(served, tmp_path / "to", parts=["speech"])
    assert visible(tmp_path / "to") == ["Actor_01/a.wav", "Actor_02/b.wav"]


def test_no_such_address(served, tmp_path):
    (served.folder / "speech.zip").unlink()
    with raises(CorpusError, "download-failed", "speech.zip", "404"):
        fetch(served, tmp_path / "to")


def test_no_room(served, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(_download.shutil, "disk_usage", lambda path: usage)
    with raises(CorpusError, "not-enough-space", "0.0"):
        fetch(served, tmp_path / "to")
    assert served_counts() == {}


def test_a_broken_list_of_what_was_unpacked_is_no_obstacle(served, tmp_path):
    to = tmp_path / "to"
    fetch(served, to, parts=["speech"])
    record = to / ".speech.zip.unpacked.json"
    assert json.loads(record.read_text(encoding="utf-8"))["Actor_01/a.wav"] == 500
    record.write_text("{", encoding="utf-8")
    fetch(served, to, parts=["speech"])
    assert visible(to) == ["Actor_01/a.wav", "Actor_02/b.wav"]


def test_files_of_the_right_size_are_kept(tmp_path):
    (tmp_path / "corpus.zip").write_bytes(zipped(CLIPS))
    to = tmp_path / "to"
    (to / "Actor_01").mkdir(parents=True)
    (to / "Actor_01/a.wav").write_bytes(b"x" * len(CLIPS["Actor_01/a.wav"]))
    (to / "Actor_02").mkdir()
    (to / "Actor_02/b.wav").write_bytes(b"cut short")
    files = _download.unpack(tmp_path / "corpus.zip", to)
    assert sorted(files) == [to / "Actor_01/a.wav", to / "Actor_02/b.wav"]
    assert (to / "Actor_01/a.wav").read_bytes()[:1] == b"x"
    assert (to / "Actor_02/b.wav").read_bytes() == CLIPS["Actor_02/b.wav"]


@pytest.mark.parametrize(
    "name",
    ["../evil.wav", "Actor_01/../../evil.wav", "/tmp/evil.wav", "C:/evil.wav", "C:evil.wav",
     "..\\evil.wav", "\\\\server\\share\\evil.wav"],
)  # fmt: skip
def test_names_that_leave_the_folder(tmp_path, name):
    (tmp_path / "evil.zip").write_bytes(zipped({"good.wav": b"good", name: b"evil"}))
    to = tmp_path / "deep" / "to"
    with raises(CorpusError, "unsafe-archive"):
        _download.unpack(tmp_path / "evil.zip", to)
    assert list(to.iterdir()) == []
    assert not list(tmp_path.rglob("evil.wav"))


def test_links_are_refused(tmp_path):
    link = zipfile.ZipInfo("Actor_01")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr(link, "/etc")
        archive.writestr("Actor_01/a.wav", b"through the link")
    with raises(CorpusError, "unsafe-archive", "Actor_01"):
        _download.unpack(tmp_path / "evil.zip", tmp_path / "to")
    assert list((tmp_path / "to").iterdir()) == []


def test_bombs_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.wav", bytes(5_000_000))
    with raises(CorpusError, "oversized-archive", "100"):
        _download.unpack(tmp_path / "bomb.zip", tmp_path / "to")


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", zipped(CLIPS)[:-30]])
def test_what_is_no_zip(tmp_path, content):
    (tmp_path / "broken.zip").write_bytes(content)
    with raises(CorpusError, "damaged-archive"):
        _download.unpack(tmp_path / "broken.zip", tmp_path / "to")


def test_damage_inside_a_zip(tmp_path):
    content = bytearray(zipped(CLIPS))
    content[content.index(b"sound of a")] ^= 0xFF
    (tmp_path / "broken.zip").write_bytes(content)
    with raises(CorpusError, "damaged-archive", "CRC-32"):
        _download.unpack(tmp_path / "broken.zip", tmp_path / "to")
    assert list((tmp_path / "to").iterdir()) == []


def test_without_a_published_checksum(server, tmp_path):
    (server.folder / "download.zip").write_bytes(zipped({"wav/03a01Fa.wav": b"ja"}))
    to = corpora.download("emodb", tmp_path / "emodb", base_url=server.url, progress=False)
    assert visible(to) == ["wav/03a01Fa.wav"]


@pytest.mark.parametrize("name", ["savee", "iemocap", "table", "folders", "toy"])
def test_corpora_on_request_say_where_to_ask(name, tmp_path):
    module = corpora.load(name)
    with raises(CorpusError, "corpus-not-downloadable") as caught:
        corpora.download(name, tmp_path)
    assert str(caught.value).endswith(module.REQUEST)
    if name in ("savee", "iemocap"):
        assert module.URL in module.REQUEST
        assert "root=" in module.REQUEST


def test_the_published_archives():
    speech, song = corpora.load("ravdess").DOWNLOADS
    assert (speech.size, speech.md5) == (208_468_073, "bc696df654c87fed845eb13823edef8a")
    assert (song.size, song.md5) == (225_505_317, "5411230427d67a21e18aa4d466e6d1b9")
    assert speech.url == (
        "https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip?download=1"
    )
