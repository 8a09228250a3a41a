"""Utterance ids from file paths: unique, and as short as possible.

In: paths below one root, with the stretches that rows are of them. Out: a name for each row.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

import pandas as pd


def unique(
    paths: Sequence[str],
    starts: Sequence[float | str | None] | None = None,
    ends: Sequence[float | str | None] | None = None,
) -> list[str]:
    """Name rows by their paths; suffix, times and slashes stay only where names would collide.

    Examples:
        >>> unique(["ann/a.wav", "ann/b.wav", "ann/b.flac"])
        ['ann_a', 'ann_b.wav', 'ann_b.flac']
        >>> unique(["P01/2_001.wav", "P01_2/001.wav"])
        ['P01/2_001.wav', 'P01_2/001.wav']
    """
    none = [None] * len(paths)
    first = [_time(start) for start in starts or none]
    both = [f"{a}{_time(end)}" for a, end in zip(first, ends or none, strict=True)]
    flat = [path.replace("/", "_") for path in paths]
    names = [PurePosixPath(p).with_suffix("").as_posix().replace("/", "_") for p in paths]
    whole = [f"{path}{times}" for path, times in zip(paths, both, strict=True)]
    for longer in (
        flat,
        [f"{path}{time}" for path, time in zip(flat, first, strict=True)],
        [f"{path}{times}" for path, times in zip(flat, both, strict=True)],
        whole,
    ):
        counts = Counter(names)
        names = [b if counts[a] > 1 else a for a, b in zip(names, longer, strict=True)]
    return names if len(set(names)) == len(names) else whole


def _time(seconds: float | str | None) -> str:
    return "" if seconds is None or pd.isna(seconds) else f"_{seconds}"


def prefixed(names: pd.Series, corpus: str) -> pd.Series:
    """Put the name of the corpus before names that do not begin with it.

    Where that would make one name of two, it is put before all of them.

    Examples:
        >>> prefixed(pd.Series(["a", "my_b"]), "my").tolist()
        ['my_a', 'my_b']
        >>> prefixed(pd.Series(["a", "my_a"]), "my").tolist()
        ['my_a', 'my_my_a']
    """
    prefix = f"{corpus}_"
    result = names.where(names.str.startswith(prefix), prefix + names)
    return result if result.nunique() == names.nunique() else prefix + names
