"""Decode formats of phones and browsers (.m4a, .webm ...) with ffmpeg, where it is installed.

In: a path. Out: a `Recording` whose samples come from ffmpeg's standard output, so that a recording
of any length takes the same memory. ffmpeg is a program of its own: nothing is installed for it.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from sertk.errors import AudioError

# containers that hold one recording; a playlist could name other files, or addresses
_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,aac,asf,amr,amrnb,amrwb,ogg,flac,mp3,wav,aiff,caf,au"
)
_FLOAT = 4  # bytes


def installed() -> bool:
    """Whether ffmpeg can be called."""
    return shutil.which("ffmpeg") is not None


class _Stream:
    """A recording that ffmpeg decodes, read from its output, which is a WAV file without end."""

    frames: int | None = None  # not known before the end
    is_integer = False

    def __init__(self, path: Path, output: IO[bytes]):
        self.path, self._output = path, output
        head = output.read(12)
        if len(head) < 12:
            raise EOFError
        while (name := output.read(4)) != b"data":
            content = output.read(int.from_bytes(output.read(4), "little"))
            if not name:
                raise EOFError
            if name == b"fmt ":
                self.channels = int.from_bytes(content[2:4], "little")
                self.sample_rate = int.from_bytes(content[4:8], "little")
        output.read(4)

    def skip_to(self, first: int) -> None:
        for _ in self.decode(2**18, first):
            pass

    def decode(self, size: int, count: int | None = None) -> Iterator[np.ndarray]:
        left = count
        while left is None or left > 0:
            most = size if left is None else min(size, left)
            content = self._output.read(most * self.channels * _FLOAT)
            samples = np.frombuffer(content, "<f4").reshape(-1, self.channels)
            if not len(samples):
                return
            left = None if left is None else left - len(samples)
            yield samples


@contextmanager
def recording(path: Path) -> Iterator[_Stream]:
    """Decode a recording for the length of a block.

    Raises:
        AudioError: If ffmpeg refuses the file.
    """
    with tempfile.TemporaryFile() as messages:
        command = [
            "ffmpeg", "-nostdin", "-v", "error",
            "-protocol_whitelist", "file", "-format_whitelist", _CONTAINERS, "-i", f"file:{path}",
            "-map", "0:a:0", "-map_metadata", "-1", "-c:a", "pcm_f32le", "-f", "wav", "-",
        ]  # fmt: skip
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=messages)
        try:
            try:
                stream = _Stream(path, process.stdout)  # type: ignore[arg-type]
            except EOFError as error:
                process.wait()
                raise _refused(path, messages) from error
            yield stream
        finally:
            process.stdout.close()  # type: ignore[union-attr]
            process.terminate()
            process.wait()


def _refused(path: Path, messages: IO[bytes]) -> AudioError:
    messages.seek(0)
    lines = messages.read().decode(errors="replace").strip().splitlines() or ["no reason given"]
    reason = lines[-1].replace(f"file:{path}: ", "").strip().rstrip(".")
    return AudioError(
        f"ffmpeg cannot decode {path} ({reason[:200]}).",
        "The file must be a complete recording with an audio stream.",
        "Download the file again, or export it again from the recording software.",
        code="ffmpeg-decoding-failed",
    )
