"""Finished HTML that Markdown shall not touch: a mark in the text, replaced when it is a page.

In: HTML under a name. Out: a mark for the Markdown, and the page with the marks replaced.
"""

import re

_MARK = re.compile(r'<div data-piece="([^"]+)"></div>')
_kept: dict[str, str] = {}


def placed(name: str, content: str) -> str:
    """Keep a piece, and hand out the mark that stands for it.

    Examples:
        >>> set_in(f"<p>a</p>{placed('b', '<b>b</b>')}")
        '<p>a</p><b>b</b>'
    """
    _kept[name] = content
    return f'<div data-piece="{name}"></div>'


def set_in(page: str) -> str:
    """Replace the marks of a page by their pieces."""
    return _MARK.sub(lambda found: _kept[found[1]], page)
