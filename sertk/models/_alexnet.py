"""The convolutions of AlexNet, with torchvision's weights.

In: (batch, frames, bins, channels). Out: a map of 256 channels, a 32nd of the size either way.
"""

from pathlib import Path

import keras
import numpy as np
from keras import layers

from sertk._utils import plain_files, zip_archives
from sertk.errors import ConfigurationError
from sertk.models._shape import scaled

_LIMITS = zip_archives.Limits(files=1000, size=2**32)

SMALLEST = 63  # frames and bins that leave one place after the last pooling
# filters, kernel, whether pooling follows; the first one has stride 4
_CONVOLUTIONS = ((64, 11, True), (192, 5, True), (384, 3, False), (256, 3, False), (256, 3, True))
_PLACES = (0, 3, 6, 8, 10)  # of the convolutions among torchvision's `features`
_DENSE = (1, 4)  # of the dense layers that are kept among its `classifier`


def convolutions(x: keras.KerasTensor, width: float, *, normalize: bool = False):
    """Apply torchvision's five convolutions, each with batch normalization if asked for."""
    for number, (filters, size, pool) in enumerate(_CONVOLUTIONS):
        # padding is explicit: with a stride, Keras's "same" pads unevenly
        x = layers.ZeroPadding2D(2 if size == 11 else size // 2)(x)
        x = layers.Conv2D(
            scaled(filters, width), size, strides=4 if size == 11 else 1, name=f"conv{number}"
        )(x)
        if normalize:
            x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
        x = layers.ReLU()(x)
        if pool:
            x = layers.MaxPooling2D(3, strides=2)(x)
    return x  # (batch, frames', bins', 256)


def load_weights(model: keras.Model, path: str | Path, *, transposed: bool) -> None:
    """Copy torchvision's AlexNet weights into every layer that has a twin there.

    See `sertk.models.alexnet.build` for the file, whose names are `features.0.weight` and so on.
    With `transposed`, the model sees time along the first axis, where an image has its height.
    """
    state = _read(Path(path).expanduser())
    height, width = (3, 2) if transposed else (2, 3)
    for number, place in enumerate(_PLACES):
        kernel = _entry(state, f"features.{place}.weight", 4, path)
        bias = _entry(state, f"features.{place}.bias", 1, path)
        layer = model.get_layer(f"conv{number}")
        if number == 0 and layer.kernel.shape[2] != 3:
            continue  # as the original does: another number of channels starts from random weights
        _assign(layer, kernel.transpose(height, width, 1, 0), bias, path)
    names = {layer.name for layer in model.layers}
    for number, place in enumerate(_DENSE):
        if f"dense{number}" not in names:
            continue
        kernel = _entry(state, f"classifier.{place}.weight", 2, path)
        if number == 0:  # torch flattens channels first
            side = kernel.reshape(len(kernel), -1, 6, 6)
            kernel = side.transpose(0, height, width, 1).reshape(len(kernel), -1)
        bias = _entry(state, f"classifier.{place}.bias", 1, path)
        _assign(model.get_layer(f"dense{number}"), kernel.T, bias, path)


def _read(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise ConfigurationError(
            f"No weights file at {path}.",
            "AlexNet reads torchvision's weights from a local file.",
            "Create it on a machine with torch (see sertk.models.alexnet), or omit weights.",
            code="missing-weights-file",
        )
    try:
        if path.suffix == ".safetensors":
            from safetensors.numpy import load_file

            return load_file(path)
        with plain_files.opened(path) as file, np.load(file, allow_pickle=False) as archive:
            zip_archives.entries(archive.zip, _LIMITS)
            return {name: archive[name] for name in archive.files}
    except Exception as error:
        raise ConfigurationError(
            f"Cannot read {path} as weights ({error}).",
            "Weights must be an .npz or .safetensors file with torchvision's names.",
            "Convert a .pth file on a machine with torch; see sertk.models.alexnet.",
            code="unreadable-weights",
        ) from error


def _entry(state: dict[str, np.ndarray], name: str, rank: int, path: str | Path) -> np.ndarray:
    if name not in state or state[name].ndim != rank:
        raise ConfigurationError(
            f"{path} has no array {name} of {rank} dimensions (its arrays: "
            f"{', '.join([*state][:4])}).",
            "The file must contain the weights of torchvision's AlexNet.",
            "Create it from alexnet-owt-7be5be79.pth.",
            code="wrong-weights",
        )
    return state[name].astype(np.float32)


def _assign(layer: keras.Layer, kernel: np.ndarray, bias: np.ndarray, path: str | Path) -> None:
    if tuple(layer.kernel.shape) != kernel.shape:
        raise ConfigurationError(
            f"{path} has weights of shape {kernel.shape} for the layer {layer.name}, which needs "
            f"{tuple(layer.kernel.shape)}.",
            "The published weights fit only the published size.",
            "Use width=1.",
            code="weights-of-other-size",
        )
    layer.set_weights([kernel, bias])
