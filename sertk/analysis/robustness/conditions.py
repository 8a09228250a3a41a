"""Robustness conditions: how speech is degraded, at several levels.

In: an utterance as recorded, and the level of a disturbance. Out: the disturbed waveform. The
random draws depend only on the condition and the utterance, so that every level of a curve has
the same noise, and every model receives the same audio.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sertk import audio
from sertk.augment import folders
from sertk.errors import AudioError, ConfigurationError, UnknownNameError

_TRIM_DB = 40.0  # what is so far below the loudest frame is no speech
_VOICES = 5  # in babble
_MAINS = 50.0  # Hz


class Utterance(NamedTuple):
    """An utterance on its way: the waveform, its rate in Hz, who speaks, and what draws."""

    waveform: np.ndarray
    sample_rate: int
    speaker: str
    generator: np.random.Generator


Disturb = Callable[[Utterance, float], np.ndarray]


@dataclass(frozen=True)
class Condition:
    """One way to disturb speech, at several levels.

    Args:
        name: Public name, also in the table.
        title: str. Title in reports.
        unit: Unit written after a level, such as `"dB SNR"`.
        levels: From mild to severe; or rising, where both directions disturb.
        disturb: `(Utterance, level) -> waveform`; draws from `Utterance.generator` alone.
        harmless: A level between others that changes nothing, where there is one.
    """

    name: str
    title: str
    unit: str
    levels: tuple[float, ...]
    disturb: Disturb
    harmless: float | None = None


def add_at_snr(utterance: Utterance, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Add noise at a ratio to the speech itself: silent ends do not count as its level."""
    speech = audio.trim(utterance.waveform, _TRIM_DB)
    silence_db = 10 * np.log10(len(utterance.waveform) / max(len(speech), 1))
    return audio.noise_at_snr(utterance.waveform, noise, snr_db - silence_db)


def white(utterance: Utterance, level: float) -> np.ndarray:
    """Add white Gaussian noise; the level is the SNR in dB."""
    return add_at_snr(utterance, utterance.generator.normal(size=len(utterance.waveform)), level)


def babble(
    voices: dict[str, list[dict[str, Any]]], utterance: Utterance, level: float
) -> np.ndarray:
    """Add five voices of other speakers, equally loud; the level is the SNR in dB.

    Args:
        voices: Speaker -> where the utterances are: `path, start, end`.
        utterance: The utterance, whose own speaker is never among the voices.
        level: SNR in dB.
    """
    others = sorted(speaker for speaker in voices if speaker != utterance.speaker)
    mixed = np.zeros(len(utterance.waveform))
    speakers = utterance.generator.choice(others, min(_VOICES, len(others)), replace=False)
    for speaker in speakers:
        spoken = voices[str(speaker)]
        at = spoken[utterance.generator.integers(len(spoken))]
        try:
            voice, _ = audio.read(
                at["path"], sample_rate=utterance.sample_rate, start=at["start"], end=at["end"]
            )
        except AudioError:
            continue  # the run left it out, too
        loud = audio.normalize_rms(audio.trim(voice, _TRIM_DB), -20.0)
        turned = np.roll(loud, utterance.generator.integers(len(loud)))
        mixed += np.resize(turned, len(mixed))
    return add_at_snr(utterance, mixed, level)


def recorded(files: list[Path], utterance: Utterance, level: float) -> np.ndarray:
    """Add noise from one of some recordings; the level is the SNR in dB."""
    noise = folders.recorded(
        files, len(utterance.waveform), utterance.sample_rate, utterance.generator
    )
    return add_at_snr(utterance, noise, level)


def reverberation(utterance: Utterance, level: float) -> np.ndarray:
    """Put into a room; the level is its reverberation time in seconds."""
    room = int(utterance.generator.integers(8))  # a few rooms, so that they are made once
    response = audio.room_response(level, utterance.sample_rate, room)
    tail = np.zeros(len(response) - 1, np.float32)
    return audio.reverberate(np.concatenate([utterance.waveform, tail]), response)


def gain(utterance: Utterance, level: float) -> np.ndarray:
    """Change the level so many dB; what leaves full scale is clipped, as in a sound card."""
    return np.clip(utterance.waveform * np.float32(10 ** (level / 20)), -1, 1)


