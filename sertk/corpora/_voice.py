"""Synthesize a voice: glottal pulses through formants, varied by speaker and emotion.

In: a speaker, an emotion, a sentence. Out: a waveform of shape (samples,), float32, at 16 kHz.
It is a source-filter synthesis in the manner of Klatt & Klatt (1990), JASA 87(2), 820-857, as
small as it can be and still move what emotion moves in a voice: pitch, its range and contour,
tempo, level and voice quality.
"""

from dataclasses import dataclass, fields

import numpy as np
from scipy import fft
from scipy.signal import butter, lfilter

SAMPLE_RATE = 16_000
_HOP = 80  # samples between two settings of the formants: 5 ms
_WINDOW = 4 * _HOP
_HISS = butter(2, 4500, "high", fs=SAMPLE_RATE)
_BURST = butter(1, (1200, 3000), "band", fs=SAMPLE_RATE)
_BANDWIDTHS = np.array([80.0, 100.0, 150.0, 220.0])  # Hz


@dataclass(frozen=True)
class Manner:
    """How something is said, as differences from a neutral voice."""

    pitch: float = 0.0  # semitones
    pitch_range: float = 0.0  # natural logarithm of the factor on the height of accents
    contour: float = 0.0  # semitones that the pitch rises from start to end
    tempo: float = 0.0  # natural logarithm of the factor on the speed
    target_rms_db: float = 0.0
    brightness: float = 0.0  # less spectral tilt (positive) or more (negative)
    breath: float = 0.0  # share of aspiration noise
    roughness: float = 0.0  # relative change of the period from one 5 ms to the next
    formants: float = 0.0  # natural logarithm of the factor on all formants: a smile raises them
    tremor: float = 0.0  # semitones of a 6 Hz wobble


# of a clearly played emotion; directions follow Scherer (2003), Speech Communication 40, 227-256
MANNERS = {
    "neutral": Manner(),
    "calm": Manner(-1.0, -0.35, -0.5, -0.15, -3.0, -0.7, 0.03, 0.0, 0.0, 0.0),
    "happy": Manner(4.0, 0.5, 1.5, 0.12, 3.0, 0.6, 0.0, 0.0, 0.05, 0.0),
    "sad": Manner(-0.5, -0.6, -3.0, -0.2, -5.0, -1.0, 0.06, 0.006, -0.02, 0.1),
    "angry": Manner(3.0, 0.25, -1.5, 0.1, 7.0, 1.6, -0.02, 0.02, 0.02, 0.0),
    "fearful": Manner(6.0, -0.2, 0.5, 0.22, -1.0, 0.1, 0.07, 0.015, 0.02, 0.5),
    "disgust": Manner(-1.5, 0.1, -2.0, -0.15, 1.0, 0.2, 0.02, 0.03, -0.05, 0.0),
    "surprised": Manner(5.0, 0.7, 6.0, 0.05, 2.0, 0.4, 0.03, 0.0, 0.02, 0.0),
}
# what one speaker differs from another by, and one take from the next, in the units of Manner
_BETWEEN_SPEAKERS = Manner(0.5, 0.15, 0.6, 0.05, 1.0, 0.2, 0.01, 0.003, 0.01, 0.05)
_BETWEEN_TAKES = Manner(0.6, 0.15, 0.8, 0.05, 1.0, 0.2, 0.008, 0.002, 0.008, 0.05)


@dataclass(frozen=True)
class Speaker:
    """One voice."""

    pitch: float  # Hz, usual
    formants: float  # factor on all formants: shorter vocal tracts have higher ones
    habit: Manner  # how this speaker differs from others whatever the emotion
    style: dict[str, np.ndarray]  # emotion -> factors on the fields of `Manner`
    noise_db: float  # level of the room's noise, dB re full scale


