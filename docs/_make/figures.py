"""Figures and numbers of the page on protocols, from what was measured.

In: figures/leak.json and reports/*/report.json. Out: words for the text, and SVG that follows
light and dark. No number of these pages is typed.
"""

import html
import json
from typing import Any

from docs._make import ROOT, html_parts
from sertk._display import drawing
from sertk._html import pages

DIVISIONS = {
    "loso": "leave one speaker out",
    "random": "utterances at random",
    "copies": "copies made first,\nthen at random",
}


def leak() -> dict[str, Any]:
    """Read what was measured of the leak."""
    text = (ROOT / "docs" / "figures" / "leak.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def report(name: str) -> dict[str, Any]:
    """Read the numbers of a committed report."""
    text = (ROOT / "reports" / name / "report.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def percent(value: float) -> str:
    """Write a share as people read it.

    Examples:
        >>> percent(0.4547)
        '45.5'
    """
    return f"{100 * value:.1f}"


def spanned(score: dict[str, Any]) -> str:
    """Write a score with its interval.

    Examples:
        >>> spanned({"uar": 0.5, "low": 0.4, "high": 0.6})
        '50.0 (40.0 to 60.0)'
    """
    value = score["uar"] if "uar" in score else score["value"]
    return f"{percent(value)} ({percent(score['low'])} to {percent(score['high'])})"


def _score(division: str, classifier: str) -> dict[str, Any]:
    (found,) = [
        s for s in leak()["scores"] if (s["division"], s["classifier"]) == (division, classifier)
    ]
    return dict(found)


def leak_figure() -> str:
    """Draw the scores of the same recordings under three divisions."""
    wide = _leak_svg()
    words = "; ".join(
        f"{s['classifier']}, {' '.join(DIVISIONS[s['division']].split())}: {spanned(s)}"
        for s in leak()["scores"]
    )
    return _figure("leak", wide, f"UAR in per cent with intervals: {words}.")


def _leak_svg() -> str:
    record = leak()
    (axes,) = drawing.new_axes(7.2, 3.0)
    colours = dict(zip(record["classifiers"], (drawing.ACCENT, drawing.SECOND), strict=True))
    for place, (name, colour) in enumerate(colours.items()):
        for row, division in enumerate(DIVISIONS):
            s = _score(division, name)
            y = row + 0.16 * (2 * place - 1)
            axes.plot([100 * s["low"], 100 * s["high"]], [y, y], color=colour, linewidth=2.5)
            label = record["classifiers"][name] if row == 0 else None
            axes.plot(100 * s["uar"], y, "os"[place], color=colour, markersize=7, label=label)
            axes.annotate(percent(s["uar"]), (100 * s["high"], y), (6, -3.2), color=drawing.INK,
                          textcoords="offset points", fontsize=9)  # fmt: skip
    chance = 100 / len(record["classes"])
    axes.axvline(chance, color=drawing.MUTED, linestyle=":", linewidth=1)
    axes.annotate("chance", (chance, 2.42), (4, 0), textcoords="offset points", fontsize=8.5,
                  color=drawing.MUTED)  # fmt: skip
    axes.set_yticks(range(3), list(DIVISIONS.values()))
    axes.set_ylim(2.55, -0.55)
    axes.set_xlim(0, 100)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("UAR, %, with 95 % interval over speakers")
    with drawing.style():
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.2)
    return drawing.svg(axes, themed=True)


def speakers_figure(name: str) -> str:
    """Draw the UAR of each speaker of a report."""
    speakers = sorted(report(name)["by_speaker"], key=lambda s: s["uar"])
    (axes,) = drawing.new_axes(7.2, 1.9)
    for gender in ("female", "male"):
        marker, colour = drawing.MARKS[gender]
        chosen = [100 * s["uar"] for s in speakers if s["gender"] == gender]
        y = [0.25 if gender == "female" else -0.25] * len(chosen)
        axes.plot(chosen, y, marker, color=colour, markersize=7, alpha=0.8, label=gender)
    mean = 100 * report(name)["headline"]["uar"]["value"]
    axes.axvline(mean, color=drawing.MUTED, linestyle="--", linewidth=1)
    axes.set_yticks([0.25, -0.25], ["female", "male"])
    axes.set_ylim(-0.7, 0.7)
    axes.set_xlim(0, 100)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("UAR of one speaker, %; the line is the headline")
    low, high = speakers[0], speakers[-1]
    words = (
        f"UAR of {len(speakers)} speakers, from {percent(low['uar'])} per cent "
        f"({low['speaker']}) to {percent(high['uar'])} ({high['speaker']})."
    )
    return _figure(f"speakers-{name}", drawing.svg(axes, themed=True), words)


def _figure(name: str, svg: str, words: str) -> str:
    text = pages.with_own_ids(svg, name)
    head = f'<svg role="img" aria-label="{html.escape(words, quote=True)}"'
    text = text.replace("<svg", head, 1)
    return html_parts.placed(
        name, f'<figure class="made" data-search-exclude tabindex="0">{text}</figure>'
    )


def leak_table() -> str:
    """Write the same numbers as a table."""
    record = leak()
    rows = ["| division | " + " | ".join(record["classifiers"].values()) + " |"]
    rows.append("|---" * (1 + len(record["classifiers"])) + "|")
    for division, words in DIVISIONS.items():
        scores = " | ".join(spanned(_score(division, name)) for name in record["classifiers"])
        rows.append(f"| {' '.join(words.split())} | {scores} |")
    return "\n".join(rows)


def words() -> dict[str, str]:
    """Collect every number that the pages name, and the figures."""
    record, dev4, emodb = leak(), report("ravdess_dev4"), report("emodb_loso")
    gap, speakers = dev4["gender_gap"], sorted(s["uar"] for s in dev4["by_speaker"])
    apart, shared, copied = (_score(d, "svm")["uar"] for d in DIVISIONS)
    return {
        "leak.figure": leak_figure(),
        "leak.table": leak_table(),
        "leak.utterances": f"{record['utterances']:,}",
        "leak.speakers": str(record["speakers"]),
        "leak.folds": str(record["folds"]),
        "leak.seeds": str(len(record["seeds_of_random_divisions"])),
        "leak.feature": record["feature"],
        "leak.copies": " and ".join(record["copies"]),
        "leak.apart": percent(apart),
        "leak.random": percent(shared),
        "leak.copied": percent(copied),
        "leak.gap": percent(shared - apart),
        "leak.gap_copied": percent(copied - apart),
        "leak.neighbour_apart": percent(_score("loso", "neighbour")["uar"]),
        "leak.neighbour_random": percent(_score("random", "neighbour")["uar"]),
        "ravdess.uar": spanned(dev4["headline"]["uar"]),
        "ravdess.known": spanned(dev4["known_voices"]["headline"]["uar"]),
        "ravdess.known_change": f"{100 * dev4['known_voices']['change']:.1f}",
        "ravdess.wa": spanned(dev4["headline"]["wa"]),
        "ravdess.sentence": dev4["protocol"]["sentence"],
        "ravdess.utterances": f"{dev4['basis']['utterances']:,}",
        "ravdess.parameters": f"{dev4['model']['parameters']:,}",
        "ravdess.worst": percent(speakers[0]),
        "ravdess.best": percent(speakers[-1]),
        "ravdess.gap": spanned(gap),
        "ravdess.speakers": speakers_figure("ravdess_dev4"),
        "emodb.uar": spanned(emodb["headline"]["uar"]),
        "emodb.wa": spanned(emodb["headline"]["wa"]),
        "emodb.speakers": str(emodb["basis"]["speakers"]),
        "emodb.gap_note": emodb["gender_gap"]["note"],
        "chance.ravdess": percent(dev4["chance"]),
        "chance.emodb": percent(emodb["chance"]),
    }
