"""The only reader of sound files, and the primitives that work on a waveform.

In: a path, or a waveform. Out: mono float32 of shape (samples,), full scale at +-1.
WAV, FLAC, OGG and MP3 are read at any rate, depth and channel count.
"""

import hashlib
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

from sertk import _input
from sertk.errors import AudioError

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
UNREAD_SUFFIXES = (".m4a", ".aac", ".webm", ".mp4", ".wma", ".opus")
LOWEST_RATE = 1_000  # Hz
_LOUDEST = 1e12  # beyond, the power spectrum leaves float32
_MP3_TOLERANCE = 0.9  # MP3 headers only estimate their length; other formats are exact or cut
_UNKNOWN_LENGTHS = (0, 0x7FFFFFFF, 0xFFFFFFFF)


def read(
    path: str | Path,
    *,
    sample_rate: int | None = None,
    start: float | None = None,
    end: float | None = None,
) -> tuple[np.ndarray, int]:
    """Read a file of sound as a mono waveform.

    Channels are averaged; resampling is soxr's HQ.

    Args:
        path: WAV, FLAC, OGG or MP3.
        sample_rate: Rate to resample to, in Hz; `None` keeps the file's.
        start: Where to start, in seconds; `None` is the beginning.
        end: Where to end, in seconds; `None` is the end.

    Returns:
        The waveform, shape (samples,), float32, and its sample rate in Hz.

    Raises:
        AudioError: If the file is missing, empty, damaged, holds samples that are no numbers,
            or is in a format that is not read here; the message says which, and what to do.
    """
    path = Path(path)
    _refuse_what_is_no_sound(path)
    try:
        with soundfile.SoundFile(_name(path)) as file:
            rate = file.samplerate
            first = round((start or 0) * rate)
            last = file.frames if end is None else min(round(end * rate), file.frames)
            if file.seekable():
                file.seek(min(first, file.frames))
            samples = _samples(file, max(last - first, 0))
    except soundfile.LibsndfileError as error:
        raise _no_sound(path, error) from error
    _check_rate(path, rate)
    if len(samples) < _MP3_TOLERANCE * (last - first):
        raise _cut_short(path, f"{len(samples)} of {last - first} samples")
    waveform = _mixed_down(samples)
    if len(waveform) == 0:
        raise AudioError(
            f"{path} holds no samples"
            + (f" between {start} s and {end} s." if start is not None or end is not None else "."),
            "Sound is needed.",
            "Fetch the file again, or leave it out.",
        )
    _refuse_what_is_no_number(path, waveform)
    if sample_rate is not None and sample_rate != rate:
        waveform, rate = resample(waveform, rate, sample_rate), sample_rate
    if len(waveform) == 0:
        raise AudioError(
            f"{path} is shorter than one sample at {sample_rate} Hz.",
            "Sound is needed.",
            "Fetch the file again, or leave it out.",
        )
    return np.ascontiguousarray(waveform, dtype=np.float32), rate


def blocks(path: str | Path, *, sample_rate: int, seconds: float = 10.0) -> Iterator[np.ndarray]:
    """Read a file of any length in pieces, in the same memory: mono, resampled.

    Joined, they are what `read` gives.

    Args:
        path: WAV, FLAC, OGG or MP3.
        sample_rate: Rate to resample to, in Hz.
        seconds: Length of a piece.

    Yields:
        Waveforms, shape (samples,), float32; some may be empty.

    Raises:
        AudioError: As for `read`, once the piece is reached in which something is wrong.
    """
    path = Path(path)
    _refuse_what_is_no_sound(path)
    try:
        with _Forward(_name(path)) as file:
            _check_rate(path, file.samplerate)
            same = file.samplerate == sample_rate
            stream = soxr.ResampleStream(
                file.samplerate, sample_rate, 1, dtype="float32", quality="HQ"
            )
            there = 0
            while len(samples := _samples(file, round(seconds * file.samplerate))):
                there += len(samples)
                waveform = _mixed_down(samples)
                _refuse_what_is_no_number(path, waveform)
                yield waveform if same else stream.resample_chunk(waveform)
            promised = file.frames
            if not same and there:
                yield stream.resample_chunk(np.zeros(0, np.float32), last=True)
    except soundfile.LibsndfileError as error:
        raise _no_sound(path, error) from error
    if there < _MP3_TOLERANCE * promised:
        raise _cut_short(path, f"{there} of {promised} samples")
    if there == 0:
        raise AudioError(
            f"{path} holds no samples.",
            "Sound is needed.",
            "Fetch the file again, or leave it out.",
        )


class _Forward(soundfile.SoundFile):
    """A file that is read from its beginning on.

    soundfile seeks after each read of what it can seek in, and an MP3 decoder that has sought
    lacks the bits that the frames before it kept for the next.
    """

    def seekable(self) -> bool:
        return False


