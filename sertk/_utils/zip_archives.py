"""Check the directory of a zip archive before anything in it is inflated.

In: an open zip, and the limits of its kind. Out: its entries, or an `UnfitError`: too many files,
names outside the archive or occurring twice, too many bytes, or files with an implausibly high
compression ratio.
"""

import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
# what reading an archive raises that is damaged, encrypted or unfit
UNREADABLE = (
    OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, ValueError
)  # fmt: skip


class UnfitError(ValueError):
    """Why an archive is not opened, in a few words."""


@dataclass(frozen=True)
class Limits:
    """What an archive of one kind may hold."""

    files: int
    size: int  # bytes of all files together, inflated
    ratio: float = 1100.0  # of a file above 1 MB, inflated; zip itself reaches 1032


def entries(
    archive: zipfile.ZipFile, limits: Limits, *, safe: Callable[[str], bool] = lambda name: True
) -> list[zipfile.ZipInfo]:
    """List the entries of an archive whose directory keeps within its limits."""
    members = archive.infolist()
    if len(members) > limits.files:
        raise UnfitError(f"it contains {len(members)} files, over {limits.files}")
    names = [entry.filename for entry in members]
    if len(set(names)) < len(names):
        raise UnfitError("two of its files have the same name")
    total = sum(entry.file_size for entry in members)
    if total > limits.size:
        raise UnfitError(f"it unpacks to {total / 1e9:.1f} GB, over {limits.size / 1e9:.1f} GB")
    for entry in members:
        if not safe(entry.filename):
            raise UnfitError(
                f"it contains the path {entry.filename!r}, which is outside the archive"
            )
        if entry.compress_type not in _METHODS:
            raise UnfitError(f"{entry.filename} has an unsupported compression")
        if entry.flag_bits & _ENCRYPTED:
            raise UnfitError(f"{entry.filename} is encrypted")
        grown = entry.file_size > limits.ratio * max(entry.compress_size, 1)
        if entry.file_size > 1e6 and grown:
            raise UnfitError(f"{entry.filename} unpacks to {entry.file_size / 1e9:.1f} GB")
    return members
