"""Temporary file names that carry their process, and removal of those of dead processes.

In: a folder. Out: names in it for files that are not whole yet, and a sweep of those whose owner
is dead. An owner is a process of this machine, this boot and this container: what others made on a
shared file system is left alone.
"""

import errno
import functools
import hashlib
import os
import re
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NAME = re.compile(r"\.sertk-([0-9a-f]{8})-(\d+)-(\d+)-")
_swept: set[tuple[int, str]] = set()


def beside(path: Path) -> Path:
    """Name a temporary file or folder in the folder of a path; it keeps the suffix.

    The first time that this process writes into the folder, what dead processes left is removed.
    """
    if (os.getpid(), str(path.parent)) not in _swept:
        _swept.add((os.getpid(), str(path.parent)))
        sweep(path.parent)
    own = f"{_here()}-{os.getpid()}-{_started(os.getpid())}-{threading.get_native_id()}"
    return path.with_name(f".sertk-{own}.{path.name[-40:]}")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside a path, and rename it to the path if the block succeeds."""
    _require_replaceable(path)
    temporary = beside(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _require_replaceable(path: Path) -> None:
    """Refuse devices such as `/dev/stdout`: moving a file there would delete the device."""
    if not path.name or path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    open_file = path.is_symlink() and str(path.readlink()).startswith("/proc/")
    if open_file or (path.exists() and not path.is_file()):
        raise FileExistsError(errno.EEXIST, "It is a device, a pipe or an open file", str(path))


@contextmanager
def workspace() -> Iterator[Path]:
    """Lend an empty folder among the temporary files of this user."""
    folder = beside(Path(tempfile.gettempdir()) / f"work{os.urandom(4).hex()}")
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(folder: Path) -> list[Path]:
    """Remove what dead processes left in a folder, and name it; what others own stays."""
    removed = [path for path in abandoned(folder)]
    for path in removed:
        with suppress(OSError):  # of another user, or on a disk that cannot be written
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    return [path for path in removed if not os.path.lexists(path)]


def abandoned(folder: Path) -> Iterator[Path]:
    """List temporary files that dead processes left in a folder."""
    with suppress(OSError):
        for path in folder.iterdir():
            match = _NAME.match(path.name)
            if match and match[1] == _here() and not _lives(int(match[2]), int(match[3])):
                yield path


def _lives(process: int, started: int) -> bool:
    """Return whether a process with this id and start time is running: ids are reused."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    now = _started(process)
    return not now or not started or now == started


@functools.cache
def _here() -> str:
    """Name this machine, boot and container in eight letters."""
    parts = [socket.gethostname()]
    for read in (lambda: Path("/proc/sys/kernel/random/boot_id").read_text(),
                 lambda: str(Path("/proc/self/ns/pid").readlink())):  # fmt: skip
        with suppress(OSError):
            parts.append(read())
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=4).hexdigest()


@functools.lru_cache(maxsize=4)
def _began(process: int) -> int:
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return 0
    # the second field is the name in brackets, which may hold anything
    return int(stat.rpartition(")")[2].split()[19])


def _started(process: int) -> int:
    """Return when a process started, in clock ticks since boot; 0 if unknown."""
    if process != os.getpid():
        _began.cache_clear()  # another process may have this number by now
    return _began(process)
