"""Enrol speakers in the model of a `Predictor`.

In: an engine, and recordings of a speaker, their profile, or the turns of a recording. Out: the
engine computes for that speaker; `Profile`s.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from sertk import audio
from sertk.errors import ConfigurationError
from sertk.predict import enrolment, sound
from sertk.predict.engines import BATCH, Engine
from sertk.predict.enrolment import Profile
from sertk.predict.paths import find
from sertk.predict.turns import Turns
from sertk.preprocessing import Preprocessing

Speaker = Profile | str | Path | Iterable[str | Path] | None


class Enrolling:
    """Enrol speakers in the model of an engine.

    Args:
        engine: What computes.
        prep: How recordings are read.
        speaks: Whether a waveform with a loudest level in dB may hold speech.

    Attributes:
        current: The profile of the speaker who is enrolled; `None` for nobody.
    """

    def __init__(
        self, engine: Engine, prep: Preprocessing, speaks: Callable[[np.ndarray, float], bool]
    ):
        self.engine, self.prep, self.speaks = engine, prep, speaks
        self.current: Profile | None = None

    def enrol(self, speaker: Speaker) -> Profile | None:
        """Enrol a speaker; see `Predictor.enrol`."""
        self.require()
        if isinstance(speaker, (str, Path)):
            is_profile = Path(speaker).suffix == enrolment.SUFFIX
            speaker = Profile.read(speaker) if is_profile else [speaker]
        if speaker is not None and not isinstance(speaker, Profile):
            speaker = self.of_recordings(find(speaker))
        if speaker is None:
            self.engine.enrol(None, 0)
        else:
            self._check(speaker)
            self.engine.enrol(speaker.mean, speaker.count)
        self.current = speaker
        return speaker

    def require(self) -> None:
        """Refuse a model that was not trained for enrolment."""
        if self.engine.bins is None:
            raise ConfigurationError(
                f"The model {self.engine.spec.model or 'given'} cannot enrol a speaker.",
                "A model learns to with --standardize enrolment; the pretrained model did.",
                "Omit --speaker, or train such a model. --speaker-normalization works with any.",
                code="model-without-enrolment",
            )

    def _check(self, profile: Profile) -> None:
        """Refuse the profile of another model, or one that was changed."""
        if profile.model != self.engine.spec.weights_sha256:
            raise ConfigurationError(
                "The profile of the speaker was written with another model.",
                "A profile holds what one model computes of a voice.",
                "Write it again with this model, from recordings of the speaker.",
                code="profile-of-another-model",
            )
        fits = profile.mean.shape == self.engine.bins and np.isfinite(profile.mean).all()
        if not fits or profile.count < 1:
            raise ConfigurationError(
                f"The profile of the speaker has the shape {profile.mean.shape} and the count "
                f"{profile.count}.",
                f"This model needs finite numbers of shape {self.engine.bins}, and a count of 1 "
                "or more.",
                "Write it again with this model, from recordings of the speaker.",
                code="profile-of-other-shape",
            )

    def of_recordings(self, paths: list[Path]) -> Profile:
        """Make the profile of a speaker from recordings."""
        pieces, vectors = self._spoken(paths), list[np.ndarray]()
        while batch := list(islice(pieces, BATCH)):
            vectors += list(self.engine.vectors(batch))
        return enrolment.profile(vectors, self.engine.spec.weights_sha256)

    def of_turns(self, path: Path, turns: Turns) -> dict[str | None, Profile]:
        """Make the profiles of the speakers of a recording, from pieces of one clip."""
        self.require()
        vectors: dict[str | None, list[np.ndarray]] = {}
        for piece in self._pieces(path):
            wave = self.prep.remove_offset(piece.waveform[: piece.samples])
            name = turns.speaker(piece.start, piece.end)
            if name is not None and self._speaks(wave):
                vectors.setdefault(name, []).append(self.engine.vectors([wave])[0])
        model = self.engine.spec.weights_sha256
        return {name: enrolment.profile(own, model) for name, own in vectors.items()}

    def _spoken(self, paths: list[Path]) -> Iterator[np.ndarray]:
        """Give recordings, and pieces of long ones, that hold speech."""
        prep = self.prep
        for path in paths:
            seconds, _ = audio.info(path)
            if seconds <= 2 * prep.clip_seconds:
                whole, _ = audio.read(path, sample_rate=prep.sample_rate, channel=prep.channel)
                pieces = [prep.trim(prep.remove_offset(whole))]
            else:
                windows = self._pieces(path)
                pieces = [prep.remove_offset(w.waveform[: w.samples]) for w in windows]
            yield from (piece for piece in pieces if self._speaks(piece))

    def _pieces(self, path: Path) -> Iterator[sound.Window]:
        """Cut a recording into pieces of one clip."""
        length = self.prep.clip_seconds
        return sound.windows(path, self.prep.sample_rate, length, length, self.prep.channel)

    def _speaks(self, waveform: np.ndarray) -> bool:
        return self.speaks(waveform, sound.loudest_db(waveform, self.prep.sample_rate))
