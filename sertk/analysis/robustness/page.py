"""The robustness page: an answer in one sentence, the curves, every number.

In: a `RobustnessDisplay` and its run. Out: one HTML document that needs nothing else.
"""

from pathlib import Path
from typing import Any

from sertk._display import drawing
from sertk._display.display import ends, percent
from sertk._html import pages
from sertk._utils import atomic, provenance
from sertk.analysis.robustness.curves import RobustnessDisplay, points, written
from sertk.run import Run

_HERE = Path(__file__).parent


def write_html(shown: RobustnessDisplay, run: Run | str | Path, path: str | Path) -> Path:
    """Write the page of a robustness test.

    Args:
        shown: Result of `sertk.analysis.robustness.measure`.
        run: The run that was measured, or its folder.
        path: File to write.

    Returns:
        The file written.

    Examples:
        `sertk.analysis.robustness.write_html(shown, "runs/ravdess_compact", "robustness.html")`
    """
    info = Run.open(run).info
    rows = -(-len(shown.conditions) // 2)

    def draw(wide: bool) -> str:
        (axes,) = drawing.new_axes(11.2 if wide else 3.9, 5.4 if wide else 0.4 + 2.1 * rows)
        shown.plot(axes)
        axes.set_title("", loc="left")
        return drawing.svg(axes, themed=True)

    caption = (
        "Large point: clean recordings; the degradation increases with distance from it. Dashed: "
        "clean; dotted: chance; band: 95 % confidence interval over speakers."
    )
    text = pages.render(
        _HERE, "page.html", title=f"{shown.run}: robustness to noise and other degradations",
        parts=[", ".join(info["corpora"]), str(info.get("grouping", "")), info["model"]["name"]],
        lead=_answer(shown), synthetic=bool(info.get("synthetic")),
        leaky=bool(info["protocol"].get("leaky")), protocol=info["protocol"]["sentence"],
        figure_drawn=pages.pair("curves", draw, _answer(shown)), caption=caption,
        tables=_tables(shown), note=shown.note,
        commands="\n".join(filter(None, [info.get("command"), provenance.command()])),
        version=info.get("sertk_version", ""),
    )  # fmt: skip
    return pages.write(text, path)


def write_json(shown: RobustnessDisplay, path: str | Path) -> Path:
    """Write the figures, with titles and units, for the model card and for machines.

    Args:
        shown: Result of `sertk.analysis.robustness.measure`.
        path: File to write; the model card looks for `robustness.json` in the run's folder.

    Returns:
        The file written.
    """
    rows = [
        {"title": condition.title, "unit": condition.unit, **row}
        for condition in shown.conditions
        for row in shown.of(condition.name).to_dict("records")
    ]
    plain = [{key: None if v != v else v for key, v in row.items()} for row in rows]
    atomic.write_json(Path(path), {"run": shown.run, "note": shown.note, "rows": plain})
    return Path(path)


def _answer(shown: RobustnessDisplay) -> str:
    """Name the conditions that lower UAR most and least."""
    titles = {condition.name: condition for condition in shown.conditions}

    def phrase(row: dict[Any, Any]) -> str:
        condition = titles[row["condition"]]
        level = f"{written(row['level'])} {condition.unit}".replace("k Hz", " kHz")
        return f"{condition.title.lower()} ({level})"

    rows: list[dict[Any, Any]] = shown.worst().to_dict("records")
    hardest, mildest = rows[0], rows[-1]
    answer = (
        f"UAR is {percent(shown.clean.uar)} % on clean speech and {percent(hardest['uar'])} % with "
        f"the worst condition, {phrase(hardest)}"
    )
    if hardest["change"] >= 0:
        answer = f"No condition lowers the UAR of {percent(shown.clean.uar)} %"
    elif mildest is not hardest:
        answer += f"; {phrase(mildest)} changes it by {points(mildest['change'])} points"
    return f"{answer}. Chance is {percent(shown.clean.chance)} %."


def _tables(shown: RobustnessDisplay) -> list[dict[str, Any]]:
    return [
        {
            "title": condition.title,
            "unit": condition.unit,
            "rows": [_row(row) for row in shown.of(condition.name).to_dict("records")],
        }
        for condition in shown.conditions
    ]


def _row(row: dict[Any, Any]) -> dict[str, Any]:
    low, high = row["change_low"], row["change_high"]
    return {
        "level": written(row["level"]), "uar": percent(row["uar"]),
        "ends": ends(row["low"], row["high"]), "change": points(row["change"]),
        "change_ends": "no interval" if low != low else f"{points(low)} to {points(high)}",
        "n": row["n"],
    }  # fmt: skip
