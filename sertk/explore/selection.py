"""Select utterances to listen to: by id, one sentence in every emotion, two speakers."""

import difflib

import numpy as np
import pandas as pd

from sertk import audio
from sertk import manifest as manifests
from sertk._html import audio_player
from sertk.errors import ManifestError, listing
from sertk.explore.tables import in_order


def one(utterances: pd.DataFrame, utterance_id: str | None = None) -> pd.Series:
    """Find a row by its utterance_id; the first one if no name is given.

    Raises:
        ManifestError: If there is none of that name, or no row at all.

    Examples:
        >>> frame = pd.DataFrame({"utterance_id": ["toy_1", "toy_2"]})
        >>> one(frame)["utterance_id"], one(frame, "toy_2")["utterance_id"]
        ('toy_1', 'toy_2')
    """
    known = utterances["utterance_id"].astype(str)
    if not len(known):
        raise ManifestError(
            "The selection is empty.",
            "At least one utterance is needed.",
            "Relax the filters.",
            code="empty-selection",
        )
    if not utterance_id:
        return utterances.iloc[0]
    (found,) = np.nonzero((known == utterance_id).to_numpy())
    if len(found):
        return utterances.iloc[found[0]]
    near = difflib.get_close_matches(utterance_id, known.tolist(), n=1, cutoff=0.5)
    raise ManifestError(
        f"No utterance has the id {utterance_id!r}.",
        f"The column utterance_id has {len(known):,} ids: {listing(known, 3)}.",
        f"Did you mean {near[0]!r}?" if near else "Choose one of these.",
        code="unknown-utterance",
    )


def across_emotions(
    utterances: pd.DataFrame, speaker: str | None = None, text: str | None = None
) -> pd.DataFrame:
    """Pick one utterance per emotion, by one speaker, of one sentence where texts are known.

    Raises:
        ManifestError: If no speaker has a sentence in two emotions.
    """
    keys = ["speaker", "text"] if _has(utterances, "text") else ["speaker"]
    given = {"speaker": speaker, "text": text if "text" in keys else None}
    wanted = {name: value for name, value in given.items() if value}
    rows = manifests.select(utterances, **wanted)
    rows = rows.dropna(subset=keys)
    variety = rows.groupby(keys, sort=False)["emotion"].nunique()
    if variety.empty or variety.max() < 2:
        said = " and ".join(f"{name} {value!r}" for name, value in wanted.items())
        raise ManifestError(
            f"No {'sentence' if 'text' in keys else 'speaker'} has two emotions"
            + (f" for {said}." if said else "."),
            "Emotions are compared for the same speaker and, if texts are known, the same text.",
            "Choose another speaker or text, or omit them.",
            code="no-emotion-pair",
        )
    chosen = variety.idxmax()
    values = chosen if isinstance(chosen, tuple) else (chosen,)
    for name, value in zip(keys, values, strict=True):
        rows = rows[rows[name] == value]
    first = rows.drop_duplicates("emotion").set_index("emotion", drop=False)
    return first.loc[in_order(rows, "emotion")]


def across_genders(
    utterances: pd.DataFrame, emotion: str | None = None, text: str | None = None
) -> pd.DataFrame:
    """Pick a woman and a man who say the same, in the same emotion.

    Raises:
        ManifestError: If there are no two such utterances.
    """
    keys = ["emotion", "text"] if _has(utterances, "text") else ["emotion"]
    given = {"emotion": emotion, "text": text if "text" in keys else None}
    wanted = {name: value for name, value in given.items() if value}
    rows = manifests.select(utterances, **wanted)
    if _has(rows, "gender"):
        rows = rows.dropna(subset=[*keys, "gender"])
        both = rows.groupby(keys, sort=False)["gender"].nunique()
        both = both[both == 2]
    if not _has(rows, "gender") or both.empty:
        raise ManifestError(
            f"No {' and '.join(keys)} has both a female and a male speaker.",
            "Voices are compared for the same emotion and, if texts are known, the same text.",
            "Fill the column `gender` of the manifest, or use a corpus with both.",
            code="no-gender-pair",
        )
    # neutral speech shows the voices, not the acting
    chosen = next((key for key in both.index if "neutral" in (key, key[0])), both.index[0])
    for name, value in zip(keys, chosen if isinstance(chosen, tuple) else (chosen,), strict=True):
        rows = rows[rows[name] == value]
    return rows.drop_duplicates("gender").set_index("gender", drop=False).loc[["female", "male"]]


def listen(utterances: pd.DataFrame, row: pd.Series, trim_db: float | None = None) -> np.ndarray:
    """Read the sound of a row at the players' rate, trimmed if asked.

    Raises:
        ManifestError: If no root folder is known.
        AudioError: If the file cannot be read.
    """
    path = manifests.root_of(utterances, str(row["corpus"])) / str(row["path"])
    start, end = (None if pd.isna(row.get(name)) else float(row[name]) for name in ("start", "end"))
    waveform, _ = audio.read(path, sample_rate=audio_player.SAMPLE_RATE, start=start, end=end)
    return waveform if trim_db is None else audio.trim(waveform, trim_db)


def _has(utterances: pd.DataFrame, name: str) -> bool:
    return name in utterances and bool(utterances[name].notna().any())
