"""Disks that fill, processes that are killed, several at once: nothing half is left behind."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sertk import cache
from sertk import manifest as manifests
from sertk._utils import temporary_names
from sertk.cache import packs
from sertk.cli import main
from sertk.corpora import toy
from sertk.errors import ConfigurationError, OutputError
from sertk.export import writing
from sertk.preprocessing import Preprocessing
from tests import fake_run
from tests.test_pretrained import SHIPPED

LIMITED = """
import json, resource, sys
from sertk.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))
for words in json.loads(sys.argv[1]):
    print("status", main(words), *words, file=sys.stderr, flush=True)
"""


def test_no_file_may_be_large(small, small_root, tmp_path):
    run = fake_run.write(tmp_path / "run", classes=("happy", "sad"), speakers=4, folds=2)
    manifest, page = str(tmp_path / "m.csv"), str(tmp_path / "new.html")
    manifests.write(small, manifest)
    sound = str(small_root / small["path"].iloc[0])
    before = sorted(p.name for p in tmp_path.rglob("*"))
    commands = [
        ["scan", "toy", "--root", str(tmp_path / "toy")],
        ["extract", manifest, "--root", str(small_root), "--cache", str(tmp_path / "cache")],
        ["explore", manifest, "--root", str(small_root), "-o", page, "--no-sound"],
        ["report", str(run.folder)],
        ["leaderboard", str(tmp_path), "-o", page],
    ]  # fmt: skip
    if SHIPPED:
        commands += [["predict", sound, "--plot", str(tmp_path / f"p.{s}")] for s in ("svg", "png")]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, json.dumps(commands)], capture_output=True, text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "home")}, check=False,
    )  # fmt: skip
    said = [line for line in done.stderr.splitlines() if line.startswith("status ")]
    assert [line.split()[1] for line in said] == ["2"] * len(commands), done.stderr[-2000:]
    assert done.stderr.count("files may be no larger here") == len(commands), done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    shutil.rmtree(tmp_path / "home")  # caches of other libraries
    left = {p.name for p in tmp_path.rglob("*") if p.is_file()} - set(before)
    assert left <= {".lock"}


def test_a_full_disk_while_the_toy_corpus_is_made(tmp_path, monkeypatch, refused):
    plain = Path.write_bytes

    def write(self, content):
        if self.suffix == ".wav" and "-02-01.wav" in self.name:
            raise OSError(28, os.strerror(28))
        return plain(self, content)

    monkeypatch.setattr(Path, "write_bytes", write)
    assert "the disk is full" in refused("scan", "toy", "--root", tmp_path / "toy")
    with pytest.raises(OutputError, match="the disk is full"):
        toy.scan(tmp_path / "toy")
    assert not (tmp_path / "toy").exists()
    assert not list(tmp_path.glob(".sertk*"))


def test_two_processes_make_one_toy_corpus(tmp_path):
    code = (
        "import sys, pathlib; from sertk.corpora import toy; "
        "rows = toy.scan(pathlib.Path(sys.argv[1]), speakers=3, takes=1); "
        "assert all((pathlib.Path(sys.argv[1]) / p).is_file() for p in rows['path']); "
        "print(len(rows))"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "toy")]
    started = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [p.communicate()[0].strip() for p in started] == ["90"] * 3
    assert [p.name for p in tmp_path.iterdir()] == ["toy"]


def dead_name(name):
    """Name a file as a process that has ended would have."""
    code = (
        "from sertk._utils import temporary_names; from pathlib import Path; import sys; "
        "print(temporary_names.beside(Path(sys.argv[1])))"
    )
    words = [sys.executable, "-c", code, str(name)]
    return Path(subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip())


def test_what_a_dead_process_left_is_removed_and_nothing_else(tmp_path, monkeypatch):
    dead = dead_name(tmp_path / "a.csv")
    folder = dead_name(tmp_path / "folder")
    own = temporary_names.beside(tmp_path / "b.csv")
    again = Path(str(own).replace(f"-{temporary_names._started(os.getpid())}-", "-1-"))
    elsewhere = Path(str(dead).replace(f".sertk-{temporary_names._here()}", ".sertk-00000000"))
    for path in (dead, own, again, elsewhere, tmp_path / ".1.2.mine"):
        path.write_text("half")
    folder.mkdir()
    (folder / "inside").write_text("half")
    removed = temporary_names.sweep(tmp_path)
    # `again` bears our number, and began at another time: a process before us had it
    assert sorted(removed) == sorted({dead, folder, *([again] if again != own else [])})
    assert own.exists()
    assert elsewhere.exists()
    assert (tmp_path / ".1.2.mine").exists()


def test_the_first_file_in_a_folder_sweeps_it(tmp_path):
    dead = dead_name(tmp_path / "a.csv")
    dead.write_text("half")
    (tmp_path / "a.csv").write_text("before")
    with temporary_names.whole(tmp_path / "a.csv") as temporary:
        temporary.write_text("after")
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == "after"


def test_names_of_any_length_have_a_temporary_one(tmp_path):
    path = tmp_path / ("ü" * 120 + ".csv")
    with temporary_names.whole(path) as temporary:
        temporary.write_text("whole")
        assert temporary.suffix == ".csv"
    assert path.read_text() == "whole"


def test_devices_pipes_and_open_files_are_not_replaced(tmp_path, refused, monkeypatch):
    """For root, `-o /dev/null` and `-o /dev/stdout` would remove them from the system."""
    run = fake_run.write(tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.html")
    Path("link.html").symlink_to("pipe.html")
    Path("stdout").symlink_to("/proc/self/fd/1")
    for place in ("pipe.html", "link.html", "stdout"):
        said = refused("report", run.folder, "-o", place)
        assert "in the way (it is a device, a pipe or an open file)" in said
        assert Path(place).is_symlink() or Path(place).is_fifo()
    for place in (".", "..", "/"):
        assert "is a directory" in refused("report", run.folder, "-o", place)
        with pytest.raises(ConfigurationError, match=r"Files of this format end in \.zip"):
            writing.require_suffix(Path(place), ".zip")


def test_the_cache_is_listed_and_pruned(small, tmp_path, capsys):
    home = tmp_path / "cache"
    cache.compute(small, Preprocessing(clip_seconds=0.9), folder=home)
    (pack,) = home.iterdir()
    table = packs.contents(home)
    assert table["state"].tolist() == ["whole"]
    assert table["utterances"].tolist() == [len(small)]
    assert table["megabytes"].iloc[0] > 0
    dead = dead_name(pack / "features.npy")
    dead.write_bytes(b"half")
    (home / "mine.txt").write_text("not a pack")
    (home / "mine").mkdir()
    assert main(["cache", "prune", "--cache", str(home)]) == 0
    assert not dead.exists()
    assert pack.exists()
    old = time.time() - 10 * 86_400
    for path in (pack, pack / "index.json"):
        os.utime(path, (old, old))
    assert main(["cache", "prune", "--older-than", "30", "--cache", str(home)]) == 0
    assert pack.exists()
    cache.compute(small, Preprocessing(clip_seconds=0.9), folder=home)
    assert packs.prune(home, days=9) == []  # it was used a moment ago
    for path in (pack, pack / "index.json"):
        os.utime(path, (old, old))
    assert packs.prune(home, days=9) == [pack]
    assert sorted(p.name for p in home.iterdir()) == ["mine", "mine.txt"]
    capsys.readouterr()
    assert main(["cache", "--cache", str(home)]) == 0
    assert "holds nothing" in capsys.readouterr().out
    with pytest.raises(ConfigurationError, match="0 or more"):
        packs.prune(home, days=-1)


def test_a_folder_that_holds_runs_is_not_pruned(tmp_path, refused):
    run = fake_run.write(tmp_path / "run")
    for mark in (".lock", "index.json", "parts/x.npy"):
        (run.folder / mark).parent.mkdir(exist_ok=True)
        (run.folder / mark).touch()
    assert packs.contents(tmp_path).empty
    assert packs.prune(tmp_path, days=0) == []
    assert (run.folder / "run.json").is_file()
    assert "run.json is a file" in refused("cache", "--cache", run.folder / "run.json")
    assert "a list shows the days" in refused("cache", "--older-than", "3", "--cache", tmp_path)


def test_a_pack_that_is_being_computed_stays(tmp_path):
    import filelock

    pack = tmp_path / f"{'0' * 16}-{'f' * 16}"
    (pack / "parts").mkdir(parents=True)
    with filelock.FileLock(pack / ".lock"):
        assert packs.prune(tmp_path, days=0) == []
    assert packs.contents(tmp_path)["state"].tolist() == ["unfinished"]
    assert packs.prune(tmp_path, days=0) == [pack]
