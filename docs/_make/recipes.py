"""Sections of other files of the repository, so that each text stands in one place only.

In: README.md, CONTRIBUTING.md. Out: the Markdown of a section.
"""

import re

from docs._make import ROOT


def sections(name: str) -> dict[str, str]:
    """Split a file of the repository by its second headings.

    Examples:
        >>> "Add a model" in sections("CONTRIBUTING.md")
        True
    """
    text = (ROOT / name).read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)[1:]
    return {
        heading: body.strip("\n") for heading, body in zip(parts[::2], parts[1::2], strict=True)
    }


def recipes() -> dict[str, str]:
    """Find what can be added: heading -> its steps."""
    found = sections("CONTRIBUTING.md")
    return {heading: body for heading, body in found.items() if heading.startswith("Add ")}


def slug(heading: str) -> str:
    """Name the page of a recipe.

    Examples:
        >>> slug("Add a model")
        'add-a-model'
    """
    return re.sub(r"\W+", "-", heading.lower()).strip("-")


def page(heading: str) -> str:
    """Write the page of a recipe that has no page of its own yet."""
    return f"# {heading}\n\n{recipes()[heading]}\n"
