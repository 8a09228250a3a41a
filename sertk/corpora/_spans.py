"""Compare `start` and `end` of a manifest with the lengths of its files.

In: rows, and how long their files are. Out: the rows, with ends that lie past the file's end by
rounding moved to it; a time that no rounding explains is refused, with a guess at its unit.
"""

import pandas as pd

from sertk.errors import ManifestError, listing
from sertk.manifest import remarks

ROUNDING = 0.1  # seconds that an end may lie past its file's
_OTHER_UNIT = 5  # lengths of its file that a time must exceed before its unit is doubted


def within(manifest: pd.DataFrame, seconds: pd.Series, rates: pd.Series) -> pd.DataFrame:
    """Refuse times past the end of their files; move ends that are slightly past it."""
    if not {"start", "end"} & set(manifest):
        return manifest
    start, end = times(manifest)
    wrong = (start >= seconds) | (end > seconds + ROUNDING)
    if wrong.any():
        at_fault = zip(
            manifest.loc[wrong, "utterance_id"], start[wrong], end[wrong], seconds[wrong],
            strict=True,
        )  # fmt: skip
        named = [f"{name}: {beyond(*times)}" for name, *times in at_fault]
        unit = _unit(start[wrong], end[wrong], seconds[wrong], rates[wrong])
        raise ManifestError(
            f"{len(named)} of {len(manifest)} manifest rows have a time after the end of their "
            f"file ({listing(named)}).",
            "start and end are in seconds from the beginning of the file.",
            f"These look like {unit[0]}: divide start and end by {unit[1]}."
            if unit
            else "Correct them; an empty end means the end of the file.",
            code="times-past-end",
        )
    past = end > seconds
    if not past.any():
        return manifest
    moved = manifest.assign(end=end.where(~past, seconds))
    note = (
        f"{past.sum()} ends are up to {ROUNDING} s after the end of the file, which replaces them."
    )
    return remarks.put(moved, notes=[*remarks.of(manifest).notes, note])


def times(manifest: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Give start and end of each row in seconds; an empty start is 0, an empty end nothing."""
    nothing = pd.Series(float("nan"), index=manifest.index)
    start, end = (manifest.get(c, nothing).astype("float64") for c in ("start", "end"))
    return start.fillna(0.0), end


def beyond(start: float, end: float, seconds: float) -> str:
    """Say which time of a row lies past the end of its file; nothing if none does."""
    if start >= seconds:
        return f"start {start:g} s of {seconds:.3g} s"
    return f"end {end:g} s of {seconds:.3g} s" if end > seconds + ROUNDING else ""


def _unit(
    start: pd.Series, end: pd.Series, seconds: pd.Series, rates: pd.Series
) -> tuple[str, str] | None:
    """Guess the unit of times that are no seconds, and by what they become some."""
    last = end.fillna(start)
    if not (last > _OTHER_UNIT * seconds).any():
        return None
    if (last / 1000 <= seconds + ROUNDING).all():
        return "milliseconds", "1000"
    if (last / rates.astype("float64") <= seconds + ROUNDING).all():
        return "samples", "the sample rate"
    return None
