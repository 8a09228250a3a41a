"""Audio file headers: declared length, and whether all samples are present.

In: an open file. Out: its `Length`. Recorders leave sizes wrong: 8 bytes too many, 0, or a
placeholder near the largest number where the length was not known when the header was written. So
only samples missing from the data chunk count. Decoders of MP4, Matroska, WMA and Ogg read
truncated files without an error, so the outermost parts of these files are checked.
"""

import io
import os
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

_PLACEHOLDERS = (2**31, 2**32, 2**63, 2**64)  # sizes within 64 KiB mean "not known yet"
_TOLERANCE = 64  # bytes that headers count too many: their own, or a pad byte
_LITTLE, _BIG = (b"RIFF", b"RF64", b"BW64"), (b"RIFX",)
_WAVE64 = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0"
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_MATROSKA = b"\x1a\x45\xdf\xa3"
_BOXES = (
    b"ftyp", b"moov", b"mdat", b"moof", b"free", b"skip", b"wide", b"udta", b"meta", b"sidx",
    b"styp", b"uuid", b"mfra",
)  # fmt: skip
_MOST_PARTS = 2**17  # that are walked: a file of empty ones would take minutes
_PAGE = 27 + 255 + 255 * 255  # bytes of the longest page of an Ogg file


class Length(NamedTuple):
    """How the samples of a file compare with its header.

    Args:
        lost: (bytes there, bytes declared) if the end of the samples is missing, else `None`.
        patches: Position -> bytes to read there instead, where the header lacks the size.
    """

    lost: tuple[int, int] | None = None
    patches: dict[int, bytes] | None = None


class _Chunk(NamedTuple):
    """A part of a file: its name, where its content begins, and the size that it declares."""

    name: bytes
    at: int
    size: int


def length(file: BinaryIO) -> Length:
    """Compare the length of a file with what its header declares.

    Args:
        file: Open for reading in binary mode, unbuffered, at any position.

    Returns:
        What differs; nothing for formats that declare no length, and FLAC and MP3, whose decoder
        checks it.

    Raises:
        ValueError: If there are chunks without end, none of which holds samples.
    """
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    head = file.read(48)
    if head[:4] in (*_LITTLE, *_BIG) and head[8:12] == b"WAVE":
        return _of_wav(file, size, head)
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return _of_aiff(file, size, head)
    if head[:4] == b".snd":
        start, declared = _number(head[4:8], "big"), _number(head[8:12], "big")
        if not declared and size > start:
            return Length(patches={8: b"\xff" * 4})
        return Length(_lost(size, start + declared))
    if head[:4] == b"OggS":
        return Length(_lost(size, _end_of_last_page(file, size), tolerance=0))
    for chunk in _parts(file, size, head):
        lost = _lost(size, chunk.at + chunk.size)
        if lost:
            return Length(lost)
    return Length()


def _of_wav(file: BinaryIO, size: int, head: bytes) -> Length:
    order = "big" if head[:4] in _BIG else "little"
    long = head[:4] in (b"RF64", b"BW64")  # whose chunk ds64 holds the size
    # libsndfile does not know the newer name of the same format
    patches = {0: b"RF64"} if head[:4] == b"BW64" else {}
    ds64 = None
    for chunk in _chunks(file, size, order):
        if chunk.name == b"ds64":
            file.seek(chunk.at + 8)
            ds64 = _Chunk(b"ds64", chunk.at + 8, _number(file.read(8), "little"))
        if chunk.name != b"data":
            continue
        declared, available = chunk.size, size - chunk.at
        if long and ds64 is not None:
            if not ds64.size or _is_placeholder(ds64.size):
                true = declared if 0 < declared < available else available
                patches[ds64.at] = true.to_bytes(8, "little")
                return Length(patches=patches)
            declared = ds64.size
        elif not declared and not _begins_chunk(file, chunk.at, size, order):
            patches[chunk.at - 4] = b"\xff" * 4
        return Length(_lost(size, chunk.at + declared), patches or None)
    return Length(_lost(size, 8 + _number(head[4:8], order)))  # the file ends before its samples


def _of_aiff(file: BinaryIO, size: int, head: bytes) -> Length:
    for chunk in _chunks(file, size, "big"):
        if chunk.name == b"SSND":
            if not chunk.size and not _begins_chunk(file, chunk.at, size, "big"):
                return Length(patches={chunk.at - 4: b"\xff" * 4})
            return Length(_lost(size, chunk.at + chunk.size))
    return Length(_lost(size, 8 + _number(head[4:8], "big")))


def _chunks(file: BinaryIO, size: int, order: str) -> Iterator[_Chunk]:
    """Give the chunks of a WAV or AIFF file."""
    at = 12
    for _ in range(_MOST_PARTS):
        if at + 8 > size:
            return
        file.seek(at)
        chunk = _Chunk(file.read(4), at + 8, _number(file.read(4), order))
        yield chunk
        at = chunk.at + chunk.size + chunk.size % 2
    raise ValueError(f"{_MOST_PARTS} chunks and none of samples")


