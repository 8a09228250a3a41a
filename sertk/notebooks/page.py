"""Write an executed notebook as one self-contained HTML page.

In: the executed notebook and its parameters. Out: the page next to it, in the style of the reports:
prose, code, tables, players, and figures that follow light and dark.
"""

import html
import re
from pathlib import Path
from typing import Any

from sertk._html import pages
from sertk._display import drawing

_HERE = Path(__file__).parent
_HIDDEN = {"injected-parameters", "papermill-error-cell-tag"}
# a progress bar is for the moment, not for the record
_BAR = re.compile(r"\d+%\|")


def write(executed: Path, parameters: list[tuple[str, Any, str]]) -> Path:
    """Write the page of an executed notebook.

    Args:
        executed: The notebook.
        parameters: Name, value and help of each parameter, listed in the place of their cell.
    """
    import nbformat
    from markupsafe import Markup
    from nbconvert import HTMLExporter

    notebook = nbformat.read(executed, as_version=4)
    notebook.cells = [
        cell for cell in notebook.cells if not _HIDDEN & set(cell.metadata.get("tags", ()))
    ]
    title = _title(notebook, executed.stem)
    for number, cell in enumerate(notebook.cells):
        if "parameters" in cell.metadata.get("tags", ()):
            notebook.cells[number] = nbformat.v4.new_markdown_cell(_listed(parameters))
        elif cell.cell_type == "code":
            cell.outputs = [out for out in map(_shown, cell.outputs) if out is not None]
            for place, output in enumerate(cell.outputs):
                _inline_figure(output, f"cell{number}-{place}")
    exporter = HTMLExporter(template_name="basic", exclude_anchor_links=True)
    body, _ = exporter.from_notebook_node(notebook)
    text = pages.render(
        _HERE,
        "page.html",
        title=title,
        body=Markup(_without_dead_links(body)),
        extra=Markup((_HERE / "page.css").read_text(encoding="utf-8")),
    )
    return pages.write(text, executed.with_suffix(".html"))


def _listed(parameters: list[tuple[str, Any, str]]) -> str:
    rows = "".join(
        f"<dt><code>{html.escape(name)}</code></dt><dd><code>{html.escape(repr(value))}</code> "
        f"<span class='quiet'>{html.escape(words or '')}</span></dd>"
        for name, value, words in parameters
    )
    return f"<dl class='facts'>{rows}</dl>"


def _title(notebook: Any, otherwise: str) -> str:
    for cell in notebook.cells:
        heading = re.search(r"^# (.+)$", cell.source, re.MULTILINE)
        if cell.cell_type == "markdown" and heading:
            return heading[1].strip()
    return otherwise


def _shown(output: Any) -> Any:
    """Drop what progress bars wrote, and outputs that held nothing else."""
    if output.output_type != "stream" or output.name != "stderr":
        return output
    lines = [line.rsplit("\r", 1)[-1] for line in output.text.split("\n")]
    kept = [line for line in lines if line.strip() and not _BAR.search(line)]
    output.text = "\n".join(kept)
    return output if kept else None


def _inline_figure(output: Any, name: str) -> None:
    """Embed our SVG in the page, so that it uses the page's colors."""
    data = output.get("data", {})
    if "image/svg+xml" not in data:
        return
    text = drawing.restyled("".join(data.pop("image/svg+xml")))
    # the paper of a figure is the page's
    text = text.replace('style="fill: #ffffff"/>', 'style="fill: none"/>')
    data["text/html"] = f"<figure>{pages.with_own_ids(text, name)}</figure>"


def _without_dead_links(body: str) -> str:
    """Replace links to files by their text: the page comes without these files."""
    return re.sub(r'<a href="(?!https?:|#|data:)[^"]*"[^>]*>(.*?)</a>', r"<b>\1</b>", body)
