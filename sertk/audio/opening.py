"""Open a recording with a decoder that reads its format, or report why none does.

In: a path. Out: a `Recording`, whose samples come in pieces of shape (samples, channels). Files are
opened by descriptor and never by name: a name may not be valid text, may be that of a FIFO, or may
make libsndfile open an AppleDouble file in the same folder.
"""

import os
import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import soundfile

from sertk._utils import plain_files
from sertk.audio import ffmpeg, headers, quiet
from sertk.errors import AudioError, MissingAudioError

SUFFIXES = (
    ".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au",
    ".caf",
)  # fmt: skip
FFMPEG_SUFFIXES = (".m4a", ".aac", ".mp4", ".webm", ".wma", ".amr", ".3gp", ".mka")
LOWEST_RATE, HIGHEST_RATE = 1_000, 1_000_000  # Hz
_UNKNOWN = 2**62  # frames, from which on libsndfile does not know their number
_LITTLE = 4096  # frames
_SETTLING = 1.0  # seconds before a position, from which a lossy decoder starts
_NO_SEEKING = ("DWVW_12", "DWVW_16", "DWVW_24")  # libsndfile seeks in them, and fails


class Recording(Protocol):
    """An open recording: its header, and its samples from the current position.

    Attributes:
        path: Path of the file.
        sample_rate: int, Hz.
        channels: Number of channels.
        frames: Samples of each channel that the header declares; `None` where it does not.
        is_integer: Whether samples are whole numbers in the file, which are always finite.
    """

    path: Path
    sample_rate: int
    channels: int
    frames: int | None
    is_integer: bool

    def skip_to(self, first: int) -> None:
        """Go from the beginning to a sample."""

    def decode(self, size: int, count: int | None = None) -> Iterator[np.ndarray]:
        """Give `count` samples, all by default, in pieces of `size`, (samples, channels)."""


class _Libsndfile:
    """A recording that libsndfile decodes."""

    def __init__(self, path: Path, file: soundfile.SoundFile):
        self.path, self.file = path, file
        self.sample_rate, self.channels = file.samplerate, file.channels
        self.is_integer = file.subtype.startswith("PCM")
        # a stream's length, 0 in its header, is unknown as well
        length_known = 0 < file.frames < _UNKNOWN or file.format not in ("FLAC", "OGG")
        self.frames = file.frames if length_known else None

    def skip_to(self, first: int) -> None:
        if not first:
            return
        begin = 0
        if soundfile.SoundFile.seekable(self.file) and self.file.subtype not in _NO_SEEKING:
            begin = max(first - round(_SETTLING * self.sample_rate), 0)
            begin = begin if self.frames is None else min(begin, self.frames)
            self.file.seek(begin)
        for _ in self.decode(2**18, first - begin):
            pass

    def decode(self, size: int, count: int | None = None) -> Iterator[np.ndarray]:
        left = count
        expected = size if self.frames is None else self.frames
        while left is None or left > 0:
            # room for what is expected, and a little to see that no more comes
            most = min(size, max(expected, _LITTLE))
            samples = self._samples(most if left is None else min(most, left))
            if not len(samples):
                return
            expected -= len(samples) if self.frames is not None else 0
            left = None if left is None else left - len(samples)
            yield samples

    def _samples(self, count: int) -> np.ndarray:
        if self.file.subtype != "PCM_16":
            return self.file.read(count, dtype="float32", always_2d=True)
        # the same numbers as libsndfile's own conversion, in a third of its time
        return self.file.read(count, dtype="int16", always_2d=True) * np.float32(1 / 32768)


class _Forward(soundfile.SoundFile):
    """A file that is read forward: soundfile seeks after each read of one that can seek.

    An MP3 decoder that has sought lacks the bits that earlier frames kept for later ones.
    """

    def seekable(self) -> bool:
        return False


@contextmanager
def open_recording(path: Path) -> Iterator[Recording]:
    """Open a recording for the length of a block.

    Raises:
        AudioError: If it cannot be opened, or, in the block, decoded.
    """
    with _binary(path) as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(48)
        _refuse_what_is_no_sound(path, size, head)
        patches = _patches(path, file)
        if path.suffix.lower() in FFMPEG_SUFFIXES:
            if not ffmpeg.installed():
                raise _needs_ffmpeg(path)
            with ffmpeg.recording(path) as decoded:
                _check_rate(path, decoded.sample_rate)
                yield decoded
            return
        if head[:4] == b"OggS" and headers.is_chained(file):
            with _otherwise(path, _chained(path)) as decoded:
                yield decoded
            return
        is_mpeg = head[:3] == b"ID3" or (head[:1] == b"\xff" and head[1:2] >= b"\xe0")
        with quiet.mpeg_decoder() if is_mpeg else nullcontext():
            try:
                sound = _sound_file(file, patches)
            except soundfile.LibsndfileError as error:
                refusal = _no_sound(path, error)
                refusal.__cause__ = error
            else:
                with sound:
                    _check_rate(path, sound.samplerate)
                    try:
                        yield _Libsndfile(path, sound)
                    except soundfile.LibsndfileError as error:
                        raise _no_sound(path, error) from error
                return
    with _otherwise(path, refusal) as decoded:
        yield decoded


