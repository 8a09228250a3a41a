"""Download archives, check their hashes, and unpack them safely.

In: the records of a corpus module. Out: its files below a folder, and one small hidden list per
archive of the files that were unpacked, which lets a second call skip the archive.
"""

import json
import shutil
import stat
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from sertk._utils import atomic, json_records, plain_files, temporary_names, zip_archives
from sertk.errors import CorpusError, UnknownNameError, listing

# a zip of 16-bit sound shrinks to a third or so; one that claims a hundredfold is no recording
_MAX_RATIO = 100
_LIMITS = zip_archives.Limits(files=10**6, size=2**40)
_UNPACKED_RATIO = 3.5


@dataclass(frozen=True)
class Archive:
    """One archive of a corpus."""

    part: str
    file: str
    url: str
    size: int | None  # bytes, where published
    md5: str | None  # where published


def fetch(
    archives: Sequence[Archive],
    to: Path,
    *,
    parts: Sequence[str] | None,
    base_url: str | None,
    progress: bool,
) -> Path:
    """Download and unpack archives into a folder; existing files are kept."""
    known = [archive.part for archive in archives]
    for part in parts or ():
        if part not in known:
            raise UnknownNameError("part", part, known)
    atomic.folder(to)
    for archive in archives:
        if (parts and archive.part not in parts) or _is_unpacked(archive, to):
            continue
        url = f"{base_url.rstrip('/')}/{archive.file}" if base_url else archive.url
        by_hand = (to / archive.file).exists()
        if archive.size is not None and not by_hand:
            _check_space(to, archive.size * (1 + _UNPACKED_RATIO), archive.file)
        fetched = _retrieve(archive, url, to, progress)
        unpack(fetched, to, record=_record(archive, to))
        if not by_hand:
            fetched.unlink()
    return to


def _record(archive: Archive, to: Path) -> Path:
    return to / f".{archive.file}.unpacked.json"


def _is_unpacked(archive: Archive, to: Path) -> bool:
    record = _record(archive, to)
    if not plain_files.is_file(record):
        return False
    try:
        sizes = json_records.read(record, dict[str, int])
    except json_records.DamagedError:
        return False
    return all(_has_size(to / name, size) for name, size in sizes.items())


def _has_size(path: Path, size: int) -> bool:
    return plain_files.is_file(path) and path.stat().st_size == size


def _check_space(folder: Path, needed: float, what: str) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise CorpusError(
            f"{folder} has {free / 1e9:.1f} GB of free space.",
            f"Downloading and unpacking {what} needs about {needed / 1e9:.1f} GB there.",
            "Free some space, or choose another folder with --to.",
            code="not-enough-space",
        )


def _retrieve(archive: Archive, url: str, to: Path, progress: bool) -> Path:
    """Fetch an archive under its own name; pooch writes to a temporary file until it is whole."""
    import pooch
    import requests

    pooch.get_logger().setLevel("ERROR")
    try:
        fetched = pooch.retrieve(
            url,
            known_hash=f"md5:{archive.md5}" if archive.md5 else None,
            fname=archive.file,
            path=to,
            progressbar=progress,
        )
    except ValueError as error:
        raise CorpusError(
            f"{url} does not have the published checksum of {archive.file}.",
            f"Expected md5 {archive.md5}.",
            "The download was deleted. Try again, or download the file in a browser, and put it "
            "into the folder.",
            code="wrong-checksum",
        ) from error
    except (requests.RequestException, OSError) as error:
        raise CorpusError(
            f"Cannot download {url} ({type(error).__name__}: {error}).",
            "",
            "The partial download was deleted. Try again, or download the file in a browser, and "
            f"put it into {to}.",
            code="download-failed",
        ) from error
    return Path(fetched)


def unpack(archive: Path, to: Path, *, record: Path | None = None) -> list[Path]:
    """Unpack a zip file into a folder, through a temporary folder inside it.

    An existing file of the right size is kept; `record` lists files and sizes.
    """
    to.mkdir(parents=True, exist_ok=True)
    temporary = temporary_names.beside(to / "unpacking")
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = zip_archives.entries(opened, _LIMITS)
            members = [member for member in entries if not member.is_dir()]
            _refuse_unsafe(archive, members)
            pending = [m for m in members if not _has_size(to / m.filename, m.file_size)]
            _check_space(to, sum(member.file_size for member in pending), archive.name)
            for member in pending:
                opened.extract(member, temporary)
    except (
        zipfile.BadZipFile, EOFError, NotImplementedError, zlib.error, zip_archives.UnfitError
    ) as error:  # fmt: skip
        raise CorpusError(
            f"Cannot unpack {archive} ({error}).",
            "It must be a complete zip file.",
            "Delete it, and download it again.",
            code="damaged-archive",
        ) from error
    else:
        for member in pending:
            (to / member.filename).parent.mkdir(parents=True, exist_ok=True)
            (temporary / member.filename).replace(to / member.filename)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    if record is not None:
        sizes = {member.filename: member.file_size for member in members}
        with atomic.whole(record) as whole:
            whole.write_text(json.dumps(sizes, indent=0), encoding="utf-8")
    return [to / member.filename for member in members]


def _refuse_unsafe(archive: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    leaving = [member.filename for member in members if _leaves(member)]
    if leaving:
        raise CorpusError(
            f"{archive} contains {len(leaving)} entries that would be written outside the folder "
            f"or through a link ({listing(leaving)}).",
            "An archive of recordings must contain only plain files with relative paths.",
            "Nothing was unpacked; do not use this archive.",
            code="unsafe-archive",
        )
    size = sum(member.file_size for member in members)
    if size > _MAX_RATIO * max(archive.stat().st_size, 1):
        raise CorpusError(
            f"{archive} would unpack to {size / 1e9:.1f} GB, over {_MAX_RATIO} times its size.",
            "Audio recordings do not compress that much.",
            "Nothing was unpacked; do not use this archive.",
            code="oversized-archive",
        )


def _leaves(member: zipfile.ZipInfo) -> bool:
    # orig_filename: ZipInfo.filename has been cleaned of what this looks for on Windows
    for name in (member.filename, member.orig_filename):
        windows, posix = PureWindowsPath(name), PurePosixPath(name.replace("\\", "/"))
        if windows.drive or windows.root or posix.is_absolute() or ".." in posix.parts:
            return True
    return stat.S_ISLNK(member.external_attr >> 16)
