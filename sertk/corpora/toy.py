"""The toy corpus: synthetic voices for tests, tutorials and a first try.

It is synthetic, so scores on it do not apply to human speech. Eight speakers (odd: low voice, even:
high) say two nonsense sentences in eight emotions, in two intensities (neutral: one), twice:
480 clips of one to two seconds, 16 kHz, 16 bit, made in seconds. Emotion changes pitch, tempo,
level and voice quality by amounts that overlap between speakers and takes, so that it can be
learned across speakers, though not perfectly.

License: none needed. File names are those of RAVDESS: `Actor_03/03-01-05-02-01-02-03.wav`.
"""

import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import soundfile
from tqdm import tqdm

from sertk._utils import atomic, seeding, temporary_names
from sertk.audio import walk
from sertk.corpora import _files, _voice, ravdess
from sertk.corpora._download import Archive
from sertk.errors import ConfigurationError, CorpusError, listing

TITLE = "the toy corpus"
LICENSE = "none needed: synthetic"
CITATION = "Made by sertk; no recordings of people."
URL = ""
EMOTIONS = ravdess.EMOTIONS
SYNTHETIC = True
DOWNLOADS: tuple[Archive, ...] = ()
REQUEST = "It is created on first use: sertk.corpora.scan('toy')."

# raise it whenever the sound changes: folders of older versions are made again
VERSION = 1
_SEED = 20_000
_STRENGTH = {"01": 0.7, "02": 1.2}  # of normal and strong intensity
_MARK = "toy.json"
_README = """This is the toy corpus of sertk: synthetic speech of a small formant synthesizer,
without human speakers. It is for trials; scores on it do not apply to emotions in real speech.
The file names follow RAVDESS. You can delete the folder at any time: it is created again when
needed.
"""


def scan(root: Path | None = None, speakers: int = 8, takes: int = 2) -> pd.DataFrame:
    """Find the clips, and make them first where they are missing.

    Args:
        root: A separate folder; `None` is `sertk/toy` in the user's cache folder.
        speakers: Number of speakers, 1 to 24.
        takes: How often each voice says each sentence in each way, 1 or 2.

    Raises:
        CorpusError: If the folder holds something else.
    """
    if not (1 <= speakers <= 24 and takes in (1, 2)):
        raise ConfigurationError(
            f"The toy corpus received speakers={speakers}, takes={takes}.",
            "It has 1 to 24 speakers and 1 or 2 takes.",
            "Choose values in these ranges.",
            code="invalid-toy-size",
        )
    settings = {"version": VERSION, "speakers": speakers, "takes": takes}
    root = _default_root(settings) if root is None else root
    if not _is_complete(root, settings):
        _refuse_foreign(root)
        with atomic.into(root):
            _make_once(root, settings)
    return _files.gather(
        root,
        _parse,
        corpus="toy",
        title="toy corpus",
        example="Actor_01/03-01-05-01-02-01-01.wav",
        remedy="Delete the folder; the next scan creates it again.",
    )


def _parse(path: PurePosixPath) -> _files.Row | str:
    row = ravdess.parse(path, corpus="toy")
    if isinstance(row, str):
        return row
    row.pop("language")
    return {**row, "text": _voice.SENTENCES[path.stem.split("-")[4]]}


def _default_root(settings: dict[str, int]) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    usual = settings["speakers"] == 8 and settings["takes"] == 2
    return cache / "sertk" / ("toy" if usual else f"toy_{settings['speakers']}x{settings['takes']}")


def _is_complete(root: Path, settings: dict[str, int]) -> bool:
    """Return whether the folder has every clip of these settings, made by this version."""
    mark = root / _MARK
    return (
        mark.is_file()
        and mark.read_bytes() == json.dumps(settings).encode()
        and all((root / name).is_file() for name, *_ in _plan(settings))
    )


def _refuse_foreign(root: Path) -> None:
    """Refuse a folder with other files: making the corpus replaces the whole folder."""
    if root.resolve() == Path.cwd():
        raise CorpusError(
            f"{root} is the working folder of this process.",
            "The toy corpus needs a folder of its own.",
            "Choose a folder that does not exist yet, such as toy, or omit root.",
            code="toy-in-working-folder",
        )
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return
    if root.is_dir() and (root / _MARK).is_file():
        planned = {name for name, *_ in _plan({"speakers": 24, "takes": 2})}
        present = [str(f.path) for f in walk.walk(root) if f.reason != walk.MACOS]
        foreign = [name for name in present if name not in {*planned, _MARK, "README.txt"}]
    else:
        foreign = [root.name]
    if foreign:
        raise CorpusError(
            f"{root} contains files that do not belong to the toy corpus ({listing(foreign)}).",
            "The toy corpus needs a folder of its own.",
            "Choose a folder that does not exist yet, or omit root.",
            code="toy-folder-in-use",
        )


def _plan(settings: dict[str, int]) -> Iterator[tuple[str, int, str, str, str]]:
    """Name every clip, with speaker, emotion, intensity and sentence."""
    for actor in range(1, settings["speakers"] + 1):
        for code, emotion in enumerate(EMOTIONS, 1):
            for intensity in ("01", "02") if emotion != "neutral" else ("01",):
                for sentence in _voice.SENTENCES:
                    for take in range(1, settings["takes"] + 1):
                        name = f"03-01-{code:02}-{intensity}-{sentence}-{take:02}-{actor:02}.wav"
                        yield f"Actor_{actor:02}/{name}", actor, emotion, intensity, sentence


def _make_once(root: Path, settings: dict[str, int]) -> None:
    """Make the corpus, unless another process has made it by the time that it is our turn."""
    import filelock

    root.parent.mkdir(parents=True, exist_ok=True)
    lock = root.with_name(f".{root.name}.lock")
    with filelock.FileLock(lock):
        try:
            if not _is_complete(root, settings):
                _make(root, settings)
        finally:
            lock.unlink(missing_ok=True)


def _make(root: Path, settings: dict[str, int]) -> None:
    """Synthesize all clips into a temporary folder, and rename it when complete."""
    temporary = temporary_names.beside(root)
    temporary.mkdir()
    try:
        _synthesise(temporary, settings)
        (temporary / "README.txt").write_text(_README, encoding="utf-8")
        (temporary / _MARK).write_text(json.dumps(settings), encoding="utf-8")
        if root.exists():
            shutil.rmtree(root)
        temporary.rename(root)
    except OSError:
        # another process may have put its own, equal one there in the meantime
        if not _is_complete(root, settings):
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _synthesise(folder: Path, settings: dict[str, int]) -> None:
    voices = {
        actor: _voice.speaker(_generator("speaker", actor), female=actor % 2 == 0)
        for actor in range(1, settings["speakers"] + 1)
    }
    for actor in voices:
        (folder / f"Actor_{actor:02}").mkdir()
    plan = list(_plan(settings))
    for name, actor, emotion, intensity, sentence in tqdm(
        plan, desc="making the toy corpus", unit="file", delay=2.0, leave=False
    ):
        strength = _STRENGTH[intensity]
        waveform = _voice.say(voices[actor], emotion, sentence, strength, _generator(name))
        # through memory: libsndfile does not report a full disk
        sink = io.BytesIO()
        soundfile.write(sink, waveform, _voice.SAMPLE_RATE, subtype="PCM_16", format="WAV")
        (folder / name).write_bytes(sink.getvalue())


def _generator(*parts: object) -> np.random.Generator:
    return np.random.default_rng(seeding.derive(_SEED, VERSION, *parts))
