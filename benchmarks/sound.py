"""Find the sound to measure on: real speech, or synthetic speech in any number of files.

In: a `Setting`. Out: paths, or a manifest. Copies of a file are hard links where the disk has them.
"""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from benchmarks.record import Setting
from sertk import audio, corpora
from sertk import manifest as manifests
from sertk.errors import CorpusError

STUDIO_RATE = 48_000  # of RAVDESS, in Hz
ORIGINALS = 224  # different waveforms among many utterances


def recordings(setting: Setting, count: int) -> tuple[pd.DataFrame, str]:
    """Choose files spread over all speakers of RAVDESS, or of the toy corpus at 48 kHz.

    Returns:
        A manifest, and what it is, in words.
    """
    if setting.root is not None:
        found = corpora.scan("ravdess", setting.root)
        words = "RAVDESS"
    else:
        found = _toy_at_studio_rate(setting)
        words = "the toy corpus written at 48 kHz (no RAVDESS here)"
    rows = np.unique(np.linspace(0, len(found) - 1, min(count, len(found))).round().astype(int))
    chosen = found.iloc[rows]
    seconds = chosen["duration"].mean()
    return chosen, f"{len(chosen)} files of {words}, {seconds:.1f} s on average"


def ravdess_root(given: Path | None) -> Path | None:
    """Find RAVDESS: where it was said to be, else below `SERTK_CORPORA`, else nowhere.

    Raises:
        CorpusError: If it is not where it was said to be.
    """
    if given is not None:
        if not given.expanduser().is_dir():
            raise CorpusError(
                f"No folder at {given}.",
                "--root must be the folder of RAVDESS, which contains Actor_01.",
                "Correct it, or omit it to measure on synthetic speech.",
                code="missing-corpus-folder",
            )
        return given.expanduser()
    home = os.environ.get("SERTK_CORPORA")
    folder = Path(home).expanduser() / "ravdess" if home else None
    return folder if folder is not None and folder.is_dir() else None


def utterances(setting: Setting, count: int, seconds: float | None = None) -> pd.DataFrame:
    """Make a corpus of `count` toy utterances under names of their own, in folders of 1,000.

    Args:
        setting: In whose folder they are made.
        count: How many utterances.
        seconds: Repeat or cut every waveform to this length; `None` leaves it (1 to 2 s).
    """
    folder = setting.work / "many"
    originals = _waveforms(setting, setting.work / "originals", min(count, ORIGINALS), seconds)
    rows = []
    for number in range(count):
        name = f"{number // 1000:02}/{number:05}.wav"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        _link(originals[number % len(originals)], folder / name)
        rows.append(
            {
                "utterance_id": f"many_{number:05}",
                "path": name,
                "speaker": f"many_{number % 40:02}",
                "emotion": "sad",
            }
        )
    return manifests.from_rows(rows, "many", folder)


def toy(setting: Setting) -> pd.DataFrame:
    """Find or make the toy corpus, one take: 240 clips, or 90 for a quick run."""
    speakers = setting.pick(8, 3)
    return corpora.scan("toy", setting.shared / "toy", speakers=speakers, takes=1)


def _waveforms(setting: Setting, folder: Path, count: int, seconds: float | None) -> list[Path]:
    made = []
    folder.mkdir(exist_ok=True)
    for number, source in enumerate(manifests.paths(toy(setting).iloc[:count])):
        waveform, rate = audio.read(source)
        if seconds is not None:
            waveform = np.resize(waveform, round(seconds * rate))
        made.append(folder / f"{number}.wav")
        soundfile.write(made[-1], waveform, rate, subtype="PCM_16")
    return made


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except FileExistsError:
        return
    except OSError:
        shutil.copyfile(source, target)


def _toy_at_studio_rate(setting: Setting) -> pd.DataFrame:
    found = toy(setting)
    studio = setting.work / "studio"
    for source, path in zip(manifests.paths(found), found["path"], strict=True):
        waveform, rate = audio.read(source)
        (studio / path).parent.mkdir(parents=True, exist_ok=True)
        resampled = audio.resample(waveform, rate, STUDIO_RATE)
        soundfile.write(studio / path, np.clip(resampled, -1, 1), STUDIO_RATE, subtype="PCM_16")
    found["root"] = str(studio)
    return found
