"""Measure how long a call takes.

In: a call without arguments. Out: seconds.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

_SECONDS, _TIMES = 1.0, 100  # a measurement ends with whichever comes first


def seconds_of(call: Callable[[], Any]) -> float:
    """Measure the median time of a call, after two that are not counted.

    Examples:
        >>> seconds_of(lambda: None) < 0.1
        True
    """
    call()
    call()
    taken: list[float] = []
    end = time.perf_counter() + _SECONDS
    while len(taken) < 5 or (len(taken) < _TIMES and time.perf_counter() < end):
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
    return median(taken)
