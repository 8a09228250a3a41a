"""Your own recordings, listed in a table: CSV, TSV or Parquet.

Columns `path, speaker, emotion` are required; every other column of a manifest is optional and
kept unchanged. Text is UTF-8 with or without byte-order mark, separated by commas, semicolons or
tabs. License, citation and size: yours. File names are not interpreted: the table describes the
files.
"""

import io
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pandas as pd

from sertk import manifest as manifests
from sertk._utils import plain_files, spelling
from sertk.audio import walk
from sertk.corpora import _ids
from sertk.corpora._download import Archive
from sertk.corpora._words import Words, all_excluded
from sertk.errors import CorpusError, listing
from sertk.labels import EMOTIONS as EMOTIONS
from sertk.manifest import remarks

TITLE = "your own recordings, listed in a table"
LICENSE = "yours"
CITATION = ""
URL = ""
SYNTHETIC = False
DOWNLOADS: tuple[Archive, ...] = ()
REQUEST = "Pass root= (--root) a table with the columns path, speaker, emotion, or its folder."

_REQUIRED = ("path", "speaker", "emotion")
_GENDERS = {"m": "male", "f": "female", "man": "male", "woman": "female"}
_SUFFIXES = (".csv", ".tsv", ".txt", ".parquet")


def scan(
    root: Path | None = None,
    file: str | Path | None = None,
    emotions: Mapping[str, str | None] | None = None,
    corpus: str = "table",
) -> pd.DataFrame:
    """Read a table of recordings and check every row of it.

    Args:
        root: Folder that relative paths start from, by default the table's; or the table itself.
        file: The table; `None` is the only table in the root.
        emotions: Your word -> canonical word, or -> `None` to leave its recordings out. Usual
            English words such as `anger` need no entry.
        corpus: What to call the collection; utterances and speakers are prefixed with it.

    Raises:
        CorpusError: If there is no such table, it lacks a column, or rows are wrong; all that is
            wrong is listed at once.
    """
    file, root = _locate(root, file)
    table = _read(file)
    missing = [column for column in _REQUIRED if column not in table]
    if missing or table.empty:
        raise CorpusError(
            f"{file} has no column {listing(missing)} (its columns: {', '.join(table.columns)})."
            if missing
            else f"{file} has no rows.",
            "A table of recordings needs the columns path, speaker and emotion, and one row per "
            "utterance.",
            "Rename or add the columns, or save the table again.",
            code="incomplete-table",
        )
    notes = []
    if "corpus" in table:
        table = table.drop(columns="corpus")
        notes.append(f"The column corpus of {file.name} is ignored; corpus={corpus!r} replaces it.")
    words = Words(emotions)
    table["path"] = [_relative(path, root) for path in table["path"]]
    problems = _problems(table, root, words)
    if problems:
        raise CorpusError(
            f"{file} has invalid rows: {'; '.join(problems)}.",
            "Each row needs the path of a file below the root, its speaker, and a known emotion.",
            "Correct these rows; emotions={'your word': 'angry'} maps a word, and {'your word': "
            "None} excludes it.",
            code="invalid-table-rows",
        )
    return _manifest(table, corpus, root, words, notes)


def _locate(root: Path | None, file: str | Path | None) -> tuple[Path, Path]:
    """Find the table and the folder that its paths start from."""
    if file is None and root is not None and root.is_dir():
        tables = sorted(
            p for p in root.iterdir() if p.suffix.lower() in _SUFFIXES and plain_files.is_file(p)
        )
        if len(tables) != 1:
            listed = f" ({listing([p.name for p in tables])})" if tables else ""
            raise CorpusError(
                f"{root} contains {len(tables)} tables{listed}.",
                "Exactly one of them must list the recordings.",
                "Choose it with file= (--option file=NAME).",
                code="several-tables",
            )
        return tables[0], root
    if file is None and root is None:
        raise CorpusError(
            "No table was found.", "A CSV, TSV or Parquet file is needed.", REQUEST, code="no-table"
        )
    chosen = Path(file if file is not None else str(root)).expanduser()
    if file is not None and root is not None and plain_files.is_file(root / chosen):
        chosen = root / chosen
    if not plain_files.is_file(chosen):
        raise CorpusError(
            f"No table at {chosen}.",
            "A CSV, TSV or Parquet file is needed.",
            REQUEST,
            code="missing-table",
        )
    return chosen, (chosen.parent if file is None or root is None else root)


def _read(file: Path) -> pd.DataFrame:
    if file.suffix.lower() == ".parquet":
        try:
            table = pd.read_parquet(file)
        except ImportError as error:
            raise CorpusError(
                f"{file} is a Parquet file, and pyarrow is not installed.",
                "pandas reads Parquet files with pyarrow.",
                "Install it with: pip install pyarrow, or save the table as CSV.",
                code="pyarrow-not-installed",
            ) from error
        except (ValueError, OSError) as error:
            raise CorpusError(
                f"Cannot read {file} as a Parquet table ({error}).",
                "It must be a complete file.",
                "Write it again, or save the table as CSV.",
                code="damaged-parquet-file",
            ) from error
    else:
        table = _read_text(file)
    return table.rename(columns=lambda column: str(column).strip().lower())


