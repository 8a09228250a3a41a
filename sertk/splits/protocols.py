"""Protocols for any corpus: by speaker, leave one out, folds, sessions, random."""

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
import pandas as pd

from sertk._utils import seeding, spelling
from sertk.errors import SplitError, listing
from sertk.splits._protocol_column import cross, divided, speakers_of

_FEWEST = 3
_MORE_SPEAKERS = (
    "Add recordings of other speakers: at least three are needed, for training, validation and "
    "test."
)


def by_speaker(
    manifest: pd.DataFrame,
    *,
    val: int | Sequence[str] = 4,
    test: int | Sequence[str] = 4,
    seed: int = 0,
) -> pd.DataFrame:
    """Divide by speaker into train, val and test; no speaker is in two of them.

    Speakers are drawn alternating between genders, so that each part has both where it can.

    Args:
        manifest: Rows with `speaker`.
        val: How many speakers validate, or which ones.
        test: How many speakers are tested, or which ones.
        seed: For the draw.

    Raises:
        SplitError: If a speaker is unknown, named twice, or too few are left to train on.

    Examples:
        >>> frame = pd.DataFrame({"speaker": list("aabbcc"), "gender": ["male"] * 6})
        >>> parts = by_speaker(frame, val=1, test=1)
        >>> sorted(parts.groupby("split")["speaker"].nunique().to_dict().items())
        [('test', 1), ('train', 1), ('val', 1)]
    """
    order = _drawn(manifest, seed)
    chosen: dict[str, list[str]] = {}
    for split, request in (("test", test), ("val", val)):
        taken = [s for speakers in chosen.values() for s in speakers]
        free = [s for s in order if s not in taken]
        chosen[split] = free[:request] if isinstance(request, int) else _named(free, request, split)
    left = len(order) - len(chosen["val"]) - len(chosen["test"])
    short = [
        s
        for s, n in (("val", val), ("test", test))
        if isinstance(n, int) and not 0 < n <= len(chosen[s])
    ]
    if left < 1 or short or not chosen["val"] or not chosen["test"]:
        raise SplitError(
            f"Cannot split {_speakers(len(order))} ({listing(order)}) into {val} for validation, "
            f"{test} for test and at least one for training.",
            "Each of the three splits needs at least one speaker of its own.",
            "Choose other numbers (--val 1 --test 1), or cross-validate (`sertk cv`)."
            if len(order) > _FEWEST - 1
            else _MORE_SPEAKERS,
            code="too-few-speakers",
        )
    part_of = {s: part for part, speakers in chosen.items() for s in speakers}
    return divided(manifest, "by_speaker", split=manifest["speaker"].map(part_of).fillna("train"))


def leave_one_speaker_out(manifest: pd.DataFrame, *, val: int = 1) -> pd.DataFrame:
    """Test every speaker once, trained on the others; the next `val` speakers validate.

    Speakers follow each other alternating between genders, so that with `val=2` both validate.

    Raises:
        SplitError: If there are too few speakers.

    Examples:
        >>> frame = pd.DataFrame({"speaker": list("abcd"), "gender": ["male", "female"] * 2})
        >>> leave_one_speaker_out(frame)["fold"].nunique()
        4
    """
    order = _alternating(manifest, speakers_of(manifest))
    return _rotate(manifest, [[s] for s in order], val, "loso")


def speaker_folds(
    manifest: pd.DataFrame, *, folds: int = 5, val: int = 2, seed: int = 0
) -> pd.DataFrame:
    """Divide the speakers into `folds` groups, genders spread evenly, each tested once.

    The first `val` speakers of the next group validate.

    Raises:
        SplitError: If there are fewer speakers than folds.

    Examples:
        >>> frame = pd.DataFrame({"speaker": list("abcdef"), "gender": ["male", "female"] * 3})
        >>> speaker_folds(frame, folds=3)["fold"].value_counts().tolist()
        [2, 2, 2]
    """
    order = _drawn(manifest, seed)
    if folds < 2 or len(order) < folds:
        raise SplitError(
            f"{folds} folds of {len(order)} speakers were requested ({listing(order)}).",
            "At least 2 folds are needed, and at least one speaker per fold.",
            f"Use {min(5, len(order))} folds." if len(order) >= _FEWEST else _MORE_SPEAKERS,
            code="wrong-number-of-folds",
        )
    genders = _genders(manifest)
    by_gender = sorted(order, key=lambda speaker: genders.get(speaker, ""))  # stable: stays drawn
    groups = [_alternating(manifest, by_gender[k::folds]) for k in range(folds)]
    return _rotate(manifest, groups, val, "speaker_folds")


