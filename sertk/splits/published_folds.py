"""Published folds of RAVDESS, and those of sertk's benchmarks."""

import pandas as pd

from sertk.errors import SplitError, UnknownNameError, listing
from sertk.splits._protocol_column import cross, speakers_of

# Test actors of RAVDESS folds that others published, or that sertk's own benchmarks use.
PUBLISHED: dict[str, tuple[tuple[int, ...], ...]] = {
    # Luna-Jimenez et al. 2021, doi 10.3390/s21227665
    "ravdess5": (
        (2, 5, 14, 15, 16),
        (3, 6, 7, 13, 18),
        (10, 11, 12, 19, 20),
        (8, 17, 21, 23, 24),
        (1, 4, 9, 22),
    ),
    # EmoBox, Ma et al. 2024, arXiv 2406.07162
    "emobox6": (
        (1, 11, 20, 21),
        (4, 10, 12, 14),
        (8, 9, 19, 23),
        (3, 5, 7, 24),
        (2, 15, 16, 18),
        (6, 13, 17, 22),
    ),
    # for a copy of RAVDESS without actors 21-24
    "dev4": (
        (1, 2, 9, 10, 17),
        (3, 4, 11, 12, 18),
        (5, 6, 13, 14, 19),
        (7, 8, 15, 16, 20),
    ),
    # for choosing hyper-parameters, on actors 1-12 only
    "explore3": ((1, 2, 9, 10), (3, 4, 11, 12), (5, 6, 7, 8)),
}
# Validation actors where a paper names them; elsewhere the next man and woman to be tested.
_PUBLISHED_VALIDATION = {"ravdess5": ((3, 6), (10, 11), (8, 17), (1, 14), (2, 5))}


def published(manifest: pd.DataFrame, name: str) -> pd.DataFrame:
    """Apply folds of RAVDESS that were published, by name (see `PUBLISHED`).

    Args:
        manifest: RAVDESS speech, song or both.
        name: `"ravdess5"`, `"emobox6"`, `"dev4"` or `"explore3"`.

    Returns:
        The rows of the actors in the folds; other actors are left out.

    Raises:
        UnknownNameError: If no such folds are known.
        SplitError: If an actor of the folds is missing.
    """
    if name not in PUBLISHED:
        raise UnknownNameError("published folds", name, PUBLISHED)
    tests = PUBLISHED[name]
    vals = _PUBLISHED_VALIDATION.get(name) or [_next_pair(tests, k) for k in range(len(tests))]
    folds = [
        ([_actor(n) for n in test], [_actor(n) for n in val])
        for test, val in zip(tests, vals, strict=True)
    ]
    actors = {speaker for test, _ in folds for speaker in test}
    present = set(speakers_of(manifest))
    if actors - present:
        raise SplitError(
            f"The manifest lacks the RAVDESS actors {listing(sorted(actors - present), 8)}.",
            f"The folds {name!r} use all {len(actors)} actors.",
            "Add the missing recordings, or use --protocol dev4 (actors 1-20), loso or "
            "speaker_folds.",
            code="missing-published-speakers",
        )
    return cross(manifest[manifest["speaker"].isin(actors)], folds, name)


def _actor(number: int) -> str:
    return f"ravdess_{number:02d}"


def _next_pair(tests: tuple[tuple[int, ...], ...], fold: int) -> list[int]:
    """Take the first odd (male) and even (female) actor of the folds that follow."""
    after = [n for step in range(1, len(tests)) for n in tests[(fold + step) % len(tests)]]
    return [next(n for n in after if n % 2 == sex) for sex in (1, 0)]
