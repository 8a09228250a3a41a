"""The page of the command line.

In: the parser of `sertk`. Out: Markdown, a section per command and a table per group of options.
"""

import argparse
import re

from sertk.cli.parser import make_parser


def page() -> str:
    """Write a section for every command."""
    parser = make_parser()
    (choices,) = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    parts = [
        _table("command", [(f"[`{a.dest}`](#{a.dest})", a.help) for a in choices._choices_actions])
    ]
    for name, command in choices.choices.items():
        parts += [f"## {name}", (command.description or "").replace("....", "...")]
        for group in command._action_groups:
            options = [_option(command, a) for a in group._group_actions if a.dest != "help"]
            if options:
                parts.append(_table(group.title or "", options))
    return "\n\n".join(parts)


def _option(command: argparse.ArgumentParser, action: argparse.Action) -> tuple[str, str]:
    value = "" if action.nargs == 0 else action.metavar or action.dest.upper()
    value = " ".join(value) if isinstance(value, tuple) else value
    flags = ", ".join(f"`{flag}`" for flag in action.option_strings)
    words = command._get_formatter()._expand_help(action) if action.help else ""
    required = " (required)" if action.required and action.option_strings else ""
    return " ".join(filter(None, [flags, f"`{value}`" if value else ""])), words + required


def _table(title: str, entries: list[tuple[str, str]]) -> str:
    lines = [f"| {title} | |", "|---|---|"]
    for name, words in entries:
        escaped = (
            re.sub(r"([|*<{])", r"\\\1", words) if "`" not in words else words.replace("|", r"\|")
        )
        lines.append(f"| {name.replace('|', chr(92) + '|')} | {escaped} |")
    return "\n".join(lines)
