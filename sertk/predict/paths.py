"""Which files are meant: names, folders, patterns, and a list on standard input.

In: words. Out: paths, each once, in the order of the words; files of a folder sorted by name.
"""

import glob
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from sertk.audio import SUFFIXES
from sertk.errors import AudioError


def find(words: Iterable[str | Path]) -> list[Path]:
    """Find the sound files that words mean.

    Args:
        words: Files, folders (searched to the bottom for WAV, FLAC, OGG and MP3), patterns such as
            `calls/**/*.wav`, or `-` for one path per line of standard input.

    Raises:
        AudioError: If a word means no sound file.
    """
    found: dict[Path, None] = {}
    for word in words:
        lines = _lines() if str(word) == "-" else [word]
        for line in lines:
            found.update(dict.fromkeys(_meant(line)))
    if not found:
        raise AudioError(
            "No file was named.",
            "Prediction takes files, folders, patterns, or `-` for a list on standard input.",
            "For example: sertk predict recordings/",
        )
    return list(found)


def _lines() -> list[str]:
    return [line.rstrip("\r\n") for line in sys.stdin if line.strip()]


def _meant(word: str | Path) -> list[Path]:
    path = Path(word).expanduser()
    try:
        there, folder = path.exists(), path.is_dir()
    except OSError:  # no file can have such a name, which reading it tells
        return [path]
    if folder:
        inside = sorted(p for p in path.rglob("*") if p.is_file() and _is_sound(p))
        if inside:
            return inside
        raise AudioError(
            f"The folder {path} holds no sound file.",
            f"{', '.join(s.removeprefix('.').upper() for s in SUFFIXES)} are looked for.",
            "Check the path, or convert what is there: ffmpeg -i IN OUT.wav",
        )
    if not there and glob.has_magic(str(path)):
        # `**/**` means no more than `**`, and would be searched once for each way to share folders
        pattern = re.sub(r"(\*\*/)+", "**/", str(path))
        matched = sorted(Path(p) for p in glob.glob(pattern, recursive=True))  # noqa: PTH207
        inside = [p for p in matched if p.is_file() and _is_sound(p)]
        if inside:
            return inside
        raise AudioError(
            f"The pattern {word} matches no sound file.",
            "`*` stands for anything within a folder, `**` for folders.",
            "Check it; quote it, so that it is this program that reads it.",
        )
    return [path]


def _is_sound(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
