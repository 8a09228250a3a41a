"""B7: how time and memory grow with the number of utterances.

Every measurement is a process of its own (`benchmarks.child`), for the peak memory of a process
never falls.
"""

import math
import shutil
import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks import processes, sound
from benchmarks.record import Record, Setting
from benchmarks.timing import spread
from sertk import manifest as manifests


def measure(setting: Setting) -> list[Record]:
    """Measure the cache, then manifest, split and audit."""
    return [*_cache(setting), _rows(setting)]


def exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Fit seconds = c * size ** exponent by least squares on logarithms.

    Examples:
        >>> round(exponent([10, 100], [1.0, 10.0]), 3)
        1.0
    """
    x, y = [math.log(size) for size in sizes], [math.log(second) for second in seconds]
    return statistics.linear_regression(x, y).slope


def _cache(setting: Setting) -> list[Record]:
    sizes = (20, 40, 80) if setting.quick else (1000, 4000, 16_000)
    everything = sound.utterances(setting, sizes[-1])
    lists = {}
    for size in sizes:
        lists[size] = setting.work / f"many_{size}.csv"
        manifests.write(everything.iloc[:size], lists[size])
    turns: dict[int, list[dict[str, float]]] = {size: [] for size in sizes}
    for _ in range(setting.repeats):
        for size in sizes:
            folder = setting.work / "many_cache"
            words = ["cache", str(lists[size]), str(setting.work / "many"), str(folder)]
            turns[size].append(processes.run("child", *words))
            shutil.rmtree(folder)
    seconds = {size: [turn["seconds"] for turn in turns[size]] for size in sizes}
    peaks = {size: [turn["peak_mb"] for turn in turns[size]] for size in sizes}
    few, many = sizes[0], sizes[-1]
    grown = exponent(sizes, [statistics.median(seconds[size]) for size in sizes])
    single = [exponent(sizes, turn) for turn in zip(*seconds.values(), strict=True)]
    listed = ", ".join(f"{size:,}: {statistics.median(seconds[size]):.1f} s" for size in sizes)
    ratio = statistics.median(peaks[many]) / statistics.median(peaks[few])
    more = statistics.median(peaks[many]) - statistics.median(peaks[few])
    return [
        Record(
            "B7", f"cache of {many:,} toy utterances of 1 to 2 s, one worker",
            f"itself, {few:,} utterances", "s", spread(seconds[many]), spread(seconds[few]),
            grown, "time exponent", statistics.median(single), "<= 1.05", setting.repeats,
            f"medians: {listed}; {min(many, sound.ORIGINALS)} clips under names of their own",
        ),
        Record(
            "B7.memory", f"peak memory of caching {many:,} toy utterances",
            f"itself, {few:,} utterances", "MB", spread(peaks[many]), spread(peaks[few]),
            ratio, "ours / peer", None, "<= 1.2", setting.repeats,
            f"whole processes; {more:.0f} MB more for {many // few} times as many",
        ),
    ]  # fmt: skip


def _rows(setting: Setting) -> Record:
    few, many = (1000, 10_000) if setting.quick else (100_000, 1_000_000)
    turns: dict[int, list[dict[str, Any]]] = {few: [], many: []}
    for _ in range(setting.repeats):
        for size, found in turns.items():
            found.append(processes.run("child", "rows", str(size), str(setting.work / "rows.csv")))
    seconds = {size: [sum(t["steps"].values()) for t in found] for size, found in turns.items()}
    steps = {
        step: statistics.median(turn["steps"][step] for turn in turns[many])
        for step in turns[many][0]["steps"]
    }
    listed = ", ".join(f"{step} {second:.1f} s" for step, second in steps.items())
    peak = statistics.median(turn["peak_mb"] for turn in turns[many])
    median = statistics.median(seconds[many])
    grown = exponent([few, many], [statistics.median(seconds[few]), median])
    return Record(
        "B7.rows", f"manifest, split and audit of {many:,} synthetic rows", f"itself, {few:,} rows",
        "s", spread(seconds[many]), spread(seconds[few]), median, "seconds, all steps", None,
        "<= 30", setting.repeats,
        f"{listed}; time exponent {grown:.2f}; peak {peak:.0f} MB",
    )  # fmt: skip
