"""Turns: who speaks when in a recording, as a diarization says.

In: a table `start, end, speaker`, as CSV or RTTM. Out: the speaker of any window. A recording of
one speaker is a single turn.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from sertk._utils import plain_files
from sertk.errors import ConfigurationError

ONE = "self"  # the recording has one speaker


class Turns:
    """Say who speaks in a window.

    Args:
        table: `start` and `end` in seconds, `speaker`; where turns overlap, the one that covers
            more of a window counts.

    Examples:
        >>> turns = Turns(pd.DataFrame({"start": [0, 4], "end": [4, 9], "speaker": ["ann", "bob"]}))
        >>> turns.speaker(3.0, 6.0), turns.speaker(20.0, 23.0)
        ('bob', None)
    """

    def __init__(self, table: pd.DataFrame):
        self._starts = table["start"].to_numpy(float)
        self._ends = table["end"].to_numpy(float)
        self._speakers = table["speaker"].astype(str).to_numpy(object)

    def speaker(self, start: float, end: float) -> str | None:
        """Name who speaks most between two times in seconds; `None` where nobody does."""
        shared = np.minimum(self._ends, end) - np.maximum(self._starts, start)
        seconds: dict[str, float] = {}
        for name, length in zip(self._speakers, shared, strict=True):
            if length > 0:
                seconds[name] = seconds.get(name, 0.0) + float(length)
        return max(seconds, key=seconds.__getitem__) if seconds else None


def read(source: "pd.DataFrame | str | Path") -> Turns:
    """Read turns.

    Args:
        source: `"self"`: one speaker from begin to end; or a table, or its file: CSV with
            `start, end, speaker`, or RTTM.

    Raises:
        ConfigurationError: If it is no such table.
    """
    if isinstance(source, pd.DataFrame):
        table = source
    elif str(source) == ONE:
        table = pd.DataFrame({"start": [0.0], "end": [np.inf], "speaker": [ONE]})
    else:
        table = _of_file(Path(source).expanduser())
    wanted = ["start", "end", "speaker"]
    missing = [name for name in wanted if name not in table]
    try:
        if missing:
            raise ValueError(f"no column {', '.join(missing)}")
        numbers = table[wanted[:2]].astype(float)
        valid = len(table) > 0 and (numbers["end"] > numbers["start"]).all()
        if not valid or table["speaker"].isna().any():
            raise ValueError("a turn has no length, or no speaker")
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            f"Cannot read the turns of {source if isinstance(source, (str, Path)) else 'a table'} "
            f"({error}).",
            "Turns have start and end in seconds, and a speaker: CSV with the columns start, end, "
            "speaker, or RTTM.",
            "Correct the table, or pass self for a recording of one speaker.",
            code="invalid-turns",
        ) from error
    return Turns(table)


def _of_file(path: Path) -> pd.DataFrame:
    try:
        with plain_files.opened(path) as file:
            if path.suffix.lower() != ".rttm":
                return pd.read_csv(file)
            lines = [line.split() for line in file.read().decode("utf-8").splitlines()]
        spoken = [line for line in lines if line and line[0] == "SPEAKER" and len(line) > 7]
        starts = [float(line[3]) for line in spoken]
        ends = [start + float(line[4]) for start, line in zip(starts, spoken, strict=True)]
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"Cannot read {path} ({error}).",
            "The turns of a recording are a CSV file or RTTM.",
            "Check the path.",
            code="unreadable-turns",
        ) from error
    return pd.DataFrame({"start": starts, "end": ends, "speaker": [line[7] for line in spoken]})
