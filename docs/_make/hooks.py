"""Hooks of mkdocs: pages of docs/ are Jinja templates, notebooks and reports become pages.

In: events of mkdocs. Out: pages whose numbers, tables and figures are filled in; a name that is not
defined stops the build.
"""

import csv
import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Iterable
from typing import Any

from jinja2 import Environment, StrictUndefined
from mkdocs.structure.files import File

import sertk
from docs._make import ROOT, commands, figures, tutorial

_LINK = re.compile(r"\[([^]]+)\]\((?!http)[^)]+\)")


def load(path: str) -> Any:
    """Read a JSON file of the repository."""
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


def rows(path: str) -> list[dict[str, str]]:
    """Read a CSV file of the repository."""
    with (ROOT / path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def section(path: str, heading: str) -> str:
    """Read what follows a second-level heading of a file, without relative links.

    Examples:
        >>> section("CONTRIBUTING.md", "Add a model").startswith("1. Copy")
        True
    """
    text = (ROOT / path).read_text(encoding="utf-8")
    found = re.search(
        rf"^## {re.escape(heading)}\n(.+?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE
    )
    if found is None:
        raise LookupError(f"{path} has no section {heading!r}.")
    return _LINK.sub(r"\1", found[1].strip("\n"))


def table(entries: Iterable[dict[str, Any]], columns: str) -> str:
    """Write columns of dictionaries as a Markdown table.

    Examples:
        >>> print(table([{"epoch": 1, "val_uar": 0.5}], "epoch val_uar"))
        | epoch | val UAR |
        |---|---|
        | 1 | 0.5 |
    """
    names = columns.split()
    heads = [name.replace("_", " ").replace("uar", "UAR") for name in names]
    lines = [heads, *([str(entry[name]) for name in names] for entry in entries)]
    text = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([text[0], "|---" * len(names) + "|", *text[1:]])


def layers(recipe: str) -> list[dict[str, str]]:
    """List the layers of a recipe's network for eight classes, without those that only reshape."""
    from sertk import models, recipes
    from sertk._utils.keras_backend import use_backend, without_native_messages

    use_backend()
    with without_native_messages():
        net = models.build(recipe, recipes.get(recipe).prep.input_shape, 8)
    options = ("filters", "kernel_size", "pool_size", "units", "rate")
    found = []
    for layer in net.layers:
        if layer.__class__.__name__ in ("InputLayer", "Reshape"):
            continue
        given = [f"{name}={getattr(layer, name)}" for name in options if hasattr(layer, name)]
        shape = " x ".join(map(str, layer.output.shape[1:]))
        words = f"{layer.__class__.__name__} {', '.join(given)}"
        found.append({"layer": words, "output": shape, "parameters": f"{layer.count_params():,}"})
    return found


def modules() -> list[dict[str, str]]:
    """List the public modules with their page of the reference and their first paragraph."""
    found = []
    for module in pkgutil.iter_modules(sertk.__path__):
        if module.name[0] != "_" and module.name != "cli":
            doc = inspect.getdoc(importlib.import_module(f"sertk.{module.name}")) or ""
            page = f"sertk/{module.name}{'/index' if module.ispkg else ''}.md"
            words = " ".join(doc.split("\n\n")[0].split())
            found.append({"module": f"[`sertk.{module.name}`]({page})", "content": words})
    return found


def environment() -> Environment:
    """Collect what pages may name."""
    from sertk import corpora, errors, recipes

    made = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters |= {"percent": figures.percent, "spanned": figures.spanned, "doc": inspect.getdoc}
    made.globals |= {
        "load": load, "rows": rows, "section": section, "table": table, "layers": layers,
        "modules": modules, "commands": commands.page, "figures": figures,
        "corpora": [(name, corpora.load(name)) for name in corpora.names()],
        "errors": errors, "recipes": recipes.RECIPES,
    }  # fmt: skip
    return made


def on_files(files: Any, config: Any) -> Any:
    """Add the notebooks, and the committed reports as they are."""
    for name in tutorial.names():
        page = File.generated(config, f"tutorial/{name}.md", content=tutorial.page(name))
        files.append(page)
    for report in sorted(ROOT.glob("reports/**/*.html")):
        target = report.relative_to(ROOT).as_posix().replace("/report.html", ".html")
        files.append(File.generated(config, target, abs_src_path=str(report)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in a page."""
    return environment().from_string(markdown).render()
