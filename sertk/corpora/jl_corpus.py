"""JL-Corpus: four New Zealanders say fifteen sentences in ten emotions, five of them secondary.

License: CC0. Citation: James et al. (2018), Interspeech, 2768-2772.
Size: 2,400 recordings, 44.1 kHz, 16 bit.

File names are `Raw JL corpus (unchecked and unannotated)/JL(wav+txt)/female1_angry_10a_1.wav`:
speaker (female1, female2, male1, male2), emotion, sentence (1 to 15) and session (a or b),
repetition. Copies whose names end in `(1)`, and the renamed ones of the perception tests beside,
are skipped and counted. Four emotions have no canonical word and keep their own: apologetic,
assertive, concerned and encouraging.
"""

import re
from pathlib import Path, PurePosixPath

import pandas as pd

from sertk.corpora import _files
from sertk.corpora._download import Archive

TITLE = "JL-Corpus"
LICENSE = "CC0"
CITATION = (
    "James, J., Tian, L., & Watson, C. (2018). An open source emotional speech corpus for human "
    "robot interaction applications. Proc. Interspeech, 2768-2772."
)
URL = "https://github.com/tli725/JL-Corpus"
SYNTHETIC = False
DOWNLOADS: tuple[Archive, ...] = ()
REQUEST = (
    f"See {URL} for the files, and pass root= the folder that contains "
    "'Raw JL corpus (unchecked and unannotated)'."
)

EMOTIONS = (
    "angry", "anxious", "apologetic", "assertive", "concerned", "encouraging", "excited", "happy",
    "neutral", "sad",
)  # fmt: skip
_NAME = re.compile(rf"((female|male)[12])_({'|'.join(EMOTIONS)})_(\d{{1,2}})([ab])_([12])")


def scan(root: Path) -> pd.DataFrame:
    """Find the recordings.

    Raises:
        CorpusError: If there are none.
    """
    return _files.gather(
        root,
        parse,
        corpus="jl_corpus",
        title=TITLE,
        example="JL(wav+txt)/female1_angry_10a_1.wav",
        remedy=REQUEST,
    )


def parse(path: PurePosixPath) -> _files.Row | str:
    """Read a row from a file name, or say why it is none.

    Examples:
        >>> row = parse(PurePosixPath("JL(wav+txt)/female1_angry_10a_1.wav"))
        >>> row["speaker"], row["emotion"], row["text"], row["session"]
        ('jl_corpus_female1', 'angry', '10', 'a')
        >>> parse(PurePosixPath("JL(wav+txt)/male2_sad_3b_2(1).wav"))
        'duplicate file, named (1)'
    """
    if path.stem.endswith("(1)"):
        return "duplicate file, named (1)"
    match = _NAME.fullmatch(path.stem)
    if match is None:
        return "not a JL-Corpus file name"
    speaker, gender, emotion, sentence, session, repetition = match.groups()
    return {
        "utterance_id": f"jl_corpus_{path.stem}",
        "speaker": f"jl_corpus_{speaker}",
        "gender": gender,
        "emotion": emotion,
        "text": sentence,
        "session": session,
        "repetition": repetition,
        "style": "speech",
        "language": "en",
    }