# formants of vowels in Hz, those of a man
_VOWELS = {
    "a": (730, 1090, 2440, 3400),
    "e": (530, 1840, 2480, 3500),
    "i": (290, 2250, 2950, 3600),
    "o": (480, 880, 2410, 3300),
    "u": (320, 900, 2240, 3300),
}
# consonants: seconds, voicing, hiss at 4.5 kHz, burst at 2 kHz, and the formants they begin from
_CONSONANTS = {
    "b": (0.06, 0.25, 0.0, 0.25, (220, 900, 2200, 3300)),
    "d": (0.05, 0.25, 0.1, 0.4, (220, 1700, 2600, 3400)),
    "k": (0.08, 0.0, 0.1, 0.8, (250, 2000, 2400, 3300)),
    "m": (0.07, 0.55, 0.0, 0.0, (250, 1100, 2200, 3300)),
    "s": (0.11, 0.0, 0.8, 0.0, (250, 1700, 2600, 3500)),
    "l": (0.06, 0.7, 0.0, 0.0, (330, 1200, 2700, 3400)),
}
SENTENCES = {"01": "ki da lo ba si du", "02": "do mi se ka lu ba"}


def speaker(rng: np.random.Generator, *, female: bool) -> Speaker:
    """Draw a voice."""
    pitch = rng.uniform(175, 230) if female else rng.uniform(95, 140)
    return Speaker(
        pitch=pitch,
        formants=(1.14 if female else 1.0) * rng.uniform(0.95, 1.05),
        habit=_vary(Manner(), _BETWEEN_SPEAKERS, rng),
        style={e: np.exp(rng.normal(0, 0.25, len(fields(Manner)))) for e in MANNERS},
        noise_db=rng.uniform(-66, -54),
    )


def _values(manner: Manner) -> np.ndarray:
    return np.array([getattr(manner, field.name) for field in fields(Manner)])


def _vary(manner: Manner, spread: Manner, rng: np.random.Generator) -> Manner:
    return Manner(*(_values(manner) + _values(spread) * rng.normal(size=len(fields(Manner)))))


def say(
    voice: Speaker, emotion: str, sentence: str, intensity: float, rng: np.random.Generator
) -> np.ndarray:
    """Speak one sentence; an intensity of 0 is neutral."""
    played = _values(MANNERS[emotion]) * voice.style[emotion] * intensity
    manner = _vary(Manner(*(_values(voice.habit) + played)), _BETWEEN_TAKES, rng)
    voiced, hiss, burst, formants, accents = _articulate(SENTENCES[sentence], manner, rng)
    count = len(voiced) * _HOP
    source = _glottis(_pitch(voice, manner, accents, rng), manner, rng)
    source *= _to_samples(voiced, count)
    formants *= voice.formants * np.exp(manner.formants)
    mouth = _resonate(source, formants)
    noise = rng.normal(size=count)
    mouth += 0.05 * _to_samples(hiss, count) * lfilter(*_HISS, noise)
    mouth += 0.05 * _to_samples(burst, count) * lfilter(*_BURST, noise)
    loud = np.sqrt(np.mean(np.square(mouth[np.abs(mouth) > 1e-4])))
    waveform = mouth / loud * 10 ** ((manner.target_rms_db - 27) / 20)
    waveform += 10 ** (voice.noise_db / 20) * rng.normal(size=count)
    return (waveform * min(1.0, 0.98 / np.abs(waveform).max())).astype(np.float32)


