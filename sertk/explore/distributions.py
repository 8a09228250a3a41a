"""Distributions of duration and level over utterances, by group."""

from pathlib import Path

import numpy as np
import pandas as pd

from sertk import audio
from sertk import manifest as manifests
from sertk._display import drawing
from sertk._utils import seeding
from sertk.errors import AudioError, ManifestError, listing
from sertk.explore.tables import Table, column, in_order

_QUANTILES = {"p5": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95}
_SILENT_DB = -100.0  # the lowest level that is listed
TRIM_DB = 40.0  # what `Preprocessing` cuts by default


class QuantileDisplay(Table):
    """Quantiles of a number for all utterances and for each group.

    Attributes:
        unit: Name and unit of the numbers, for the axis.
        mark: A value to draw a line at, or `None`.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        title: str,
        unit: str,
        note: str = "",
        mark: tuple[float, str] | None = None,
    ):
        super().__init__(table, title, note)
        self.unit = unit
        self.mark = mark

    def _draw(self, ax: "drawing.Axes") -> None:
        places = np.arange(len(self._table))
        t = self._table
        ax.hlines(places, t["p5"], t["p95"], drawing.MUTED, lw=1.2, label="5 to 95 %")
        ax.hlines(places, t["p25"], t["p75"], drawing.SOFT, lw=9, label="25 to 75 %")
        ax.plot(t["median"], places, "o", color=drawing.ACCENT, markersize=6, label="median")
        if self.mark is not None:
            at, words = self.mark
            ax.axvline(at, color=drawing.SECOND, ls="--", lw=1.2, zorder=0, label=words)
        ax.set_yticks(places, [str(name) for name in t.index])
        ax.set_ylim(len(places) - 0.4, -0.6)
        ax.grid(visible=False, axis="y")
        ax.set_xlabel(self.unit)
        columns = 4 if ax.get_window_extent().width > 500 else 2
        ax.legend(
            loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, handlelength=1.4,
            borderaxespad=0.2,
        )  # fmt: skip
        ax.set_title("", loc="left")  # the legend is there


def durations(
    utterances: pd.DataFrame,
    *,
    by: str = "emotion",
    clip_seconds: float = 3.0,
    trim_db: float | None = None,
    limit: int | None = None,
) -> QuantileDisplay:
    """Show how long utterances are, as published or after trimming.

    Args:
        utterances: A manifest; with durations, as a scan leaves it, or with its files there.
        by: Column to group by.
        clip_seconds: Length of a clip, drawn as a line: what is longer is cut into several.
        trim_db: Measure what is left when the ends are cut that are so many dB below the
            loudest frame, which reads the files; `None` takes the manifest's durations.
        limit: Read at most so many files, drawn at random but the same each time; `None` is all.

    Returns:
        Quantiles in seconds: a row for all, then one per group.

    Raises:
        ManifestError: If no row has a duration, or no root folder is known.
        AudioError: If not one of the files can be read.
        UnknownNameError: If the manifest has no such column.

    Examples:
        >>> frame = pd.DataFrame({"emotion": ["sad", "happy"], "duration": [2.0, 4.0]})
        >>> shown = durations(frame, clip_seconds=3.0)
        >>> shown.frame()["median"].to_dict()
        {'all': 3.0, 'happy': 4.0, 'sad': 2.0}
        >>> shown.note
        '1 of 2 utterances is longer than a clip of 3.0 s.'
    """
    group = column(utterances, by)
    if trim_db is not None:
        rows, seconds, note = _listen(utterances, limit, trim_db, "seconds")
        note, words = " " + note, "Duration without silence at both ends"
    else:
        rows, note, words = utterances, "", "Duration"
        seconds = utterances.get("duration", pd.Series(np.nan, index=group.index)).astype(float)
    if not seconds.notna().any():
        raise ManifestError(
            f"None of the {len(utterances)} rows has a duration.",
            "Without trim_db, durations come from the manifest.",
            "Scan the corpus again (`sertk scan`), or pass trim_db=40.",
            code="missing-durations",
        )
    longer = int((seconds > clip_seconds).sum())
    note = (
        f"{longer:,} of {len(seconds):,} utterances {'is' if longer == 1 else 'are'} longer than "
        f"a clip of {clip_seconds:.1f} s.{note}"
    )
    return QuantileDisplay(
        _quantiles(rows, seconds, by), f"{words} by {by}", "duration, s", note,
        (clip_seconds, f"a clip, {clip_seconds:.1f} s"),
    )  # fmt: skip


def levels(
    utterances: pd.DataFrame, *, by: str = "emotion", limit: int | None = None
) -> QuantileDisplay:
    """Show the levels of utterances; this reads their files.

    The level is the root mean square of what trimming keeps, in dB re full scale: silence
    before and after the words does not count. Emotions differ in it, and so do microphones,
    which is why features are referenced to each clip's own maximum.

    Args:
        utterances: A manifest whose files are there.
        by: Column to group by.
        limit: Read at most so many files, drawn at random but the same each time; `None` is all.

    Returns:
        Quantiles in dB: a row for all, then one per group; the note names files that are silent
            or cannot be read.

    Raises:
        ManifestError: If no root folder is known.
        AudioError: If not one of them can be read.
        UnknownNameError: If the manifest has no such column.

    Examples:
        `sertk.explore.levels(utterances, by="gender", limit=200).plot()`
    """
    column(utterances, by)
    rows, values, note = _listen(utterances, limit, TRIM_DB, "level")
    silent = rows.loc[values <= _SILENT_DB, "path"]
    if len(silent):
        note += f" Silent: {listing(silent, 3)}."
    return QuantileDisplay(
        _quantiles(rows, values, by), f"Level by {by}", "level, dB re full scale (RMS)", note
    )


def target_rms_db(waveform: np.ndarray) -> float:
    """Measure the root mean square of what trimming keeps, in dB re full scale, at least -100.

    Examples:
        >>> round(target_rms_db(np.full(16_000, 0.1, "float32")), 1)
        -20.0
    """
    return _decibel(audio.trim(waveform, TRIM_DB))


def _listen(
    utterances: pd.DataFrame, limit: int | None, trim_db: float, what: str
) -> tuple[pd.DataFrame, pd.Series, str]:
    """Measure seconds or levels of some rows; NaN where a file cannot be read."""
    from joblib import Parallel, delayed
    from tqdm import tqdm

    chosen = np.arange(len(utterances))
    if limit is not None and limit < len(utterances):
        generator = np.random.default_rng(seeding.derive(0, "listen"))
        chosen = np.sort(generator.permutation(chosen)[: max(limit, 1)])
    rows = utterances.iloc[chosen]
    spans = rows.reindex(columns=["start", "end"]).astype(float)
    done = Parallel(n_jobs=None, prefer="threads", return_as="generator")(
        delayed(_measure)(*task, trim_db)
        for task in zip(manifests.paths(rows), spans["start"], spans["end"], strict=True)
    )
    bar = tqdm(done, total=len(rows), desc="reading", unit="file", delay=2, leave=False)
    values = pd.DataFrame(list(bar), index=rows.index, columns=["seconds", "level"])[what]
    failed = int(values.isna().sum())
    if failed == len(rows):
        raise AudioError(
            f"None of the {len(rows)} files can be read, for example {rows['path'].iloc[0]}.",
            "This figure is measured from audio.",
            "Check the root, or list the problems with `sertk verify MANIFEST --root DIR`.",
            code="no-readable-files",
        )
    note = f"Measured in {len(rows) - failed:,} of {len(utterances):,} utterances."
    if failed:
        note += f" Not readable: {listing(rows.loc[values.isna(), 'path'], 3)}."
    return rows, values, note


def _measure(path: Path, start: float, end: float, trim_db: float) -> tuple[float, float]:
    span = (None if np.isnan(second) else second for second in (start, end))
    try:
        waveform, rate = audio.read(path, start=next(span), end=next(span))
    except AudioError:
        return float("nan"), float("nan")
    kept = audio.trim(waveform, trim_db)
    return len(kept) / rate, _decibel(kept)


def _decibel(waveform: np.ndarray) -> float:
    return float(10 * np.log10(max(np.mean(np.square(waveform, dtype=float)), 1e-10)))


def _quantiles(rows: pd.DataFrame, values: pd.Series, by: str) -> pd.DataFrame:
    group = column(rows, by)
    parts = {"all": values.dropna()}
    parts |= {name: values[group == name].dropna() for name in in_order(rows, by)}
    table = {
        name: {"utterances": len(part), **{q: part.quantile(p) for q, p in _QUANTILES.items()}}
        for name, part in parts.items()
    }
    return pd.DataFrame.from_dict(table, orient="index").astype({"utterances": int}).rename_axis(by)
