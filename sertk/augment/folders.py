"""Noise recordings and room impulse responses from a user's folder.

In: a folder. Out: its files, noise or an impulse response from them, and a fingerprint.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.random import Generator

from sertk import audio
from sertk._utils import plain_files
from sertk.audio import walk
from sertk.errors import AudioError, ConfigurationError

_BLOCK = 1 << 20  # bytes
_SILENT = 1e-6  # of full scale; half a step of 16 bits is ten times as much


def sounds(folder: str | Path) -> list[Path]:
    """List the recordings in a folder and below it, in order.

    Raises:
        ConfigurationError: If there is no such folder, no recording in it, or one that cannot be
            read or is silent: speech with such a noise would pass for disturbed.
    """
    home = Path(folder).expanduser()
    paths = walk.sounds(home) if home.is_dir() else []
    if not paths:
        raise ConfigurationError(
            f"No recordings in {home}." if home.is_dir() else f"No folder at {home}.",
            f"Noise and room recordings are read from a folder ({walk.endings()}).",
            "Pass the folder that contains the recordings.",
            code="no-noise-recordings",
        )
    for path in paths:
        status = path.stat()
        _refuse_without_sound(path, status.st_size, status.st_mtime_ns)
    return paths


@lru_cache(maxsize=4096)
def _refuse_without_sound(path: Path, size: int, changed: int) -> None:
    """Read a recording up to its first sound, once for each size and time of change."""
    with _readable():
        _, rate = audio.info(path)
        audible = any(
            np.abs(b).max(initial=0) > _SILENT for b in audio.blocks(path, sample_rate=rate)
        )
    if not audible:
        raise ConfigurationError(
            f"The recording {path} is silent.",
            "A noise recording or a room response must not be silent.",
            "Record it again, or remove it from the folder.",
            code="silent-noise-recording",
        )


def recorded(files: list[Path], samples: int, sample_rate: int, generator: Generator) -> np.ndarray:
    """Read noise from a random place in one of some recordings, shape (samples,).

    A recording that is too short is repeated.

    Raises:
        ConfigurationError: If it cannot be read. It is no `AudioError`, which would say that the
            utterance is unreadable, and leave it out.
    """
    path = files[generator.integers(len(files))]
    needed = samples / sample_rate
    with _readable():
        seconds, _ = audio.info(path)
        start = generator.uniform() * max(seconds - needed, 0.0)
        part, _ = audio.read(path, sample_rate=sample_rate, start=start, end=start + needed)
    if seconds < needed:
        part = np.roll(part, generator.integers(len(part)))
    return np.resize(part, samples)


def response(path: Path, sample_rate: int) -> np.ndarray:
    """Read an impulse response from its direct sound on, which is its loudest sample.

    Raises:
        ConfigurationError: If it cannot be read.
    """
    return _response(path, sample_rate, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _response(path: Path, sample_rate: int, changed: int) -> np.ndarray:
    """Keep what was read of a file until it is changed."""
    with _readable():
        measured, _ = audio.read(path, sample_rate=sample_rate)
    return measured[int(np.abs(measured).argmax()) :]


def fingerprint(home: Path, files: Iterable[tuple[str, Path]]) -> str:
    """Hash recordings by name and content, wherever the folder is.

    Args:
        home: The folder.
        files: What each recording is for, and the recording.

    Returns:
        Eight hexadecimal digits.

    Raises:
        ConfigurationError: If a recording is no sound.
    """
    digest = hashlib.blake2b(digest_size=4)
    for name, file in files:
        digest.update(f"{name} {file.relative_to(home).as_posix()} {content(file)}\n".encode())
    return digest.hexdigest()


def content(path: Path) -> str:
    """Hash the content of a recording, once for each size and time of change.

    Raises:
        ConfigurationError: If it is no sound.
    """
    status = path.stat()
    return _content(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1024)
def _content(path: Path, size: int, changed: int) -> str:
    with _readable():
        audio.info(path)
    digest = hashlib.blake2b(digest_size=8)
    with plain_files.opened(path) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except AudioError as error:
        raise ConfigurationError(
            f"Cannot use a recording of noise or of a room. {error}",
            code="unreadable-noise-recording",
        ) from error
