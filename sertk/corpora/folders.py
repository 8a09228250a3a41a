"""Your own recordings, sorted into folders by emotion and, better, by speaker.

`emotion/a.wav`, `speaker/emotion/a.wav` and `emotion/speaker/a.wav` are distinguished by which
level's names are emotion words; any other order is given as a layout. License, citation and
size: yours. File names mean nothing but what the layout reads from them.
"""

import re
import shlex
import unicodedata
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

import pandas as pd

from sertk import audio
from sertk import manifest as manifests
from sertk._utils import spelling
from sertk.audio import walk
from sertk.corpora import _files, _ids
from sertk.corpora._download import Archive
from sertk.corpora._words import Words, all_excluded
from sertk.errors import AudioError, ConfigurationError, CorpusError, UnknownNameError, listing
from sertk.labels import EMOTIONS as EMOTIONS
from sertk.manifest import remarks

TITLE = "your own recordings, sorted into folders"
LICENSE = "yours"
CITATION = ""
URL = ""
SYNTHETIC = False
DOWNLOADS: tuple[Archive, ...] = ()
REQUEST = "Pass root= (--root) the folder with one subfolder per emotion or per speaker."

_FIELDS = (
    "emotion", "speaker", "gender", "session", "text", "intensity", "repetition", "style",
    "language",
)  # fmt: skip
_PIECES = re.compile(r"(\{[^{}]*\}|\*)")
_NO_SPEAKER = (
    "The speakers are unknown, so speaker-independent splits are not possible. Sort the files into "
    "emotion/speaker folders, or pass layout= with a {speaker}."
)


def scan(
    root: Path,
    layout: str | None = None,
    emotions: Mapping[str, str | None] | None = None,
    corpus: str = "folders",
) -> pd.DataFrame:
    """Find recordings and read emotion and speaker from their paths.

    Args:
        root: The folder.
        layout: Path below the root with fields in braces, such as
            `"{emotion}/{speaker}_*.wav"`; a field takes as little as it can within one name, and
            `*` is anything within one name. `None` tells the usual orders apart.
        emotions: Your word -> canonical word, or -> `None` to leave its recordings out. Usual
            English words such as `anger` need no entry.
        corpus: What to call the collection; utterances and speakers are prefixed with it.

    Raises:
        CorpusError: If there is no audio, or the folders do not name the emotions.
        ConfigurationError: If the layout is no layout.
    """
    words = Words(emotions)
    files = walk.walk(root, as_text=True)
    sounds = [file.path for file in files if file.reason is None]
    skipped = Counter(file.reason for file in files if file.reason)
    if not sounds or not _any_readable(root, sounds):
        raise _nothing(root, files)
    if layout is None:
        fields = dict(zip(sounds, _by_level(root, sounds, words), strict=True))
    else:
        fields = _by_layout(root, sounds, layout, skipped)
    rows = _rows(fields, words, corpus, skipped)
    manifest = manifests.from_rows(rows, corpus, root)
    notes = [_NO_SPEAKER] if manifest["speaker"].isna().any() else []
    return remarks.put(manifest, skipped=dict(sorted(skipped.items())), notes=notes)


def _any_readable(root: Path, sounds: list[PurePosixPath]) -> bool:
    """Return whether any of the files is readable, natively or by ffmpeg."""
    for path in sounds:
        if path.suffix.lower() in audio.SUFFIXES:
            return True
        with suppress(AudioError):
            audio.info(root / path)
            return True
    return False


def _nothing(root: Path, files: list[walk.File]) -> CorpusError:
    remedy = REQUEST
    if first := next((file.path for file in files if file.reason is None), None):
        names = f"{shlex.quote(first.name)} {shlex.quote(f'{first.stem}.wav')}"
        remedy = f"Convert them: ffmpeg -i {names}"
    return _files.nothing(root, files, "sound", f"Supported suffixes are {walk.endings()}.", remedy)


def _by_level(root: Path, sounds: list[PurePosixPath], words: Words) -> list[dict[str, str]]:
    """Find which folder level is the emotion; of two, the other is the speaker."""
    parents = [path.parts[:-1] for path in sounds]
    # folders that all files share are ignored, unless they name the emotion of all files
    while all(parts and parts[0] == parents[0][0] for parts in parents) and not words.known(
        parents[0][0]
    ):
        parents = [parts[1:] for parts in parents]
    depths = {len(parts) for parts in parents}
    levels = [sorted(set(level)) for level in zip(*parents, strict=False)]
    of_emotion = [n for n, level in enumerate(levels) if all(map(words.known, level))]
    if depths == {1} and of_emotion == [0]:
        return [{"emotion": parts[0]} for parts in parents]
    if depths == {2} and len(of_emotion) == 1:
        emotion = of_emotion[0]
        return [{"emotion": parts[emotion], "speaker": parts[1 - emotion]} for parts in parents]
    wrong = _what_is_wrong(depths, levels, words)
    raise CorpusError(
        f"Cannot determine the emotions from the folders in {root} ({wrong}).",
        "Expected emotion/a.wav, speaker/emotion/a.wav or emotion/speaker/a.wav, with emotion "
        "words such as angry, happy, sad.",
        "Map other words with emotions={'your word': 'angry'} (None excludes a word), or describe "
        "the folders with layout='{emotion}/{speaker}_*.wav'.",
        code="unclear-folder-layout",
    )


