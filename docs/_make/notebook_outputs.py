"""Execute the notebooks on the toy corpus, and keep what their cells show in figures/notebooks/.

In: notebooks/. Out: for each a JSON file with the outputs of its cells, under a checksum of the
cell's source, so that the tutorial never shows a figure beside code that did not draw it. No
sound is kept. Minutes on two cores, and only needed when a notebook changes:

    python -m docs._make.notebook_outputs [NAME ...]
"""

import hashlib
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from sertk import corpora, notebooks
from sertk._display import drawing

ROOT = Path(__file__).parents[2]
TARGET = ROOT / "docs" / "figures" / "notebooks"
LIMIT = 150_000  # characters of one output
_TERMINAL = re.compile(r"\x1b\[[\d;]*m")
_BAR = re.compile(r"\d+%\|")


def key(source: str) -> str:
    r"""Name a cell by what it says.

    Examples:
        >>> key("run") == key("run\n") != key("runs")
        True
    """
    return hashlib.sha256(source.strip().encode()).hexdigest()[:16]


def shown(output: dict[str, Any]) -> dict[str, str] | None:
    """Keep one output in its best form: a figure, a table, or text; of sound only that it was."""
    data = output.get("data", {})
    if "image/svg+xml" in data:
        kept = {"svg": _text(data["image/svg+xml"])}
        kept["svg"] = re.sub(r"[ \t]+\n", "\n", drawing.restyled(kept["svg"]))
    elif "text/html" in data:
        kept = {"html": _text(data["text/html"])}
    elif "text/plain" in data:
        kept = {"text": _text(data["text/plain"])}
    elif output.get("name") == "stdout":
        kept = {"text": _TERMINAL.sub("", _text(output["text"]))}
    else:
        return None
    (content,) = kept.values()
    return {"player": ""} if "<audio" in content or "data:audio" in content else kept


def _text(lines: str | list[str]) -> str:
    return "".join(lines)


def record(executed: Path) -> dict[str, Any]:
    """Collect the outputs of an executed notebook by the source of their cells."""
    cells = {}
    for cell in json.loads(executed.read_text(encoding="utf-8"))["cells"]:
        kept = [found for found in map(shown, cell.get("outputs", ())) if found]
        kept = [found for found in kept if len(*found.values()) <= LIMIT]
        if kept and "injected-parameters" not in cell["metadata"].get("tags", ()):
            cells[key(_text(cell["source"]))] = kept
    return {"notebook": executed.stem, "corpus": "toy", "cells": cells}


def main(names: list[str]) -> None:
    """Execute the notebooks that are named, else all, and write their files."""
    TARGET.mkdir(parents=True, exist_ok=True)
    chosen = [ROOT / "notebooks" / f"{name}.ipynb" for name in names]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        corpora.scan("toy", "corpora/toy")
        for path in chosen or sorted((ROOT / "notebooks").glob("*.ipynb")):
            page = notebooks.run(path, output=f"runs/{path.stem}", root="corpora/toy")
            text = json.dumps(record(page.with_suffix(".ipynb")), indent=1)
            (TARGET / f"{path.stem}.json").write_text(text + "\n", encoding="utf-8")
            os.chdir(folder)
        os.chdir(ROOT)


if __name__ == "__main__":
    main(sys.argv[1:])
