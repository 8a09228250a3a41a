"""The tutorial: each notebook as a page, with the outputs of a run on the toy corpus.

In: notebooks/ and figures/notebooks/. Out: Markdown. Outputs are kept under the source of their
cell, so that a page never shows a figure beside code that did not draw it; sound is not kept. When
a notebook changes, this renews its outputs, in minutes on two cores:

    python -m docs._make.tutorial [NAME ...]
"""

import html
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from docs._make import ROOT
from sertk import corpora, notebooks
from sertk._display import drawing
from sertk._html import pages
from sertk.notebooks import declared

NOTEBOOKS = ROOT / "notebooks"
TARGET = ROOT / "docs" / "figures" / "notebooks"
_LIMIT = 150_000  # characters of one output
_HINT = """!!! tip "Run it yourself"
    Open `notebooks/{0}.ipynb` in JupyterLab, or type `sertk notebook notebooks/{0}.ipynb`.
    The outputs below are those of the toy corpus, which is synthetic: its scores mean nothing for
    real voices."""


def names() -> list[str]:
    """List the notebooks in the order of their numbers."""
    return sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))


def cells(path: Path) -> list[dict[str, Any]]:
    """Read the cells of a notebook, each with its source as one text."""
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [{**cell, "source": "".join(cell["source"])} for cell in found]


def page(name: str) -> str:
    """Write a notebook as Markdown."""
    kept = json.loads((TARGET / f"{name}.json").read_text(encoding="utf-8"))
    path = NOTEBOOKS / f"{name}.ipynb"
    parts = []
    for cell in cells(path):
        if cell["cell_type"] == "markdown":
            parts.append(re.sub(r"\]\(([\w-]+)\.ipynb", r"](\1.md", cell["source"]))
        elif "parameters" in cell["metadata"].get("tags", ()):
            parts.append("| parameter | default | meaning |\n|---|---|---|\n" + "\n".join(
                f"| `{p['name']}` | `{p['default']}` | {html.escape(p['help'])} |"
                for p in declared.of_code(cell["source"], path.name).values()
            ))  # fmt: skip
        else:
            parts += [f"```python\n{cell['source']}\n```", *kept.get(cell["source"], ())]
    parts.insert(1, _HINT.format(name))
    return "\n\n".join(parts) + "\n"


def outputs(cell: dict[str, Any], mark: str) -> list[str]:
    """Write the outputs of an executed cell as HTML: figures, tables and text."""
    shown = [_shown(out, f"{mark}-{n}", cell["source"]) for n, out in enumerate(cell["outputs"])]
    return [text for text in shown if text and len(text) <= _LIMIT]


def _shown(output: dict[str, Any], mark: str, source: str) -> str:
    data = {kind: "".join(text) for kind, text in output.get("data", {}).items()}
    if "image/svg+xml" in data:
        words = html.escape(f"Figure drawn by: {source.splitlines()[-1].strip()}", quote=True)
        text = re.sub(r"[ \t]+\n", "\n", drawing.restyled(data["image/svg+xml"]))
        text = text.replace('style="fill: #ffffff"/>', 'style="fill: none"/>')
        text = text.replace("<svg", f'<svg role="img" aria-label="{words}"', 1)
        text = pages.with_own_ids(text[text.index("<svg") :], mark)
        return f'<figure class="made" data-search-exclude tabindex="0">{text}</figure>'
    if "text/html" in data:
        if "<audio" in data["text/html"]:
            return '<p class="shown player">Jupyter shows an audio player here.</p>'
        text = re.sub(r"<style.*?</style>\s*", "", data["text/html"], flags=re.DOTALL)
        text = re.sub(r'<table border="1" class="dataframe">', "<table>", text)
        text = text.replace(' style="text-align: right;"', "")
        return f'<div class="shown" data-search-exclude>{text}</div>'
    text = data.get("text/plain", "")
    if output.get("name") == "stdout":
        text = re.sub(r"\x1b\[[\d;]*m", "", "".join(output["text"]))
    return f'<pre class="shown" data-search-exclude>{html.escape(text.strip())}</pre>' * bool(text)


def main(chosen: list[str]) -> None:
    """Execute the notebooks that are named, else all, and keep their outputs."""
    with tempfile.TemporaryDirectory() as folder:
        corpora.scan("toy", Path(folder) / "toy")
        os.chdir(folder)
        for name in chosen or names():
            executed = notebooks.run(NOTEBOOKS / f"{name}.ipynb", output=f"runs/{name}", root="toy")
            kept = {}
            for number, cell in enumerate(cells(executed.with_suffix(".ipynb"))):
                if cell["cell_type"] == "code" and (shown := outputs(cell, f"{name}-{number}")):
                    kept[cell["source"]] = shown
            text = json.dumps(kept, indent=1)
            (TARGET / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
