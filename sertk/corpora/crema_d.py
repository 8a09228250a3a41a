"""CREMA-D: 91 American actors say twelve sentences in six emotions, some at three levels.

License: Open Database License. Citation: Cao et al. (2014), IEEE Trans. Affective Computing.
Size: 7,442 recordings, 16 kHz, 16 bit.

File names are `AudioWAV/1001_DFA_ANG_XX.wav`: actor, sentence, emotion (ANG DIS FEA HAP NEU SAD),
level (LO, MD, HI, or XX if unspecified). Gender and age are in `VideoDemographics.csv` (ActorID,
Age, Sex); if that file is missing, they are unknown, not guessed. In a git clone without LFS the
audio files are pointers of 130 bytes, which the reading error reports.
"""

import re
from functools import partial
from pathlib import Path, PurePosixPath

import pandas as pd

from sertk.corpora import _files
from sertk.corpora._download import Archive
from sertk.errors import CorpusError

TITLE = "CREMA-D"
LICENSE = "Open Database License 1.0"
CITATION = (
    "Cao, H., Cooper, D. G., Keutmann, M. K., Gur, R. C., Nenkova, A., & Verma, R. (2014). "
    "CREMA-D: Crowd-sourced emotional multimodal actors dataset. IEEE Transactions on Affective "
    "Computing, 5(4), 377-390."
)
URL = "https://github.com/CheyneyComputerScience/CREMA-D"
SYNTHETIC = False
DOWNLOADS: tuple[Archive, ...] = ()
REQUEST = (
    f"Clone {URL} with git lfs, and pass root= the folder that contains AudioWAV and "
    "VideoDemographics.csv."
)

_CODES = {
    "ANG": "angry",
    "DIS": "disgust",
    "FEA": "fearful",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}
EMOTIONS = tuple(_CODES.values())
_LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": None, "X": None}  # one ends in _X
_NAME = re.compile(rf"(1\d{{3}})_([A-Z]{{3}})_({'|'.join(_CODES)})_({'|'.join(_LEVELS)})")
_DEMOGRAPHICS = "VideoDemographics.csv"


def scan(root: Path) -> pd.DataFrame:
    """Find the recordings, and look the actors up in `VideoDemographics.csv`.

    Raises:
        CorpusError: If there are none, or the table of actors lacks a column.
    """
    return _files.gather(
        root,
        partial(parse, actors=_actors(root)),
        corpus="crema_d",
        title=TITLE,
        example="AudioWAV/1001_DFA_ANG_XX.wav",
        remedy=REQUEST,
    )


def parse(path: PurePosixPath, actors: dict[str, tuple[str, int]]) -> _files.Row | str:
    """Read a row from a file name, or return why it is not one.

    Args:
        path: Path of the file.
        actors: Number of an actor -> gender and age; empty where unknown.

    Examples:
        >>> row = parse(PurePosixPath("AudioWAV/1001_DFA_ANG_XX.wav"), {"1001": ("male", 51)})
        >>> row["speaker"], row["gender"], row["emotion"], row["intensity"]
        ('crema_d_1001', 'male', 'angry', None)
    """
    match = _NAME.fullmatch(path.stem)
    if match is None:
        return "not a CREMA-D file name"
    actor, sentence, emotion, level = match.groups()
    gender, age = actors.get(actor, (None, None))
    return {
        "utterance_id": f"crema_d_{path.stem}",
        "speaker": f"crema_d_{actor}",
        "gender": gender,
        "emotion": _CODES[emotion],
        "text": sentence,
        "intensity": _LEVELS[level],
        "style": "speech",
        "language": "en",
        "age": age,
    }


def _actors(root: Path) -> dict[str, tuple[str, int]]:
    """Read gender and age of every actor, from the root or the folder above AudioWAV."""
    table = next(
        (f / _DEMOGRAPHICS for f in (root, root.parent) if (f / _DEMOGRAPHICS).is_file()), None
    )
    if table is None:
        return {}
    rows = pd.read_csv(table, dtype=str, encoding="utf-8-sig")
    missing = [name for name in ("ActorID", "Age", "Sex") if name not in rows]
    if missing:
        raise CorpusError(
            f"{table} has no column {', '.join(missing)}.",
            "Gender and age of the actors are read from the columns ActorID, Age and Sex.",
            "Download the published file again, or delete it to continue without gender.",
            code="missing-actor-columns",
        )
    complete = rows.dropna(subset=["ActorID", "Age", "Sex"])
    return {
        actor.strip(): (sex.strip().lower(), int(age))
        for actor, age, sex in complete[["ActorID", "Age", "Sex"]].itertuples(index=False)
    }
