"""The tutorial: each notebook as a page, with what its cells showed on the toy corpus.

In: notebooks/ and figures/notebooks/. Out: Markdown, and pieces of HTML to be set into it.
"""

import ast
import html
import json
import re
from pathlib import Path
from typing import Any

from docs._make import ROOT, html_parts
from docs._make.notebook_outputs import TARGET, key
from sertk._html import pages

_PARAMETER = re.compile(r"(\w+): (\w+) = (.+?)  # (.+)")
PLAYER = "In Jupyter a player stands here. This page carries no sound."


def names() -> list[str]:
    """List the notebooks in the order of their numbers."""
    return sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


def _read(name: str) -> list[dict[str, Any]]:
    text = (ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")
    cells: list[dict[str, Any]] = json.loads(text)["cells"]
    return [{**cell, "source": "".join(cell["source"])} for cell in cells]


def title(name: str) -> str:
    """Read the first heading of a notebook, up to its colon."""
    found = re.search(r"^# (.+)$", _read(name)[0]["source"], re.MULTILINE)
    return found[1].partition(":")[0] if found else name


def question(name: str) -> str:
    """Read what a notebook answers: its first sentence."""
    words = _read(name)[0]["source"].split("\n\n")[1].replace("\n", " ")
    return re.split(r"(?<=[.?!]) ", words)[0]


def page(name: str) -> str:
    """Write a notebook as Markdown."""
    recorded = _recorded(TARGET / f"{name}.json")
    parts = []
    for number, cell in enumerate(_read(name)):
        source = cell["source"]
        if cell["cell_type"] == "markdown":
            parts.append(re.sub(r"\]\(([\w-]+)\.ipynb", r"](\1.md", source))
        elif "parameters" in cell["metadata"].get("tags", ()):
            parts.append(_parameters(source))
        else:
            parts.append(f"```python\n{source}\n```")
            for place, output in enumerate(recorded.get(key(source), ())):
                mark = f"{name}-{number}-{place}"
                parts.append(html_parts.placed(mark, _shown(output, mark, source)))
    parts.insert(1, _how_to_run(name))
    return "\n\n".join(parts) + "\n"


def _recorded(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    cells: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return cells


def _how_to_run(name: str) -> str:
    return (
        "!!! tip \"Run it yourself\"\n"
        f"    Open `notebooks/{name}.ipynb` in JupyterLab, or type "
        f"`sertk run notebooks/{name}.ipynb`. What is shown below is a run on the toy corpus: its "
        "scores say that everything works, and nothing about people."
    )  # fmt: skip


def _parameters(source: str) -> str:
    rows = ["| parameter | default | what it is |", "|---|---|---|"]
    for found in map(_PARAMETER.fullmatch, source.splitlines()):
        if found:
            name, _, value, words = found.groups()
            rows.append(f"| `{name}` | `{ast.literal_eval(value)!r}` | {html.escape(words)} |")
    return "\n".join(rows)


def _shown(output: dict[str, str], mark: str, source: str) -> str:
    ((kind, content),) = output.items()
    if kind == "svg":
        words = html.escape(f"Figure drawn by: {source.splitlines()[-1].strip()}", quote=True)
        text = content.replace('style="fill: #ffffff"/>', 'style="fill: none"/>')
        text = text.replace("<svg", f'<svg role="img" aria-label="{words}"', 1)
        text = pages.with_own_ids(text, mark)
        return f'<figure class="made" data-search-exclude tabindex="0">{text}</figure>'
    if kind == "html":
        content = re.sub(r"<style.*?</style>\s*", "", content, flags=re.DOTALL)
        content = re.sub(r'<table border="1" class="dataframe">', "<table>", content)
        content = content.replace(' style="text-align: right;"', "")
        return f'<div class="shown" data-search-exclude>{content}</div>'
    if kind == "player":
        return f'<p class="shown player">{PLAYER}</p>'
    return f'<pre class="shown" data-search-exclude>{html.escape(content.strip())}</pre>'
