"""Provenance of a run: versions, device, command, commit, data hash, time, memory."""

import hashlib
import importlib.metadata
import os
import platform
import resource
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

_PACKAGES = (
    "keras", "tensorflow-cpu", "tensorflow", "jax", "numpy", "pandas", "librosa", "soxr",
    "audiomentations",
)  # fmt: skip


def environment() -> dict[str, Any]:
    """Describe the software and the device that compute; Keras must be loaded."""
    import keras

    devices = [str(name).split(":")[0].lower() for name in keras.distribution.list_devices()]
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "backend": keras.backend.backend(),
        "device": next((d for d in devices if d != "cpu"), "cpu"),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu_count": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "packages": versions,
    }


def command() -> str | None:
    """Repeat the command line, if it was one of sertk's.

    Absolute paths keep their last part only: reports are shared, and the locations of files are
    private.
    """
    name = Path(sys.argv[0])
    if name.stem != "sertk" and name.parent.name != "sertk":
        return None
    words = [Path(w).name if Path(w).is_absolute() else w for w in sys.argv[1:]]
    return shlex.join(["sertk", *words])


def git_commit() -> str | None:
    """Name the commit of sertk's own checkout, with `+` if it was changed; `None` if installed."""
    here = Path(__file__).resolve().parent
    if not (here.parent / ".git").exists():
        return None
    try:
        commit = _git(here, "rev-parse", "--short=12", "HEAD")
        return commit + "+" * bool(_git(here, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=folder, capture_output=True, text=True, timeout=10, check=True
    )
    return done.stdout.strip()


def data_hash(manifest: pd.DataFrame) -> str:
    """Hash what was trained and tested on: utterances, labels and their division."""
    names = ["utterance_id", "path", "sha256", "speaker", "label", "split", "fold", "val_folds"]
    columns = [column for column in names if column in manifest]
    text = manifest[columns].sort_values("utterance_id").to_csv(index=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def peak_memory_mb() -> float:
    """Return the peak memory of this process, in megabytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024), 1)
