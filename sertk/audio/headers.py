"""What the header of a WAV or AIFF file says of its length, and whether the samples are there.

In: an open file. Out: its `Length`. Recorders leave sizes wrong: 8 bytes too many, 0, or a
placeholder near 2^31 or 2^32 where the length was not known when the header was written. So only
the chunk of samples counts, and only what it lacks.
"""

import io
import os
from typing import BinaryIO, NamedTuple

_PLACEHOLDERS = (2**31, 2**32)  # sizes within 64 KiB of these stand for "not known yet"
_TOLERANCE = 64  # bytes that headers count too many: their own, or a pad byte


class Length(NamedTuple):
    """How the samples of a file compare with its header.

    Args:
        lost: (bytes there, bytes declared) if the end of the samples is missing, else `None`.
        unset_at: Position of the four bytes of their size, if it is 0 and samples follow.
    """

    lost: tuple[int, int] | None = None
    unset_at: int | None = None


def length(file: BinaryIO) -> Length:
    """Compare the length of a WAV or AIFF file with what its header declares.

    Args:
        file: Open for reading in binary mode, unbuffered, at any position.

    Returns:
        What differs; nothing for files of other formats.
    """
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    head = file.read(12)
    if head[:4] in (b"RIFF", b"RF64") and head[8:] == b"WAVE":
        big, samples = False, b"data"
    elif head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
        big, samples = True, b"SSND"
    else:
        return Length()
    number = lambda content: int.from_bytes(content, "big" if big else "little")  # noqa: E731
    long_size = 0
    at = 12
    while at + 8 <= size:
        file.seek(at)
        name, declared = file.read(4), number(file.read(4))
        if name == b"ds64":
            file.read(8)
            long_size = number(file.read(8))
        if name == samples:
            if head[:4] == b"RF64" and long_size:
                declared = long_size
            if not declared and not _is_chunk(file, size, number):
                return Length(unset_at=at + 4)
            return Length(_lost(size, at + 8 + declared))
        at += 8 + declared + declared % 2
    return Length(_lost(size, 8 + number(head[4:8])))  # it ends before its samples begin


def _is_chunk(file: BinaryIO, size: int, number: object) -> bool:
    """Whether another chunk follows here, or nothing."""
    name, declared = file.read(4), file.read(4)
    if not declared:
        return True
    return name.isalnum() and file.tell() + number(declared) <= size  # type: ignore[operator]


def _lost(size: int, declared: int) -> tuple[int, int] | None:
    placeholder = any(abs(declared - edge) <= 2**16 for edge in _PLACEHOLDERS)
    return None if declared - size <= _TOLERANCE or placeholder else (size, declared)


class Patched(io.RawIOBase):
    """A file in which four bytes read as 0xff: a size that says "as much as there is".

    Args:
        file: Open for reading in binary mode.
        at: Position of the four bytes.
    """

    def __init__(self, file: BinaryIO, at: int):
        self._file, self._at = file, at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        first = self._file.tell()
        content = bytearray(self._file.read(len(buffer)))
        for place in range(self._at, self._at + 4):
            if 0 <= place - first < len(content):
                content[place - first] = 0xFF
        buffer[: len(content)] = content
        return len(content)
