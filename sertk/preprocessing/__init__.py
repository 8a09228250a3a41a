"""`Preprocessing`: from a file to clips, in training, prediction and export alike.

In: a path or a waveform. Out: an absolute spectrum (what the cache keeps), and clips of a fixed
number of frames cut from it. The reference to the clip's own maximum and the floor come after
the cut, in numpy (`finish`) or in the graph (`layers`), with the same numbers.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sertk import audio, features
from sertk._utils import call_arguments
from sertk.audio import LOWEST_RATE
from sertk.errors import ConfigurationError, UnknownNameError
from sertk.features._feature import Feature
from sertk.features._spectrum import PADDING_DB
from sertk.features.log_mel import LogMel
from sertk.preprocessing.clips import clip_starts

_HIGHEST_RATE, _LONGEST_CLIP = 192_000, 600  # Hz, seconds; beyond, the memory fills
_RANGES = {
    "sample_rate": (LOWEST_RATE, _HIGHEST_RATE), "clip_seconds": (0, _LONGEST_CLIP),
    "target_rms_db": (-200, 60), "channel": (1, np.inf),
}  # fmt: skip
DB_REFERENCES = ("clip", "full_scale", "clip_loud_padding", "full_scale_zero_padding")


@dataclass(frozen=True)
class Preprocessing:
    """Configure how a recording becomes the input of a model.

    Args:
        feature: `Feature`, such as `sertk.features.LogMel()`, or the name of one.
        sample_rate: int, Hz. Recordings are resampled to it.
        clip_seconds: float > 0, seconds. Length of a clip. Shorter utterances are padded with
            silence; longer ones are cut at random places in training, and into several clips in
            evaluation.
        trim_db: float > 0, dB below the loudest frame at which silent ends are cut; `None` keeps
            them.
        top_db: float > 0, dB below the clip's maximum at which values are clipped.
        db_reference: `"clip"` expresses decibels below the clip's own maximum, so that the
            distance to the microphone changes nothing; `"full_scale"` keeps the level;
            `"clip_loud_padding"` repeats a defect of reference system R1, whose padding is 0, the
            largest value; `"full_scale_zero_padding"` one of R3, whose padding is 0, a value that
            the mean of cepstral coefficients of speech does not take.
        target_rms_db: float, dB re full scale. Root mean square that each recording is scaled to
            after trimming; `None` keeps the level. It matters for waveforms and encoders.
        channel: int >= 1. Channel to take; `None` averages all channels.

    Offset, slow drift and steps of it are removed (`sertk.audio.remove_offset`): they come from the
    microphone and change spectra and silent ends. Rumble and hum stay.

    Raises:
        ConfigurationError: If a value is out of range.

    Examples:
        >>> prep = Preprocessing(LogMel(n_mels=40), clip_seconds=2.0)
        >>> prep.clip_shape, prep.input_shape
        ((126, 40), (126, 40))
    """

    feature: Feature = field(default_factory=LogMel)
    sample_rate: int = 16_000
    clip_seconds: float = 3.0
    trim_db: float | None = 40.0
    top_db: float = 80.0
    db_reference: str = "clip"
    target_rms_db: float | None = None
    channel: int | None = None

    def __post_init__(self) -> None:
        feature = features.get(self.feature) if isinstance(self.feature, str) else self.feature
        if not isinstance(feature, Feature):
            raise ConfigurationError(
                f"Received a feature of type {type(feature).__name__}.",
                "It must be a sertk.features.Feature, or the name of one.",
                f"Pass a name such as 'log_mel'; the names are {', '.join(features.names())}.",
                code="wrong-feature-type",
            )
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)[1:]}
        call_arguments.check(
            type(self), values, owner="Preprocessing", kind="preprocessing parameter", known=values
        )
        if self.db_reference not in DB_REFERENCES:
            raise UnknownNameError("db_reference", self.db_reference, DB_REFERENCES)
        numbers = {name: value for name, value in values.items() if name != "db_reference"}
        bad = [f"{name}={value}" for name, value in numbers.items() if not _in_range(name, value)]
        if bad:
            raise ConfigurationError(
                f"Preprocessing received {', '.join(bad)}.",
                "Rates, lengths, levels and channels must be positive; sample_rate is "
                f"{LOWEST_RATE} to {_HIGHEST_RATE} Hz, clip_seconds at most {_LONGEST_CLIP}.",
                "The defaults are 16000 Hz, 3.0 s, trim_db 40 and top_db 80.",
                code="invalid-preprocessing",
            )
        # the preprocessing resamples, so its rate is the feature's
        bound = dataclasses.replace(feature, sample_rate=self.sample_rate)  # type: ignore[type-var]
        object.__setattr__(self, "feature", bound)

    def load(
        self, path: str | Path, start: float | None = None, end: float | None = None
    ) -> np.ndarray:
        """Read a recording as a waveform that is ready for the feature.

        Its channels are mixed down, it is resampled, its offset removed, its silent ends trimmed,
        and its level set. The level is that of what is left after trimming, so that an exported
        graph, which takes trimmed waveforms, can set it itself.

        Returns:
            The waveform, shape (samples,), float32.

        Raises:
            AudioError: If the file cannot be read.
        """
        return self.prepare(self.read(path, start, end))

    def read(
        self, path: str | Path, start: float | None = None, end: float | None = None
    ) -> np.ndarray:
        """Read a recording at this sample rate, its channels mixed down, and nothing else done."""
        waveform, _ = audio.read(
            path, sample_rate=self.sample_rate, start=start, end=end, channel=self.channel
        )
        return waveform

    def prepare(self, waveform: np.ndarray) -> np.ndarray:
        """Remove the offset, trim and level a waveform at this sample rate, shape (samples,)."""
        return self.level(self.trim(self.remove_offset(waveform)))

    def remove_offset(self, waveform: np.ndarray) -> np.ndarray:
        """Remove offset and slow drift of a waveform at this sample rate, shape (samples,)."""
        return audio.remove_offset(waveform, self.sample_rate)

    def trim(self, waveform: np.ndarray) -> np.ndarray:
        """Cut silent ends, if `trim_db` is set."""
        return waveform if self.trim_db is None else audio.trim(waveform, self.trim_db)

    def level(self, waveform: np.ndarray) -> np.ndarray:
        """Center a waveform and, if `target_rms_db` is set, scale it: what graphs do first."""
        centered = audio.center(waveform)
        if self.target_rms_db is None:
            return centered
        return audio.normalize_rms(centered, self.target_rms_db)

    def extract(self, waveform: np.ndarray) -> np.ndarray:
        """Compute what the cache keeps: the absolute spectrum, shape (frames, bins)."""
        return self.feature.source(waveform)

    def spectrum(
        self, path: str | Path, start: float | None = None, end: float | None = None
    ) -> np.ndarray:
        """Read a recording, or a segment in seconds, as what the cache keeps of it.

        Embeddings that were made elsewhere are read from their file, and the sound is not.

        Raises:
            AudioError: If the file cannot be read.
        """
        if self.feature.folder:
            return self.feature.read(Path(path), start, end)
        return self.extract(self.load(path, start, end))

    @cached_property
    def clip_frames(self) -> int:
        """Frames in a clip."""
        return self.feature.source.frames(round(self.clip_seconds * self.sample_rate))

    @cached_property
    def clip_shape(self) -> tuple[int, ...]:
        """Shape of a clip as it is cut: (frames, bins of the absolute spectrum)."""
        return self.feature.source.shape(self.clip_frames)

    @cached_property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of a finished clip, which is the input shape of a network."""
        return self.feature.shape(self.clip_frames)

    def clip_starts(self, spectrum: np.ndarray) -> list[int]:
        """List the first frames of the clips that evaluation cuts of an utterance."""
        return clip_starts(len(spectrum), self.clip_frames)

    def clips(self, spectrum: np.ndarray) -> np.ndarray:
        """Cut an utterance into clips that cover it, padded where it is shorter than one.

        Args:
            spectrum: shape (frames, bins[, channels]), as `extract` gives it.

        Returns:
            shape (clips, *clip_shape), float32; `finish` turns each into the input of a network.

        Examples:
            >>> prep = Preprocessing("log_mel", clip_seconds=1.0)
            >>> prep.clips(prep.extract(np.zeros(40_000, "float32"))).shape
            (3, 63, 64)
        """
        starts = self.clip_starts(spectrum)
        cut = np.empty((len(starts), *self.clip_shape), np.float32)
        for out, start in zip(cut, starts, strict=True):
            self.cut(spectrum, start, out)
        return cut

    def cut(self, spectrum: np.ndarray, start: int, out: np.ndarray) -> None:
        """Copy the clip that starts at a frame into `out`; padding fills what has no sound.

        Of a feature that repeats, the utterance itself does.

        Args:
            spectrum: shape (frames, bins[, channels]), absolute dB.
            start: First frame; negative to put silence before the utterance.
            out: shape `clip_shape`, written in place.
        """
        if self.feature.source.repeats:
            np.take(spectrum, range(start, start + len(out)), axis=0, out=out, mode="wrap")
            return
        padding = PADDING_DB if self.feature.source.in_decibels else 0.0
        begin, end = max(start, 0), min(start + len(out), len(spectrum))
        out[: begin - start] = padding
        out[begin - start : end - start] = spectrum[begin:end]
        out[end - start :] = padding

    def finish(self, clip: np.ndarray) -> np.ndarray:
        """Reference a cut clip, floor it, and compute the feature; each channel by itself.

        Args:
            clip: shape `clip_shape`, absolute dB.

        Returns:
            shape `input_shape`, float32.
        """
        if not self.feature.source.in_decibels:
            return self.feature.finish(clip)
        loudest = clip.max(axis=(0, 1), keepdims=True)
        level = loudest if self.db_reference.startswith("full_scale") else np.float32(0)
        referenced = np.maximum(clip - loudest, np.float32(-self.top_db)) + level
        if self.db_reference.endswith("_padding"):
            referenced[clip <= PADDING_DB] = 0
        return self.feature.finish(referenced)

    def layers(self) -> list[Any]:
        """Build the Keras layers that do what `finish` does, on (batch, *clip_shape)."""
        from sertk.features import _layers

        if not self.feature.source.in_decibels:
            return list(self.feature.finish_layers())
        floors = {
            "clip": _layers.ClipReference,
            "full_scale": _layers.ClipFloor,
            "clip_loud_padding": _layers.LoudPadding,
            "full_scale_zero_padding": _layers.ZeroPadding,
        }
        return [floors[self.db_reference](self.top_db), *self.feature.finish_layers()]

    def to_dict(self) -> dict[str, Any]:
        """Record every setting, for run.json."""
        flat = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {**flat, "feature": features.to_dict(self.feature)}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "Preprocessing":
        """Rebuild the object that `to_dict` recorded."""
        feature = dict(record["feature"])
        settings = {**record, "feature": features.get(feature.pop("name"), **feature)}
        known = [field.name for field in dataclasses.fields(cls)]
        call_arguments.check(
            cls, settings, owner="Preprocessing", kind="preprocessing parameter", known=known
        )
        return cls(**settings)

    @property
    def spectrum_key(self) -> str:
        """Name what the cache keeps; settings that act after the cut do not change it."""
        record = {
            "feature": features.to_dict(self.feature.source),
            "sample_rate": self.sample_rate,
            "trim_db": self.trim_db,
            "target_rms_db": self.target_rms_db,
            "offset": "removed",
            **({"leveled": "after trimming"} if self.target_rms_db is not None else {}),
            **({"channel": self.channel} if self.channel is not None else {}),
            "identity": self.feature.source.identity,
        }
        text = json.dumps(record, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _in_range(name: str, value: float | None) -> bool:
    if value is None:
        return name in ("trim_db", "target_rms_db", "channel")
    low, high = _RANGES.get(name, (0, np.inf))
    return low <= value <= high and (value > 0 or name == "target_rms_db")