def _name(path: Path) -> str | bytes:
    """Name a file as soundfile can open it: a name that is no text, by its bytes."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return str(path)


def _mixed_down(samples: np.ndarray) -> np.ndarray:
    return samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)


def _refuse_what_is_no_number(path: Path, waveform: np.ndarray) -> None:
    lowest, highest = waveform.min(), waveform.max()  # no numbers if there is one that is none
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise AudioError(
            f"{path} holds {np.count_nonzero(~np.isfinite(waveform))} samples that are no numbers.",
            "Samples must be finite.",
            "Write the file again from its source.",
        )
    if max(-lowest, highest) > _LOUDEST:
        raise AudioError(
            f"{path} holds samples as large as {max(-lowest, highest):.2g}.",
            "Full scale is 1.",
            "Write the file again from its source.",
        )


def _samples(file: soundfile.SoundFile, count: int) -> np.ndarray:
    """Read so many samples from here, shape (samples, channels), float32."""
    if file.subtype != "PCM_16":
        return file.read(count, dtype="float32", always_2d=True)
    # the same numbers as libsndfile's own conversion, in a third of its time
    return file.read(count, dtype="int16", always_2d=True) * np.float32(1 / 32768)


def _refuse_what_is_no_sound(path: Path) -> None:
    """Give the reasons that libsndfile cannot: no file, pointer, foreign format, cut short."""
    if path.suffix.lower() in UNREAD_SUFFIXES:
        raise AudioError(
            f"{path} is a {path.suffix} file, which is not read here.",
            "WAV, FLAC, OGG and MP3 are.",
            f"Convert it: ffmpeg -i '{path.name}' '{path.stem}.wav'",
        )
    try:
        with _input.opened(path) as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(48)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise AudioError(
            f"There is no file {path}.",
            "A file of sound is needed there.",
            "Check the path; `sertk verify MANIFEST --root DIR` finds what a manifest misses.",
        ) from error
    except OSError as error:
        raise AudioError(
            f"{path} cannot be opened ({error.strerror}).",
            "A file of sound must be readable.",
            "Change its permissions, or copy it to where you may read it.",
        ) from error
    if size == 0:
        raise AudioError(
            f"{path} is empty (0 bytes).", "", "Fetch it again, or unpack the archive again."
        )
    if head.startswith(b"version https://git-lfs"):
        raise AudioError(
            f"{path} is a Git LFS pointer of {size} bytes, not sound.",
            "",
            "Run `git lfs pull` in the corpus folder.",
        )
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        promised = int.from_bytes(head[4:8], "little")
        # two bytes of tolerance: some writers leave the pad byte of the last chunk out
        if promised not in _UNKNOWN_LENGTHS and size + 2 < promised + 8:
            raise _cut_short(path, f"{size} of {promised + 8} bytes")


def _cut_short(path: Path, what: str) -> AudioError:
    return AudioError(
        f"{path} is cut short: {what} are there.",
        "",
        "Fetch it again, or unpack the archive again.",
    )


def _check_rate(path: Path, rate: int) -> None:
    """Refuse a rate no sound has: to resample a second at 1 Hz would fill the memory."""
    if rate < LOWEST_RATE:
        raise AudioError(
            f"{path} has a sample rate of {rate} Hz.",
            f"Speech needs {LOWEST_RATE} Hz at least.",
            "Write the file again with its true rate.",
        )


def _no_sound(path: Path, error: soundfile.LibsndfileError) -> AudioError:
    reason = error.error_string.strip().rstrip(".")
    if "does not exist" in reason:  # libsndfile's word for an MP3 without MP3 in it
        reason = "its content is not what its name says"
    return AudioError(
        f"{path} cannot be read as sound ({reason}).",
        "WAV, FLAC, OGG and MP3 are read.",
        "Fetch the file again, or convert it: ffmpeg -i IN OUT.wav",
    )


def info(path: str | Path) -> tuple[float, int]:
    """Read duration (seconds) and sample rate (Hz) from a file's header alone.

    Raises:
        AudioError: As for `read`.
    """
    path = Path(path)
    _refuse_what_is_no_sound(path)
    try:
        header = soundfile.info(_name(path))
    except soundfile.LibsndfileError as error:
        raise _no_sound(path, error) from error
    _check_rate(path, header.samplerate)
    return header.frames / header.samplerate, header.samplerate


def content_hash(path: str | Path, start: float | None = None, end: float | None = None) -> str:
    """Hash the decoded samples, so that a copy under another name or header is found.

    Args:
        path: The file.
        start: Seconds; from the beginning by default.
        end: Seconds; to the end by default.

    Returns:
        A hexadecimal digest; equal for files that hold the same mono samples at 16 bits.
    """
    waveform, rate = read(path, start=start, end=end)
    pcm = np.clip(np.round(waveform * 32767), -32768, 32767).astype("<i2")
    return hashlib.blake2b(pcm.tobytes() + str(rate).encode(), digest_size=16).hexdigest()


def resample(waveform: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Resample a waveform with soxr HQ, rates in Hz."""
    return soxr.resample(waveform, from_rate, to_rate, quality="HQ").astype(np.float32)


