"""Embeddings of a frozen encoder, given as an ONNX file or as arrays on disk.

In: a waveform, or a file of embeddings made elsewhere. Out: `(frames, dimensions)`. An encoder is
an ONNX file, such as an exported wav2vec2 or emotion2vec; onnxruntime runs it, nothing trains it.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from sertk._utils import plain_files
from sertk.errors import AudioError, ConfigurationError
from sertk.features import _spectrum
from sertk.features._feature import Feature

_SECOND = 16_000


@dataclass(frozen=True)
class Embedding(Feature):
    """Read embeddings from an encoder or from files.

    Pass one of the two. `Preprocessing` sets trimming, level and sample rate: use those that the
    encoder was trained with. Missing frames of an utterance are zeros. There is no `layer()`: the
    encoder stays outside of the graph.

    Args:
        encoder: ONNX file with one input, waveforms (batch, samples), float32, and as first
            output (batch, frames, dimensions), or (batch, dimensions) for one vector each.
        folder: Folder of `.npy` files, shape (frames, dimensions) or (dimensions,), named after the
            recordings: `ann/happy/001.npy`, or just `001.npy`, for `ann/happy/001.wav`.
        frame_rate: Frames per second of the files in `folder`.
        sample_rate: int, Hz, of the waveform; a `Preprocessing` sets it to its own.

    Raises:
        ConfigurationError: If neither or both are given, or cannot be used.

    References:
        Baevski et al. 2020, wav2vec 2.0, arXiv 2006.11477; Ma et al. 2023, emotion2vec, arXiv
        2312.15185.
    """

    encoder: str = ""
    folder: str = ""
    frame_rate: float = 50.0
    sample_rate: int = 16_000
    in_decibels = False
    in_graph = False

    def __post_init__(self) -> None:
        if bool(self.encoder) == bool(self.folder):
            raise ConfigurationError(
                f"The feature `embedding` received encoder={self.encoder!r} and "
                f"folder={self.folder!r}.",
                "Exactly one of them is needed: an encoder (ONNX), or a folder of .npy files.",
                "Pass one of them: --feature-option encoder=FILE, or folder=DIR.",
                code="encoder-or-folder",
            )
        if not self.frame_rate > 0:
            raise ConfigurationError(
                f"Received frame_rate={self.frame_rate}.",
                "It must be a positive number of frames per second.",
                "Use 50, the rate of most encoders.",
                code="invalid-frame-rate",
            )
        _ = self._example

    @property
    def identity(self) -> str:
        """Distinguish, for the cache, another encoder or other files under the same name."""
        if self.encoder:
            files = [Path(self.encoder).expanduser()]
        else:
            files = sorted(Path(self.folder).expanduser().rglob("*.npy"))
        stats = [file.stat() for file in files]
        changed = max(stat.st_mtime_ns for stat in stats)
        return f"{len(files)} {sum(stat.st_size for stat in stats)} {changed}"

    @property
    def _example(self) -> np.ndarray:
        """Some embedding, to know the dimensions by."""
        if self.encoder:
            return np.zeros(_shape(self.encoder, _changed(self.encoder), _SECOND), np.float32)
        file = next(Path(self.folder).expanduser().rglob("*.npy"), None)
        if file is None:
            raise ConfigurationError(
                f"No .npy files in {self.folder}.",
                "Precomputed embeddings must have the file names of the recordings.",
                "Check folder=, or pass encoder= to compute them.",
                code="no-embedding-files",
            )
        return _read(file)

    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        """Run the encoder on a waveform.

        Args:
            waveform: shape (samples,), float32.

        Returns:
            shape (frames, dimensions), float32.

        Raises:
            ConfigurationError: If the embeddings are in files: those have no waveform.
        """
        wave = _spectrum.checked(waveform)
        if self.folder:
            raise ConfigurationError(
                "Embeddings from a folder were requested for a waveform.",
                "A folder has precomputed embeddings only, not those of new recordings or "
                "augmented copies.",
                "Pass encoder= to compute them, or train without augmentation.",
                code="embedding-of-waveform",
            )
        return _encode(self.encoder, wave[None])

    def read(self, path: Path, start: float | None = None, end: float | None = None) -> np.ndarray:
        """Read the file of a recording; the longest ending of its path that is there counts.

        Args:
            path: Path of the recording.
            start: Start of a segment, in seconds; the beginning by default.
            end: End of a segment, in seconds; the end by default.

        Returns:
            shape (frames, dimensions), float32: the frames of the segment, by `frame_rate`.

        Raises:
            AudioError: If there is none, or it has no frames of the segment.
        """
        home = Path(self.folder).expanduser()
        parts = PurePosixPath(path.as_posix()).with_suffix(".npy").parts
        for first in range(1, len(parts)):
            file = home.joinpath(*parts[first:])
            if file.is_file():
                return self._segment(_read(file), file, start, end)
        raise AudioError(
            f"{self.folder} has no embedding of {path.name}.",
            f"The file {path.stem}.npy is expected there.",
            "Create it, or remove the recording from the manifest.",
            code="missing-embedding",
        )

    def _segment(
        self, values: np.ndarray, file: Path, start: float | None, end: float | None
    ) -> np.ndarray:
        if start is None and end is None:
            return values
        first = round((start or 0) * self.frame_rate)
        last = len(values) if end is None else round(end * self.frame_rate)
        frames = values[first:last]
        if len(values) == 1 or not len(frames):
            raise AudioError(
                f"{file} has {len(values)} frame{'s' * (len(values) != 1)}, which does not cover "
                f"the segment from {start or 0} s to {'the end' if end is None else f'{end} s'}.",
                f"Segments are cut by frame_rate, here {self.frame_rate:g} frames per second.",
                "Correct frame_rate, or write one file per segment.",
                code="embedding-shorter-than-segment",
            )
        return frames

    def frames(self, samples: int) -> int:
        if self._pooled:
            return 1
        if self.encoder:
            return _shape(self.encoder, _changed(self.encoder), samples)[0]
        return max(1, round(samples / self.sample_rate * self.frame_rate))

    @property
    def _pooled(self) -> bool:
        return len(self._example) == 1

    def shape(self, frames: int) -> tuple[int, ...]:
        return (frames, self._example.shape[1])


def _read(file: Path) -> np.ndarray:
    try:
        with plain_files.opened(file) as opened:
            values = np.load(opened, allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise AudioError(
            f"Cannot read {file} as an array ({error}).",
            "An embedding is a .npy file of shape (frames, dimensions) or (dimensions,).",
            "Write it again with numpy.save.",
            code="damaged-embedding-file",
        ) from error
    if values.ndim not in (1, 2) or values.dtype.kind != "f" or not np.isfinite(values).all():
        raise AudioError(
            f"{file} contains {values.dtype} values of shape {values.shape}.",
            "An embedding must have shape (frames, dimensions) or (dimensions,) and finite values.",
            "Write it again with numpy.save.",
            code="invalid-embedding-array",
        )
    return np.atleast_2d(values).astype(np.float32)


def _changed(encoder: str) -> int:
    """When an encoder was last written: another file under its name is another encoder."""
    path = Path(encoder).expanduser()
    return path.stat().st_mtime_ns if path.is_file() else 0


@lru_cache(maxsize=64)
def _shape(encoder: str, changed: int, samples: int) -> tuple[int, ...]:
    """Run an encoder on silence of a length once, to know the shape of its output."""
    return _encode(encoder, np.zeros((1, samples), np.float32)).shape


def _encode(encoder: str, waveforms: np.ndarray) -> np.ndarray:
    """Run an encoder on one waveform (1, samples), and give (frames, dimensions)."""
    path = Path(encoder).expanduser()
    if not path.is_file():
        raise ConfigurationError(
            f"No encoder at {encoder}.",
            "An encoder is an ONNX file.",
            "Check encoder=.",
            code="missing-encoder",
        )
    session = _session(str(path), _changed(encoder))
    name = session.get_inputs()[0].name
    try:
        (out, *_) = session.run(None, {name: waveforms})
    except Exception as error:
        raise ConfigurationError(
            f"{encoder} does not accept waveforms ({str(error).splitlines()[0]}).",
            "An encoder needs one input of shape (batch, samples), float32, of any length.",
            "Export it with dynamic axes, and include its input scaling.",
            code="invalid-encoder-input",
        ) from error
    if out.ndim not in (2, 3) or len(out) != 1:
        raise ConfigurationError(
            f"The first output of {encoder} has the shape {out.shape}.",
            "It must be (batch, frames, dimensions) or (batch, dimensions).",
            "Export the encoder with the hidden states as its first output.",
            code="invalid-encoder-output",
        )
    return np.atleast_2d(out[0]).astype(np.float32)


@lru_cache(maxsize=2)
def _session(path: str, changed: int) -> Any:
    """Open an encoder; `changed` makes a new file under the same name another one."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the cache uses its own threads
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ConfigurationError(
            f"Cannot open {path} as ONNX ({str(error).splitlines()[0]}).",
            "An encoder must be a complete ONNX file.",
            "Export it again.",
            code="damaged-encoder-file",
        ) from error