@contextmanager
def _otherwise(path: Path, refusal: AudioError) -> Iterator[Recording]:
    """Let ffmpeg try what libsndfile refuses; if it refuses as well, the first reason counts."""
    if not ffmpeg.installed():
        raise refusal
    with ExitStack() as stack:
        try:
            decoded = stack.enter_context(ffmpeg.recording(path))
        except AudioError:
            raise refusal from refusal.__cause__
        _check_rate(path, decoded.sample_rate)
        yield decoded


def _sound_file(file: BinaryIO, patches: dict[int, bytes] | None) -> soundfile.SoundFile:
    file.seek(0)
    if patches:
        return _Forward(headers.Patched(file, patches))
    descriptor = os.dup(file.fileno())  # which libsndfile closes, also where it refuses
    return _Forward(descriptor, closefd=True)


@contextmanager
def _binary(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading, without a buffer that would move its descriptor."""
    try:
        file: BinaryIO = plain_files.opened(path).detach()  # type: ignore[assignment]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingAudioError(
            f"No audio file at {path}.",
            "",
            "Check the path; `sertk verify MANIFEST --root DIR` lists the files that are missing.",
            code="missing-audio-file",
        ) from error
    except OSError as error:
        raise AudioError(
            f"Cannot open {path} ({error.strerror}).",
            "A recording must be a regular file with read permission.",
            "Change its permissions, or copy it to a readable location.",
            code="unopenable-audio",
        ) from error
    with file:
        yield file


def _refuse_what_is_no_sound(path: Path, size: int, head: bytes) -> None:
    """Give the reasons that no decoder can: an empty file, a pointer to one."""
    if size == 0:
        raise AudioError(
            f"{path} is empty (0 bytes).",
            "",
            "Download it again, or unpack the archive again.",
            code="empty-audio-file",
        )
    if head.startswith(b"version https://git-lfs"):
        raise AudioError(
            f"{path} is a Git LFS pointer of {size} bytes, not an audio file.",
            "",
            "Run `git lfs pull` in the corpus folder.",
            code="git-lfs-pointer",
        )


def _patches(path: Path, file: BinaryIO) -> dict[int, bytes] | None:
    """Refuse a file that lost its end, and give what is amiss in the header of a whole one."""
    try:
        lost, patches = headers.length(file)
    except ValueError as error:  # in which libsndfile would search for minutes
        raise AudioError(
            f"Cannot read {path} as audio ({error}).",
            "A valid WAV or AIFF file has few chunks.",
            "Download it again, or unpack the archive again.",
            code="too-many-chunks",
        ) from error
    if lost is not None:
        raise cut_short(path, f"{lost[0]} of {lost[1]} bytes")
    return patches


def cut_short(path: Path, what: str) -> AudioError:
    """Return the error for a truncated file."""
    return AudioError(
        f"{path} is truncated: {what} are present.",
        "",
        "Download it again, or unpack the archive again.",
        code="truncated-audio",
    )


def _chained(path: Path) -> AudioError:
    return AudioError(
        f"{path} contains several chained Ogg streams.",
        "Without ffmpeg, only a single Ogg stream can be read.",
        "Install ffmpeg, or convert the file on a machine that has it: ffmpeg -i IN OUT.wav",
        code="chained-ogg-streams",
    )


def _needs_ffmpeg(path: Path) -> AudioError:
    source, target = shlex.quote(path.name), shlex.quote(f"{path.stem}.wav")
    return AudioError(
        f"{path} is a {path.suffix} file, which requires ffmpeg, and ffmpeg is not installed.",
        "WAV, FLAC, OGG, MP3, AIFF, AU and CAF files need no ffmpeg.",
        f"Install ffmpeg, or convert the file on a machine that has it: ffmpeg -i {source} "
        f"{target}",
        code="ffmpeg-not-installed",
    )


def _check_rate(path: Path, rate: int) -> None:
    """Refuse a rate that no recording has: at 1 Hz a resampled second would fill the memory."""
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise AudioError(
            f"{path} has a sample rate of {rate} Hz.",
            f"Supported sample rates are {LOWEST_RATE} to {HIGHEST_RATE} Hz.",
            "Write the file again with its correct sample rate.",
            code="implausible-sample-rate",
        )


def _no_sound(path: Path, error: soundfile.LibsndfileError) -> AudioError:
    reason = error.error_string.strip().rstrip(".")
    return AudioError(
        f"Cannot read {path} as audio ({reason}).",
        "Supported formats are WAV, FLAC, OGG, MP3, AIFF, AU and CAF, and with ffmpeg installed "
        "all that it decodes.",
        "Download the file again, or convert it: ffmpeg -i IN OUT.wav",
        code="unreadable-audio",
    )
