"""Output streams: results to standard output, messages to standard error."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_PACKAGE = str(Path(__file__).parents[1])


def tell(text: str) -> None:
    """Say something to the person at the terminal."""
    sys.stderr.write(text + "\n")


def give(text: str) -> None:
    """Hand out a result, which may be piped into a file."""
    sys.stdout.write(text + "\n")


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Show what sertk warns of as a sentence, without the line of code; other warnings as usual."""
    usual = warnings.showwarning

    def show(message: Any, category: Any, filename: str, *rest: Any, **more: Any) -> None:
        if filename.startswith(_PACKAGE):
            tell(str(message))
        else:
            usual(message, category, filename, *rest, **more)

    warnings.showwarning = show  # type: ignore[assignment]
    try:
        yield
    finally:
        warnings.showwarning = usual