def by_session(manifest: pd.DataFrame) -> pd.DataFrame:
    """Test every recording session once; the next session validates.

    Raises:
        SplitError: If the corpus has no sessions, fewer than three, or speakers in two of them.
    """
    sessions = manifest.get("session", pd.Series(None, index=manifest.index, dtype=object))
    if sessions.isna().any() or sessions.nunique() < 3:
        raise SplitError(
            f"{int(sessions.isna().sum())} of {len(manifest)} rows have no session; the number of "
            f"sessions is {sessions.nunique()}.",
            "Folds by session need at least three sessions, and a session in every row.",
            "Use leave_one_speaker_out(), or fill the column `session`.",
            code="too-few-sessions",
        )
    spread = manifest.assign(session=sessions).groupby("speaker")["session"].nunique()
    if (spread > 1).any():
        raise SplitError(
            f"Speakers {listing(spread.index[spread > 1].tolist())} are in more than one session.",
            "Folds by session keep speakers apart only if each speaker has one session.",
            "Use leave_one_speaker_out().",
            code="speakers-in-several-sessions",
        )
    names = sorted(sessions.unique())
    groups = [sorted(manifest.loc[sessions == name, "speaker"].unique()) for name in names]
    return _rotate(manifest, groups, max(map(len, groups)), "by_session")


def by_dyad(manifest: pd.DataFrame) -> pd.DataFrame:
    """Test each speaker of a dialog once; the other one of the session validates.

    For IEMOCAP: ten folds, trained on the eight speakers of the other four sessions.

    Raises:
        SplitError: If a session has not exactly two speakers, or there are fewer than two.

    Examples:
        >>> frame = pd.DataFrame({"speaker": list("abcd"), "session": list("1122")})
        >>> by_dyad(frame)[["fold", "val_folds"]].values.tolist()
        [[0, '1'], [1, '0'], [2, '3'], [3, '2']]
    """
    sessions = manifest.get("session", pd.Series(None, index=manifest.index, dtype=object))
    pairs = [speakers_of(rows) for _, rows in manifest.assign(session=sessions).groupby("session")]
    if sessions.isna().any() or len(pairs) < 2 or any(len(pair) != 2 for pair in pairs):
        counts = listing([str(len(pair)) for pair in pairs], 12) or "none"
        raise SplitError(
            f"{int(sessions.isna().sum())} of {len(manifest)} rows have no session; speakers per "
            f"session: {counts}.",
            "Folds by dyad need at least two sessions with two speakers each.",
            "Use leave_one_speaker_out().",
            code="too-few-dyads",
        )
    folds = [turn for a, b in pairs for turn in (([a], [b]), ([b], [a]))]
    return cross(manifest, folds, "by_dyad")


