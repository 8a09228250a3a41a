"""The confusion matrix as an HTML table.

In: counts. Out: three views: shares of the true class, shares of the predicted class, counts.
"""

from typing import Any

import numpy as np

from sertk._display.display import DASH, percent
from sertk.evaluation.confusion_matrices import divide


def views(numbers: dict[str, Any]) -> list[dict[str, Any]]:
    """Make the three views of the matrix in `numbers["confusion"]`."""
    counts = np.array(numbers["confusion"], float)
    classes = numbers["classes"]
    seeds = len(numbers["basis"]["seeds"])
    summed = f" summed over {seeds} seeds" if seeds > 1 else ""
    by_true = divide(counts, counts.sum(1, keepdims=True))
    by_pred = divide(counts, counts.sum(0, keepdims=True))
    variants = (
        ("true", "% of true", by_true, "% of the true class"),
        ("pred", "% of predicted", by_pred, "% of the predicted class"),
        ("counts", "Counts", counts / max(float(counts.max()), 1.0), "number of predictions"),
    )  # fmt: skip
    return [
        {
            "key": key,
            "name": name,
            "caption": f"Rows: true class; columns: predicted class; cells: {what}. "
            f"{int(counts.sum()):,} predictions{summed}.",
            "long": max(map(len, classes)) > 9,
            "rows": _rows(classes, shade, counts, shares=key != "counts"),
        }
        for key, name, shade, what in variants
    ]


def _rows(
    classes: list[str], shade: np.ndarray, counts: np.ndarray, *, shares: bool
) -> list[tuple[str, list[dict[str, str]]]]:
    rows = []
    for i, true in enumerate(classes):
        cells = []
        for j, predicted in enumerate(classes):
            count = f"{counts[i, j]:.0f}"
            background, ink = colors(float(shade[i, j]))
            text = percent(shade[i, j]) if shares else count
            cells.append(
                {
                    "text": text,
                    "below": count if shares and text != DASH else "",
                    "title": f"{count} × {true} predicted as {predicted}",  # noqa: RUF001
                    "background": background,
                    "ink": ink,
                }
            )
        rows.append((true, cells))
    return rows


def colors(value: float) -> tuple[str, str]:
    """Choose the color of a cell for a value in [0, 1], and ink with a contrast of 4.5 on it.

    Examples:
        >>> colors(0.0)[1], colors(1.0)[1], colors(float("nan"))[0]
        ('#ffffff', '#000000', 'var(--wash)')
    """
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    if np.isnan(value):
        return "var(--wash)", "var(--muted)"
    shade = colormaps["cividis"](value)[:3]
    light = luminance(shade)
    # WCAG contrast; of black and white, one always reaches 4.58
    ink = "#ffffff" if 1.05 / (light + 0.05) >= (light + 0.05) / 0.05 else "#000000"
    return to_hex(shade), ink


def luminance(rgb: tuple[float, ...]) -> float:
    """Relative luminance of sRGB components in [0, 1], as WCAG defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
