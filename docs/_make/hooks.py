"""What mkdocs asks while it builds: more pages, the navigation, and words in the text.

In: events of mkdocs. Out: the generated pages beside those of docs/, which may name numbers and
generated parts as `{{ name }}`; a name that is not known stops the build.
"""

import importlib
import re
from typing import Any

from mkdocs.structure.files import File

from docs._make import (
    ROOT,
    architecture,
    corpora_table,
    exports,
    figures,
    html_parts,
    recipes,
    reference,
    systems,
    troubleshooting,
    tutorial,
)
from sertk._utils.keras_backend import use_backend, without_native_messages

_PLACE = re.compile(r"\{\{ ([^}]+?) \}\}")
_LINK = re.compile(r"\[([^]]+)\]\([^)]+\)")
_words: dict[str, str] = {}


def generated() -> dict[str, str]:
    """Write every page that no file of docs/ holds: path -> Markdown."""
    made = {reference.path(module): reference.page(module) for module in reference.modules()}
    made["reference/commands.md"] = reference.commands()
    made |= {f"tutorial/{name}.md": tutorial.page(name) for name in tutorial.names()}
    made |= {f"how-to/{recipes.slug(h)}.md": recipes.page(h) for h in recipes.recipes()}
    made["troubleshooting.md"] = troubleshooting.page(troubleshooting.collect())
    return made


def words() -> dict[str, str]:
    """Collect what the pages of docs/ may name."""
    found = {f"recipe: {heading}": body for heading, body in recipes.recipes().items()}
    found |= {f"README: {h}": body for h, body in recipes.sections("README.md").items()}
    found |= {f"CONTRIBUTING: {h}": b for h, b in recipes.sections("CONTRIBUTING.md").items()}
    found |= {f"{name} | without links": _LINK.sub(r"\1", text) for name, text in found.items()}
    found["tutorial.list"] = "\n".join(
        f"{place}. [{tutorial.title(name)}]({name}.md): {tutorial.question(name)}"
        for place, name in enumerate(tutorial.names(), 1)
    )
    found["recipes.list"] = _listed({h: f"{recipes.slug(h)}.md" for h in recipes.recipes()})
    found["reference.list"] = reference.table()
    found["corpora.table"] = corpora_table.table()
    found["corpora.sections"] = corpora_table.sections()
    found["systems.table"] = systems.table()
    found["systems.lesson"] = systems.lesson()
    found["systems.sections"] = systems.sections()
    found["exports.summary"] = exports.summary(exports.read())
    found["exports.shortfalls"] = exports.shortfalls(exports.read())
    return found | architecture.words() | figures.words()


def _listed(pages: dict[str, str]) -> str:
    return "\n".join(f"- [{name}]({path})" for name, path in pages.items())


def filled(markdown: str, known: dict[str, str]) -> str:
    """Replace what a page names by what it stands for.

    Raises:
        KeyError: If the page names something that is not known.

    Examples:
        >>> filled("{{ a }} of {{ b }}", {"a": "1", "b": "2"})
        '1 of 2'
    """
    return _PLACE.sub(lambda found: known[found[1]], markdown)


def on_config(config: Any) -> Any:
    """Complete the navigation by what is found."""
    use_backend()
    with without_native_messages():
        importlib.import_module("keras")
    _words.clear()
    _words.update(words())
    for entry in config.nav:
        ((name, pages),) = entry.items()
        if name == "Tutorial":
            pages += [{tutorial.title(n): f"tutorial/{n}.md"} for n in tutorial.names()]
        elif name == "How-to":
            pages += [{h: f"how-to/{recipes.slug(h)}.md"} for h in recipes.recipes()]
        elif name == "Reference":
            pages += reference.nav()
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the generated pages; a page of docs/ comes before a generated one."""
    for path, content in generated().items():
        if files.get_file_from_path(path) is None:
            files.append(File.generated(config, path, content=content))
    for page in sorted(ROOT.glob("reports/**/report.html")):
        target = f"{page.parent.relative_to(ROOT).as_posix()}.html"
        files.append(File.generated(config, target, abs_src_path=str(page)))
    for page in sorted(ROOT.glob("reports/studies/*.html")):
        target = page.relative_to(ROOT).as_posix()
        files.append(File.generated(config, target, abs_src_path=str(page)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in numbers and generated parts."""
    return filled(markdown, _words)


def on_page_content(html: str, **_: Any) -> str:
    """Set in finished HTML."""
    return html_parts.set_in(html)
