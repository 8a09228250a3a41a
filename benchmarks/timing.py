"""Time two ways of doing the same, in turns, so that what disturbs the machine meets both.

In: two functions. Out: a `Timing`, seconds of each turn, with the ratios of the two.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Seconds (or other figures) of ours and the peer, one of each per turn."""

    ours: tuple[float, ...]
    peer: tuple[float, ...]

    @property
    def speed_up(self) -> float:
        """How many times faster ours is: the ratio of the medians."""
        return statistics.median(self.peer) / statistics.median(self.ours)

    @property
    def paired_speed_up(self) -> float:
        """The median of the ratios of the single turns."""
        pairs = zip(self.ours, self.peer, strict=True)
        return statistics.median(peer / ours for ours, peer in pairs)

    @property
    def slow_down(self) -> float:
        """How many times slower ours is: the ratio of the medians."""
        return 1 / self.speed_up

    @property
    def paired_slow_down(self) -> float:
        """The median of the ratios of the single turns."""
        pairs = zip(self.ours, self.peer, strict=True)
        return statistics.median(ours / peer for ours, peer in pairs)

    def per(self, count: float) -> "Timing":
        """Divide every figure, for example by the number of files, to tell seconds per file."""
        return Timing(tuple(x / count for x in self.ours), tuple(x / count for x in self.peer))


def spread(values: tuple[float, ...] | list[float]) -> dict[str, float]:
    """Tell median, min and max.

    Examples:
        >>> spread([3.0, 1.0, 2.0])
        {'median': 2.0, 'min': 1.0, 'max': 3.0}
    """
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def alternate(
    ours: Callable[[], object],
    peer: Callable[[], object],
    repeats: int,
    *,
    warm_up: bool = True,
    clock: Callable[[], float] = time.perf_counter,
) -> Timing:
    """Time ours, peer, ours, peer ..., each `repeats` times.

    Args:
        ours: What sertk does.
        peer: What a user would write instead.
        repeats: Turns of each.
        warm_up: Run both once before, untimed: first calls import and build tables.
        clock: Tells seconds.
    """
    if warm_up:
        ours()
        peer()
    turns: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for function, seconds in zip((ours, peer), turns, strict=True):
            start = clock()
            function()
            seconds.append(clock() - start)
    return Timing(tuple(turns[0]), tuple(turns[1]))
