"""nEMO: nine Polish actors speak 90 sentences in six emotions.

License: CC BY-NC-SA 4.0. Citation: Christop (2024), nEMO: Dataset of Emotional Speech in Polish,
LREC-COLING, arXiv 2404.06292. Size: 4,481 recordings, 24 kHz.

File names are `samples/EB0_anger_1.wav`: speaker, emotion, number of the sentence. The sentences
are the same in every emotion.
"""

import re
from pathlib import Path, PurePosixPath

import pandas as pd

from sertk.corpora import _files
from sertk.corpora._download import Archive

TITLE = "nEMO"
LICENSE = "CC BY-NC-SA 4.0"
CITATION = (
    "Christop, I. (2024). nEMO: Dataset of Emotional Speech in Polish. In Proceedings of "
    "LREC-COLING 2024. arXiv:2404.06292."
)
URL = "https://github.com/amu-cai/nEMO"
SYNTHETIC = False
DOWNLOADS: tuple[Archive, ...] = ()
REQUEST = f"Clone {URL}, and pass root= its folder."

SPEAKERS = {
    "EB0": "female", "IC0": "female", "KD0": "female", "MK0": "female", "KS0": "male",
    "MP0": "male", "SM0": "male", "TP0": "male", "WR0": "male",
}  # fmt: skip
_WORDS = {
    "anger": "angry",
    "fear": "fearful",
    "happiness": "happy",
    "neutral": "neutral",
    "sadness": "sad",
    "surprised": "surprised",
}
EMOTIONS = tuple(_WORDS.values())
_NAME = re.compile(rf"({'|'.join(SPEAKERS)})_({'|'.join(_WORDS)})_(\d+)")


def scan(root: Path) -> pd.DataFrame:
    """Find the recordings.

    Raises:
        CorpusError: If there are none.
    """
    return _files.gather(
        root,
        parse,
        corpus="nemo",
        title=TITLE,
        example="samples/EB0_anger_1.wav",
        remedy=REQUEST,
    )


def parse(path: PurePosixPath) -> _files.Row | str:
    """Read a row from a path, or say why it is none.

    Examples:
        >>> row = parse(PurePosixPath("samples/EB0_anger_1.wav"))
        >>> row["utterance_id"], row["gender"], row["emotion"]
        ('nemo_EB0_anger_1', 'female', 'angry')
    """
    match = _NAME.fullmatch(path.stem)
    if match is None:
        return "not a nEMO file name"
    speaker, emotion, sentence = match.groups()
    return {
        "utterance_id": f"nemo_{path.stem}",
        "speaker": f"nemo_{speaker}",
        "gender": SPEAKERS[speaker],
        "emotion": _WORDS[emotion],
        "text": sentence,
        "style": "speech",
        "language": "pl",
    }
