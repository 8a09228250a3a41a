"""The cache: right, resumable, safe for two processes, and honest about what it could not read."""

import json
import multiprocessing
import os
import pickle
import shutil
import signal
import time
from pathlib import Path

import filelock
import numpy as np
import pandas as pd
import pytest

from sertk import augment, cache, datasets, manifest, splits, training
from sertk.analysis import cross_corpus, embeddings
from sertk.audio import ffmpeg
from sertk.cache import parts
from sertk.errors import CacheError
from sertk.preprocessing import Preprocessing
from tests.errors import raises

PREP = Preprocessing("log_mel", clip_seconds=1.0)


@pytest.fixture
def computed(monkeypatch):
    """The utterance_ids of the spectra that are computed, in order."""
    names, spectrum = [], parts._spectrum
    monkeypatch.setattr(
        parts, "_spectrum", lambda row, prep: names.append(row.utterance_id) or spectrum(row, prep)
    )
    return names


def test_it_holds_what_the_preprocessing_extracts(small, small_root, tmp_path):
    features = cache.compute(small, PREP, folder=tmp_path)
    for row in small.iloc[::7].itertuples():
        expected = PREP.extract(PREP.load(small_root / row.path))
        np.testing.assert_array_equal(features[row.utterance_id], expected)
    assert features.unreadable == []
    assert features.frame(small)["frames"].min() > 0
    assert "nobody" not in features


def test_a_spectrum_is_computed_once_whatever_it_is_asked_with(small, tmp_path, computed):
    speaker = small["speaker"] == small["speaker"].iloc[0]
    first = small[~speaker]
    cache.compute(first, PREP, folder=tmp_path)
    assert sorted(computed) == sorted(first["utterance_id"])
    computed.clear()
    shuffled = first.sample(frac=1, random_state=0)
    renamed = first.assign(utterance_id=[f"u{k}" for k in range(len(first))], start=np.nan)
    copied = augment.with_copies(splits.by_speaker(first, val=1, test=1), "noise", 1, 0)
    parent = copied["parent"].isna()
    for rows in (first.head(8), shuffled, renamed, copied[parent].drop(columns="copy")):
        features = cache.compute(rows, PREP, folder=tmp_path)
        assert all(name in features for name in rows["utterance_id"])
    assert computed == []
    cache.compute(small, PREP, folder=tmp_path)
    assert sorted(computed) == sorted(small.loc[speaker, "utterance_id"])
    computed.clear()
    cache.compute(copied, PREP, folder=tmp_path)
    assert sorted(computed) == sorted(copied.loc[~parent, "utterance_id"])
    fewer = copied[~parent].head(3).astype({"copy": float})  # as a table with gaps is read
    cache.compute(fewer, PREP, folder=tmp_path)
    assert len(computed) == (~parent).sum()


def test_what_decides_a_spectrum_decides_its_key(small, tmp_path, computed):
    one = small.head(1).assign(start=None, end=None, augmentation=None, copy=None)
    copy = one.assign(augmentation="r5", copy=3, seed=1)
    different = [
        one, one.assign(start=0.25), one.assign(start=0.25, end=0.75), one.assign(end=0.75),
        copy, copy.assign(copy=4), copy.assign(seed=2),
        copy.assign(augmentation="noise"), copy.assign(end=0.75),
    ]  # fmt: skip
    for rows in different * 2:
        cache.compute(rows, PREP, folder=tmp_path)
    assert len(computed) == len(different)
    twice = pd.concat([small.iloc[[5]], small.iloc[[5]].assign(utterance_id="again")])
    features = cache.compute(twice, PREP, folder=tmp_path)
    assert len(computed) == len(different) + 1
    np.testing.assert_array_equal(features["again"], features[small["utterance_id"].iloc[5]])


@pytest.mark.backend
def test_a_run_that_is_used_again_computes_nothing(
    small, small_root, tmp_path, computed, monkeypatch
):
    monkeypatch.setenv("SERTK_CACHE", str(tmp_path / "cache"))
    divided = splits.by_speaker(small, val=1, test=2)
    run = training.cross_validate(
        "mlp", divided, PREP, folder=tmp_path / "run", standardize="speaker", epochs=1
    )
    known = len(computed)
    assert len(embeddings.vectors(run, roots={"small": small_root})) == 24
    strangers = small.assign(speaker="new_" + small["speaker"])
    assert len(cross_corpus.matrix({"run": run}, {"new": strangers}).frame()) == 1
    other = splits.by_speaker(small, val=2, test=1, seed=5)
    datasets.make(other, PREP, augment="noise", copies=1)
    assert len(computed) - known == (other["split"] == "train").sum()  # the copies


