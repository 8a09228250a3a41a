"""Axes and SVG for every figure: one matplotlib style, no pyplot, no global state.

In: nothing, or a caller's axes. Out: axes that a notebook shows without pyplot, and SVG text that
is the same on every machine. Colors are named here; in a page they become CSS variables, so
that one figure serves light and dark.
"""

import io
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from sertk.errors import UnknownNameError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = "#1b1f28"
MUTED = "#5a6270"
GRID = "#dfe2e7"
ACCENT = "#1d4f91"
SECOND = "#b4470b"
SOFT = "#8fa9cf"
_LONGEST = 40  # letters of a line in a drawing
# every color that a page may restyle, and the CSS variable that takes its place there
_VARIABLES = {
    INK: "--ink", MUTED: "--muted", GRID: "--grid", ACCENT: "--accent", SECOND: "--second",
    SOFT: "--soft",
}  # fmt: skip
MARKS = {"female": ("o", SECOND), "male": ("^", ACCENT), "unknown": ("s", MUTED)}

# no mathematics in texts: a class or speaker may be called anything, dollar signs included
_STYLE: Any = {
    "axes.axisbelow": True, "axes.edgecolor": MUTED, "axes.grid": True, "axes.labelcolor": INK,
    "axes.labelsize": 9.5, "axes.linewidth": 0.8, "axes.spines.right": False,
    "axes.spines.top": False, "axes.titlelocation": "left", "axes.titlesize": 10.5,
    "figure.facecolor": "white", "figure.dpi": 100, "grid.color": GRID, "grid.linewidth": 0.7,
    "legend.fontsize": 9, "legend.frameon": False, "legend.labelcolor": INK, "svg.fonttype": "none",
    "svg.hashsalt": "sertk", "text.color": INK, "text.parse_math": False, "xtick.color": MUTED,
    "xtick.labelcolor": INK, "xtick.labelsize": 9, "ytick.color": MUTED, "ytick.labelcolor": INK,
    "ytick.labelsize": 9,
}  # fmt: skip


@cache
def _axes_class() -> type:
    from matplotlib.axes import Axes

    class ShownAxes(Axes):
        """Axes whose figure a notebook shows, although pyplot does not know of it."""

        def _repr_svg_(self) -> str:
            return svg(self)

    return ShownAxes


def style(**changes: Any) -> Any:
    """Switch to the style of these figures, and changes of it, for a `with` block."""
    from matplotlib import rc_context, rcParams

    names = {name.replace(".", "_"): name for name in rcParams}
    for name in changes:
        if name not in names:
            raise UnknownNameError("rcParam", name, names)
    return rc_context(_STYLE | {names[name]: value for name, value in changes.items()})


def new_axes(
    width: float = 8.0, height: float = 3.5, *, columns: int = 1, rows: int = 1
) -> "list[Axes]":
    """Make a new figure with a grid of axes, its size in inches, without pyplot."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(width, height), layout="constrained")
        return [
            figure.add_subplot(rows, columns, place + 1, axes_class=_axes_class())
            for place in range(rows * columns)
        ]


def svg(axes: "Axes", *, themed: bool = False) -> str:
    """Write the figure of some axes as an `<svg>` element; the same drawing gives the same bytes.

    For our pages it is themed: transparent background, colors as CSS variables, embeddable in HTML.
    """
    figure: Any = axes.get_figure(root=True)
    _shorten(figure)
    sink = io.StringIO()
    with style():
        figure.savefig(sink, format="svg", metadata={"Date": None}, transparent=themed)
    return restyled(sink.getvalue()) if themed else sink.getvalue()


def _shorten(figure: Any) -> None:
    """Cut names that would leave no room for the drawing; tables beside it hold them in full."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_text(_short(text.get_text()))
    for axes in figure.findobj(lambda part: hasattr(part, "xaxis")):
        for axis in (axes.xaxis, axes.yaxis):
            labels = [label.get_text() for label in axis.get_ticklabels()]
            if any(len(label) > _LONGEST for label in labels):
                axis.set_ticks(axis.get_majorticklocs(), [_short(label) for label in labels])


def _short(text: str) -> str:
    """Shorten each line of a text.

    Examples:
        >>> len(_short("a" * 500)), _short("anger")
        (40, 'anger')
    """
    lines = text.split("\n")
    return "\n".join(n if len(n) <= _LONGEST else n[: _LONGEST - 3] + "..." for n in lines)


def restyled(text: str) -> str:
    """Make our SVG embeddable in HTML: no header, colors as CSS variables.

    Examples:
        >>> restyled('<?xml version="1.0"?><svg xmlns="x"><path style="fill: #1d4f91"/></svg>')
        '<svg><path style="fill: var(--accent,#1d4f91)"/></svg>'
    """
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'\s+xmlns(:\w+)?="[^"]*"', "", text).replace("xlink:href", "href")
    # remove unreferenced ids: several figures share a page, and ids must be unique
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text))
    text = re.sub(r'\s+id="([^"]*)"', lambda match: match[0] if match[1] in used else "", text)
    for color, variable in _VARIABLES.items():
        text = text.replace(color, f"var({variable},{color})")
    return text
