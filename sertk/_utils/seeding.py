"""Derive seeds, and seed libraries that draw from the global generators.

Nothing here seeds a process for good: `seeded` puts the global states back as they were.
"""

import hashlib
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

_LOCK = threading.RLock()


def derive(seed: int, *parts: object) -> int:
    """Derive a 32-bit seed from a seed and the things it is for.

    The same arguments give the same number on every machine and in every process.

    Examples:
        >>> derive(0, "noise", "toy_01") == derive(0, "noise", "toy_01")
        True
        >>> derive(0, "noise", "toy_01") == derive(0, "noise", "toy_02")
        False
    """
    text = "\x1f".join(str(part) for part in (seed, *parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed `random` and `numpy.random` for the length of a block, alone among threads.

    audiomentations draws from both, and Keras takes the default seeds of its initializers and
    dropout layers from `random`. The states before the block come back after it.
    """
    with _LOCK:
        python_state, numpy_state = random.getstate(), np.random.get_state()
        try:
            random.seed(seed)
            np.random.seed(seed % 2**32)
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)
