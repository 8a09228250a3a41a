"""The report of a run: scores, for whom they hold, and how to reproduce them.

In: a finished run folder. Out: `report.html`, which needs no other file and asks the network for
nothing, and `report.json` with the same numbers. Keras is not needed.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from sertk._html import pages
from sertk.evaluation import evaluate
from sertk.report import numbers, page
from sertk.run import Run

__all__ = ["write_html", "write_json"]


def write_html(
    run: Run | str | Path,
    path: str | Path | None = None,
    *,
    audio: bool = False,
    roots: Mapping[str, str | Path] | None = None,
) -> Path:
    """Write the report of a run as one HTML file.

    Args:
        run: A finished run, or its folder.
        path: Where to write; `report.html` in the run folder by default.
        audio: Embed the clips of the worst mistakes and best hits, with players and
            spectrograms. Mind the license of the corpus before you pass such a page on.
        roots: Corpus -> folder, where its sound files are; for `audio=True`. `SERTK_CORPORA`
            is looked at otherwise.

    Returns:
        The file written.

    Raises:
        RunError: If the run is unfinished.
        ManifestError: If `audio=True` and no root folder is known.
        AudioError: If `audio=True` and a file cannot be read.

    Examples:
        `sertk.report.write_html("runs/ravdess_compact")`
    """
    run = Run.open(run)
    result = evaluate(run)
    text = page.render(run, result, numbers.collect(run, result), audio=audio, roots=roots)
    return pages.write(text, path or run.folder / "report.html")


def write_json(run: Run | str | Path, path: str | Path | None = None) -> Path:
    """Write the numbers of the report as JSON: fractions, full precision, null where unknown.

    Args:
        run: A finished run, or its folder.
        path: Where to write; `report.json` in the run folder by default.

    Returns:
        The file written.

    Raises:
        RunError: If the run is unfinished.

    Examples:
        `sertk.report.write_json("runs/ravdess_compact")`
    """
    run = Run.open(run)
    record = numbers.collect(run, evaluate(run))
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return pages.write(text, path or run.folder / "report.json")
