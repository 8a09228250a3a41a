"""RAVDESS: 24 North American actors speak and sing two sentences in eight emotions.

License: CC BY-NC-SA 4.0. Citation: Livingstone & Russo (2018), PLoS ONE 13(5), e0196391.
Size: 1,440 spoken (24 x 60) and 1,012 sung recordings (actor 18 sang none), 48 kHz, 16 bit.

File names are seven numbers, `Actor_03/03-01-05-02-01-02-03.wav`: modality (01 audio-video,
02 video, 03 audio) - vocal channel (01 speech, 02 song) - emotion (01 neutral, 02 calm, 03 happy,
04 sad, 05 angry, 06 fearful, 07 disgust, 08 surprised) - intensity (01 normal, 02 strong) -
sentence - repetition - actor (odd: male, even: female).

Two spoken files are the same recording as published: `03-01-03-01-02-01-07.wav` and
`03-01-03-01-02-02-07.wav`.
"""

import re
from functools import partial
from pathlib import Path, PurePosixPath

import pandas as pd

from sertk.corpora import _files
from sertk.corpora._download import Archive
from sertk.errors import UnknownNameError

TITLE = "RAVDESS"
LICENSE = "CC BY-NC-SA 4.0"
CITATION = (
    "Livingstone, S. R., & Russo, F. A. (2018). The Ryerson Audio-Visual Database of Emotional "
    "Speech and Song (RAVDESS). PLoS ONE, 13(5), e0196391."
)
URL = "https://doi.org/10.1371/journal.pone.0196391"
EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
SYNTHETIC = False
_RECORD = "https://zenodo.org/records/1188976/files/{}?download=1"
DOWNLOADS = (
    Archive(
        part="speech",
        file="Audio_Speech_Actors_01-24.zip",
        url=_RECORD.format("Audio_Speech_Actors_01-24.zip"),
        size=208_468_073,
        md5="bc696df654c87fed845eb13823edef8a",
    ),
    Archive(
        part="song",
        file="Audio_Song_Actors_01-24.zip",
        url=_RECORD.format("Audio_Song_Actors_01-24.zip"),
        size=225_505_317,
        md5="5411230427d67a21e18aa4d466e6d1b9",
    ),
)
REQUEST = ""

STYLES = ("all", "speech", "song")
_NAME = re.compile(r"(0[1-3])-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-(0[1-9]|1\d|2[0-4])")
_SENTENCES = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
_NOT_SOUND_ONLY = {"01": "audio with video (modality 01)", "02": "video (modality 02)"}


def scan(root: Path, style: str = "all") -> pd.DataFrame:
    """Find the recordings of sound only, however the archives were unpacked.

    Args:
        root: Any folder above the files.
        style: `"all"`, `"speech"` or `"song"`.

    Raises:
        CorpusError: If there are none.
        UnknownNameError: If the style is none of the three.
    """
    if style not in STYLES:
        raise UnknownNameError("style", style, STYLES)
    archive = "Audio_Song" if style == "song" else "Audio_Speech"
    return _files.gather(
        root,
        partial(parse, style=style),
        corpus="ravdess",
        title=TITLE if style == "all" else f"{TITLE} {style}",
        example=f"Actor_01/03-0{1 + (style == 'song')}-05-01-02-01-01.wav",
        remedy=f"Unpack {archive}_Actors_01-24.zip there, or pass root= the folder that contains "
        "Actor_01.",
    )


def parse(path: PurePosixPath, style: str = "all", corpus: str = "ravdess") -> _files.Row | str:
    """Read a row from a file name, or return why it is not one.

    Examples:
        >>> row = parse(PurePosixPath("Actor_04/03-02-05-02-01-02-04.wav"))
        >>> row["speaker"], row["gender"], row["emotion"], row["style"], row["intensity"]
        ('ravdess_04', 'female', 'angry', 'song', 'strong')
    """
    match = _NAME.fullmatch(path.stem)
    if match is None:
        return "not a RAVDESS file name"
    modality, channel, emotion, intensity, sentence, repetition, actor = match.groups()
    if modality in _NOT_SOUND_ONLY:
        return _NOT_SOUND_ONLY[modality]
    actual_style = "speech" if channel == "01" else "song"
    if style not in ("all", actual_style):
        return f"{actual_style} (style={style!r} requested)"
    return {
        "utterance_id": f"{corpus}_{path.stem}",
        "speaker": f"{corpus}_{actor}",
        "gender": "male" if int(actor) % 2 else "female",
        "emotion": EMOTIONS[int(emotion) - 1],
        "intensity": "normal" if intensity == "01" else "strong",
        "text": _SENTENCES[sentence],
        "repetition": str(int(repetition)),
        "style": actual_style,
        "language": "en",
    }
