"""The Displays of prediction: a table of files, and a timeline.

In: rows from `sertk.predict.predictor`. Out: Display objects with `.frame()` and `.plot(ax=None)`.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sertk._display import drawing
from sertk._display.display import DASH, Display
from sertk._utils import atomic
from sertk.errors import AudioError, ConfigurationError, OutputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST = 40  # files in a picture


class _Answers(Display):
    """What both tables share: probabilities as percentages, empty where there is no speech."""

    def __init__(self, table: pd.DataFrame, classes: list[str], title: str, note: str):
        super().__init__(table, title, note)
        self.classes = classes

    @property
    def shares(self) -> np.ndarray:
        """Probabilities, shape (rows, classes); NaN where there is no speech."""
        return self._table[[f"p_{name}" for name in self.classes]].to_numpy(float)

    def _shown(self) -> pd.DataFrame:
        shown = self._table.copy()
        for column in shown:
            if column == "probability" or str(column).startswith("p_"):
                shown[column] = [DASH if v != v else f"{100 * v:.0f}" for v in shown[column]]
            elif shown[column].dtype.kind == "f":
                shown[column] = [DASH if v != v else f"{v:.2f}" for v in shown[column]]
        return shown

    def text(self) -> str:
        """Write the table for a terminal, probabilities in per cent."""
        return self._shown().to_string(index=False)

    def save(self, path: str | Path) -> Path:
        """Write the picture as .svg or .png.

        Raises:
            ConfigurationError: If the name ends in neither.
            OutputError: If the place cannot be written.
        """
        path = require_picture(path)
        axes = self.plot()
        with atomic.whole(path) as temporary:
            if path.suffix == ".svg":
                temporary.write_text(drawing.svg(axes), encoding="utf-8")
            else:
                axes.get_figure(root=True).savefig(temporary, dpi=150)  # type: ignore[union-attr]
        return path


def require_picture(path: str | Path) -> Path:
    """Refuse a picture that cannot be written, before anything is computed for it.

    Raises:
        ConfigurationError: If its name has another suffix.
        OutputError: If its folder is not there.
    """
    path = Path(path).expanduser()
    if path.suffix not in (".svg", ".png"):
        raise ConfigurationError(
            f"Received the picture file {path.name}.",
            "A picture must be an .svg or .png file.",
            f"Use {path.stem or 'timeline'}.svg.",
            code="wrong-picture-ending",
        )
    if not path.parent.is_dir():
        raise OutputError(
            f"Cannot write {path}: no folder at {path.parent}.",
            "",
            "Create the folder, or choose another one.",
            code="missing-output-folder",
        )
    return path


class Predictions(_Answers):
    """One answer per file.

    Args:
        table: A row per file.
        classes: list of str, in the order of the probabilities.
        unreadable: Files that could not be read, each with the error that says why.
        seconds: That it took.

    Attributes:
        real_time_factor: Seconds of computing per second of sound.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        classes: list[str],
        unreadable: list[tuple[Path, AudioError]],
        seconds: float,
    ):
        note = "Probabilities in %."
        if unreadable:
            note += f" {len(unreadable)} files could not be read."
        super().__init__(table, classes, "Predictions", note)
        self.unreadable = unreadable
        self.seconds = seconds
        self.real_time_factor = seconds / max(float(table["seconds"].sum()), 1e-9)
        self.size = (8.0, 1.2 + 0.25 * min(len(table), _MOST))

    def _draw(self, ax: "Axes") -> None:
        shares = self.shares[:_MOST]
        _heat(ax, shares, (-0.5, len(self.classes) - 0.5, len(shares) - 0.5, -0.5))
        ax.set_xticks(range(len(self.classes)), self.classes)
        ax.set_yticks(range(len(shares)), [Path(p).name for p in self._table["path"][:_MOST]])


class Timeline(_Answers):
    """One answer per window along a recording.

    Args:
        table: A row per window, with `start` and `end` in seconds.
        classes: list of str, in the order of the probabilities.
        path: The recording.
        window: float > 0, seconds. Length of a window.
        hop: float > 0, seconds. Time from window to window.
        seconds: That it took.

    Attributes:
        real_time_factor: Seconds of computing per second of sound.
    """

    size = (9.0, 3.2)

    def __init__(
        self,
        table: pd.DataFrame,
        classes: list[str],
        path: Path,
        window: float,
        hop: float,
        seconds: float,
    ):
        note = f"Windows of {window:g} s every {hop:g} s; white: no speech; dots: the top label."
        super().__init__(table, classes, f"{path.name}, probabilities", note)
        self.path, self.window, self.hop = path, window, hop
        self.seconds = seconds
        length = float(table["end"].max()) if len(table) else 0.0
        self.real_time_factor = seconds / max(length, 1e-9)

    def _draw(self, ax: "Axes") -> None:
        shares = self.shares
        ends = (0.0, len(shares) * self.hop, len(self.classes) - 0.5, -0.5)
        _heat(ax, shares.T, ends)
        spoken = ~np.isnan(shares).any(axis=1)
        if len(shares) <= 400:  # more would be a stripe
            middles = (np.arange(len(shares)) + 0.5) * self.hop
            tops = shares[spoken].argmax(axis=1)
            ax.plot(middles[spoken], tops, ".", color=drawing.SECOND, markersize=4)
        ax.set_yticks(range(len(self.classes)), self.classes)
        ax.set_xlabel("start of the window, s (white: no speech; dots: the top label)")


def _heat(ax: "Axes", values: np.ndarray, extent: tuple[float, float, float, float]) -> None:
    from matplotlib import colormaps

    colors = colormaps["cividis"].with_extremes(bad="white")
    image = ax.imshow(
        np.ma.masked_invalid(values), cmap=colors, vmin=0, vmax=1, aspect="auto",
        extent=extent, interpolation="nearest",
    )  # fmt: skip
    ax.grid(visible=False)
    ax.figure.colorbar(image, ax=ax, label="probability", fraction=0.04, pad=0.02)
