"""SAVEE: four English men speak 120 sentences each in seven emotions.

License: research use, on registration. Citation: Haq & Jackson (2010), Machine Audition, 398-423.
Size: 480 recordings, 44.1 kHz.

File names are `AudioData/DC/a01.wav`, or flat `DC_a01.wav`: speaker (DC, JE, JK, KL), emotion
(a anger, d disgust, f fear, h happiness, n neutral, sa sadness, su surprise), sentence. There
are 15 sentences in each emotion, and 30 neutral ones.
"""

import re
from pathlib import Path, PurePosixPath

import pandas as pd

from sertk.corpora import _files
from sertk.corpora._download import Archive

TITLE = "SAVEE"
LICENSE = "research use, on registration"
CITATION = (
    "Haq, S., & Jackson, P. J. B. (2010). Multimodal emotion recognition. In W. Wang (Ed.), "
    "Machine Audition: Principles, Algorithms and Systems (pp. 398-423). IGI Global."
)
URL = "http://kahlan.eps.surrey.ac.uk/savee/"
SYNTHETIC = False
DOWNLOADS: tuple[Archive, ...] = ()
REQUEST = f"Register at {URL}, unpack the audio archive, and pass root= the folder with AudioData."

SPEAKERS = ("DC", "JE", "JK", "KL")
_CODES = {
    "a": "angry",
    "d": "disgust",
    "f": "fearful",
    "h": "happy",
    "n": "neutral",
    "sa": "sad",
    "su": "surprised",
}
EMOTIONS = tuple(_CODES.values())
_NAME = re.compile(rf"(?:({'|'.join(SPEAKERS)})_)?(sa|su|[adfhn])(\d\d)")


def scan(root: Path) -> pd.DataFrame:
    """Find the recordings, in a folder per speaker or flat with the speaker in the name.

    Raises:
        CorpusError: If there are none.
    """
    return _files.gather(
        root,
        parse,
        corpus="savee",
        title=TITLE,
        example="AudioData/DC/a01.wav or DC_a01.wav",
        remedy=REQUEST,
    )


def parse(path: PurePosixPath) -> _files.Row | str:
    """Read a row from a path, or say why it is none.

    Examples:
        >>> row = parse(PurePosixPath("AudioData/JE/sa03.wav"))
        >>> row["utterance_id"], row["speaker"], row["emotion"]
        ('savee_JE_sa03', 'savee_JE', 'sad')
    """
    match = _NAME.fullmatch(path.stem)
    if match is None:
        return "not a SAVEE file name"
    speaker, emotion, sentence = match.groups()
    speaker = speaker or path.parent.name
    if speaker not in SPEAKERS:
        return "SAVEE file name without speaker"
    return {
        "utterance_id": f"savee_{speaker}_{emotion}{sentence}",
        "speaker": f"savee_{speaker}",
        "gender": "male",
        "emotion": _CODES[emotion],
        "text": f"{emotion}{sentence}",
        "style": "speech",
        "language": "en",
    }
