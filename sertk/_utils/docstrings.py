"""Read the argument descriptions of a docstring, so that command-line help repeats them.

In: a class or function with an `Args:` section. Out: argument -> its description on one line.
"""

import inspect
import re
from typing import Any


def arguments(documented: Any) -> dict[str, str]:
    """Read the `Args` section of a docstring in Google style.

    Examples:
        >>> def pitch(semitones):
        ...     '''Shift the pitch.
        ...
        ...     Args:
        ...         semitones: float, up is
        ...             positive.
        ...     '''
        >>> arguments(pitch)
        {'semitones': 'float, up is positive.'}
    """
    text = inspect.getdoc(documented) or ""
    section = re.search(r"^Args:\n((?: +.*\n?|\n)+)", text, re.MULTILINE)
    entries = re.findall(r"^ {4}(\w+): (.*(?:\n {8,}.*)*)", section[1] if section else "", re.M)
    return {name: " ".join(description.split()) for name, description in entries}
