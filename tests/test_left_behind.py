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
from sertk.cache import housekeeping
from sertk.corpora import toy
from sertk.errors import ConfigurationError, OutputError
from sertk.export import writing
from sertk.preprocessing import Preprocessing
from tests import fake_run
from tests.errors import raises
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
    assert done.stderr.count("file size limit") == len(commands), done.stderr[-3000:]
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
    refused("scan", "toy", "--root", tmp_path / "toy").check("unwritable-path", "disk is full")
    with raises(OutputError, "unwritable-path", "disk is full"):
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
        line = refused("report", run.folder, "-o", place)
        line.check("unwritable-path", "device, a pipe or an open file")
        assert Path(place).is_symlink() or Path(place).is_fifo()
    for place in (".", "..", "/"):
        refused("report", run.folder, "-o", place).check("unwritable-path", "is a directory")
        with raises(ConfigurationError, "wrong-file-ending"):
            writing.require_suffix(Path(place), ".zip")


def age(*folders):
    """Let folders of the cache look as if they were used last ten days ago."""
    old = time.time() - 10 * 86_400
    for folder in folders:
        for path in (folder / "index.json", folder):
            os.utime(path, (old, old))


def test_the_cache_is_listed_and_pruned(small, tmp_path, done):
    home, prep = tmp_path / "cache", Preprocessing(clip_seconds=0.9)
    cache.compute(small, prep, folder=home)
    family = home / prep.spectrum_key
    (shard,) = family.glob("*/")
    table = housekeeping.contents(home)
    assert table["folder"].tolist() == [family.name]
    assert table["state"].tolist() == ["whole"]
    assert table["utterances"].tolist() == [len(small)]
    assert table["megabytes"].iloc[0] > 0
    dead = dead_name(shard / "features.npy")
    dead.write_bytes(b"half")
    (home / "mine.txt").write_text("not of the cache")
    (home / "mine").mkdir()
    done("cache", "prune", "--cache", home)
    assert not dead.exists()
    age(shard)
    assert housekeeping.contents(home)["days"].tolist() == [10.0]
    done("cache", "prune", "--older-than", "30", "--cache", home)
    assert shard.exists()
    cache.compute(small, prep, folder=home)
    assert housekeeping.prune(home, days=9) == []  # it was used a moment ago
    age(shard)
    assert housekeeping.prune(home, days=9) == [family]
    assert sorted(p.name for p in home.iterdir()) == ["mine", "mine.txt"]
    assert "is empty" in done("cache", "--cache", home).out
    with raises(ConfigurationError, "invalid-days"):
        housekeeping.prune(home, days=-1)


def test_what_was_not_used_is_pruned_from_among_the_rest(small, tmp_path):
    prep = Preprocessing()
    for rows in (small.head(9), small.tail(3)):
        cache.compute(rows, prep, folder=tmp_path)
    shards = {len(json.loads(p.read_text())["rows"]): p.parent for p in tmp_path.glob("*/*/*.json")}
    age(*shards.values())
    cache.compute(small.tail(1), prep, folder=tmp_path)
    assert housekeeping.prune(tmp_path, days=9) == [shards[9]]
    assert housekeeping.contents(tmp_path)["utterances"].tolist() == [3]
    (shards[3] / "index.json").write_text("{")
    assert housekeeping.contents(tmp_path)["state"].tolist() == ["damaged"]


@pytest.mark.filterwarnings("default")
def test_packs_of_an_older_version_are_said_listed_and_removed(tmp_path, small, small_root, done):
    import filelock

    pack = tmp_path / f"{'0' * 16}-{'f' * 16}"
    pack.mkdir()
    (pack / "features.npy").write_bytes(bytes(200_000))
    (row,) = housekeeping.contents(tmp_path).itertuples(index=False)
    assert (row.folder, row.state, row.megabytes) == (pack.name, "old", 0.2)
    with filelock.FileLock(pack / ".lock"):  # an older version is computing it
        assert housekeeping.prune(tmp_path) == []
    removed = done("cache", "prune", "--cache", tmp_path).out
    assert removed.splitlines() == [str(pack), "1 removed"]
    assert not list(tmp_path.iterdir())
    pack.mkdir()
    manifests.write(small, tmp_path / "m.csv")
    words = ["extract", tmp_path / "m.csv", "--root", small_root, "--cache", tmp_path]
    assert (done(*words).err + done(*words).err).splitlines() == [
        f"The cache {tmp_path} contains 1 unused pack of an older version of sertk. Free the space "
        f"with: sertk cache prune --cache {tmp_path}"
    ]


def test_a_folder_that_holds_runs_is_not_pruned(tmp_path, refused):
    run = fake_run.write(tmp_path / "run")
    for mark in (".lock", "index.json", "parts/x.npy"):
        (run.folder / mark).parent.mkdir(exist_ok=True)
        (run.folder / mark).touch()
    assert housekeeping.contents(tmp_path).empty
    assert housekeeping.prune(tmp_path, days=0) == []
    assert (run.folder / "run.json").is_file()
    refused("cache", "--cache", run.folder / "run.json").check("cache-not-a-folder", "run.json")
    assert (
        refused("cache", "--older-than", "3", "--cache", tmp_path).code == "unexpected-older-than"
    )


def test_what_is_being_computed_stays(tmp_path):
    import filelock

    family = tmp_path / ("0" * 16)
    (family / "parts").mkdir(parents=True)
    with filelock.FileLock(family / ".lock"):
        assert housekeeping.prune(tmp_path, days=0) == []
    assert housekeeping.contents(tmp_path)["state"].tolist() == ["unfinished"]
    assert housekeeping.prune(tmp_path, days=0) == [family]
