"""IEMOCAP: ten actors in five dialog sessions, improvised and scripted, labeled by listeners.

License: individual, from the University of Southern California; neither sound nor label lists may
be passed on. Citation: Busso et al. (2008), Language Resources and Evaluation 42(4), 335-359.
Size: 10,039 labeled utterances of about 12 hours, 16 kHz.

File names are `Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M000.wav`: session 1, the
woman (F) wears the markers, improvised dialog 01; the man (M, in the last part) speaks. Labels
are the summary lines of `Session1/dialog/EmoEvaluation/Ses01F_impro01.txt`: time, utterance,
category (neu hap sad ang exc fru fea sur dis; oth: another, xxx: no agreement), ratings. The
lines of single annotators below each of them are not labels.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pandas as pd

from sertk import manifest as manifests
from sertk._utils import plain_files
from sertk.audio import walk
from sertk.corpora import _files
from sertk.corpora._download import Archive
from sertk.errors import CorpusError, UnknownNameError
from sertk.manifest import remarks

TITLE = "IEMOCAP"
LICENSE = "individual license of the University of Southern California; not to be passed on"
CITATION = (
    "Busso, C., Bulut, M., Lee, C.-C., Kazemzadeh, A., Mower, E., Kim, S., Chang, J. N., Lee, S., "
    "& Narayanan, S. S. (2008). IEMOCAP: interactive emotional dyadic motion capture database. "
    "Language Resources and Evaluation, 42(4), 335-359."
)
URL = "https://sail.usc.edu/iemocap/"
SYNTHETIC = False
DOWNLOADS: tuple[Archive, ...] = ()
REQUEST = (
    f"Request it with the release form at {URL}, unpack it, and pass root= the folder that "
    "contains Session1 to Session5."
)

STYLES = ("all", "improvised", "scripted")
_CATEGORIES = {
    "neu": "neutral",
    "hap": "happy",
    "sad": "sad",
    "ang": "angry",
    "exc": "excited",
    "fru": "frustrated",
    "fea": "fearful",
    "sur": "surprised",
    "dis": "disgust",
}
_LEFT_OUT = {"oth": "category oth (another emotion)", "xxx": "category xxx (no agreement)"}
EMOTIONS = tuple(_CATEGORIES.values())
_SUMMARY = re.compile(r"\[[\d.]+ - [\d.]+\]\t(\S+)\t(\w+)\t\[")
_UTTERANCE = re.compile(r"(Ses0[1-5])[FM]_(impro|script)\w+_([FM])\w*\d")
_SPOKEN = re.compile(r"(Ses\S+) \[[^\]]*\]:\s*(.*)")


def scan(root: Path, style: str = "all") -> pd.DataFrame:
    """Find the labeled utterances.

    Args:
        root: `IEMOCAP_full_release`, or the folder above it.
        style: `"all"`, `"improvised"` or `"scripted"`.

    Raises:
        CorpusError: If no session, no label or no sound is there.
        UnknownNameError: If the style is none of the three.
    """
    if style not in STYLES:
        raise UnknownNameError("style", style, STYLES)
    rows: dict[str, _files.Row] = {}
    skipped: Counter[str] = Counter()
    sessions = sorted([*root.glob("Session[1-5]"), *root.glob("*/Session[1-5]")])
    sounds, notes = _sounds(sessions, root, skipped)
    labeled = set()
    for session in sessions:
        texts = _texts(session)
        for name, category in _labels(session, skipped):
            row = _row(name, category, style)
            if not isinstance(row, str) and name in rows:
                row = "second label of an utterance"
            if not isinstance(row, str) and name not in sounds:
                row = "label without audio"
            labeled.add(name)
            if isinstance(row, str):
                skipped[row] += 1
            else:
                rows[name] = {**row, "path": str(sounds[name]), "text": texts.get(name)}
    skipped["audio without label"] += len(sounds.keys() - labeled)
    if not rows:
        raise _files.nothing(
            root,
            walk.walk(root),
            TITLE if style == "all" else f"labeled {style} {TITLE}",
            "Expected Session1/dialog/EmoEvaluation/Ses01F_impro01.txt beside "
            "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav.",
            REQUEST,
        )
    manifest = manifests.from_rows(rows.values(), "iemocap", root)
    counts = {reason: n for reason, n in sorted(skipped.items()) if n}
    return remarks.put(manifest, skipped=counts, notes=notes)


def _row(name: str, category: str, style: str) -> _files.Row | str:
    match = _UTTERANCE.fullmatch(name)
    if match is None:
        return "not an IEMOCAP utterance name"
    session, kind, speaker = match.groups()
    actual_style = "improvised" if kind == "impro" else "scripted"
    if style not in ("all", actual_style):
        return f"{actual_style} (style={style!r} requested)"
    if category not in _CATEGORIES:
        return _LEFT_OUT.get(category, f"category {category} (unknown)")
    return {
        "utterance_id": f"iemocap_{name}",
        "speaker": f"iemocap_{session}{speaker}",
        "gender": "male" if speaker == "M" else "female",
        "emotion": _CATEGORIES[category],
        "session": session,
        "style": actual_style,
        "language": "en",
    }


def _sounds(
    sessions: list[Path], root: Path, skipped: Counter[str]
) -> tuple[dict[str, PurePosixPath], list[str]]:
    """Find the utterances' files by name, and count what is none; note which copies are taken."""
    copies: dict[str, list[PurePosixPath]] = {}
    for session in sessions:
        for path, reason, _ in walk.walk(session / "sentences" / "wav"):
            if reason is None:
                inside = session.relative_to(root) / "sentences" / "wav" / path
                copies.setdefault(path.stem, []).append(PurePosixPath(inside.as_posix()))
            else:
                skipped[reason] += 1
        dialogs = walk.sounds(session / "dialog" / "wav")
        skipped["complete dialog (dialog/wav)"] += len(dialogs)
    return _files.choose(root, copies, skipped)


def _labels(session: Path, skipped: Counter[str]) -> Iterator[tuple[str, str]]:
    """Read utterance and category from the summary lines of a session's dialogs."""
    for file in sorted((session / "dialog" / "EmoEvaluation").glob("*.txt")):
        if file.name.startswith("._"):
            skipped[walk.MACOS] += 1
            continue
        for match in map(_SUMMARY.match, _lines(file)):
            if match is not None:
                yield match[1], match[2]


def _texts(session: Path) -> dict[str, str]:
    """Read the texts, if transcriptions exist: scripts repeat across sessions."""
    files = (session / "dialog" / "transcriptions").glob("[!.]*.txt")
    spoken = (_SPOKEN.match(line) for file in sorted(files) for line in _lines(file))
    return {match[1]: match[2].strip() for match in spoken if match is not None}


def _lines(file: Path) -> list[str]:
    try:
        return plain_files.content(file).decode(errors="replace").splitlines()
    except (OSError, ValueError) as error:
        raise CorpusError(
            f"Cannot read {file} ({getattr(error, 'strerror', None) or error}).",
            "Annotations and transcriptions of IEMOCAP must be text files.",
            "Unpack the corpus again.",
            code="unreadable-annotation",
        ) from error
