"""Read PyTorch's files of tensors without PyTorch, and without running code that is in them.

In: a zip file that `torch.save` wrote. Out: what was saved, with a function that reads each tensor.
Only dictionaries, numbers, text and tensors are built; any other object is refused.
"""

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sertk._utils import plain_files, zip_archives
from sertk.encoders._checkpoint import UnfitError

_LIMITS = zip_archives.Limits(files=10**5, size=2**36)
_LARGEST_PICKLE = 2**28  # bytes
_STORAGES: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"), "HalfStorage": np.dtype("<f2"),
    "DoubleStorage": np.dtype("<f8"), "BFloat16Storage": np.dtype("<u2"),
    "LongStorage": np.dtype("<i8"), "IntStorage": np.dtype("<i4"),
}  # fmt: skip


@dataclass(frozen=True)
class Tensor:
    """A tensor in a file, which `read` reads."""

    path: Path
    member: str
    kind: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def read(self) -> np.ndarray:
        """Read the values, in float32 or what else they are."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                flat = np.frombuffer(archive.read(self.member), _STORAGES[self.kind])
        except (*zip_archives.UNREADABLE, KeyError) as error:
            raise UnfitError(f"{self.member} is damaged: {error}") from error
        if not self._is_inside(len(flat)):
            raise UnfitError(f"a tensor of shape {self.shape} is outside {self.member}")
        flat = flat[self.offset :]
        if self.kind == "BFloat16Storage":  # the upper half of float32
            flat = (flat.astype("<u4") << 16).view("<f4")
        steps = [step * flat.itemsize for step in self.strides]
        return np.lib.stride_tricks.as_strided(flat, self.shape, steps, writeable=False).copy()

    def _is_inside(self, available: int) -> bool:
        """Return whether shape, strides and offset stay within so many numbers."""
        if min((*self.strides, *self.shape, self.offset)) < 0:
            return False
        last = sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))
        fits = math.prod(self.shape) <= available  # one number may not become many
        return fits and (0 in self.shape or self.offset + last < available)


def read(path: Path) -> Any:
    """Read what was saved, of which each tensor is a `Tensor`.

    Raises:
        UnfitError: If the file is damaged, or holds other objects than dictionaries of tensors.
    """
    try:
        with plain_files.opened(path) as file, zipfile.ZipFile(file) as archive:
            members = [member.filename for member in zip_archives.entries(archive, _LIMITS)]
            records = [name for name in members if name.endswith("/data.pkl")]
            if len(records) != 1 or archive.getinfo(records[0]).file_size > _LARGEST_PICKLE:
                raise UnfitError("it was not written by torch.save")
            text = archive.read(records[0])
    except (*zip_archives.UNREADABLE, zip_archives.UnfitError) as error:
        raise UnfitError(str(error)) from error
    home = records[0].removesuffix("data.pkl")
    try:
        return _Reader(text, path, home).load()
    except UnfitError:
        raise
    except Exception as error:  # a damaged pickle may raise anything
        raise UnfitError(f"data.pkl is damaged: {error}") from error


class _Reader(pickle.Unpickler):
    """Build what `_find` allows."""

    def __init__(self, text: bytes, path: Path, home: str):
        super().__init__(io.BytesIO(text))
        self._path, self._home = path, home

    def find_class(self, module: str, name: str) -> Any:
        """Give the few functions that a file of tensors may name."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _parameter
        if module == "torch" and name in _STORAGES:
            return _Storage(name)
        raise UnfitError(f"it names {module}.{name}, which is no part of a file of tensors")

    def persistent_load(self, pid: Any) -> Callable[..., Tensor]:
        """Give a function that makes tensors of a storage: ("storage", kind, key, place, size)."""
        if not isinstance(pid, tuple) or len(pid) < 3 or not isinstance(pid[1], _Storage):
            raise UnfitError("it refers to something that is no storage")
        member, kind = f"{self._home}data/{pid[2]}", pid[1].kind

        def tensor(offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Tensor:
            return Tensor(self._path, member, kind, offset, tuple(shape), tuple(strides))

        return tensor


@dataclass(frozen=True)
class _Storage:
    kind: str


def _rebuild(storage: Any, offset: int, shape: Any, strides: Any, *rest: Any) -> Tensor:
    tensor: Tensor = storage(offset, shape, strides)
    return tensor


def _parameter(tensor: Tensor, *rest: Any) -> Tensor:
    return tensor
