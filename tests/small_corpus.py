"""A corpus of short tones in syllables: quick to write, easy to learn, of both genders."""

from pathlib import Path

import numpy as np
import soundfile

from sertk import labels
from sertk import manifest as manifests

EMOTIONS = {"angry": 5.0, "neutral": 0.0, "sad": -4.0}  # semitones from the speaker's pitch
SPEAKERS = [("ann", "female"), ("ben", "male"), ("cat", "female"), ("dan", "male"),
            ("eve", "female"), ("fred", "male")]  # fmt: skip
TAKES = 4


def write(folder: Path) -> Path:
    generator = np.random.default_rng(0)
    time = np.arange(16_000) / 16_000
    syllables = 0.55 - 0.45 * np.cos(2 * np.pi * 4 * time)  # a tone that never changes is no speech
    for number, (speaker, gender) in enumerate(SPEAKERS):
        for emotion, semitones in EMOTIONS.items():
            for take in range(TAKES):
                pitch = (220 if gender == "female" else 120) * 2 ** (semitones / 12)
                pitch *= generator.uniform(0.95, 1.05) * (1 + 0.02 * number)
                wave = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 12))
                wave = 0.05 * syllables * wave + generator.normal(0, 1e-3, len(time))
                path = folder / speaker / f"{emotion}_{take}.wav"
                path.parent.mkdir(exist_ok=True)
                soundfile.write(path, wave, 16_000)
    return folder


def manifest(root: Path):
    rows = [
        {
            "utterance_id": f"small_{speaker}_{emotion}_{take}",
            "path": f"{speaker}/{emotion}_{take}.wav",
            "speaker": f"small_{speaker}",
            "gender": gender,
            "emotion": emotion,
        }
        for speaker, gender in SPEAKERS
        for emotion in EMOTIONS
        for take in range(TAKES)
    ]
    return labels.apply(manifests.from_rows(rows, "small", root), {e: e for e in EMOTIONS})
