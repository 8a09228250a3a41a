"""Protocols: which speakers train, validate and are tested.

In: a manifest. Out: a copy with `split` (one division), or with `fold` and `val_folds` (a
cross-validation), and `protocol`, the name of what was done. Every protocol here keeps speakers
apart but `random`, which is marked leaky wherever its scores appear.
"""

import inspect
from collections.abc import Callable

import pandas as pd

from sertk._utils import call_arguments
from sertk.errors import UnknownNameError
from sertk.splits._protocol_column import custom, protocol
from sertk.splits.leaks import Leak, leaks
from sertk.splits.parts import ever_trained, folds
from sertk.splits.protocols import (
    by_dyad,
    by_session,
    by_speaker,
    leave_one_speaker_out,
    random,
    speaker_folds,
)
from sertk.splits.published_folds import PUBLISHED, published
from sertk.splits.views import (
    SPLITS,
    check,
    check_classes,
    in_fold,
    one_division,
    shared_speakers,
    validates,
)

__all__ = [
    "PROTOCOLS", "PUBLISHED", "SPLITS", "Leak", "by_dyad", "by_session", "by_speaker", "check",
    "check_classes", "custom", "ever_trained", "folds", "in_fold", "leaks", "leave_one_speaker_out",
    "make", "one_division", "protocol", "published", "random", "shared_speakers", "speaker_folds",
    "validates",
]  # fmt: skip

PROTOCOLS: dict[str, Callable[..., pd.DataFrame]] = {
    "by_speaker": by_speaker,
    "loso": leave_one_speaker_out,
    "speaker_folds": speaker_folds,
    "by_session": by_session,
    "by_dyad": by_dyad,
    "random": random,
}


def make(manifest: pd.DataFrame, protocol: str, **options: object) -> pd.DataFrame:
    """Apply a protocol by name: one of `PROTOCOLS`, or folds of `PUBLISHED`.

    Raises:
        UnknownNameError: If there is no protocol of that name, or it takes no such option.
        ConfigurationError: If an option is of another kind, or the folds take none.
    """
    if protocol not in PROTOCOLS and protocol not in PUBLISHED:
        raise UnknownNameError("protocol", protocol, [*PROTOCOLS, *PUBLISHED])
    function = PROTOCOLS.get(protocol, published)
    known = list(inspect.signature(function).parameters)[1:] if protocol in PROTOCOLS else []
    call_arguments.check(
        function, options, owner=f"The protocol {protocol}", kind=f"{protocol} option", known=known
    )
    if protocol in PUBLISHED:
        return published(manifest, protocol)
    return function(manifest, **options)
