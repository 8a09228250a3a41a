"""The HTML page of a study.

In: a `StudyResult`. Out: one HTML file that needs no other.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sertk._display import drawing
from sertk._display.display import Display, percent
from sertk._html import pages
from sertk.studies import levels
from sertk.studies.levels import FACTORS
from sertk.studies.results import StudyResult

_HERE = Path(__file__).parent


def write_html(result: StudyResult, path: str | Path | None = None) -> Path:
    """Write the page of a study.

    Args:
        result: What was found.
        path: File to write; `study.html` in the study's folder by default.

    Returns:
        The file written.
    """
    study = result.study
    shown: dict[str, Display] = {"differences": result.differences(), "scores": result.scores()}
    regrouped = result.regrouped()
    shown |= {} if regrouped is None else {"regrouped": regrouped}
    text = pages.render(
        _HERE, "page.html", title=study.question, answer=result.answer, one_seed=result.one_seed,
        study=study, baseline=getattr(study, study.compare)[0],
        figures={n: drawn(n, display) for n, display in shown.items() if len(display.frame())},
        rows={n: each.frame().reset_index().to_dict("records") for n, each in shown.items()},
        runs=result.frame().to_dict("records"), missing=result.missing,
        protocols=sorted({run.info["protocol"]["sentence"] for run in result.runs.values()}),
        facts=_facts(result), command=result.info["command"],
        factors=[f for f in FACTORS if len(getattr(study, f)) > 1], pct=percent,
        known=lambda value: value is not None and value == value,
    )  # fmt: skip
    return pages.write(text, result.folder / "study.html" if path is None else path)


def drawn(name: str, display: Display) -> dict[str, Any]:
    """Draw a Display for wide and for narrow pages, without the title that a page has beside it."""

    def draw(wide: bool) -> str:
        (axes,) = drawing.new_axes(11.2 if wide else 3.9, display.size[1])
        display.plot(axes)
        axes.set_title("", loc="left")
        if not wide:
            axes.set_xlabel(axes.get_xlabel().split(",")[0])
        return drawing.svg(axes, themed=True)

    return pages.pair(name, draw, display.title)


def _facts(result: StudyResult) -> list[tuple[str, str]]:
    study, runs = result.study, result.runs.values()
    first = next(iter(runs))
    seconds = sum(run.info.get("wall_seconds") or 0 for run in runs)
    facts = [(factor, ", ".join(map(str, getattr(study, factor)))) for factor in (*FACTORS, "seed")]
    facts += [
        (f"{factor} {name}", _as_text(levels.describe(factor, thing)))
        for factor, objects in study.own.items()
        for name, thing in objects.items()
    ]
    facts += [
        ("Training", ", ".join(f"{k} {v}" for k, v in first.info["training"].items() if v)),
        ("Augmented copies", f"{study.copies} of each training utterance"),
        ("Standardization", study.standardize),
        ("Runs", f"{len(result.runs)}, {seconds / 60:.0f} minutes of training in total"),
        ("Backend", _all_of(run.info["environment"].get("backend") for run in runs)),
        ("Git commit", _all_of(run.info.get("git_commit") for run in runs)),
    ]
    return [(name, value) for name, value in facts if value]


def _all_of(values: Iterable[str | None]) -> str:
    """Name each value that occurs once."""
    return ", ".join(sorted({value for value in values if value}))


def _as_text(record: dict[str, Any]) -> str:
    """Describe a level of one's own in one line: what is set, without what is not."""
    parts = []
    for name, value in record.items():
        if isinstance(value, dict):
            parts.append(", ".join(f"{key} {item}" for key, item in value.items()))
        elif isinstance(value, list):
            words = [_as_text(item) if isinstance(item, dict) else str(item) for item in value]
            parts += [f"{name.replace('_', ' ')} {', '.join(words)}"] * bool(words)
        elif value is not None and value is not False and value != "" and name != "code":
            parts.append(f"{name.replace('_', ' ')} {value}")
    return "; ".join(parts)
