"""The page of an exploration, for readers without Jupyter.

In: a manifest. Out: one HTML document that needs nothing else. With sound in it, the license of
the corpus decides who may have it.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from sertk import corpora
from sertk._display import drawing
from sertk._display.display import Display
from sertk._html import pages
from sertk.errors import ManifestError
from sertk.explore import class_counts, distributions, inputs, sounds
from sertk.explore.distributions import TRIM_DB
from sertk.explore.tables import UNKNOWN
from sertk.manifest import remarks

_HERE = Path(__file__).parent


def write_html(
    utterances: pd.DataFrame, path: str | Path, *, limit: int | None = 400, sound: bool = True
) -> Path:
    """Write one page about a corpus: speakers, texts, durations, levels and examples.

    Args:
        utterances: A manifest.
        path: File to write.
        limit: Read at most so many files to measure lengths and levels; `None` reads all.
        sound: Embed a few utterances as players and pictures. Mind the license of the corpus
            before you pass such a page on; without sound no file is opened.

    Returns:
        The file written.

    Raises:
        ManifestError: If `sound=True` and no root folder is known.
        AudioError: If `sound=True` and a file to be played cannot be read.

    Examples:
        `sertk.explore.write_html(utterances, "ravdess.html")`
    """
    sections = _numbers(utterances)
    if sound:
        kept = distributions.durations(utterances, trim_db=TRIM_DB, limit=limit)
        words = f"Without silence at both ends, {TRIM_DB:.0f} dB below the loudest frame."
        level = distributions.levels(utterances, limit=limit)
        sections[-1]["items"] += [_item(kept, words), _item(level, "Without silence at both ends.")]
        sections += _listening(utterances)
    for number, section in enumerate(sections):
        section["anchor"] = f"part-{number + 1}"
        for place, item in enumerate(section["items"]):
            item["figure"] = _figure(f"f{number}-{place}", item.pop("display"), item["caption"])
    names = sorted(utterances["corpus"].unique())
    modules = [corpora.load(name) for name in names if name in corpora.names()]
    text = pages.render(
        _HERE, "page.html", title=", ".join(names) + ": exploration of a corpus", names=names,
        lead=_lead(utterances), synthetic=any(corpus.SYNTHETIC for corpus in modules),
        sections=sections, facts=_facts(utterances, modules), sound=sound,
    )  # fmt: skip
    return pages.write(text, path)


def _item(display: Display, caption: str = "", **more: Any) -> dict[str, Any]:
    """Put a display into the page; its note is the caption where no other is given."""
    words = " ".join(part for part in (caption, display.note) if part)
    return {"display": display, "caption": words or display.title, "players": [], **more}


def _numbers(utterances: pd.DataFrame) -> list[dict[str, Any]]:
    classes, genders = class_counts.classes(utterances), class_counts.genders(utterances)
    balance: dict[str, Any] = {
        "title": "Class balance",
        "words": "If classes have different sizes, accuracy favors the large ones. The reports of "
        "sertk therefore use UAR, the mean of the recalls of all classes.",
        "items": [_item(classes, table=_table(classes))],
    }
    if _gendered(genders):
        balance["items"].append(_item(genders, "Utterances by gender."))
    shape: dict[str, Any] = {
        "title": "Durations and levels",
        "words": "Choose the length of a clip by the durations. Levels differ between emotions, "
        "and between microphones.",
        "items": [],
    }
    if "duration" in utterances and utterances["duration"].notna().any():
        shape["items"].append(_item(distributions.durations(utterances), "Whole files."))
    return [balance, shape] if shape["items"] else [balance]


def _listening(utterances: pd.DataFrame) -> list[dict[str, Any]]:
    """Make the sections with players; what a corpus cannot show is left out."""
    parts: list[tuple[str, str, Callable[[], Display]]] = [
        ("One utterance", "Above, the waveform; below, the spectrogram: the level at each time "
         "and frequency.", lambda: sounds.utterance(utterances)),
        ("One sentence in every emotion", "One speaker says one sentence, so that the differences "
         "come from the emotion. Play neutral first.",
         lambda: sounds.across_emotions(utterances)),
        ("Two voices", "Speakers differ at least as much as emotions. Models are therefore tested "
         "on held-out speakers.",
            lambda: sounds.across_genders(utterances)),
        ("Augmentation", "Changed copies for the training set. They must not change the emotion.",
         lambda: sounds.augmentations(utterances)),
    ]  # fmt: skip
    sections = []
    for title, words, make in parts:
        try:
            shown = make()
        except ManifestError:
            # no speaker has a sentence twice, or genders are unknown: there is nothing to compare
            if title in ("One utterance", "Augmentation"):
                raise
            continue
        if title.startswith("One sentence") and shown.note:
            title, words = "One speaker in every emotion", "Play neutral first."
        item = _item(shown, f"{shown.title}.")
        item["players"] = shown.players()  # type: ignore[attr-defined]
        sections.append({"title": title, "words": words, "items": [item]})
    clip, mfcc = inputs.clip(utterances), inputs.mfcc(utterances)
    seen = [_item(clip, f"{clip.title}."), _item(mfcc, f"{mfcc.title}.")]
    words = "A clip after trimming, cutting or padding, and normalization to its maximum."
    return [*sections, {"title": "Features: the input of the model", "words": words, "items": seen}]


def _figure(name: str, display: Display, caption: str) -> dict[str, Any]:
    """Draw a display for wide and for narrow pages; panels need height where they are stacked."""
    several = len(getattr(display, "waveforms", ()))
    narrow = 0.6 + 1.5 * math.ceil(several / 2) if several > 1 else display.size[1]

    def draw(wide: bool) -> str:
        (axes,) = drawing.new_axes(*((11.2, display.size[1]) if wide else (3.9, narrow)))
        display.plot(axes)
        axes.set_title("", loc="left")
        return drawing.svg(axes, themed=True)

    return pages.pair(name, draw, caption)


def _table(display: class_counts.CountDisplay) -> dict[str, Any]:
    shown = display.written()
    if shown.columns[0] == UNKNOWN:  # gender is unknown throughout
        shown = shown.drop(columns=UNKNOWN)
    return {
        "columns": [str(shown.index.name), *map(str, shown.columns)],
        "rows": [(str(name), [str(v) for v in row]) for name, row in zip(
            shown.index, shown.to_numpy().tolist(), strict=True)],
    }  # fmt: skip


def _lead(utterances: pd.DataFrame) -> str:
    emotions = utterances["emotion"].nunique()
    speakers = utterances["speaker"].nunique()
    genders = class_counts.genders(utterances)
    who = ", ".join(
        f"{count:,} {'of unknown gender' if name == UNKNOWN else name}"
        for name, count in genders.frame()["speakers"].items()
    )
    parts = [
        f"{len(utterances):,} utterances of {speakers:,} speaker{'s' * (speakers != 1)}"
        + f" ({who})" * _gendered(genders)
        + f" in {emotions} emotion{'s' * (emotions != 1)}"
    ]
    minutes = utterances.get("duration", pd.Series(dtype=float)).sum() / 60
    if minutes:
        parts.append(f"{minutes:,.0f} minutes")
    return ", ".join(parts) + "."


def _gendered(genders: class_counts.CountDisplay) -> bool:
    return genders.frame().index.tolist() != [UNKNOWN]


def _facts(utterances: pd.DataFrame, modules: list[Any]) -> list[tuple[str, str]]:
    notes, facts = remarks.of(utterances), []
    for corpus in modules:
        facts += [(corpus.TITLE, corpus.CITATION), ("License", corpus.LICENSE)]
    facts += [("Left out", f"{count:,} {reason}") for reason, count in notes.skipped.items()]
    facts += [("Unreadable", f"{name}: {reason}") for name, reason in notes.unreadable]
    return facts + [("Note", str(note)) for note in notes.notes]
