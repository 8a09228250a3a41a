"""Find recordings by path, folder, pattern, or a list on standard input.

In: words. Out: paths, each once, in the order of the words, files of a folder sorted by name; and
what folders and patterns hold besides, by the reason why it is left out.
"""

import glob
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sertk.audio import walk
from sertk.errors import AudioError, listing

TWICE = "named twice"


@dataclass(frozen=True)
class Search:
    """What words mean.

    Attributes:
        files: Sound files to read, each once.
        left_out: Reason -> what was found and is not read.
    """

    files: list[Path] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=dict)

    def summary(self) -> list[str]:
        """One line per reason, with the count and the first names."""
        return [f"{len(n)} {why} ({listing(n, 3)})" for why, n in sorted(self.left_out.items())]


def find(words: Iterable[str | Path]) -> list[Path]:
    """Find the sound files that words mean.

    Args:
        words: Files, folders (walked to the bottom, linked folders too), patterns such as
            `calls/**/*.wav`, or `-` for one path per line of standard input.

    Raises:
        AudioError: If a word means no sound file.
    """
    return search(words).files


def search(words: Iterable[str | Path]) -> Search:
    """Find the audio files that the arguments name, and the files that are left out.

    A file named by itself is always taken; what cannot be read is refused when it is read.

    Args:
        words: As for `find`.

    Raises:
        AudioError: If a word means no sound file.
    """
    result = Search()
    seen: set[str] = set()
    for word in words:
        for line in _lines() if str(word) == "-" else [word]:
            for path in _meant(line, result.left_out):
                place = _place(path)
                if place in seen:
                    result.left_out.setdefault(TWICE, []).append(str(path))
                else:
                    seen.add(place)
                    result.files.append(path)
    if not result.files:
        raise AudioError(
            "No files were given.",
            "Prediction takes files, folders, patterns, or `-` for a list on standard input.",
            "For example: sertk predict recordings/",
            code="no-files-named",
        )
    return result


def _lines() -> list[str]:
    return [line.rstrip("\r\n") for line in sys.stdin if line.strip()]


def _meant(word: str | Path, left_out: dict[str, list[str]]) -> Iterable[Path]:
    path = Path(word).expanduser()
    try:
        exists, folder = path.exists(), path.is_dir()
    except OSError:  # an invalid file name; reading it raises the error
        return [path]
    if folder:
        inside = list(_inside(path, left_out))
        if inside:
            return inside
        raise AudioError(
            f"The folder {path} contains no audio file{_beside(left_out)}.",
            f"Supported suffixes are {walk.endings()}.",
            "Check the path, or convert the files: ffmpeg -i IN OUT.wav",
            code="no-sound-in-folder",
        )
    if not exists and glob.has_magic(str(path)):
        inside = list(_matched(path, left_out))
        if inside:
            return inside
        raise AudioError(
            f"The pattern {word} matches no audio file{_beside(left_out)}.",
            "`*` matches any name within a folder, `**` any folders.",
            "Check the pattern, and quote it, so that the shell does not expand it.",
            code="pattern-matches-nothing",
        )
    if exists and not path.is_file():
        raise AudioError(
            f"{path} is a pipe, socket or device.",
            "Prediction reads regular files, whose length is known.",
            "Write the audio to a file first.",
            code="not-a-regular-file",
        )
    return [path]


def _inside(folder: Path, left_out: dict[str, list[str]]) -> Iterator[Path]:
    for file in sorted(walk.walk(folder), key=lambda file: file.path):
        if file.reason is None:
            yield folder / file.path
        else:
            left_out.setdefault(file.reason, []).append(str(folder / file.path))


def _matched(pattern: Path, left_out: dict[str, list[str]]) -> Iterator[Path]:
    """Give what a pattern matches: files, and what is in folders, as if a shell had read it."""
    seen: set[str] = set()  # ** matches a folder and what is in it
    # `**/**` means no more than `**`, and would be searched once for each way to share folders
    single = re.sub(r"(\*\*/)+", "**/", str(pattern))
    for path in sorted(map(Path, glob.glob(single, recursive=True))):  # noqa: PTH207
        if path.is_dir():
            inside: Iterable[Path] = _inside(path, {} if "**" in pattern.parts else left_out)
        elif reason := walk.left_out(path):
            left_out.setdefault(reason, []).append(str(path))
            continue
        else:
            inside = [path]
        for file in inside:
            if (place := _place(file)) not in seen:
                seen.add(place)
                yield file


def _place(path: Path) -> str:
    """Identify a file: linked folders are resolved, linked files are not."""
    return f"{os.path.realpath(path.parent)}/{path.name}"


def _beside(left_out: dict[str, list[str]]) -> str:
    left = "; ".join(Search(left_out=left_out).summary())
    return f" (skipped: {left})" if left else ""