def band(utterance: Utterance, level: float) -> np.ndarray:
    """Apply a low-pass filter with a cutoff in Hz."""
    low = audio.resample(utterance.waveform, utterance.sample_rate, round(2 * level))
    return audio.resample(low, round(2 * level), utterance.sample_rate)


def telephone(utterance: Utterance, level: float) -> np.ndarray:
    """Send through a telephone of so many Hz: 300 to 3,400 Hz, in 8 bits by the mu law."""
    return audio.telephone(utterance.waveform, utterance.sample_rate, round(level))


def offset(utterance: Utterance, level: float) -> np.ndarray:
    """Add a constant, as cheap microphones do; the level is a share of full scale."""
    return utterance.waveform + np.float32(level)


def hum(utterance: Utterance, level: float) -> np.ndarray:
    """Add a 50 Hz tone, as the mains do; the level is its amplitude, a share of full scale."""
    phase = utterance.generator.uniform(0, 2 * np.pi)
    time = np.arange(len(utterance.waveform)) / utterance.sample_rate
    return utterance.waveform + level * np.sin(2 * np.pi * _MAINS * time + phase)


def length(utterance: Utterance, level: float) -> np.ndarray:
    """Keep so many seconds from the middle of the speech, or all of what is shorter."""
    speech = audio.trim(utterance.waveform, _TRIM_DB)
    kept = round(level * utterance.sample_rate)
    first = max(len(speech) - kept, 0) // 2
    return speech[first : first + kept]


_SNRS = (20.0, 10.0, 5.0, 0.0, -5.0)
USUAL = {
    condition.name: condition
    for condition in (
        Condition("white", "White noise", "dB SNR", _SNRS, white),
        Condition("babble", "Babble", "dB SNR", _SNRS, partial(babble, {})),
        Condition(
            "reverberation", "Reverberation", "s reverberation time (T60)",
            (0.2, 0.4, 0.8, 1.6), reverberation,
        ),
        Condition("gain", "Loudness", "dB", (-40.0, -20.0, 20.0, 30.0), gain, 0.0),
        Condition("band", "Band limit", "Hz", (4000.0, 2000.0, 1000.0), band),
        Condition("telephone", "Telephone", "Hz sample rate", (8000.0,), telephone),
        Condition("offset", "DC offset", "of full scale", (0.003, 0.01, 0.05), offset),
        Condition("hum", "Mains hum, 50 Hz", "of full scale", (0.003, 0.01, 0.03), hum),
        Condition("length", "Clip length", "s", (2.0, 1.0, 0.5), length),
    )
}  # fmt: skip


def chosen(
    wanted: Iterable[str | Condition], sounds: list[dict[str, Any]], noises: str | Path | None
) -> list[Condition]:
    """Make the conditions that are asked for, with the voices and noises that they take.

    Args:
        wanted: Names, or `Condition`s of your own.
        sounds: Where the utterances of all speakers are, of whom the others babble.
        noises: A folder of recorded noise, which adds the condition `noises`.

    Raises:
        UnknownNameError: If there is no such condition.
        ConfigurationError: If babble lacks other speakers, or the folder recordings.
    """
    conditions = []
    for item in wanted:
        if isinstance(item, Condition):
            conditions.append(item)
        elif item == "babble":
            conditions.append(replace(USUAL[item], disturb=partial(babble, _voices(sounds))))
        elif item in USUAL:
            conditions.append(USUAL[item])
        else:
            raise UnknownNameError("condition", item, USUAL)
    if noises is not None:
        disturb = partial(recorded, folders.sounds(noises))
        conditions.append(Condition("noises", "Recorded noise", "dB SNR", _SNRS, disturb))
    if not conditions:
        raise ConfigurationError(
            "The list of conditions is empty.",
            "A robustness curve needs at least one condition.",
            f"Choose from {', '.join(USUAL)}.",
            code="no-conditions",
        )
    return conditions


def _voices(sounds: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    voices: dict[str, list[dict[str, Any]]] = {}
    for sound in sounds:
        voices.setdefault(str(sound["speaker"]), []).append(sound)
    if len(voices) < 2:
        raise ConfigurationError(
            f"The run has recordings of {len(voices)} speaker{'s' * (len(voices) != 1)}.",
            "Babble noise needs recordings of speakers other than the test speaker.",
            "Omit babble, or pass a folder of recorded noise: noises=FOLDER.",
            code="too-few-babble-speakers",
        )
    return voices
