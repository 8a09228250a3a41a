"""sertk: speech emotion recognition with Keras 3, from a folder of recordings to a report.

`import sertk` is cheap: it loads neither Keras nor librosa. The modules are the stages of the
job, each loaded when it is first named: `sertk.corpora`, `sertk.splits`, `sertk.training`, ...
Choose the Keras backend with `sertk.use_backend(...)` before the first model.
"""

import importlib
import sys
from typing import Any

__version__ = "0.1.0"

_MODULES = (
    "analysis", "app", "audio", "audit", "augment", "cache", "corpora", "datasets", "encoders",
    "errors", "evaluation", "explore", "export", "features", "labels", "layers", "manifest",
    "models", "notebooks", "predict", "preprocessing", "recipes", "report", "run", "splits",
    "studies", "training",
)  # fmt: skip
_OBJECTS = {
    "Preprocessing": "preprocessing",
    "SertkError": "errors",
    "use_backend": "_utils.keras_backend",
}

__all__ = ["__version__", *_MODULES, *_OBJECTS]


# loading these loads Keras, whose TensorFlow greets at length
_KERAS = ("analysis", "datasets", "layers", "training")


def __getattr__(name: str) -> Any:
    if name in _KERAS and "keras" not in sys.modules:
        backend = importlib.import_module("sertk._utils.keras_backend")
        with backend.without_native_messages():
            return importlib.import_module(f"sertk.{name}")
    if name in _MODULES:
        return importlib.import_module(f"sertk.{name}")
    if name in _OBJECTS:
        return getattr(importlib.import_module(f"sertk.{_OBJECTS[name]}"), name)
    raise AttributeError(f"module 'sertk' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