def trim(waveform: np.ndarray, top_db: float) -> np.ndarray:
    """Cut leading and trailing parts that are more than `top_db` below the loudest frame.

    Frames are 2,048 samples at a hop of 512, as in `librosa.effects.trim`, whose result this
    equals; a silent waveform comes back whole.

    Args:
        waveform: shape (samples,).
        top_db: Decibels below the loudest frame's RMS.

    Example:
        >>> quiet, loud = np.zeros(8192, "float32"), np.ones(8192, "float32")
        >>> len(trim(np.concatenate([quiet, loud, quiet]), top_db=40)) < 3 * 8192
        True
    """
    frame, hop = 2048, 512
    squares = np.concatenate(
        [[0.0], np.cumsum(np.square(np.pad(waveform, frame // 2), dtype=float))]
    )
    starts = np.arange(0, len(squares) - frame, hop)
    power = (squares[starts + frame] - squares[starts]) / frame
    loudest = power.max()
    if loudest <= 1e-10:
        return waveform
    (loud,) = np.nonzero(power > loudest * 10 ** (-top_db / 10))
    return waveform[loud[0] * hop : min((loud[-1] + 1) * hop, len(waveform))]


def normalise_rms(waveform: np.ndarray, level_db: float) -> np.ndarray:
    """Scale a waveform to a root mean square of `level_db` (dB re full scale).

    A silent waveform stays silent. Peaks above full scale are kept: features are computed in
    floating point, and clipping would add sound that was never there.

    Example:
        >>> wave = np.array([0.5, -0.5], "float32")
        >>> round(float(normalise_rms(wave, -20.0)[0]), 3)
        0.1
    """
    rms = float(np.sqrt(np.mean(np.square(waveform, dtype=float))))
    if rms < 1e-7:
        return waveform
    return (waveform * np.float32(10 ** (level_db / 20) / rms)).astype(np.float32)


def noise_at_snr(waveform: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Add noise at a ratio of root mean squares; where the sum leaves full scale, lower both.

    Args:
        waveform: shape (samples,), float32.
        noise: shape (samples,), at least as long.
        snr_db: Level of the waveform above that of the noise.

    Example:
        >>> speech = np.sin(np.arange(8000, dtype="float32")) / 4
        >>> hiss = np.random.default_rng(0).normal(size=8000).astype("float32")
        >>> added = noise_at_snr(speech, hiss, 6.0) - speech
        >>> round(float(10 * np.log10(np.mean(speech**2) / np.mean(added**2))), 3)
        6.0
    """
    taken = noise[: len(waveform)].astype(np.float32)
    power = float(np.mean(np.square(taken, dtype=float)))
    if power < 1e-14:
        return waveform
    wanted = float(np.mean(np.square(waveform, dtype=float))) / 10 ** (snr_db / 10)
    mixed = waveform + np.float32(np.sqrt(wanted / power)) * taken
    return (mixed / max(1.0, float(np.abs(mixed).max()))).astype(np.float32)


@lru_cache(maxsize=16)
def room_response(seconds: float, sample_rate: int, seed: int = 0) -> np.ndarray:
    """Make the impulse response of a room: the direct sound, then noise that dies away.

    The tail falls by 60 dB within `seconds` and holds as much energy as the direct sound.

    Args:
        seconds: Reverberation time.
        sample_rate: In Hz.
        seed: Of the tail; another seed is another room.

    Returns:
        shape (1 + seconds * sample_rate,), float32; the first sample is 1.
    """
    time = np.arange(1, 1 + round(seconds * sample_rate)) / sample_rate
    tail = np.random.default_rng(seed).normal(size=len(time)) * 10 ** (-3 * time / seconds)
    tail /= np.sqrt(np.square(tail).sum())
    return np.concatenate([[1.0], tail]).astype(np.float32)


def reverberate(waveform: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Put a waveform into a room, and keep its length.

    Args:
        waveform: shape (samples,), float32.
        response: Impulse response at the same rate, such as `room_response` makes.
    """
    from scipy.signal import fftconvolve

    return fftconvolve(waveform.astype(float), response)[: len(waveform)].astype(np.float32)
