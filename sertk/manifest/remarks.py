"""Remarks on a manifest: skipped and unreadable files, and notes.

In: a manifest. Out: `Remarks`. They are shown and nothing else: no result depends on them, and a
table that has lost them (after concat, merge or CSV) is used in the same way.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

_KEY = "sertk_remarks"


@dataclass(frozen=True)
class Remarks:
    """What there is to say of a manifest.

    Args:
        skipped: Reason -> number of files that a scan left out.
        unreadable: (file name, reason) of each file that could not be read.
        notes: Sentences on the corpus.
        division: What was changed in the columns `split`, `fold` and `val_folds`.
        dropped: Emotion -> rows that the grouping left out.
    """

    skipped: Mapping[str, int] = field(default_factory=dict)
    unreadable: Sequence[tuple[str, str]] = field(default_factory=list)
    notes: Sequence[str] = field(default_factory=list)
    division: Sequence[str] = field(default_factory=list)
    dropped: Mapping[str, int] = field(default_factory=dict)


def of(manifest: pd.DataFrame) -> Remarks:
    """Get the remarks on a manifest, empty where it has none.

    Examples:
        >>> of(pd.DataFrame()).notes
        []
    """
    stored = manifest.attrs.get(_KEY)
    return stored if isinstance(stored, Remarks) else Remarks()


def put(manifest: pd.DataFrame, remarks: Remarks | None = None, **changes: object) -> pd.DataFrame:
    """Attach remarks to a manifest, in place.

    Args:
        manifest: The table.
        remarks: Those to start from; the manifest's own by default.
        **changes: Fields of `Remarks` with their new values.

    Returns:
        The same table.

    Examples:
        >>> of(put(pd.DataFrame(), notes=["recorded twice"])).notes
        ['recorded twice']
    """
    started = of(manifest) if remarks is None else remarks
    manifest.attrs[_KEY] = dataclasses.replace(started, **changes)  # type: ignore[arg-type]
    return manifest


def joined(manifests: Iterable[pd.DataFrame]) -> Remarks:
    """Join the remarks on several manifests."""
    each = [of(manifest) for manifest in manifests]
    skipped: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    for remarks in each:
        skipped.update(remarks.skipped)
        dropped.update(remarks.dropped)
    return Remarks(
        skipped=dict(skipped),
        dropped=dict(dropped),
        unreadable=[entry for remarks in each for entry in remarks.unreadable],
        notes=[note for remarks in each for note in remarks.notes],
        division=[note for remarks in each for note in remarks.division],
    )