def random(
    manifest: pd.DataFrame,
    *,
    folds: int | None = None,
    val: float = 0.1,
    test: float = 0.2,
    seed: int = 0,
) -> pd.DataFrame:
    """Divide utterances at random, stratified by emotion: speakers leak into the test.

    Offered to show how much a random split flatters. Every output that uses it says so.

    Args:
        manifest: Any manifest.
        folds: Make this many folds; `None` makes one division.
        val: Share that validates, of one division.
        test: Share that is tested, of one division.
        seed: For the draw.

    Raises:
        SplitError: If the shares leave nothing to train on, or there are more folds than rows.
    """
    if folds is not None and not _FEWEST <= folds <= len(manifest):
        raise SplitError(
            f"{folds} folds of {len(manifest)} utterances were requested.",
            "At least 3 folds are needed, for training, validation and test, and at least one "
            "utterance per fold.",
            f"Use {'more' if folds < _FEWEST else 'fewer'} folds, such as 5.",
            code="wrong-number-of-folds",
        )
    if folds is None and not (0 < val < 1 and 0 < test < 1 and val + test < 1):
        raise SplitError(
            f"A random split received val={val} and test={test}.",
            "Both must be shares above 0, with a sum below 1.",
            "Omit them to use 0.1 and 0.2.",
            code="invalid-split-shares",
        )
    if seed < 0:
        raise SplitError(
            f"A random split received seed={seed}.",
            "A seed must be 0 or more.",
            "Omit it to use 0.",
            code="invalid-seed",
        )
    generator = np.random.default_rng(seed)
    column = manifest["label" if "label" in manifest else "emotion"]
    by = column.astype(object).fillna("").astype(str).to_numpy(object)
    rank = np.empty(len(manifest))
    for value in np.unique(by):
        (rows,) = np.nonzero(by == value)
        rank[rows] = (generator.permutation(len(rows)) + 0.5) / len(rows)
    if folds is None:
        split = np.where(rank < test, "test", np.where(rank < test + val, "val", "train"))
        return divided(manifest, "random", split=split)
    fold = np.minimum((rank * folds).astype(int), folds - 1)
    return divided(
        manifest, "random",
        fold=fold, val_folds=pd.Series(fold, index=manifest.index).sub(1).mod(folds).astype(str),
    )  # fmt: skip


def _rotate(manifest: pd.DataFrame, groups: list[list[str]], val: int, name: str) -> pd.DataFrame:
    """Test each group in turn; the first `val` speakers that follow it validate."""
    sequence = [speaker for group in groups for speaker in group]
    biggest = max(map(len, groups))
    if val < 1 or len(groups) < 2 or len(sequence) < biggest + val + 1:
        raise SplitError(
            f"Cannot split {_speakers(len(sequence))} into {len(groups)} "
            f"fold{'s' * (len(groups) != 1)} with {val} for validation ({listing(sequence)}).",
            "Every fold needs at least one speaker each for test, validation and training.",
            _MORE_SPEAKERS
            if len(sequence) < _FEWEST
            else "Use more folds."
            if val == 1
            else "Use fewer validation speakers (--val 1), or more folds.",
            code="too-few-speakers",
        )
    rotated = []
    position = 0
    for group in groups:
        position += len(group)
        after = [sequence[(position + i) % len(sequence)] for i in range(val)]
        rotated.append((group, after))
    return cross(manifest, rotated, name)


def _genders(manifest: pd.DataFrame) -> dict[str, str]:
    if "gender" not in manifest:
        return {}
    rows = manifest.dropna(subset=["gender"]).drop_duplicates("speaker")
    return dict(zip(rows["speaker"], rows["gender"], strict=True))


def _alternating(manifest: pd.DataFrame, speakers: list[str]) -> list[str]:
    genders = _genders(manifest)
    groups: dict[str, list[str]] = {}
    for speaker in speakers:
        groups.setdefault(genders.get(speaker, ""), []).append(speaker)
    return [s for row in zip_longest(*groups.values()) for s in row if s is not None]


def _drawn(manifest: pd.DataFrame, seed: int) -> list[str]:
    generator = np.random.default_rng(seeding.derive(seed, "speakers"))
    return _alternating(manifest, list(generator.permutation(speakers_of(manifest))))


def _named(free: list[str], requested: Sequence[str], split: str) -> list[str]:
    """Take speakers by name; refuse one that is unknown or already taken."""
    requested = [spelling.composed(speaker) for speaker in requested]
    unknown = [s for s in requested if s not in free]
    if unknown:
        raise SplitError(
            f"{listing(unknown)} cannot be in {split!r}: unknown, or already in another split.",
            f"Available speakers: {listing(free, 30)}.",
            "Speaker names include the corpus, such as ravdess_03.",
            code="unavailable-speakers",
        )
    return list(dict.fromkeys(requested))


def _speakers(number: int) -> str:
    return f"{number} speaker{'s' * (number != 1)}"
