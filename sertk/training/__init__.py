"""Train networks: one division (`fit`), a cross-validation (`cross_validate`), and how (`config`).

In: datasets, or a manifest with folds and a `Preprocessing`. Out: a `Run`. Keras is loaded when a
function that trains is named, so that `sertk.training.config` can be read without it.
"""

import importlib
from typing import TYPE_CHECKING, Any

from sertk.training.config import Settings

if TYPE_CHECKING:
    from sertk.training.cross_validation import cross_validate, fit
    from sertk.training.learning_rate import lr_range_test

__all__ = ["Settings", "cross_validate", "fit", "lr_range_test"]

_NEEDS_KERAS = {
    "cross_validate": "cross_validation",
    "fit": "cross_validation",
    "lr_range_test": "learning_rate",
}


def __getattr__(name: str) -> Any:
    if name in _NEEDS_KERAS:
        return getattr(importlib.import_module(f"{__name__}.{_NEEDS_KERAS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