def _parts(file: BinaryIO, size: int, head: bytes) -> Iterator[_Chunk]:
    """Give the outermost parts of Wave64, CAF, WMA, MP4 and Matroska files that hold samples."""
    if head[:16] == _WAVE64:
        yield from _guids(file, size, first=40, samples=b"data")
    elif head[:16] == _ASF:
        yield from _guids(file, size, first=_number(head[16:24], "little"), samples=_ASF_DATA)
    elif head[:4] == b"caff":
        yield from _caf(file, size)
    elif head[4:8] in _BOXES:
        yield from _boxes(file, size)
    elif head[:4] == _MATROSKA:
        yield from _segment(file, size)


def _guids(file: BinaryIO, size: int, *, first: int, samples: bytes) -> Iterator[_Chunk]:
    """Give the part of a Wave64 or WMA file that holds samples, of those that a GUID names."""
    at = first
    for _ in range(_MOST_PARTS):
        if at + 24 > size:
            return
        file.seek(at)
        name, declared = file.read(16), _number(file.read(8), "little")
        if name.startswith(samples):
            yield _Chunk(name, at, declared)
            return
        at += max(declared + -declared % 8, 24)


def _caf(file: BinaryIO, size: int) -> Iterator[_Chunk]:
    at = 8
    for _ in range(_MOST_PARTS):
        if at + 12 > size:
            return
        file.seek(at)
        chunk = _Chunk(file.read(4), at + 12, _number(file.read(8), "big"))
        if chunk.name == b"data":
            yield chunk
            return
        at = chunk.at + chunk.size


def _boxes(file: BinaryIO, size: int) -> Iterator[_Chunk]:
    """Give the boxes of an MP4 file; what is no box, such as a tag, ends them."""
    at = 0
    for _ in range(_MOST_PARTS):
        if at + 8 > size:
            return
        file.seek(at)
        declared, name = _number(file.read(4), "big"), file.read(4)
        if declared == 1:
            declared = _number(file.read(8), "big")
        if name not in _BOXES or declared < 8:  # 0: up to the end
            return
        yield _Chunk(name, at, declared)
        at += declared


def _segment(file: BinaryIO, size: int) -> Iterator[_Chunk]:
    """Give the segment of a Matroska or WebM file, if its size was known when it was written."""
    at = 4
    for name in (_MATROSKA, b"\x18\x53\x80\x67"):
        if at > size:
            return
        file.seek(at - 4)
        if file.read(4) != name:
            return
        first = file.read(1)
        more = 8 - first[0].bit_length() if first else 8  # bytes that follow: leading zeros
        rest = file.read(more)
        if more > 7 or len(rest) < more:
            return
        bits = 7 * (more + 1)
        declared = _number(first + rest, "big") & (2**bits - 1)
        at += 1 + more
        if name != _MATROSKA and declared != 2**bits - 1:
            yield _Chunk(name, at, declared)
        at += declared + 4


def is_chained(file: BinaryIO) -> bool:
    """Whether an Ogg file holds streams one behind the other, of which libsndfile reads the first.

    All streams of a single recording begin before the first of them continues.
    """
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    content = file.read(_PAGE)
    at, serials = 0, set()
    while content[at : at + 4] == b"OggS" and at + 27 <= len(content) and content[at + 5] & 2:
        serials.add(content[at + 14 : at + 18])
        sizes = content[at + 27 : at + 27 + content[at + 26]]
        at += 27 + len(sizes) + sum(sizes)
    _, last = _last_page(file, size)
    return bool(serials) and len(last) >= 27 and last[14:18] not in serials


def _end_of_last_page(file: BinaryIO, size: int) -> int:
    """Compute where the last page of an Ogg file ends from its header."""
    at, page = _last_page(file, size)
    sizes = page[27 : 27 + page[26]] if len(page) > 26 else b""
    return at + 27 + len(sizes) + sum(sizes) if sizes else 0


def _last_page(file: BinaryIO, size: int) -> tuple[int, bytes]:
    """Give the place and the bytes of the last page of an Ogg file, and what follows it."""
    first = max(size - _PAGE, 0)
    file.seek(first)
    content = file.read(_PAGE)
    at = content.rfind(b"OggS")
    return (first + at, content[at:]) if at >= 0 else (size, b"")


def _begins_chunk(file: BinaryIO, at: int, size: int, order: str) -> bool:
    """Whether another chunk begins at a place, or nothing."""
    file.seek(at)
    name, declared = file.read(4), file.read(4)
    if not declared:
        return True
    return name.isalnum() and at + 8 + _number(declared, order) <= size


def _number(content: bytes, order: str) -> int:
    return int.from_bytes(content, order)  # type: ignore[arg-type]


def _is_placeholder(declared: int) -> bool:
    return any(abs(declared - edge) <= 2**16 for edge in _PLACEHOLDERS)


def _lost(size: int, declared: int, tolerance: int = _TOLERANCE) -> tuple[int, int] | None:
    whole = declared - size <= tolerance or _is_placeholder(declared)
    return None if whole else (size, declared)


class Patched(io.RawIOBase):
    """A file in which a few bytes read as others.

    Args:
        file: Open for reading in binary mode.
        patches: Position -> bytes.
    """

    def __init__(self, file: BinaryIO, patches: dict[int, bytes]):
        self._file, self._patches = file, patches

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
        for at, patch in self._patches.items():
            for place, byte in enumerate(patch, at - first):
                if 0 <= place < len(content):
                    content[place] = byte
        buffer[: len(content)] = content
        return len(content)