@pytest.mark.parametrize("jobs", [1, 2])
def test_copies_are_the_same_whatever_the_workers(small, tmp_path, jobs):
    made = augment.copies(splits.by_speaker(small, val=1, test=1), "noise+shift", count=1)
    features = cache.compute(made, PREP, folder=tmp_path / str(jobs), n_jobs=jobs)
    total = sum(float(features[u].sum()) for u in made["utterance_id"])
    again = cache.compute(made, PREP, folder=tmp_path / "again")
    assert total == sum(float(again[u].sum()) for u in made["utterance_id"])
    original = made["parent"].iloc[0]
    plain = cache.compute(small, PREP, folder=tmp_path)
    assert not np.array_equal(plain[original], features[made["utterance_id"].iloc[0]])


@pytest.fixture
def own(small, small_root, tmp_path):
    """The same manifest, of a copy of its files that a test may change."""
    shutil.copytree(small_root, tmp_path / "small")
    return small.assign(root=str(tmp_path / "small"))


def test_a_changed_file_is_computed_again(own, tmp_path):
    first, last = manifest.paths(own)[:: len(own) - 1]
    before = cache.compute(own, PREP, folder=tmp_path)[own["utterance_id"].iloc[0]].copy()
    first.write_bytes(last.read_bytes())
    after = cache.compute(own, PREP, folder=tmp_path)[own["utterance_id"].iloc[0]]
    assert before.shape != after.shape or not np.array_equal(before, after)


def test_unreadable_files_are_skipped_and_listed(own, tmp_path):
    manifest.paths(own)[3].write_bytes(b"not sound at all")
    features = cache.compute(own, PREP, folder=tmp_path)
    name = own["utterance_id"].iloc[3]
    assert [row["utterance_id"] for row in features.unreadable] == [name]
    assert "Cannot read" in features.unreadable[0]["reason"]
    assert name not in features
    assert len(own) - 1 == (features.frame(own)["frames"] > 0).sum()


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
    with raises(CacheError, "no-readable-files", "72"):
        cache.compute(lost, PREP, folder=tmp_path / "cache")


def test_damage_is_found_when_it_is_read(small, tmp_path):
    features = cache.compute(small, PREP, folder=tmp_path)
    (file,) = tmp_path.glob("*/*/features.npy")
    data = np.load(file)
    data[5, 5] += 1
    np.save(file, data)
    features = cache.compute(small, PREP, folder=tmp_path)
    first = small["utterance_id"].iloc[0]
    with raises(CacheError, "damaged-cache", str(first)):
        features[first]


