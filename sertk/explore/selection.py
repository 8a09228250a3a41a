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
    ids = utterances["utterance_id"].astype(str)
    if not len(ids):
        raise ManifestError(
            "The selection is empty.",
            "At least one utterance is needed.",
            "Relax the filters.",
            code="empty-selection",
        )
    if not utterance_id:
        return utterances.iloc[0]
    (positions,) = np.nonzero((ids == utterance_id).to_numpy())
    if len(positions):
        return utterances.iloc[positions[0]]
    near = difflib.get_close_matches(utterance_id, ids.tolist(), n=1, cutoff=0.5)
    raise ManifestError(
        f"No utterance has the id {utterance_id!r}.",
        f"The column utterance_id has {len(ids):,} ids: {listing(ids, 3)}.",
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
    requested = {"speaker": speaker, "text": text if "text" in keys else None}
    filters = {name: value for name, value in requested.items() if value}
    rows = manifests.select(utterances, **filters)
    rows = rows.dropna(subset=keys)
    variety = rows.groupby(keys, sort=False)["emotion"].nunique()
    if variety.empty or variety.max() < 2:
        described = " and ".join(f"{name} {value!r}" for name, value in filters.items())
        raise ManifestError(
            f"No {'sentence' if 'text' in keys else 'speaker'} has two emotions"
            + (f" for {described}." if described else "."),
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
    """Pick a female and a male utterance of the same text and emotion.

    Raises:
        ManifestError: If there are no two such utterances.
    """
    keys = ["emotion", "text"] if _has(utterances, "text") else ["emotion"]
    requested = {"emotion": emotion, "text": text if "text" in keys else None}
    filters = {name: value for name, value in requested.items() if value}
    rows = manifests.select(utterances, **filters)
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
    # neutral speech shows the difference of voices, not of acting
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
