"""Read recordings as mono float32: whole, a segment, or block by block.

In: a path, and what part of it. Out: a waveform, or pieces of one, at the file's rate or another.
Samples are decoded in pieces, so that memory follows what a file holds and not what it declares.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sertk.audio.opening import Recording, cut_short, open_recording
from sertk.audio.waveforms import resampled
from sertk.errors import AudioError

_LOUDEST = 1e12  # beyond, the power spectrum leaves float32
_PRESENT = 0.9  # share of the declared samples; MP3 headers only estimate their number
_PIECE = 2**22  # samples decoded at once, of all channels together
_CANCELLED = 1e-3  # power of the mean of channels, over that of the channels themselves
_SOUNDING = 1e-8  # mean power of a channel that is not silent


def read(
    path: str | Path,
    *,
    sample_rate: int | None = None,
    start: float | None = None,
    end: float | None = None,
    channel: int | None = None,
) -> tuple[np.ndarray, int]:
    """Read a recording, or a segment of it, as a mono waveform.

    Segments are exact in every format: a format that cannot seek is decoded from its beginning.
    Resampling is soxr's HQ.

    Args:
        path: A file that libsndfile decodes (`SUFFIXES`), or ffmpeg where it is installed.
        sample_rate: Rate to resample to, in Hz; the file's by default.
        start: Start of the segment, in seconds; the beginning by default.
        end: End of the segment, in seconds; the end of the file by default.
        channel: Number of the channel to take, from 1; the mean of all channels by default.

    Returns:
        The waveform, shape (samples,), float32, and its sample rate in Hz.

    Raises:
        AudioError: If the file is missing, empty, damaged, holds samples that are not finite,
            has channels that cancel each other, lacks the channel, or is in a format that
            cannot be decoded; the message says which, and what to do.
    """
    path = Path(path)
    with open_recording(path) as recording:
        rate = recording.sample_rate
        first = round((start or 0) * rate)
        last = None if end is None else round(end * rate)
        mixed = _Mixer(recording, channel)
        pieces = mixed.pieces(first, last)
        if sample_rate not in (None, rate):
            pieces = resampled(pieces, rate, sample_rate)
        parts = list(pieces)
        mixed.refuse_cancelled()
    if not mixed.samples:
        raise _empty(path, start, end)
    waveform = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if not len(waveform):
        raise AudioError(
            f"{path} is shorter than one sample at {sample_rate} Hz.",
            "A waveform needs at least one sample.",
            "Download the file again, or remove it from the manifest.",
            code="shorter-than-one-sample",
        )
    return np.ascontiguousarray(waveform, dtype=np.float32), sample_rate or rate


def blocks(
    path: str | Path, *, sample_rate: int, seconds: float = 10.0, channel: int | None = None
) -> Iterator[np.ndarray]:
    """Read a recording of any length in pieces, in bounded memory: mono, resampled.

    Joined, they are what `read` gives.

    Args:
        path: A file, as for `read`.
        sample_rate: Rate to resample to, in Hz.
        seconds: Length of a piece before resampling.
        channel: Number of the channel to take, from 1; the mean of all channels by default.

    Yields:
        Waveforms, shape (samples,), float32; some may be empty.

    Raises:
        AudioError: As for `read`, once the piece is reached in which something is wrong.
    """
    path = Path(path)
    with open_recording(path) as recording:
        mixed = _Mixer(recording, channel)
        pieces = mixed.pieces(0, None, seconds=seconds)
        if recording.sample_rate == sample_rate:
            yield from pieces
        else:
            yield from resampled(pieces, recording.sample_rate, sample_rate)
        mixed.refuse_cancelled()  # parts of a recording may cancel
    if not mixed.samples:
        raise _empty(path, None, None)


def info(path: str | Path) -> tuple[float, int]:
    """Read the duration (seconds) and sample rate (Hz) of a recording from its header.

    Where the header does not know the length, the recording is decoded to count its samples.

    Raises:
        AudioError: As for `read`.
    """
    with open_recording(Path(path)) as recording:
        frames = recording.frames
        if frames is None:
            frames = sum(len(piece) for piece in recording.decode(_PIECE))
        return frames / recording.sample_rate, recording.sample_rate


def content_hash(path: str | Path, start: float | None = None, end: float | None = None) -> str:
    """Hash the decoded samples, so that a copy under another name or header is found.

    Args:
        path: The file.
        start: Seconds; the beginning by default.
        end: Seconds; the end of the file by default.

    Returns:
        A hexadecimal digest; equal for files that hold the same mono samples at 16 bits.
    """
    digest = hashlib.blake2b(digest_size=16)
    with open_recording(Path(path)) as recording:
        rate = recording.sample_rate
        last = None if end is None else round(end * rate)
        mixed = _Mixer(recording, None)
        for waveform in mixed.pieces(round((start or 0) * rate), last):
            pcm = np.clip(np.round(waveform * 32767), -32768, 32767).astype("<i2")
            digest.update(pcm.tobytes())
    if not mixed.samples:
        raise _empty(Path(path), start, end)
    digest.update(str(rate).encode())
    return digest.hexdigest()


class _Mixer:
    """Decode a recording piece by piece to mono, and check what comes."""

    def __init__(self, recording: Recording, channel: int | None):
        if channel is not None and not 1 <= channel <= recording.channels:
            raise AudioError(
                f"Channel {channel} of {recording.path} was requested; the file has "
                f"{recording.channels} channel{'s' * (recording.channels != 1)}.",
                "Channels are numbered from 1; stereo has 1 (left) and 2 (right).",
                "Choose an existing channel, or omit the option to average all channels.",
                code="missing-channel",
            )
        self.recording, self.channel, self.samples = recording, channel, 0
        self._power = np.zeros(2)  # of the mean of channels, of the channels

    def pieces(
        self, first: int, last: int | None, *, seconds: float | None = None
    ) -> Iterator[np.ndarray]:
        """Yield mono pieces from sample `first` to sample `last`; `None` is the end."""
        recording = self.recording
        size = max(_PIECE // recording.channels, 1)
        if seconds is not None:
            size = min(size, max(round(seconds * recording.sample_rate), 1))
        recording.skip_to(first)
        count = None if last is None else max(last - first, 0)
        for samples in recording.decode(size, count):
            self.samples += len(samples)
            waveform = self._mono(samples)
            if not recording.is_integer:
                _refuse_what_is_not_finite(recording.path, waveform)
            if self.channel is None and recording.channels > 1:
                # compare variances: channels with a DC offset may cancel each other, too
                powers = waveform.var(dtype=float), samples.var(axis=0, dtype=float).mean()
                self._power += len(samples) * np.array(powers)
            yield waveform
        self._refuse_cut(first, last)

    def _mono(self, samples: np.ndarray) -> np.ndarray:
        if samples.shape[1] == 1:
            return samples[:, 0]
        if self.channel is not None:
            return samples[:, self.channel - 1]
        return samples.mean(axis=1)

    def refuse_cancelled(self) -> None:
        """Refuse channels whose mean is silent though they are not."""
        mean, channels = self._power / max(self.samples, 1)
        if channels > _SOUNDING and mean < _CANCELLED * channels:
            raise AudioError(
                f"The channels of {self.recording.path} cancel each other: they have opposite "
                "polarity, and their mean is silent.",
                "A mono signal is needed.",
                "Use a single channel: --channel 1 (channel=1 in Python).",
                code="canceling-channels",
            )

    def _refuse_cut(self, first: int, last: int | None) -> None:
        """Refuse a file that holds much less than its header declares."""
        frames = self.recording.frames
        if frames is None:
            return
        promised = (frames if last is None else min(last, frames)) - first
        if self.samples < _PRESENT * promised:
            raise cut_short(self.recording.path, f"{self.samples} of {promised} samples")


def _refuse_what_is_not_finite(path: Path, waveform: np.ndarray) -> None:
    lowest, highest = waveform.min(), waveform.max()  # not finite if one sample is not
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise AudioError(
            f"{path} contains {np.count_nonzero(~np.isfinite(waveform))} non-finite samples (NaN "
            "or infinity).",
            "All samples must be finite.",
            "Export the file again from its source.",
            code="non-finite-samples",
        )
    if max(-lowest, highest) > _LOUDEST:
        raise AudioError(
            f"{path} contains samples as large as {max(-lowest, highest):.2g}.",
            "Full scale is 1.",
            "Export the file again from its source.",
            code="samples-out-of-range",
        )


def _empty(path: Path, start: float | None, end: float | None) -> AudioError:
    span = f" between {start} s and {end} s" if start is not None or end is not None else ""
    return AudioError(
        f"{path} contains no samples{span}.",
        "",
        "Download the file again, or remove it from the manifest.",
        code="no-samples",
    )