def _articulate(sentence: str, manner: Manner, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Lay out a sentence in frames of 5 ms: voicing, hiss, burst, formants, and accents."""
    rest = _VOWELS["e"]
    pieces = [(rng.uniform(0.08, 0.2), 0.0, 0.0, 0.0, rest, 0.0)]
    speed = np.exp(manner.tempo)
    syllables = sentence.split()
    for number, syllable in enumerate(syllables):
        seconds, voicing, hiss, burst, start = _CONSONANTS[syllable[0]]
        stressed = number % 2 == 0
        accent = float(stressed) * rng.uniform(0.7, 1.3)
        length = 0.12 + 0.04 * stressed + 0.08 * (number == len(syllables) - 1)
        pieces.append((seconds / speed, voicing, hiss, burst, start, accent))
        vowel_seconds = length * rng.uniform(0.85, 1.15) / speed
        pieces.append((vowel_seconds, 0.8 + 0.2 * accent, 0.0, 0.0, _VOWELS[syllable[1]], accent))
    pieces.append((rng.uniform(0.08, 0.2), 0.0, 0.0, 0.0, rest, 0.0))
    frames = [max(round(piece[0] * SAMPLE_RATE / _HOP), 2) for piece in pieces]
    track = np.repeat([[*p[1:4], *p[4], p[5]] for p in pieces], frames, axis=0).astype(float)
    smooth = np.hanning(9)[1:-1] / np.hanning(9).sum()
    padded = np.pad(track, ((3, 3), (0, 0)), mode="edge")
    track = np.stack([np.convolve(c, smooth, mode="valid") for c in padded.T], axis=1)
    return track[:, 0], track[:, 1], track[:, 2], track[:, 3:7], track[:, 7]


def _pitch(
    voice: Speaker, manner: Manner, accents: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draw the course of the fundamental frequency, in Hz for each sample."""
    place = np.linspace(-0.5, 0.5, len(accents))
    seconds = np.arange(len(accents)) * _HOP / SAMPLE_RATE
    wobble = np.sin(2 * np.pi * 6 * seconds + rng.uniform(0, 2 * np.pi))
    semitones = (
        manner.pitch
        + (manner.contour - 2.0) * place
        + 2.5 * np.exp(manner.pitch_range) * (accents - 0.4)
        + max(manner.tremor, 0) * wobble
    )
    jitter = 1 + max(manner.roughness + 0.006, 0.002) * rng.normal(size=len(accents))
    hertz = np.clip(voice.pitch * 2 ** (semitones / 12) * jitter, 55, 600)
    return _to_samples(hertz, len(hertz) * _HOP)


def _glottis(hertz: np.ndarray, manner: Manner, rng: np.random.Generator) -> np.ndarray:
    """Make the derivative of the air flow: KLGLOTT88 pulses, tilted, with aspiration."""
    phase = np.cumsum(hertz / SAMPLE_RATE)
    period = phase.astype(int)
    open_quotient = np.clip(0.6 - 0.08 * manner.brightness + manner.breath, 0.35, 0.85)
    x = (phase - period) / open_quotient
    shimmer = 1 + 2 * max(manner.roughness + 0.01, 0) * rng.normal(size=period[-1] + 1)
    pulses = np.where(x < 1, 2 * x - 3 * x**2, 0.0) * shimmer[period]
    aspiration = rng.normal(size=len(hertz)) * np.where(x < 1, 1.0, 0.3)
    source = pulses + np.clip(manner.breath + 0.03, 0.0, 0.3) * aspiration
    tilt = np.clip(0.35 - 0.25 * manner.brightness, 0.0, 0.92)
    return np.asarray(lfilter([1 - tilt], [1, -tilt], source))


def _resonate(source: np.ndarray, formants: np.ndarray) -> np.ndarray:
    """Send the source through four resonances in a row that change every 5 ms.

    Overlapping windows are filtered each by the response of its moment, all at once.
    """
    radius = np.exp(-np.pi * _BANDWIDTHS / SAMPLE_RATE)
    angles = 2 * np.pi * np.minimum(formants, 7000) / SAMPLE_RATE
    poles = np.ones((len(formants), 1))
    for a1, a2 in zip((-2 * radius * np.cos(angles)).T, radius**2, strict=True):
        # one more section, scaled to pass a constant unchanged: moving it keeps the level
        longer = np.pad(poles, ((0, 0), (0, 2)))
        longer[:, 1:-1] += poles * a1[:, None]
        longer[:, 2:] += poles * a2
        poles = longer / (1 + a1 + a2)[:, None]
    padded = np.pad(source, (_WINDOW - _HOP, _WINDOW))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP][: len(formants)]
    shape = np.hanning(_WINDOW + 1)[:-1] / (_WINDOW / _HOP / 2)
    size = 2 * _WINDOW  # room for the resonances to ring out
    filtered = fft.irfft(fft.rfft(windows * shape, size) / fft.rfft(poles, size), size)
    mouth = np.zeros((len(formants) + size // _HOP) * _HOP)
    for part in range(size // _HOP):
        piece = filtered[:, part * _HOP : (part + 1) * _HOP].ravel()
        mouth[part * _HOP : part * _HOP + len(piece)] += piece
    return mouth[_WINDOW - _HOP :][: len(source)]


def _to_samples(track: np.ndarray, count: int) -> np.ndarray:
    return np.interp(np.arange(count) / _HOP, np.arange(len(track)), track)