def _what_is_wrong(depths: set[int], levels: list[list[str]], words: Words) -> str:
    if len(depths) > 1:
        return f"the files are {' and '.join(str(d) for d in sorted(depths))} folders deep"
    if not levels:
        return "all files are in one folder"
    if len(levels) > 2:
        return f"they are {len(levels)} deep"
    nearest = max(levels, key=lambda level: sum(map(words.known, level)))
    if all(map(words.known, nearest)):
        return "both levels are emotion words"
    return f"no emotion words: {listing([name for name in nearest if not words.known(name)])}"


def _by_layout(
    root: Path, sounds: list[PurePosixPath], layout: str, skipped: Counter[str]
) -> dict[PurePosixPath, dict[str, str]]:
    compiled = _compile(layout)
    # macOS stores names in decomposed form (NFD), and layouts are typed composed (NFC)
    names = {path: unicodedata.normalize("NFC", str(path)) for path in sounds}
    matches = {path: compiled.match(name) for path, name in names.items()}
    fields = {path: match for path, match in matches.items() if match is not None}
    if not fields:
        raise CorpusError(
            f"None of the {len(sounds)} audio files in {root} matches layout={layout!r} (files "
            f"found: {listing(sounds, 3)}).",
            "A layout is the path below the root, with {emotion}, {speaker} and * for any other "
            "part.",
            "Write a layout that matches these files.",
            code="layout-matches-nothing",
        )
    if len(fields) < len(sounds):
        skipped[f"does not match the layout {layout}"] += len(sounds) - len(fields)
    return fields


class _Layout:
    """A layout to match with paths below a root; letters of either case are alike.

    Matching takes linear time: a regular expression would try every way to share a name among many
    wildcards.

    Args:
        text: Folders and file with fields in braces; a field takes as little as it can, one letter
            at least, and `*` takes anything, both within one name.
    """

    def __init__(self, text: str):
        self._names = [_PIECES.split(name) for name in text.strip("/").split("/")]

    @property
    def fields(self) -> list[str]:
        """Name the fields, in their order."""
        return [p[1:-1] for pieces in self._names for p in pieces if p.startswith("{")]

    def match(self, path: str) -> dict[str, str] | None:
        """Read the fields of a path; `None` if it does not match."""
        names = path.split("/")
        if len(names) != len(self._names):
            return None
        values: dict[str, str] = {}
        for pieces, name in zip(self._names, names, strict=True):
            fields = _match(pieces, name)
            if fields is None:
                return None
            values |= fields
        return values


def _match(pieces: list[str], name: str) -> dict[str, str] | None:
    # bit p of rests[k] says whether pieces[k:] match name[p:]
    rests = [1 << len(name)]
    for piece in reversed(pieces):
        after = rests[-1]
        if piece == "*":
            rests.append((1 << after.bit_length()) - 1)
        elif piece.startswith("{"):
            rests.append(((1 << after.bit_length()) - 1) >> 1)
        else:
            rests.append(_places(piece, name) & (after >> len(piece)))
    rests.reverse()
    if not rests[0] & 1:
        return None
    values, place = {}, 0
    for piece, after in zip(pieces, rests[1:], strict=True):
        if piece == "*":
            place = after.bit_length() - 1  # greedy
        elif piece.startswith("{"):
            later = after >> (place + 1)
            end = place + (later & -later).bit_length()  # not greedy
            values[piece[1:-1]] = name[place:end]
            place = end
        else:
            place += len(piece)
    return values


def _places(piece: str, name: str) -> int:
    """Mark where a piece of plain text occurs in a name, one bit per position."""
    if not piece:
        return (1 << (len(name) + 1)) - 1
    starts = re.finditer(f"(?={re.escape(piece)})", name, re.IGNORECASE)
    return sum(1 << match.start() for match in starts)


def _compile(text: str) -> _Layout:
    """Read a layout, and check its fields."""
    layout = _Layout(unicodedata.normalize("NFC", text))
    for name in layout.fields:
        if name not in _FIELDS:
            raise UnknownNameError("field of a layout", name, _FIELDS)
    if layout.fields.count("emotion") != 1 or len(set(layout.fields)) < len(layout.fields):
        raise ConfigurationError(
            f"layout={text!r} has the fields {listing(layout.fields) or 'none'}.",
            "It needs the field {emotion}, and each field at most once.",
            "For example: {emotion}/{speaker}_*.wav",
            code="invalid-layout",
        )
    return layout


def _rows(
    fields: Mapping[PurePosixPath, Mapping[str, str]],
    words: Words,
    corpus: str,
    skipped: Counter[str],
) -> list[_files.Row]:
    unknown = {f["emotion"] for f in fields.values() if not words.known(f["emotion"])}
    if unknown:
        raise CorpusError(
            f"{len(unknown)} unknown emotion words ({listing(sorted(unknown))}).",
            "An emotion must be a canonical word, or a word that emotions= maps to one.",
            "Pass emotions={'your word': 'angry'}, or {'your word': None} to exclude a word.",
            code="unknown-emotion-words",
        )
    names = _ids.unique([str(path) for path in fields])
    rows: list[_files.Row] = []
    for (path, values), name in zip(fields.items(), names, strict=True):
        emotion = words.emotion(values["emotion"])
        if emotion is None:
            skipped[f"emotion {values['emotion']} (excluded by emotions=)"] += 1
            continue
        speaker = spelling.composed(values.get("speaker", ""))
        rows.append(
            {
                **values,
                "utterance_id": f"{corpus}_{name}",
                "path": str(path),
                "speaker": f"{corpus}_{speaker}" if speaker else None,
                "emotion": emotion,
            }
        )
    if not rows:
        raise all_excluded("files")
    return rows
