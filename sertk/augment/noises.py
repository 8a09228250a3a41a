"""Background noise of seven places, recorded or synthetic, as in reference system R1.

In: a waveform, its rate, a source of random numbers, and maybe a folder of recordings. Out: the
waveform with the noise of a place at the ratio that reference system R1 published for it. The
synthetic noises are no recordings: colored noise with the band and the slope of a place, swells
of traffic and wind, voices whose syllables come and go, and clatter. They test a pipeline and
disturb in the right band; to reproduce a published number, take recordings such as DEMAND's
(https://zenodo.org/records/1227121), unpacked into one folder.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from sertk import audio
from sertk.audio import walk
from sertk.augment import folders
from sertk.augment.registry import Function, reverberate
from sertk.errors import ConfigurationError, listing


class Place(NamedTuple):
    """What is published of a place, and the shape of its synthetic noise."""

    snr_db: float
    demand: str  # its name in DEMAND
    slope_db: float  # per octave, within the band
    band: tuple[float, float]  # Hz
    swell_hz: float = 0.0  # how fast the level swells; 0 is steady
    voices: int = 0
    clatter: float = 0.0  # clinks per second


PLACES = {
    "cafeteria": Place(0, "pcafeter", -5, (100, 6000), voices=8, clatter=2),
    "kitchen": Place(0, "dkitchen", -2, (80, 8000), swell_hz=0.5, clatter=3),
    "park": Place(6, "npark", -6, (40, 4000), swell_hz=0.3),
    "traffic": Place(6, "straffic", -7, (30, 3000), swell_hz=0.2),
    "restaurant": Place(10, "presto", -5, (100, 5000), voices=12, clatter=1),
    "river": Place(0, "nriver", -1, (200, 8000), swell_hz=4.0),
    "square": Place(0, "spsquare", -5, (40, 5000), swell_hz=0.2, voices=4),
}


def synthetic(place: Place, samples: int, sample_rate: int, generator: Generator) -> np.ndarray:
    """Make noise shaped like that of a place, shape (samples,); its level means nothing.

    Examples:
        >>> river = synthetic(PLACES["river"], 16_000, 16_000, np.random.default_rng(0))
        >>> river.shape
        (16000,)
    """
    noise = colored(samples, sample_rate, place.slope_db, place.band, generator)
    if place.swell_hz:
        noise = noise * _swell(samples, sample_rate, place.swell_hz, generator)
    for _ in range(place.voices):
        # speech falls by some 6 dB per octave, and has about four syllables a second
        voice = colored(samples, sample_rate, -6, (150, 4000), generator)
        noise = noise + voice * _swell(samples, sample_rate, 4.0, generator) ** 2
    if place.clatter:
        noise = noise + _clatter(samples, sample_rate, place.clatter, generator)
    return noise


def colored(
    samples: int,
    sample_rate: int,
    slope_db: float,
    band: tuple[float, float],
    generator: Generator,
) -> np.ndarray:
    """Make steady noise of unit level that falls by 24 dB per octave outside its band."""
    frequency = np.fft.rfftfreq(samples, 1 / sample_rate)
    inside = np.clip(frequency, *band)
    outside = np.minimum(frequency, inside) / np.maximum(frequency, inside)
    gain = (inside / 1000) ** (slope_db / (20 * np.log10(2))) * outside**4
    noise = np.fft.irfft(np.fft.rfft(generator.normal(size=samples)) * gain, samples)
    return noise / max(np.sqrt(np.mean(np.square(noise))), 1e-12)


def _swell(samples: int, sample_rate: int, hertz: float, generator: Generator) -> np.ndarray:
    """Make a level that wanders between 0.2 and 1, with two turns in a period."""
    knots = np.arange(int(samples / sample_rate * 2 * hertz) + 3) - generator.uniform()
    levels = generator.uniform(0.2, 1.0, len(knots))
    return np.interp(np.arange(samples) / sample_rate * 2 * hertz, knots, levels)


def _clatter(samples: int, sample_rate: int, per_second: float, generator: Generator) -> np.ndarray:
    """Make clinks at random moments, which ring in the upper band and die within 0.1 s."""
    ringing = round(0.1 * sample_rate)
    fall = np.exp(-np.arange(ringing) / (0.02 * sample_rate))
    clinks = np.zeros(samples + ringing)
    for _ in range(generator.poisson(per_second * samples / sample_rate)):
        start = generator.integers(samples)
        ring = colored(ringing, sample_rate, 0, (2000, 6000), generator)
        clinks[start : start + ringing] += 4 * generator.uniform() * fall * ring
    return clinks[:samples]


def _mix(
    place: Place,
    noise: Callable[[int, int, Generator], np.ndarray],
    waveform: np.ndarray,
    sample_rate: int,
    generator: Generator,
) -> np.ndarray:
    sound = noise(len(waveform), sample_rate, generator)
    return audio.noise_at_snr(waveform, sound, place.snr_db)


# the eight disturbed versions of reference system R1, with synthetic noises
MIXED: dict[str, Function] = {
    **{name: partial(_mix, place, partial(synthetic, place)) for name, place in PLACES.items()},
    "reverb": reverberate,
}


def mixed_from(folder: str | Path) -> dict[str, Function]:
    """Make the entries of `mixnoise` with the recordings of a folder.

    Raises:
        ConfigurationError: As for `find`.
    """
    recordings = find(folder)
    return {
        **{
            n: partial(_mix, PLACES[n], partial(folders.recorded, files))
            for n, files in recordings.items()
        },
        "reverb": reverberate,
    }


def find(folder: str | Path) -> dict[str, list[Path]]:
    """Find the recordings of every place in a folder.

    They are files, or folders of files, whose name begins with that of the place, or with that
    of the same place in DEMAND: `park.wav`, `park_2.flac`, `NPARK/ch01.wav`. Letter case is
    ignored. Where there are several, each copy draws one.

    Args:
        folder: That holds them.

    Returns:
        Place -> files, in order.

    Raises:
        ConfigurationError: If there is no such folder, or places are missing.
    """
    home = Path(folder).expanduser()
    if not home.is_dir():
        raise ConfigurationError(
            f"No folder at {home}.",
            "mixnoise@FOLDER reads noise recordings from this folder.",
            "Correct the path, or use plain mixnoise, which has synthetic noise.",
            code="missing-noise-folder",
        )
    here = sorted(home.iterdir())
    recordings = {name: _of_place(here, (name, place.demand)) for name, place in PLACES.items()}
    missing = [name for name, files in recordings.items() if not files]
    if missing:
        present = [name for name, files in recordings.items() if files]
        raise ConfigurationError(
            f"The folder {home} has no noise recordings for {listing(missing, 7)}; it has "
            f"{listing(present, 7) or 'none'}.",
            f"Each place needs files such as {missing[0]}.wav, {missing[0]}/*.wav or, as in "
            f"DEMAND, {PLACES[missing[0]].demand.upper()}/*.wav.",
            "Add the files, or use plain mixnoise, which has synthetic noise.",
            code="incomplete-noise-folder",
        )
    return recordings


def _of_place(entries: list[Path], beginnings: tuple[str, str]) -> list[Path]:
    files: list[Path] = []
    for entry in entries:
        if entry.name.lower().startswith(beginnings):
            files += walk.sounds(entry) if entry.is_dir() else [entry]
    return [file for file in files if walk.left_out(file) is None]


def fingerprint(folder: str | Path) -> str:
    """Hash the recordings of a folder by name and content, wherever the folder is.

    Returns:
        Eight hexadecimal digits.

    Raises:
        ConfigurationError: As for `find`, or if a recording is no sound.
    """
    files = [(name, file) for name, of_place in find(folder).items() for file in of_place]
    return folders.fingerprint(Path(folder).expanduser(), files)
