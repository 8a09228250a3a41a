"""Measure in a process of its own, and read what it found.

In: a module of this package that prints JSON, and its words. Out: what the last line holds.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ONE_THREAD = {
    "OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false", "NPROC": "1",
}  # fmt: skip


def run(module: str, *words: str, **environment: str) -> dict[str, Any]:
    """Run `python -m benchmarks.MODULE WORDS` with changes of the environment."""
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *words],
        cwd=Path(__file__).resolve().parents[1],
        env={**os.environ, "TQDM_DISABLE": "1", **environment},
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return dict(json.loads(done.stdout.splitlines()[-1]))
