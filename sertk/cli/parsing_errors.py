"""Parsing errors in one paragraph, with the nearest option.

In: words. Out: what argparse makes of them, or a `ConfigurationError`, where argparse would print
all that a command takes before it came to the point.
"""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from sertk._utils import atomic
from sertk.errors import ConfigurationError, OutputError, UnknownNameError

_HOME = re.compile(r"~[\w.-]*(/|$)")


def refused(error: OSError) -> OutputError:
    """Describe an error of the operating system in a sentence or two."""
    reason = atomic.refusal(error)
    if reason is not None:
        place = f"{error.filename}: " if error.filename else ""
        return OutputError(f"{place}{reason[0]}.", "", reason[1], code="unwritable-path")
    return OutputError(
        f"The operating system reports an error: {error}.",
        "",
        "Check that the named files and folders exist and that you may use them.",
        code="system-error",
    )


def _check_words(words: Mapping[str, Any]) -> None:
    """Refuse arguments that cannot be a file, name or number."""
    for option, value in words.items():
        for word in value if isinstance(value, list) else [value]:
            if isinstance(word, str) and (not word or "\0" in word):
                raise ConfigurationError(
                    f"{option.replace('_', '-')} received {word!r}.",
                    "It must have at least one character, and no null characters.",
                    "Omit the option, or pass a value.",
                    code="empty-argument",
                )
            if isinstance(word, str) and _is_below_no_home(word):
                raise ConfigurationError(
                    f"{option.replace('_', '-')} received {word!r}.",
                    "A path that begins with ~ is in a home folder, and this user does not exist.",
                    f"Write ./{word} for a file name that begins with ~, or the full path.",
                    code="unknown-home-folder",
                )


def _is_below_no_home(word: str) -> bool:
    """Return whether a path begins with the home folder of an unknown user."""
    if not _HOME.match(word):
        return False
    try:
        Path(word).expanduser()
    except RuntimeError:
        return True
    return False


class Parser(argparse.ArgumentParser):
    """Parse words; raise what a user did wrong instead of leaving the process."""

    def __init__(self, **settings: Any):
        # a shortened option would be another one as soon as a second begins like it
        super().__init__(**{**settings, "allow_abbrev": False})
        self.set_defaults(options=self._options)

    def flag(self, name: str, words: str) -> None:
        """Add an option without a value."""
        self.add_argument(name, action="store_true", help=words)

    def several(self, name: str, metavar: str, words: str) -> None:
        """Add an option that may be repeated."""
        self.add_argument(name, action="append", default=[], metavar=metavar, help=words)

    def _options(self) -> list[str]:
        """List the options of this command, to suggest one for a misspelled option."""
        return [word for word in self._option_string_actions if word.startswith("--")]

    def understand(self, words: Sequence[str] | None = None) -> argparse.Namespace:
        """Parse all words; those of the process by default."""
        args, left = self.parse_known_args(words)
        if left:
            word = left[0].partition("=")[0]
            if word.startswith("-"):
                raise UnknownNameError("option", word, args.options())
            raise ConfigurationError(
                f"Unexpected arguments: {' '.join(left)}.",
                "The command takes fewer arguments.",
                f"See `{self.prog} COMMAND --help`; put a name with spaces in quotation marks.",
                code="unexpected-arguments",
            )
        _check_words(vars(args))
        return args

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found, with where to read more."""
        raise ConfigurationError(
            f"Invalid arguments for `{self.prog}`: {message}.",
            "",
            f"See `{self.prog} --help` for its arguments.",
            code="command-line-syntax",
        )

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            raise UnknownNameError("command", value, map(str, action.choices))
