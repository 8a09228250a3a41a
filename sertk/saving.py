"""Read and write .keras files: the one place that does.

In: a path. Out: a model, or a sentence that says why there is none. A .keras file may carry Python
code, which is never run here.
"""

import zipfile
from pathlib import Path

import keras

# a file is read by the names under which these register their classes
from sertk import _output, frontend, layers, objective  # noqa: F401
from sertk.errors import ModelError

_CODE = '"__lambda__"'  # how Keras writes Python code into the description of a model


def load_model(path: str | Path) -> keras.Model:
    """Load a .keras file, without running code that it may carry.

    Raises:
        ModelError: If it holds a lambda, is damaged, or is no .keras file.
    """
    path = Path(path).expanduser()
    try:
        with zipfile.ZipFile(path) as opened:
            description = opened.read("config.json").decode("utf-8")
    except (OSError, KeyError, UnicodeDecodeError, zipfile.BadZipFile) as error:
        raise _unusable(path, str(error)) from error
    if _CODE in description:
        raise ModelError(
            f"{path} holds a lambda: Python code that would run when it is loaded.",
            "A .keras file is loaded without its code, since anybody may have written it.",
            "Build the model with layers of its own instead (@keras.saving."
            "register_keras_serializable), and train it again.",
        )
    try:
        return keras.saving.load_model(path, safe_mode=True)
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise _unusable(path, first) from error


def save_model(model: keras.Model, path: Path) -> None:
    """Save a model whole or not at all."""
    with _output.whole(path) as temporary:
        model.save(temporary)


def _unusable(path: Path, why: str) -> ModelError:
    return ModelError(
        f"{path} cannot be loaded ({why.rstrip('.')}).",
        "It must be a whole .keras file, and what defines its layers must be imported.",
        "Import the module of your own layers first, or delete the fold's folder and give the "
        "command of the run again.",
    )
