"""The HTML page of a search.

In: a `SearchResult`. Out: one HTML file that needs no other.
"""

from pathlib import Path
from typing import Any

from sertk._display.display import DASH, percent
from sertk._html import pages
from sertk.studies import space as spaces
from sertk.studies.page import drawn
from sertk.studies.search_result import SearchResult

_HERE = Path(__file__).parent


def write_search_html(result: SearchResult, path: str | Path | None = None) -> Path:
    """Write the page of a search.

    Args:
        result: What was found.
        path: File to write; `search.html` in the search's folder by default.

    Returns:
        The file written.
    """
    info, trials, importance = result.info, result.trials(), result.importance()
    worth = result.worth().rename_axis("name").reset_index().to_dict("records")
    text = pages.render(
        _HERE, "search.html",
        title=f"Search: {info['model']}", model=info["model"], answer=result.answer,
        feature=info["preprocessing"]["feature"]["name"], protocol=info["protocol"]["sentence"],
        worth=worth, importance_note=importance.note,
        importance=drawn("importance", importance) if len(importance.frame()) else None,
        settings=[(d.title, drawn(f"setting-{k}", d)) for k, d in enumerate(result.settings())],
        progress=drawn("trials", trials), trials=trials.frame().reset_index().to_dict("records"),
        names=list(info["space"]), facts=_facts(result), command=info["command"],
        pct=percent, short=_short,
    )  # fmt: skip
    return pages.write(text, result.folder / "search.html" if path is None else path)


def _facts(result: SearchResult) -> list[tuple[str, str]]:
    info = result.info
    states = result.trials().frame()["state"].value_counts()
    return [
        ("Space", "; ".join(f"{name} {spaces.words(v)}" for name, v in result.space.items())),
        ("Trials", ", ".join(f"{count} {state}" for state, count in states.items())),
        ("Seed", str(info["seed"])),
        ("Backend", str(info["environment"].get("backend", ""))),
        ("Git commit", str(info.get("git_commit") or "")),
    ]


def _short(value: Any) -> str:
    if value is None or value != value:
        return DASH
    return f"{value:.3g}" if isinstance(value, float) else str(value)
