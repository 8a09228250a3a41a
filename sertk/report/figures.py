"""The figures of a report as inline SVG.

In: an evaluation, or a training history. Out: `<svg>` text, the same on every machine.
"""

from typing import Any

import pandas as pd

from sertk._display import drawing
from sertk._display.display import Display
from sertk.evaluation import learning_curve


def of(display: Display, width: float, height: float) -> str:
    """Draw a display, in inches, without its title: the page has a caption."""
    (axes,) = drawing.new_axes(width, height)
    display.plot(axes)
    axes.set_title("", loc="left")
    return drawing.svg(axes, themed=True)


def learning_curves(
    history: pd.DataFrame, fits: list[dict[str, Any]], monitor: str, *, wide: bool = True
) -> str:
    """Draw every fit thin and their median thick; a dot marks the epoch that was kept.

    Args:
        history: Rows of `fold, seed, epoch` with losses and scores.
        fits: Entry `fits` of run.json, with `best_epoch` of each.
        monitor: The column that chose the epoch.
        wide: Put the panels side by side; else below each other.
    """
    scores = monitor if monitor in ("val_uar", "val_wa") else "val_uar"
    has_scores = scores in history and history[scores].notna().any()
    num = 2 if has_scores else 1
    size = (5.5 * num, 3.5) if wide else (3.9, 2.9 * num)
    panels = drawing.new_axes(*size, columns=num if wide else 1, rows=1 if wide else num)
    with drawing.style():
        learning_curve.draw_panels(panels, history, fits, scores if has_scores else "")
    return drawing.svg(panels[0], themed=True)
