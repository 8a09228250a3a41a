"""The figures of the page on protocols.

In: figures/leak.json and reports/*/report.json. Out: SVG that follows light and dark, in a figure.
"""

import html
from typing import Any

from sertk._display import drawing
from sertk._html import pages

DIVISIONS = {
    "loso": "leave one speaker out",
    "random": "random utterances",
    "copies": "augmented,\nthen random",
}


def percent(value: float) -> str:
    """Write a share in %.

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
    if score["low"] is None:
        return percent(value)
    return f"{percent(value)} ({percent(score['low'])} to {percent(score['high'])})"


def leak(record: dict[str, Any]) -> str:
    """Draw the scores of the same recordings with three splits."""
    (axes,) = drawing.new_axes(7.2, 3.0)
    colors = dict(zip(record["classifiers"], (drawing.ACCENT, drawing.SECOND), strict=True))
    words = []
    for score in record["scores"]:
        name, row = score["classifier"], list(DIVISIONS).index(score["division"])
        place = list(colors).index(name)
        y, color = row + 0.16 * (2 * place - 1), colors[name]
        axes.plot([100 * score["low"], 100 * score["high"]], [y, y], color=color, linewidth=2.5)
        label = record["classifiers"][name] if row == 0 else None
        axes.plot(100 * score["uar"], y, "os"[place], color=color, markersize=7, label=label)
        axes.annotate(percent(score["uar"]), (100 * score["high"], y), (6, -3.2), fontsize=9,
                      textcoords="offset points", color=drawing.INK)  # fmt: skip
        words.append(f"{name}, {' '.join(DIVISIONS[score['division']].split())}: {spanned(score)}")
    chance = 100 / len(record["classes"])
    axes.axvline(chance, color=drawing.MUTED, linestyle=":", linewidth=1)
    axes.annotate("chance", (chance, 2.42), (4, 0), textcoords="offset points", fontsize=8.5,
                  color=drawing.MUTED)  # fmt: skip
    axes.set_yticks(range(3), list(DIVISIONS.values()))
    axes.set_ylim(2.55, -0.55)
    axes.set_xlabel("UAR, %, 95 % confidence interval")
    with drawing.style():
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.2)
    return _figure("leak", axes, f"UAR in % with confidence intervals: {'; '.join(words)}.")


def speakers(report: dict[str, Any]) -> str:
    """Draw the UAR of each speaker of a report."""
    (axes,) = drawing.new_axes(7.2, 1.9)
    for gender, y in (("female", 0.25), ("male", -0.25)):
        marker, color = drawing.MARKS[gender]
        chosen = [100 * s["uar"] for s in report["by_speaker"] if s["gender"] == gender]
        axes.plot(chosen, [y] * len(chosen), marker, color=color, markersize=7, alpha=0.8)
    mean = 100 * report["headline"]["uar"]["value"]
    axes.axvline(mean, color=drawing.MUTED, linestyle="--", linewidth=1)
    axes.set_yticks([0.25, -0.25], ["female", "male"])
    axes.set_ylim(-0.7, 0.7)
    axes.set_xlabel("UAR of one speaker, %")
    scores = [s["uar"] for s in report["by_speaker"]]
    ends = f"from {percent(min(scores))} to {percent(max(scores))} %"
    return _figure("speakers", axes, f"UAR of {len(scores)} speakers, {ends}.")


def _figure(name: str, axes: Any, words: str) -> str:
    axes.set_xlim(0, 100)
    axes.grid(axis="y", visible=False)
    text = pages.with_own_ids(drawing.svg(axes, themed=True), name)
    head = f'<svg role="img" aria-label="{html.escape(words, quote=True)}"'
    text = text[text.index("<svg") :].replace("<svg", head, 1)
    return f'<figure class="made" data-search-exclude tabindex="0">{text}</figure>'
