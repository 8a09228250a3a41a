"""Read recordings, and process waveforms.

In: a path, or a waveform. Out: mono float32 of shape (samples,), full scale at +-1. What libsndfile
decodes is read at any rate, depth and channel count; what ffmpeg decodes where it is installed.

`reading` reads, `opening` and `headers` judge what lies in a file, `ffmpeg` and `quiet` deal with
the decoders, `waveforms` holds what is done to a waveform.
"""

from sertk.audio.opening import FFMPEG_SUFFIXES, LOWEST_RATE, SUFFIXES
from sertk.audio.reading import blocks, content_hash, info, read
from sertk.audio.waveforms import (
    center,
    noise_at_snr,
    normalize_rms,
    remove_offset,
    resample,
    reverberate,
    room_response,
    telephone,
    trim,
)

__all__ = [
    "FFMPEG_SUFFIXES", "LOWEST_RATE", "SUFFIXES", "blocks", "center", "content_hash", "info",
    "noise_at_snr", "normalize_rms", "read", "remove_offset", "resample", "reverberate",
    "room_response", "telephone", "trim",
]  # fmt: skip
