"""The frame of every page: style sheet, document, and figures in two widths.

In: a template and what fills it. Out: one HTML file that needs no other and asks the network for
nothing. Report, exploration and notebooks look alike because they all come from here.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sertk._utils import atomic

_HERE = Path(__file__).parent


def render(folder: Path, template: str, **values: Any) -> str:
    """Fill a template that extends `base.html`; a missing value is an error, markup is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader([folder, _HERE]), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template(template).render(
        style=Markup(style()), script=Markup(_read("page.js")), **values
    )


def style() -> str:
    """Hand out the style sheet."""
    return _read("style.css")


def pair(figure: str, draw: Callable[[bool], str], description: str) -> dict[str, Any]:
    """Draw a figure twice, for wide and for narrow pages; `draw` takes whether it is wide."""
    from markupsafe import Markup

    head = Markup('<svg role="img" aria-label="{}"').format(description)
    drawn = {}
    for name in ("wide", "narrow"):
        text = with_own_ids(draw(name == "wide"), f"{figure}-{name}")
        drawn[name] = Markup(text.replace("<svg", str(head), 1))
    return drawn


def with_own_ids(svg: str, name: str) -> str:
    """Prefix every id: equal marks of two figures have equal ids, a page may have each once."""
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)


def write(text: str, path: str | Path) -> Path:
    """Write a page whole or not at all, and make its folder."""
    target = Path(path).expanduser()
    atomic.folder(target.parent)
    with atomic.whole(target) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return target


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