def _read_text(file: Path) -> pd.DataFrame:
    try:
        text = file.read_bytes().decode("utf-8-sig")  # a carriage return in a cell is kept
        header = next(iter(text.splitlines()), "")
        separator = max(",;\t", key=header.count)
        table = pd.read_csv(
            io.StringIO(text), sep=separator, dtype=str, keep_default_na=False, na_values=[""]
        )
        if not isinstance(table.index, pd.RangeIndex):
            # pandas would take the first columns of longer rows for an index
            raise pd.errors.ParserError("rows have more cells than the header")
        return table
    except (ValueError, OSError) as error:  # what pandas and the system raise
        raise CorpusError(
            f"{file} is not a table in UTF-8 ({str(error).strip()}).",
            "It needs a header line, and columns separated by commas, semicolons or tabs.",
            "Save it as 'CSV UTF-8'.",
            code="unreadable-table",
        ) from error


def _relative(path: object, root: Path) -> str | None:
    """Write a path relative to the root with forward slashes; unchanged outside it."""
    if not isinstance(path, str) or not path.strip():
        return None
    location = Path(path.strip().replace("\\", "/")).expanduser()
    if location.is_absolute():
        for base in (root, root.resolve()):
            if location.is_relative_to(base):
                location = location.relative_to(base)
                break
    if location.is_absolute():
        return PurePosixPath(location.as_posix()).as_posix()
    plain = PurePosixPath(location.as_posix()).as_posix()
    located = manifests.locate(root, plain)
    return located.relative_to(root).as_posix()


def _problems(table: pd.DataFrame, root: Path, words: Words) -> list[str]:
    """List all problems, each kind once."""
    problems = []

    def report(what: str, items: object) -> None:
        values = [str(item) for item in items]  # type: ignore[attr-defined]
        if values:
            problems.append(f"{len(values)} {what} ({listing(values)})")

    for column in _REQUIRED:
        empty = table.index[table[column].isna()]
        report(f"rows without {column}", [f"line {row + 2}" for row in empty])
    paths = table["path"].dropna().astype(str)
    leaving = paths.map(lambda p: PurePosixPath(p).is_absolute() or ".." in p.split("/"))
    report(f"paths outside {root}", paths[leaving])
    inside = paths[~leaving]
    report("missing files", [p for p in inside if not plain_files.is_file(root / p)])
    unread = [p for p in inside if not walk.is_sound(p)]
    report("files in an unsupported format; convert them: ffmpeg -i IN OUT.wav", unread)
    place = [c for c in ("path", "start", "end") if c in table]
    report("duplicate rows of a file", table.loc[table.duplicated(place), "path"].dropna())
    emotions = table["emotion"].dropna().astype(str).drop_duplicates()
    report("unknown emotion words", [word for word in emotions if not words.known(word)])
    if "utterance_id" in table:
        again = table["utterance_id"].duplicated() | table["utterance_id"].isna()
        report("empty or duplicate utterance_ids", table.loc[again, "utterance_id"])
    if "gender" in table:
        genders = table["gender"].dropna().astype(str).drop_duplicates()
        report("genders that are neither male nor female", genders[genders.map(_gender).isna()])
    for column in (*manifests.NUMBERS, *manifests.INTEGERS):
        if column in table:
            cells = table[column].dropna()
            numbers = pd.to_numeric(cells, errors="coerce")
            wrong = ~(numbers.abs() < 2**53)
            report(f"cells of {column} that are not a number", cells[wrong])
            if column in manifests.INTEGERS:
                report(f"cells of {column} that are not a whole number", cells[numbers % 1 > 0])
    return problems


def _gender(word: object) -> str | None:
    plain = str(word).strip().lower()
    plain = _GENDERS.get(plain, plain)
    return plain if plain in manifests.GENDERS else None


def _manifest(
    table: pd.DataFrame, corpus: str, root: Path, words: Words, notes: list[str]
) -> pd.DataFrame:
    """Turn checked rows into a manifest."""
    skipped: Counter[str] = Counter()
    translated = table["emotion"].map(words.emotion)
    for word in table.loc[translated.isna(), "emotion"]:
        skipped[f"emotion {word} (excluded by emotions=)"] += 1
    table = table.assign(emotion=translated)[translated.notna()].copy()
    if table.empty:
        raise all_excluded("rows")
    if "utterance_id" not in table:
        times = (table[c].tolist() if c in table else None for c in ("start", "end"))
        table["utterance_id"] = _ids.unique(table["path"].tolist(), *times)
    for column in ("utterance_id", "speaker"):
        plain = table[column].astype(str).map(spelling.composed)
        table[column] = _ids.prefixed(plain, corpus)
    if "gender" in table:
        table["gender"] = table["gender"].map(_gender, na_action="ignore")
    for column in (*manifests.NUMBERS, *manifests.INTEGERS):
        if column in table:
            table[column] = pd.to_numeric(table[column])
    rows = [{str(key): cell for key, cell in row.items()} for row in table.to_dict("records")]
    manifest = manifests.from_rows(rows, corpus, root)
    return remarks.put(manifest, skipped=dict(skipped), notes=notes)
