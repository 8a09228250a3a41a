"""Train networks: one division (`fit`), a cross-validation (`cross_validate`), and how (`config`).

In: datasets, or a manifest with folds and a `Preprocessing`. Out: a `Run`. Keras is loaded when a
function that trains is named, so that `sertk.training.config` can be read without it.
"""

from typing import TYPE_CHECKING

import lazy_loader

from sertk._utils import keras_backend

if TYPE_CHECKING:
    from sertk.training.config import Config as Config
    from sertk.training.cross_validation import cross_validate as cross_validate
    from sertk.training.cross_validation import fit as fit
    from sertk.training.learning_rate import lr_range_test as lr_range_test

_load, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["checkpoint", "config", "fitting", "objective", "saving"],
    submod_attrs={
        "config": ["Config"],
        "cross_validation": ["cross_validate", "fit"],
        "learning_rate": ["lr_range_test"],
    },
)
__getattr__ = keras_backend.quietly(_load)