def test_a_damaged_part_says_what_to_delete(small, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(parts, "_join", lambda _: [])
        with pytest.raises(KeyError):
            cache.compute(small, PREP, folder=tmp_path)
    (folder,) = tmp_path.glob("*/parts")
    (folder / "000001.npy").write_bytes(b"")
    with raises(CacheError, "damaged-cache", str(folder)):
        cache.compute(small, PREP, folder=tmp_path)
    shutil.rmtree(folder)
    assert cache.compute(small, PREP, folder=tmp_path).frame(small)["frames"].min() > 0


def _compute_slowly(manifest, folder):
    load = Preprocessing.load

    def slow(self, *args):
        time.sleep(0.02)
        return load(self, *args)

    Preprocessing.load = slow
    cache.compute(manifest, PREP, folder=folder)


def test_a_killed_run_goes_on_from_its_parts(small, tmp_path, computed):
    process = multiprocessing.get_context("fork").Process(
        target=_compute_slowly, args=(small, tmp_path)
    )
    process.start()
    until = time.monotonic() + 20
    while not list(tmp_path.glob("*/parts/[0-9]*.json")) and time.monotonic() < until:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    done = len(list(tmp_path.glob("*/parts/[0-9]*.json")))
    assert 1 <= done < 3
    first = small.tail(40)  # another manifest takes over what was done of it
    cache.compute(first, PREP, folder=tmp_path)
    features = cache.compute(small, PREP, folder=tmp_path)
    assert len(computed) == len(small) - done * parts.PART_ROWS
    assert _matches(features, small, tmp_path)


def _matches(features, manifest, tmp_path):
    """Tell whether spectra are those of a fresh cache."""
    fresh = cache.compute(manifest, PREP, folder=tmp_path / "fresh")
    return all(np.array_equal(features[u], fresh[u]) for u in manifest["utterance_id"])


@pytest.mark.parametrize(("owner", "step"), [(parts, "_move"), (Path, "rename")])
def test_a_process_killed_while_it_makes_a_shard(
    small, tmp_path, computed, monkeypatch, owner, step
):
    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(owner, step, killed)
        with pytest.raises(KeyboardInterrupt):
            cache.compute(small, PREP, folder=tmp_path)
    assert list(tmp_path.glob("*/parts/index.json"))
    assert _matches(cache.compute(small, PREP, folder=tmp_path), small, tmp_path)
    assert len(computed) == 2 * len(small)  # once here, once in the fresh cache
    left = (tmp_path / PREP.spectrum_key).glob("*/*")
    assert sorted(path.name for path in left) == ["features.npy", "index.json"]


def test_two_processes_share_the_work(small, tmp_path, computed):
    context = multiprocessing.get_context("fork")
    halves = (small.head(50), small.tail(50))
    both = [context.Process(target=_compute_slowly, args=(rows, tmp_path)) for rows in halves]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    assert not list(tmp_path.glob("*/parts"))
    indexes = [json.loads(path.read_text()) for path in tmp_path.glob("*/*/index.json")]
    assert sorted(len(index["rows"]) for index in indexes) == [22, 50]
    assert small["utterance_id"].iloc[-1] in cache.compute(small, PREP, folder=tmp_path)
    assert computed == []


def test_features_travel_and_outlive_their_folder(small, tmp_path):
    features = cache.compute(small.head(8), PREP, folder=tmp_path)
    first = features[small["utterance_id"].iloc[0]].copy()
    there = pickle.loads(pickle.dumps(features))
    np.testing.assert_array_equal(there[small["utterance_id"].iloc[0]], first)
    shutil.rmtree(tmp_path)  # `sertk cache prune` in another process
    np.testing.assert_array_equal(features[small["utterance_id"].iloc[0]], first)
    assert not features[small["utterance_id"].iloc[0]].flags.writeable


def test_a_cache_that_is_only_read(small, tmp_path, monkeypatch, computed):
    cache.compute(small, PREP, folder=tmp_path)

    def refuse(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "utime", refuse)
    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(filelock, "FileLock", refuse)
    assert len(cache.compute(small, PREP, folder=tmp_path).frame(small)) == len(computed) == 72


def test_an_unreadable_file_is_tried_again_when_that_may_help(
    own, small_root, tmp_path, computed, monkeypatch
):
    monkeypatch.setattr(ffmpeg, "installed", lambda: False)
    rows = own.head(4)
    paths = manifest.paths(rows)
    paths[0].write_bytes(b"not sound at all")
    paths[1].unlink()
    found = cache.compute(rows, PREP, folder=tmp_path / "cache")
    assert [row["path"] for row in found.unreadable] == [path.name for path in paths[:2]]
    again = cache.compute(rows, PREP, folder=tmp_path / "cache")
    assert again.unreadable == found.unreadable
    assert len(computed) == 4
    shutil.copy(small_root / rows["path"].iloc[1], paths[1])
    assert len(cache.compute(rows, PREP, folder=tmp_path / "cache").unreadable) == 1
    assert len(computed) == 5
    monkeypatch.setattr(ffmpeg, "installed", lambda: True)  # which may read the other one
    for _ in range(2):
        assert len(cache.compute(rows, PREP, folder=tmp_path / "cache").unreadable) == 1
    assert len(computed) == 6
    assert computed[-1] == rows["utterance_id"].iloc[0]


def test_old_packs_are_left_alone_and_mentioned_once(small, tmp_path):
    pack = tmp_path / f"{'0' * 16}-{'f' * 16}"
    pack.mkdir()
    (pack / "index.json").write_text('{"rows": [["a", 0, 3, 9]], "unreadable": []}')
    with pytest.warns(UserWarning, match=r"1 unused pack of .*: sertk cache prune --cache "):
        cache.compute(small.head(2), PREP, folder=tmp_path)
    cache.compute(small, Preprocessing("waveform", clip_seconds=1.0), folder=tmp_path)
    assert (pack / "index.json").is_file()


def test_a_folder_that_cannot_be_written(small, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with raises(CacheError, "unwritable-cache", "SERTK_CACHE"):
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
        with raises(CacheError, "unwritable-cache"):
            cache.compute(small, PREP, folder=tmp_path)
    assert len(list(tmp_path.glob("*/parts/[0-9]*.json"))) == 1
    assert len(cache.compute(small, PREP, folder=tmp_path).frame(small)) == len(small)


def test_the_default_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("SERTK_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.default_folder() == tmp_path / "sertk" / "features"
