"""Write what was measured as JSON and as a table for readers.

In: what `benchmarks.__main__.run` returns. Out: a JSON file, and the table beside it as .md.
"""

import json
from pathlib import Path
from typing import Any

from sertk._utils import atomic

_UNITS = {"s per file": (1e3, "ms"), "s per clip": (1e3, "ms")}
_HEAD = ("", "what", "ours", "against", "peer", "ratio", "goal", "met", "n")


def write(measured: dict[str, Any], path: Path) -> None:
    """Write both files, each whole or not at all; their folder is made."""
    atomic.folder(path.parent)
    with atomic.whole(path) as temporary:
        temporary.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    with atomic.whole(path.with_suffix(".md")) as temporary:
        temporary.write_text(text(measured), encoding="utf-8")


def text(measured: dict[str, Any]) -> str:
    """Lay the records out as Markdown."""
    where = measured["environment"]
    versions = ", ".join(f"{name} {version}" for name, version in where["packages"].items())
    lines = [
        "# Benchmarks",
        "",
        f"sertk {where['sertk']} at {where['commit'] or 'no commit'}, {where['measured']}: "
        f"Python {where['python']}, {where['platform']}, {where['cores']} cores, {versions}. "
        f"`make bench` took {measured['minutes']} minutes.",
        "",
    ]
    if measured["quick"]:
        lines += ["**A quick run: it shows that everything runs. Its figures say nothing.**", ""]
    lines += [_row(_HEAD), _row(["---"] * len(_HEAD)), *map(_record, measured["records"]), ""]
    lines += [
        "Ours and the peer take turns in one run, on the same files and cores. Figures are medians",
        "with the least and the most; the ratio is that of the medians, and in brackets the median",
        "of the ratios of single turns.",
        "",
    ]
    lines += [f"- **{r['id']}** {r['notes']}." for r in measured["records"] if r["notes"]]
    return "\n".join(lines) + "\n"


def _record(record: dict[str, Any]) -> str:
    if record["met"] is None:
        cells = (record["id"], record["what"], "not measured", record["peer"]["what"], "", "")
        return _row((*cells, record["goal"], "", ""))
    scale, unit = _UNITS.get(record["unit"], (1.0, record["unit"].split()[0]))
    paired = record["paired_ratio"]
    return _row(
        (
            record["id"],
            record["what"],
            _figure(record["ours"], scale, unit),
            record["peer"]["what"],
            _figure(record["peer"], scale, unit),
            f"{record['ratio']:.3g}" + (f" ({paired:.3g})" if paired is not None else "")
            + f" {record['ratio_is']}",
            record["goal"],
            "yes" if record["met"] else "**no**",
            str(record["n"]),
        )
    )  # fmt: skip


def _figure(figures: dict[str, Any], scale: float, unit: str) -> str:
    low, middle, high = (figures[k] * scale for k in ("min", "median", "max"))
    return f"{middle:.3g} {unit} ({low:.3g} to {high:.3g})"


def _row(cells: Any) -> str:
    return "| " + " | ".join(cells) + " |"
