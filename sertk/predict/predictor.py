"""`Predictor`: from recordings to emotions.

In: files of sound and a model of any kind. Out: `Predictions` and `Timeline`, which are tables and
pictures. What is done to a recording is the `Preprocessing` of the run, the same as in training.
"""

import dataclasses
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sertk import audio, labels
from sertk.errors import AudioError, ConfigurationError
from sertk.evaluation.speaker_normalization import centered
from sertk.predict import sound
from sertk.predict.displays import Predictions, Timeline
from sertk.predict.engines import BATCH, Engine
from sertk.predict.enrolling import Enrolling, Speaker
from sertk.predict.enrolment import Profile
from sertk.predict.sound import NO_SPEECH, SHORT, SILENCE_DB, loudest_db
from sertk.predict.turns import Turns
from sertk.predict.turns import read as read_turns

LONGEST = 120.0  # seconds of a recording that may get a single answer


class Predictor:
    """Say which emotion is in recordings.

    Args:
        engine: What computes; `sertk.predict.load` opens one.
        silence_db: A recording, or window, whose loudest 50 ms stay below this (root mean square,
            dB re full scale) gets `"no speech"` and no probabilities, as do noise and hum that do
            not change; `None` answers always.
        short_seconds: A recording, or window, with less sound than this is marked `short`.
        channel: Number of the channel to take, from 1; by default what the model was trained on,
            usually the mean of all channels.

    Attributes:
        classes: list of str, in the order of the probabilities.
        sample_rate: That everything is resampled to, in Hz.

    Examples:
        `sertk.predict.load("model.onnx").file("hello.wav")["label"]`
    """

    def __init__(
        self,
        engine: Engine,
        *,
        silence_db: float | None = SILENCE_DB,
        short_seconds: float = SHORT,
        channel: int | None = None,
    ):
        self.engine = engine
        self.spec = engine.spec
        self.prep = engine.spec.prep
        if channel is not None:
            self.prep = dataclasses.replace(self.prep, channel=channel)
        self.classes = list(engine.spec.classes)
        self.sample_rate = self.prep.sample_rate
        self.silence_db, self.short_seconds = silence_db, short_seconds
        self._valence = labels.valence(self.classes)
        self._enrolling = Enrolling(engine, self.prep, self._speaks)

    def __repr__(self) -> str:
        return (
            f"Predictor({self.spec.model or 'model'} on {self.engine.name}, "
            f"{len(self.classes)} classes: {', '.join(self.classes)})"
        )

    def probabilities(self, waveform: np.ndarray) -> np.ndarray:
        """Compute the probabilities of a waveform of your own.

        Args:
            waveform: shape (samples,), mono, at `sample_rate`; its offset is removed and its ends
                are trimmed as those of files are.

        Returns:
            shape (classes,), summing to 1.

        Raises:
            AudioError: If it is no waveform.
        """
        wave = np.ascontiguousarray(waveform, np.float32)
        if wave.ndim != 1 or not len(wave) or not np.isfinite(wave).all():
            raise AudioError(
                f"Received a waveform of shape {wave.shape}.",
                "It must have shape (samples,), at least one sample, and finite values.",
                "Average its channels first, or read the file with sertk.audio.read().",
                code="invalid-waveform",
            )
        return self.engine([self._trimmed(wave)])[0]

    def _trimmed(self, waveform: np.ndarray) -> np.ndarray:
        return self.prep.trim(self.prep.remove_offset(waveform))

    def file(self, path: str | Path) -> dict[str, Any]:
        """Predict one recording.

        Returns:
            `path, label, probability, valence, seconds, short, loudest_db` and `p_<class>`.

        Raises:
            AudioError: If the file cannot be read, or is too long for one answer.
        """
        return next(self._rows([Path(path)]))

    def enrol(self, speaker: Speaker) -> Profile | None:
        """Enrol the speaker of all following predictions by other recordings, without labels.

        What the voice always has is subtracted from the states of the model, the more the more
        recordings there are. The model must have been trained for it
        (`standardize="enrolment"`), as the pretrained one is.

        Args:
            speaker: A `Profile` or its file (.json); or recordings of the speaker: a folder, a
                pattern or files, in any emotion. Recordings of more than two clips count as
                several. `None` for nobody.

        Returns:
            The profile, to be kept with `Profile.write`.

        Raises:
            ConfigurationError: If the model cannot enrol, the profile is of another model, or no
                recording holds speech.
            AudioError: If a recording cannot be read.
        """
        return self._enrolling.enrol(speaker)

    def files(
        self, paths: Iterable[str | Path], *, speaker_normalization: bool = False
    ) -> Predictions:
        """Predict many recordings; what cannot be read is named, and left out.

        Args:
            paths: Files; `sertk.predict.find` turns folders and patterns into them.
            speaker_normalization: bool. All files are of one speaker, in several emotions: subtract
                the mean of the log-probabilities over the files, which removes the bias of this
                voice (`sertk.evaluation.normalize_speakers`).

        Returns:
            A table with a row per file; its `unreadable` says which have none and why, and its
            `real_time_factor` how long it took by second of sound.

        Raises:
            AudioError: If none can be read.
            ConfigurationError: If fewer than two recordings of one voice hold speech.
        """
        begun = time.perf_counter()
        unreadable: list[tuple[Path, AudioError]] = []
        rows = list(self._rows([Path(path) for path in paths], unreadable))
        if not rows and unreadable:
            first = unreadable[0][1]
            if len(unreadable) == 1:
                raise first
            raise AudioError(
                f"None of the {len(unreadable)} files can be read. The first error: {first}",
                code="no-readable-files",
            ) from first
        if speaker_normalization:
            self._center(rows)
        # pyarrow, where it is installed, refuses names of files that are no text
        with pd.option_context("mode.string_storage", "python"):
            table = pd.DataFrame(rows, columns=self.columns)
        seconds = time.perf_counter() - begun
        return Predictions(table, self.classes, unreadable, seconds)

    def _center(self, rows: list[dict[str, Any]]) -> None:
        """Count the answers to one voice from their mean."""
        spoken = [row for row in rows if row["label"] != NO_SPEECH]
        if len(spoken) < 2:
            raise ConfigurationError(
                f"{len(spoken)} of {len(rows)} recordings of one speaker contain speech.",
                "Speaker normalization subtracts the mean over at least two recordings, better ten "
                "or more, in several emotions.",
                "Add recordings of this speaker, or omit --speaker-normalization.",
                code="too-few-speech-recordings",
            )
        shares = np.array([[row[f"p_{name}"] for name in self.classes] for row in spoken])
        for row, own in zip(spoken, centered(shares), strict=True):
            row |= {**self._answer(own), **self._shares(own)}

    @property
    def columns(self) -> list[str]:
        """Names of the columns of a table of files."""
        first = ["path", "label", "probability", "valence", "seconds", "short", "loudest_db"]
        return [*first, *(f"p_{name}" for name in self.classes)]

    def _rows(
        self, paths: list[Path], unreadable: list[tuple[Path, AudioError]] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Read and predict a few files at a time, so that memory does not grow with them."""
        for start in range(0, len(paths), BATCH):
            read = []
            for path in paths[start : start + BATCH]:
                try:
                    read.append((path, *self._load(path)))
                except AudioError as error:
                    if unreadable is None:
                        raise
                    unreadable.append((path, error))
            waveforms = [waveform for _, _, waveform in read]
            levels = [loudest_db(waveform, self.sample_rate) for waveform in waveforms]
            gated = self._gated(waveforms, levels, waveforms)
            for (path, seconds, wave), level, shares in zip(read, levels, gated, strict=True):
                short = len(wave) / self.sample_rate < self.short_seconds
                about = {"seconds": seconds, "short": short, "loudest_db": level}
                yield {"path": str(path), **self._answer(shares), **about, **self._shares(shares)}

    def _load(self, path: Path) -> tuple[float, np.ndarray]:
        seconds, _ = audio.info(path)
        if seconds > LONGEST:
            raise AudioError(
                f"{path} lasts {seconds / 60:.0f} minutes.",
                f"A single prediction is for at most {LONGEST / 60:.0f} minutes.",
                "Predict along the recording: --timeline (Predictor.timeline in Python).",
                code="recording-too-long",
            )
        waveform, _ = audio.read(path, sample_rate=self.sample_rate, channel=self.prep.channel)
        return seconds, self._trimmed(waveform)

    def timeline(
        self,
        path: str | Path,
        *,
        window: float | None = None,
        hop: float | None = None,
        turns: "pd.DataFrame | str | Path | None" = None,
    ) -> Timeline:
        """Predict along a recording of any length, in the same memory.

        Windows lose their offset, and are neither trimmed nor moved. The last one is filled up
        with silence.

        Args:
            path: WAV, FLAC, OGG or MP3.
            window: Length in seconds; that of a training clip by default.
            hop: Seconds from window to window; half a window by default.
            turns: Who speaks when, so that each speaker is enrolled by all of their own windows:
                `"self"` for a recording of one speaker, or a table `start, end, speaker` or its
                file, CSV or RTTM.

        Returns:
            A row per window: `start, end, label, probability, valence, short, loudest_db` and
            `p_<class>`; with turns, `speaker` as well.

        Raises:
            AudioError: If the file cannot be read.
            ConfigurationError: If window or hop is out of range, or turns are given that cannot be
                read, or to a model that cannot enrol.
        """
        begun = time.perf_counter()
        window, hop = self._spans(window, hop)
        first = ["start", "end", "label", "probability", "valence", "short", "loudest_db"]
        if turns is None:
            rows = list(self.rows_along(path, window=window, hop=hop))
        else:
            first.insert(2, "speaker")
            rows = self._by_speaker(Path(path), window, hop, read_turns(turns))
        table = pd.DataFrame(rows, columns=[*first, *(f"p_{name}" for name in self.classes)])
        taken = time.perf_counter() - begun
        return Timeline(table, self.classes, Path(path), window, hop, taken)

    def _by_speaker(
        self, path: Path, window: float, hop: float, turns: Turns
    ) -> list[dict[str, Any]]:
        """Enrol each speaker by their windows, and predict these; twice through the recording."""
        profiles, before, rows = self._enrolling.of_turns(path, turns), self._enrolling.current, []
        try:
            for piece in sound.windows(path, self.sample_rate, window, hop, self.prep.channel):
                name = turns.speaker(piece.start, piece.end)
                self._enrolling.enrol(profiles.get(name))
                rows += [{**row, "speaker": name} for row in self._along([piece])]
        finally:
            self._enrolling.enrol(before)
        return rows

    def rows_along(
        self, path: str | Path, *, window: float | None = None, hop: float | None = None
    ) -> Iterator[dict[str, Any]]:
        """Give the rows of a timeline one after the other, while the file is read."""
        window, hop = self._spans(window, hop)
        pieces = sound.windows(path, self.sample_rate, window, hop, self.prep.channel)
        # a long window is many clips, which are computed together
        size = max(1, round(BATCH * min(1.0, self.prep.clip_seconds / window)))
        while batch := list(islice(pieces, size)):
            yield from self._along(batch)

    def _along(self, batch: list[sound.Window]) -> Iterator[dict[str, Any]]:
        # padding would move offset and level
        unpadded = [self.prep.remove_offset(piece.waveform[: piece.samples]) for piece in batch]
        waveforms = [
            np.pad(waveform, (0, len(piece.waveform) - piece.samples))
            for piece, waveform in zip(batch, unpadded, strict=True)
        ]
        levels = [loudest_db(waveform, self.sample_rate) for waveform in waveforms]
        shares = self._gated(waveforms, levels, unpadded)
        for piece, level, row in zip(batch, levels, shares, strict=True):
            place = {"start": piece.start, "end": piece.end}
            short = piece.samples / self.sample_rate < self.short_seconds
            about = {"short": short, "loudest_db": level}
            yield {**place, **self._answer(row), **about, **self._shares(row)}

    def _spans(self, window: float | None, hop: float | None) -> tuple[float, float]:
        clip = self.prep.clip_seconds
        window = clip if window is None else window
        hop = window / 2 if hop is None else hop
        if not 0.1 <= window <= LONGEST or not 0.01 <= hop <= LONGEST:
            raise ConfigurationError(
                f"Received a window of {window} s and a hop of {hop} s.",
                f"A window must be 0.1 to {LONGEST:.0f} s, a hop 0.01 to {LONGEST:.0f} s.",
                f"The defaults are {clip} s and half of it.",
                code="invalid-window",
            )
        if self.spec.clip_only and window != clip:
            raise ConfigurationError(
                f"Received a window of {window} s.",
                f"This model has a fixed clip length of {clip} s.",
                "Omit the window.",
                code="fixed-window-length",
            )
        return window, hop

    def _gated(
        self, waveforms: list[np.ndarray], levels: list[float], unpadded: list[np.ndarray]
    ) -> np.ndarray:
        """Compute the probabilities of what may hold speech; the rest stays without numbers."""
        shares = np.full((len(waveforms), len(self.classes)), np.nan)
        asked = [
            k
            for k, (db, wave) in enumerate(zip(levels, unpadded, strict=True))
            if self._speaks(wave, db)
        ]
        if asked:
            shares[asked] = self.engine([waveforms[k] for k in asked])
        return shares

    def _speaks(self, waveform: np.ndarray, level_db: float) -> bool:
        """Tell what may hold speech from silence and steady noise."""
        return self.silence_db is None or (
            level_db > self.silence_db and not sound.is_steady(waveform, self.sample_rate)
        )

    def _answer(self, shares: np.ndarray) -> dict[str, Any]:
        if np.isnan(shares).any():
            return {"label": NO_SPEECH, "probability": np.nan, "valence": np.nan}
        best = int(shares.argmax())
        valence = np.nan if self._valence is None else float(shares @ self._valence)
        return {"label": self.classes[best], "probability": shares[best], "valence": valence}

    def _shares(self, shares: np.ndarray) -> dict[str, float]:
        return {f"p_{name}": float(p) for name, p in zip(self.classes, shares, strict=True)}
