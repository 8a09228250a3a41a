"""What the figures were measured with: versions and cores; no names of machines or folders."""

import importlib.metadata
import os
import platform
from typing import Any

from sertk import __version__
from sertk._utils import keras_backend, provenance

_PACKAGES = (
    "audiomentations", "jax", "joblib", "keras", "librosa", "numpy", "onnxruntime", "openvino",
    "pandas", "scipy", "soundfile", "soxr", "tensorflow-cpu", "tensorflow", "torch",
)  # fmt: skip


def describe() -> dict[str, Any]:
    """Describe the software and the processor's cores that may be used."""
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "sertk": __version__,
        "commit": provenance.git_commit(),
        "measured": provenance.now(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": cores(),
        "backend": keras_backend.use_backend(),
        "packages": versions,
    }


def cores() -> int:
    """Count the cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(affinity(0)) if affinity else os.cpu_count() or 1
