"""B2: read every cached clip once, in shuffled order, into batches."""

from collections.abc import Callable

import numpy as np

from benchmarks import sound
from benchmarks.record import Record, Setting, faster
from benchmarks.timing import alternate
from sertk import cache
from sertk.preprocessing import Preprocessing

_BATCH = 32


def measure(setting: Setting) -> list[Record]:
    """Compare the memory-mapped cache with one .npy per clip, in later epochs and in the first."""
    count = setting.pick(5000, 40)
    prep = Preprocessing("log_mel", trim_db=None, clip_seconds=3.0)
    rows = sound.utterances(setting, count, seconds=3.0)
    folder = setting.work / "epoch_cache"
    features = cache.compute(rows, prep, folder=folder, n_jobs=-1)
    files = setting.work / "epoch_npy"
    files.mkdir()
    names = rows["utterance_id"].tolist()
    for name in names:
        np.save(files / f"{name}.npy", features[name])
    order = [names[k] for k in np.random.default_rng(0).permutation(count)]

    def saved(name: str) -> np.ndarray:
        return np.load(files / f"{name}.npy")

    def first() -> None:
        _epoch(order, cache.compute(rows, prep, folder=folder).__getitem__, prep)

    later = alternate(
        lambda: _epoch(order, features.__getitem__, prep),
        lambda: _epoch(order, saved, prep),
        setting.repeats,
    )
    opening = alternate(first, lambda: _epoch(order, saved, prep), setting.repeats)
    what = f"one shuffled epoch of {count:,} cached clips of 3 s, in batches of {_BATCH}"
    peer = "one .npy per clip, np.load"
    where = f"clips {prep.clip_shape}, synthetic speech, page cache warm"
    return [
        faster(
            later, "B2", what, peer, unit="s per epoch", goal=2.5,
            notes=f"{where}; checksums were compared in an epoch before",
        ),
        faster(
            opening, "B2.first", f"{what}: the first, which opens the cache and compares checksums",
            peer, unit="s per epoch", goal=1.0, notes=f"{where}; the peer compares nothing",
        ),
    ]  # fmt: skip


def _epoch(order: list[str], read: Callable[[str], np.ndarray], prep: Preprocessing) -> float:
    """Fill batches as training does; the sum keeps the reading from being put off."""
    batch = np.empty((_BATCH, *prep.clip_shape), np.float32)
    total = 0.0
    for start in range(0, len(order), _BATCH):
        names = order[start : start + _BATCH]
        for place, name in zip(batch, names, strict=False):
            prep.cut(read(name), 0, place)
        total += float(batch[0, 0, 0])
    return total
