"""The cache: right, resumable, safe for two processes, and honest about what it could not read."""

import json
import multiprocessing
import os
import signal
import time

import numpy as np
import pandas as pd
import pytest

from sertk import augment, cache, splits
from sertk.errors import CacheError
from sertk.preprocessing import Preprocessing

PREP = Preprocessing("log_mel", clip_seconds=1.0)


def test_it_holds_what_the_preprocessing_extracts(small, small_root, tmp_path):
    features = cache.compute(small, PREP, folder=tmp_path)
    for row in small.iloc[::7].itertuples():
        expected = PREP.extract(PREP.load(small_root / row.path))
        np.testing.assert_array_equal(features[row.utterance_id], expected)
    assert features.unreadable == []
    assert features.frame(small)["frames"].min() > 0
    assert "nobody" not in features


def test_it_is_computed_once(small, tmp_path, monkeypatch):
    cache.compute(small, PREP, folder=tmp_path)
    monkeypatch.setattr(cache, "_spectrum", lambda *_: pytest.fail("computed again"))
    cache.compute(small, PREP, folder=tmp_path)


@pytest.mark.parametrize("jobs", [1, 2])
def test_copies_are_the_same_whatever_the_workers(small, tmp_path, jobs):
    made = augment.copies(splits.by_speaker(small, val=1, test=1), "noise+shift", count=1)
    features = cache.compute(made, PREP, folder=tmp_path / str(jobs), jobs=jobs)
    total = sum(float(features[u].sum()) for u in made["utterance_id"])
    again = cache.compute(made, PREP, folder=tmp_path / "again")
    assert total == sum(float(again[u].sum()) for u in made["utterance_id"])
    original = made["parent"].iloc[0]
    plain = cache.compute(small, PREP, folder=tmp_path)
    assert not np.array_equal(plain[original], features[made["utterance_id"].iloc[0]])


def test_a_changed_file_is_computed_again(small, small_root, tmp_path):
    path = small_root / small["path"].iloc[0]
    kept = path.read_bytes()
    before = cache.compute(small, PREP, folder=tmp_path)[small["utterance_id"].iloc[0]].copy()
    try:
        path.write_bytes((small_root / small["path"].iloc[-1]).read_bytes())
        after = cache.compute(small, PREP, folder=tmp_path)[small["utterance_id"].iloc[0]]
        assert before.shape != after.shape or not np.array_equal(before, after)
    finally:
        path.write_bytes(kept)


def test_unreadable_files_are_skipped_and_listed(small, small_root, tmp_path):
    path = small_root / small["path"].iloc[3]
    kept = path.read_bytes()
    try:
        path.write_bytes(b"not sound at all")
        features = cache.compute(small, PREP, folder=tmp_path)
    finally:
        path.write_bytes(kept)
    name = small["utterance_id"].iloc[3]
    assert [row["utterance_id"] for row in features.unreadable] == [name]
    assert "cannot be read as sound" in features.unreadable[0]["reason"]
    assert name not in features
    assert len(small) - 1 == (features.frame(small)["frames"] > 0).sum()


def test_names_mean_nothing(small, small_root, tmp_path):
    """An unreadable original is listed and a readable one read, whatever its utterance_id."""
    rows = small.head(4).copy()
    rows["utterance_id"] = ["a~1", "~live.7", "b~r5.0.6", "c"]
    rows.loc[2, "path"] = "ann/missing.wav"
    features = cache.compute(rows, PREP, folder=tmp_path)
    assert [row["utterance_id"] for row in features.unreadable] == ["b~r5.0.6"]
    for name, path in zip(rows["utterance_id"], rows["path"], strict=True):
        if name != "b~r5.0.6":
            expected = PREP.extract(PREP.load(small_root / path))
            np.testing.assert_array_equal(features[name], expected)


