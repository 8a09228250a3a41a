"""TESS: two Canadian women, one old and one young, say 200 words in seven emotions.

License: CC BY-NC-ND 4.0. Citation: Pichora-Fuller & Dupuis (2020), Borealis, 10.5683/SP2/E8H2MF.
Size: 2,800 recordings, 24,414 Hz, 16 bit.

File names are `OAF_angry/OAF_back_angry.wav`: speaker (OAF, aged 64; YAF, aged 26), word, emotion
(angry disgust fear happy neutral ps sad; ps is a pleasant surprise). Each says "Say the word ...".
Folders are spelled differently from copy to copy, so that the file name decides. One file is
published as `OA_bite_neutral.wav`. With two speakers, a speaker-independent score on TESS alone
says little; it is of use beside other corpora.
"""

import re
from pathlib import Path, PurePosixPath

import pandas as pd

from sertk.corpora import _files
from sertk.corpora._download import Archive

TITLE = "TESS"
LICENSE = "CC BY-NC-ND 4.0"
CITATION = (
    "Pichora-Fuller, M. K., & Dupuis, K. (2020). Toronto emotional speech set (TESS). Borealis. "
    "https://doi.org/10.5683/SP2/E8H2MF"
)
URL = "https://doi.org/10.5683/SP2/E8H2MF"
SYNTHETIC = False
DOWNLOADS: tuple[Archive, ...] = ()
REQUEST = f"Download the files from {URL}, and pass root= the folder with OAF_angry and the others."

_AGES = {"OAF": 64, "YAF": 26}
_WORDS = {
    "angry": "angry",
    "disgust": "disgust",
    "fear": "fearful",
    "happy": "happy",
    "neutral": "neutral",
    "ps": "surprised",
    "sad": "sad",
}
EMOTIONS = tuple(_WORDS.values())
_NAME = re.compile(rf"(OAF?|YAF)_([a-z]+)_({'|'.join(_WORDS)})", re.IGNORECASE)


def scan(root: Path) -> pd.DataFrame:
    """Find the recordings, in whatever folders they lie.

    Raises:
        CorpusError: If there are none.
    """
    return _files.gather(
        root,
        parse,
        corpus="tess",
        title=TITLE,
        example="OAF_angry/OAF_back_angry.wav",
        remedy=REQUEST,
    )


def parse(path: PurePosixPath) -> _files.Row | str:
    """Read a row from a file name, or say why it is none.

    Examples:
        >>> row = parse(PurePosixPath("OAF_Pleasant_surprise/OAF_back_ps.wav"))
        >>> row["utterance_id"], row["speaker"], row["emotion"], row["age"]
        ('tess_OAF_back_ps', 'tess_OAF', 'surprised', 64)
    """
    match = _NAME.fullmatch(path.stem)
    if match is None:
        return "not a TESS file name"
    speaker = "YAF" if match[1].upper() == "YAF" else "OAF"
    word, emotion = match[2].lower(), match[3].lower()
    return {
        "utterance_id": f"tess_{speaker}_{word}_{emotion}",
        "speaker": f"tess_{speaker}",
        "gender": "female",
        "emotion": _WORDS[emotion],
        "text": word,
        "style": "speech",
        "language": "en",
        "age": _AGES[speaker],
    }
