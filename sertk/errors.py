"""The errors a user can meet, and the sentences they are made of.

In: what was received, what is needed, what to do. Out: one clear paragraph. The command line
prints it and exits with 2; in Python it is a `SertkError`, of a kind that says which stage refused.
"""

import difflib
import re
from collections.abc import Collection, Iterable

_LONG_WORD = re.compile(r"\S{400,}")


class SertkError(Exception):
    """Tell the user in three sentences what was received, what is needed and what to do.

    Args:
        received: What we got, with its values.
        needed: What would have been right.
        remedy: What to do now.

    Examples:
        >>> print(SertkError("Got 3 speakers.", "5 folds need 5.", "Ask for 3 folds."))
        Got 3 speakers. 5 folds need 5. Ask for 3 folds.
    """

    def __init__(self, received: str, needed: str = "", remedy: str = ""):
        super().__init__(_readable(" ".join(part for part in (received, needed, remedy) if part)))


def _readable(text: str) -> str:
    """Write on one line what a terminal shows as it is: names in it may be anything."""
    plain = "".join(c if c.isprintable() else _escaped(c) for c in text)
    return _LONG_WORD.sub(lambda word: f"{word[0][:200]}...{word[0][-100:]}", plain)


def _escaped(character: str) -> str:
    return " " if character in "\n\r\t" else ascii(character)[1:-1]


class CorpusError(SertkError):
    """A corpus folder or archive is not what its name says."""


class ManifestError(SertkError):
    """A manifest breaks the schema of `sertk.manifest`."""


class AudioError(SertkError):
    """A file of sound cannot be read, or holds no usable sound."""


class SplitError(SertkError):
    """A protocol cannot be built from these speakers, or mixes them."""


class CacheError(SertkError):
    """The feature cache cannot be written or read."""


class OutputError(SertkError):
    """A file or folder cannot be written: the disk is full, barred, or something is there."""


class ConfigurationError(SertkError):
    """An argument is unknown, out of range, or does not fit another one."""


class RunError(SertkError):
    """A run folder is missing, unfinished, in use, or from another version."""


class NotebookError(SertkError):
    """A cell of a notebook failed; the notebook was written as far as it came."""


class ModelError(SertkError):
    """A model file is damaged, holds code, was changed, or answers otherwise than it should."""


class UnknownNameError(ConfigurationError):
    """A name that belongs to no entry; the message offers the nearest one.

    Args:
        kind: What the name should have been, for example `"corpus"`.
        name: The name received.
        known: Every valid name.

    Examples:
        >>> print(UnknownNameError("corpus", "ravdes", ["ravdess", "toy"]))
        Unknown corpus 'ravdes'. Did you mean 'ravdess'? Known corpus names: ravdess, toy.
    """

    def __init__(self, kind: str, name: object, known: Iterable[str]):
        self.known = sorted(known)
        near = difflib.get_close_matches(str(name), self.known, n=1, cutoff=0.5)
        super().__init__(
            f"Unknown {kind} {name!r}.",
            f"Did you mean {near[0]!r}?" if near else "",
            f"Known {kind} names: {', '.join(self.known)}.",
        )


def listing(items: Collection[object], limit: int = 5) -> str:
    """Name the first few of many items, and count the rest.

    Examples:
        >>> listing(["a", "b", "c"], limit=2)
        'a, b and 1 more'
    """
    shown = [str(item) for item in items][:limit]
    more = len(items) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