def test_copies_are_known_by_their_columns(small, tmp_path):
    """The column `copy` chooses the entry of a set; copies of the user's own have any name."""
    rows = splits.by_speaker(small, val=1, test=1).assign(augmentation=None, copy=None)
    own = rows[rows["split"] == "train"].head(2).assign(
        parent=lambda f: f["utterance_id"], utterance_id=["one", "two"], augmentation="r5",
        copy=[3, 4],
    )  # fmt: skip
    lost = own.tail(1).assign(utterance_id="three", path="ann/missing.wav")
    both = pd.concat([rows, own, lost], ignore_index=True)
    features = cache.compute(both, PREP, folder=tmp_path)
    slow, fast = (
        len(features[copy]) / len(features[original])
        for copy, original in zip(own["utterance_id"], own["parent"], strict=True)
    )
    assert slow == pytest.approx(1.25, abs=0.05)
    assert fast < 0.9
    assert "three" not in features
    assert features.unreadable == []  # it lists originals


def test_a_copy_gets_no_name_that_is_taken():
    rows = pd.DataFrame({"utterance_id": ["a", "a~noise.0.1"], "split": ["train", "test"]})
    made = augment.copies(rows, "noise", count=2)
    assert not set(made["utterance_id"]) & set(rows["utterance_id"])
    assert made["copy"].tolist() == [0, 1]


def test_nothing_readable_is_an_error(small, tmp_path):
    lost = small.assign(root=str(tmp_path / "nowhere"))
    with pytest.raises(
        CacheError, match="None of the 72 files could be read, the first because: T"
    ):
        cache.compute(lost, PREP, folder=tmp_path / "cache")


def test_damage_is_found_when_it_is_read(small, tmp_path):
    features = cache.compute(small, PREP, folder=tmp_path)
    pack = next(tmp_path.glob("*/features.npy"))
    data = np.load(pack)
    data[5, 5] += 1
    np.save(pack, data)
    features = cache.compute(small, PREP, folder=tmp_path)
    first = json.loads((pack.parent / "index.json").read_text())["rows"][0][0]
    with pytest.raises(CacheError, match=rf"{first} in .* are damaged.*rm -r"):
        features[first]


def _compute_slowly(manifest, folder):
    load = Preprocessing.load

    def slow(self, *args):
        time.sleep(0.02)
        return load(self, *args)

    Preprocessing.load = slow
    cache.compute(manifest, PREP, folder=folder)


def test_a_killed_run_goes_on_from_its_parts(small, tmp_path, monkeypatch):
    process = multiprocessing.get_context("fork").Process(
        target=_compute_slowly, args=(small, tmp_path)
    )
    process.start()
    until = time.monotonic() + 20
    while not list(tmp_path.glob("*/parts/*.json")) and time.monotonic() < until:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    done = len(list(tmp_path.glob("*/parts/*.json")))
    assert 1 <= done < 3
    calls = []
    spectrum = cache._spectrum
    monkeypatch.setattr(cache, "_spectrum", lambda *a: calls.append(1) or spectrum(*a))
    features = cache.compute(small, PREP, folder=tmp_path)
    assert len(calls) == len(small) - done * cache.PART_ROWS
    assert all(u in features for u in small["utterance_id"])


def test_two_processes_share_one_pack(small, tmp_path):
    context = multiprocessing.get_context("fork")
    both = [context.Process(target=_compute_slowly, args=(small, tmp_path)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    assert len(list(tmp_path.glob("*/features.npy"))) == 1
    assert not list(tmp_path.glob("*/parts"))
    assert small["utterance_id"].iloc[-1] in cache.compute(small, PREP, folder=tmp_path)


def test_a_folder_that_cannot_be_written(small, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CacheError, match=r"cannot be written.*--cache DIR, or SERTK_CACHE"):
        cache.compute(small, PREP, folder=tmp_path / "file")


def test_a_full_disk_keeps_what_is_done(small, tmp_path, monkeypatch):
    write = np.lib.format.write_array_header_1_0
    written = []

    def fills_up(file, header):
        written.append(1)
        if len(written) > 1:
            raise OSError(28, "No space left on device")
        write(file, header)

    with monkeypatch.context() as patched:
        patched.setattr(np.lib.format, "write_array_header_1_0", fills_up)
        with pytest.raises(CacheError, match=r"the disk is full .*Make room.*was finished is kept"):
            cache.compute(small, PREP, folder=tmp_path)
    assert len(list(tmp_path.glob("*/parts/*.json"))) == 1
    assert len(cache.compute(small, PREP, folder=tmp_path).frame(small)) == len(small)


def test_the_default_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("SERTK_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.default_folder() == tmp_path / "sertk" / "features"
