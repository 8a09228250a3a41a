"""One measurement of B7 in a process of its own; prints seconds and peak memory as JSON.

In: `cache MANIFEST ROOT FOLDER`, or `rows COUNT FILE`.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sertk import audit, cache, splits
from sertk import manifest as manifests
from sertk._utils import provenance
from sertk.preprocessing import Preprocessing

_EMOTIONS = ("angry", "happy", "sad", "neutral")
_SPEAKERS = 2000


def fill_cache(path: str, root: str, folder: str) -> dict[str, Any]:
    """Compute a cache from nothing."""
    rows = manifests.read(path, root=root)
    start = time.perf_counter()
    cache.compute(rows, Preprocessing("log_mel"), folder=folder, n_jobs=1)
    return {"seconds": time.perf_counter() - start}


def handle_rows(count: str, path: str) -> dict[str, Any]:
    """Write, read, divide and audit a manifest of so many rows."""
    rows = synthetic(int(count))
    steps = {}

    def timed(step: str, function: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        made = function()
        steps[step] = time.perf_counter() - start
        return made

    timed("write", lambda: manifests.write(rows, path))
    read = timed("read", lambda: manifests.read(path))
    parts = timed("split", lambda: splits.by_speaker(read, val=200, test=200))
    found = timed("audit", lambda: audit.audit(parts, compare_audio=False))
    Path(path).unlink()
    if not found.ok:
        raise ValueError(f"a leak was found where there is none: {found}")
    return {"steps": steps}


def synthetic(count: int) -> pd.DataFrame:
    """Make a manifest that names files which need not exist."""
    number = np.arange(count)
    speaker = number % _SPEAKERS
    return pd.DataFrame(
        {
            "utterance_id": [f"big_{k}" for k in number],
            "corpus": "big",
            "path": [f"s{s:04}/{k}.wav" for s, k in zip(speaker, number, strict=True)],
            "speaker": [f"big_{s:04}" for s in speaker],
            "emotion": np.array(_EMOTIONS)[number // _SPEAKERS % len(_EMOTIONS)],
            "gender": np.where(speaker % 2, "male", "female"),
            "duration": 3.0,
            "sample_rate": 16_000,
            "sha256": [f"{k:064x}" for k in number],
        }
    )


def peak_memory_mb() -> float:
    """Tell the most memory this process has held.

    Linux lets getrusage begin with the peak of the process that started this one, so its own
    record is asked first.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        (line,) = (x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return provenance.peak_memory_mb()


if __name__ == "__main__":
    function = {"cache": fill_cache, "rows": handle_rows}[sys.argv[1]]
    result = function(*sys.argv[2:])  # type: ignore[operator]
    print(json.dumps({**result, "peak_mb": peak_memory_mb()}))
