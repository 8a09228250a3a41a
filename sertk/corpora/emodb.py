"""EmoDB: ten German actors speak ten everyday sentences in seven emotions.

License: free, published as CC0. Citation: Burkhardt et al. (2005), Interspeech, 1517-1520.
Size: 535 recordings, 16 kHz, 16 bit.

File names are `wav/03a01Fa.wav`: speaker (two digits), sentence (a letter and two digits),
emotion (W anger, L boredom, E disgust, A fear, F happiness, T sadness, N neutral), version.
"""

import re
from pathlib import Path, PurePosixPath

import pandas as pd

from sertk.corpora import _files
from sertk.corpora._download import Archive

TITLE = "EmoDB"
LICENSE = "CC0"
CITATION = (
    "Burkhardt, F., Paeschke, A., Rolfes, M., Sendlmeier, W. F., & Weiss, B. (2005). A database "
    "of German emotional speech. Proc. Interspeech, 1517-1520."
)
URL = "http://emodb.bilderbar.info"
SYNTHETIC = False
# the size and the md5 sum are not published
DOWNLOADS = (
    Archive(
        part="all",
        file="download.zip",
        url="http://emodb.bilderbar.info/download/download.zip",
        size=None,
        md5=None,
    ),
)
REQUEST = ""

_LETTERS = {
    "W": "angry",
    "L": "bored",
    "E": "disgust",
    "A": "fearful",
    "F": "happy",
    "T": "sad",
    "N": "neutral",
}
EMOTIONS = tuple(_LETTERS.values())
_SPEAKERS = {
    "03": ("male", 31),
    "08": ("female", 34),
    "09": ("female", 21),
    "10": ("male", 32),
    "11": ("male", 26),
    "12": ("male", 30),
    "13": ("female", 32),
    "14": ("female", 35),
    "15": ("male", 25),
    "16": ("female", 31),
}
_NAME = re.compile(r"(\d\d)([ab]\d\d)([WLEAFTN])([a-z])")


def scan(root: Path) -> pd.DataFrame:
    """Find the recordings, in `wav/` or wherever they were put below the root.

    Raises:
        CorpusError: If there are none.
    """
    return _files.gather(
        root,
        parse,
        corpus="emodb",
        title=TITLE,
        example="wav/03a01Fa.wav",
        remedy="Unpack download.zip there, or pass root= the folder that contains wav/.",
    )


def parse(path: PurePosixPath) -> _files.Row | str:
    """Read a row from a file name, or say why it is none.

    Examples:
        >>> row = parse(PurePosixPath("wav/16b10Wb.wav"))
        >>> row["speaker"], row["gender"], row["emotion"], row["text"]
        ('emodb_16', 'female', 'angry', 'b10')
    """
    match = _NAME.fullmatch(path.stem)
    if match is None or match[1] not in _SPEAKERS:
        return "not an EmoDB file name"
    speaker, text, letter, version = match.groups()
    gender, age = _SPEAKERS[speaker]
    return {
        "utterance_id": f"emodb_{path.stem}",
        "speaker": f"emodb_{speaker}",
        "gender": gender,
        "emotion": _LETTERS[letter],
        "text": text,
        "repetition": version,
        "style": "speech",
        "language": "de",
        "age": age,
    }
