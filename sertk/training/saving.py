"""Read and write .keras files.

In: a path. Out: a model, or an error that gives the reason. A .keras file may carry Python
code, which is never run here.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import keras

# a file is read by the names under which these register their classes
import sertk.features._layers
import sertk.layers
import sertk.layers.speech_encoder
import sertk.layers.transformer
import sertk.training.objective  # noqa: F401
from sertk._utils import atomic, json_records, plain_files, zip_archives
from sertk.errors import ModelError, listing

_WEIGHTS = "model.weights.h5"
_FILES = {"config.json", "metadata.json", _WEIGHTS}
_LIMITS = zip_archives.Limits(files=10, size=2**33)
_LARGEST_TEXT = 2**26  # bytes of all files other than weights
_DEEPEST = 200  # levels of a description, as networks can be nested
# layers that are refused: they import another framework, or run code from the file
_FOREIGN = {"TorchModuleWrapper", "FlaxLayer", "JaxLayer", "TFSMLayer", "Lambda"}
_CODE = '"__lambda__"'  # how Keras writes Python code into the description of a model


def load_model(path: str | Path) -> keras.Model:
    """Load a .keras file, without running code that it may carry.

    Raises:
        ModelError: If it holds a lambda, is damaged, or is no .keras file.
    """
    path = Path(path).expanduser()
    try:
        description = _description(path)
    except (*zip_archives.UNREADABLE, KeyError) as error:
        raise _unusable(path, str(error)) from error
    if _CODE in json.dumps(description):
        raise ModelError(
            f"{path} contains a lambda: Python code that would run when the model is loaded.",
            "Models are loaded without code, for security.",
            "Replace it by a custom layer (@keras.saving.register_keras_serializable), and train "
            "the model again.",
            code="lambda-in-model",
        )
    strange = next(_strangers(description), None)
    if strange is not None:
        raise _unusable(path, f"it uses {strange}, which is not a class of Keras or sertk")
    try:
        return keras.saving.load_model(path, safe_mode=True)
    except Exception as error:  # Keras and HDF5 raise many kinds of what is not as they wrote it
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise _unusable(path, first) from error


def _description(path: Path) -> Any:
    """Read the description of a model, if the directory of the file is within its limits."""
    with plain_files.opened(path) as file, zipfile.ZipFile(file) as opened:
        entries = {entry.filename: entry for entry in zip_archives.entries(opened, _LIMITS)}
        if set(entries) - _FILES:
            raise zip_archives.UnfitError(f"it contains {listing(sorted(set(entries) - _FILES))}")
        if sum(entries[name].file_size for name in entries if name != _WEIGHTS) > _LARGEST_TEXT:
            raise zip_archives.UnfitError("its configuration is too large")
        _require_plain_weights(opened, entries.get(_WEIGHTS))
        return json_records.parse(opened.read("config.json"), dict, deepest=_DEEPEST)


def _require_plain_weights(archive: zipfile.ZipFile, entry: zipfile.ZipInfo | None) -> None:
    """Refuse weights in external files, or whose arrays declare a larger size."""
    if entry is None:
        raise KeyError(f"it has no {_WEIGHTS}")
    size = 0

    def look(group: h5py.Group) -> None:
        nonlocal size
        for name in group:
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise zip_archives.UnfitError(f"its weights contain a link, {name}")
            inside = group[name]
            if isinstance(inside, h5py.Group):
                look(inside)
                continue
            if inside.external or inside.is_virtual:
                raise zip_archives.UnfitError(f"its weights are in another file, {name}")
            size += inside.size * inside.dtype.itemsize
            if size > entry.file_size:
                raise zip_archives.UnfitError(
                    f"its weights unpack to more than {size / 1e9:.1f} GB"
                )

    with archive.open(entry) as packed, h5py.File(io.BytesIO(packed.read()), "r") as weights:
        look(weights)


def _strangers(described: Any) -> Iterator[str]:
    """Name what a description asks to be built from, and is neither Keras's own nor ours."""
    waiting = [described]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            waiting += part.values()
            if "class_name" in part and not _is_known(part):
                yield f"{part.get('module')}.{part['class_name']}"[:200]
        elif isinstance(part, list):
            waiting += part


def _is_known(part: dict[str, Any]) -> bool:
    name, module, registered = (part.get(k) for k in ("class_name", "module", "registered_name"))
    if name in _FOREIGN or registered in _FOREIGN:
        return False
    if module is None or (isinstance(module, str) and module.split(".")[0] == "keras"):
        return True
    # registered by sertk, or by a module that its owner has imported
    known = keras.saving.get_custom_objects()
    if (module, name, registered) == ("builtins", "function", "function"):
        return isinstance(part.get("config"), str) and part["config"] in known
    return registered in known


def save_model(model: keras.Model, path: Path) -> None:
    """Save a model whole or not at all."""
    with atomic.whole(path) as temporary:
        model.save(temporary)


def _unusable(path: Path, why: str) -> ModelError:
    return ModelError(
        f"Cannot load {path} ({why.rstrip('.')}).",
        "It must be a complete .keras file, and its custom layers must be imported.",
        "Import the module of the custom layers first, or delete the folder of the fold and run "
        "the training command again.",
        code="damaged-model-file",
    )
