"""Open regular files only, and none larger than allowed.

In: a path. Out: the open file, its bytes, or an `OSError` or `ValueError` in words. A FIFO, a
socket or a device is refused before anything is read of it, since reading one may never end.
"""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}
LARGEST_TEXT = 2**28  # bytes of a record or a description; ours stay far below


def opened(path: str | Path) -> BufferedReader:
    """Open a plain file for reading."""
    try:
        # a FIFO without a writer would hold an opener that blocks for ever
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:  # a null character in the name
        raise OSError(errno.EINVAL, str(error), str(path)) from error
    try:
        kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
        if kind != stat.S_IFREG:
            raise OSError(errno.EINVAL, f"it is {_KINDS.get(kind, 'no file')}", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def content(path: str | Path, largest: int = LARGEST_TEXT) -> bytes:
    """Read a plain file of at most so many bytes."""
    with opened(path) as file:
        data = file.read(largest + 1)
    if len(data) > largest:
        raise ValueError(f"it is larger than {largest / 1e6:.0f} MB")
    return data


def is_file(path: Path) -> bool:
    """Return whether a plain file exists; False for an invalid file name."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Return whether a folder exists; False for an invalid file name."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
