"""Where words go: results to standard output, messages to standard error."""

import sys


def tell(text: str) -> None:
    """Say something to the person at the terminal."""
    sys.stderr.write(text + "\n")


def give(text: str) -> None:
    """Hand out a result, which may be piped into a file."""
    sys.stdout.write(text + "\n")
