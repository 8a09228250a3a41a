"""List the files below a folder: audio files, and the reason why others are skipped.

In: a folder. Out: every file below it with the reason why it is left out, if it is. Linked folders
are followed, each real folder once; what is hidden is not entered. Endings are those of
`sertk.audio`.
"""

import os
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from sertk.audio import FFMPEG_SUFFIXES, SUFFIXES

MACOS = "macOS metadata (._ files)"
HIDDEN = "hidden"
CONCEALED = (MACOS, HIDDEN)
_SOUND = (*SUFFIXES, *FFMPEG_SUFFIXES)


class File(NamedTuple):
    """A file below a folder, or a folder that is not entered.

    Args:
        path: Relative to the folder that was walked.
        reason: Why it is no sound that may be read; `None` if it is.
        folder: It is a folder.
    """

    path: PurePosixPath
    reason: str | None = None
    folder: bool = False


def walk(root: str | Path, *, as_text: bool = False) -> list[File]:
    """List what is below a folder, the shallowest first.

    Real folders are walked before linked ones, so that a file has its own path where it has one.

    Args:
        root: The folder.
        as_text: Leave sound out whose path no table can hold: not UTF-8, or with a backslash.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("b.wav", "a.FLAC", "notes.txt", ".hidden.wav"):
        ...         (Path(folder) / name).touch()
        ...     for file in walk(folder):
        ...         print(file.path, "-", file.reason)
        .hidden.wav - hidden
        a.FLAC - None
        b.wav - None
        notes.txt - not audio (*.txt)
    """
    files: list[File] = []
    seen: set[str] = set()
    above = {str(folder) for folder in Path(os.path.realpath(root)).parents}
    waiting, linked = [PurePosixPath()], list[PurePosixPath]()
    while waiting or linked:
        inside = waiting.pop() if waiting else linked.pop(0)
        real = os.path.realpath(Path(root) / inside)
        if real in seen or real in above:
            files.append(File(inside, "link to a folder that is already included", folder=True))
            continue
        seen.add(real)
        try:
            entries = sorted((Path(root) / inside).iterdir())
        except OSError as error:
            why = f"unreadable folder ({error.strerror})"
            files.append(File(inside, why, folder=True))
            continue
        for entry in entries:
            path = inside / entry.name
            if not entry.is_dir():
                files.append(File(path, left_out(entry) or (as_text and _no_cell(path)) or None))
            elif entry.name.startswith("."):
                files.append(File(path, "hidden folder", folder=True))
            else:
                (linked if entry.is_symlink() else waiting).append(path)
    return sorted(files, key=lambda file: (len(file.path.parts), str(file.path)))


def sounds(root: str | Path) -> list[Path]:
    """List the sound files below a folder, sorted by path."""
    return sorted(Path(root) / file.path for file in walk(root) if file.reason is None)


def is_sound(path: str | Path | PurePosixPath) -> bool:
    """Return whether a file is audio by its suffix, read natively or by ffmpeg."""
    return PurePosixPath(path).suffix.lower() in _SOUND


def endings() -> str:
    """Name the endings that are read, for a message."""
    return f"{' '.join(SUFFIXES)}, and with ffmpeg {' '.join(FFMPEG_SUFFIXES)}"


def left_out(path: Path) -> str | None:
    """Return why a file in a folder is not readable audio; `None` if it is.

    A broken link is included: reading it reports the missing target.
    """
    suffix = path.suffix.lower()
    if path.name.startswith("._") or path.name == ".DS_Store" or "__MACOSX" in path.parts:
        return MACOS
    if path.name.startswith("."):
        return HIDDEN
    if not is_sound(path):
        return f"not audio (*{suffix})" if suffix else "not audio (no suffix)"
    if path.exists() and not path.is_file():
        return "not a regular file"  # a pipe or device, which would never end
    return None


def _no_cell(path: PurePosixPath) -> str | None:
    """Say why a table cannot hold a path: its bytes are not UTF-8, or it reads as another."""
    if any("\ud800" <= letter <= "\udfff" for letter in str(path)):
        return "name that is not UTF-8"
    # a manifest that Windows wrote has backslashes for slashes
    return "name with a backslash" if "\\" in str(path) else None
