"""The reference: a page per public module, found by listing the package, and one of commands.

In: the package and its parser. Out: Markdown. Docstrings are read by mkdocstrings.
"""

import argparse
import importlib
import pkgutil
import re

import sertk
from sertk import corpora, features, models
from sertk.cli.parser import make_parser

FAMILIES = {"corpora": corpora, "features": features, "models": models}
# what the command line is made of has a page of its own kind
_LEFT_OUT = ("__main__", "cli")


def modules() -> list[str]:
    """List every public module of the package, and every entry of a family.

    Examples:
        >>> {"sertk.splits", "sertk.models.compact"} <= set(modules())
        True
    """
    found = []
    for module in pkgutil.iter_modules(sertk.__path__):
        if module.name[0] != "_" and module.name not in _LEFT_OUT:
            found.append(f"sertk.{module.name}")
            if module.name in FAMILIES:
                found += [f"sertk.{module.name}.{n}" for n in FAMILIES[module.name].names()]
    return ["sertk", *found]


def path(module: str) -> str:
    """Say where the page of a module is.

    Examples:
        >>> path("sertk.corpora.ravdess")
        'reference/corpora/ravdess.md'
    """
    parts = module.split(".")[1:] or ["sertk"]
    if len(parts) == 1 and parts[0] in FAMILIES:
        parts.append("index")
    return f"reference/{'/'.join(parts)}.md"


def page(module: str) -> str:
    """Write the page of a module, or of the package's own names."""
    if module == "sertk":
        own = "::: sertk\n    options:\n      members: []\n"
        call = "    options:\n      show_root_heading: true\n      show_root_toc_entry: true\n"
        return f"# sertk\n\n{own}\n::: sertk._utils.keras_backend.use_backend\n{call}"
    return f"# {module}\n\n::: {module}\n{_members(module)}"


def _members(module: str) -> str:
    """Show what a package that gathers its files offers, as if it stood in one file."""
    loaded = importlib.import_module(module)
    names = getattr(loaded, "__all__", None)
    if names is None:
        return ""
    listed = ", ".join(sorted(names, key=str.lower))
    return f"    options:\n      members: [{listed}]\n"


def table() -> str:
    """List the modules with the first sentence of each."""
    rows = [["module", "what it does"], ["[Command line](commands.md)", "every command and option"]]
    for module in modules()[1:]:
        doc = (importlib.import_module(module).__doc__ or "").split("\n\n")[0]
        target = path(module).removeprefix("reference/")
        rows.append([f"[`{module}`]({target})", " ".join(doc.split())])
    return _table(rows[0], rows[1:])


def nav() -> list[object]:
    """List the pages as mkdocs wants them: modules, and families with their entries below."""
    entries: list[object] = [{"Command line": "reference/commands.md"}]
    for module in modules():
        name = module.removeprefix("sertk.")
        if "." in name:
            family, _, entry = name.partition(".")
            entries[-1][family].append({entry: path(module)})  # type: ignore[index]
        elif name in FAMILIES:
            entries.append({name: [path(module)]})
        else:
            entries.append({name: path(module)})
    return entries


def commands() -> str:
    """Write the page of the command line from the parser itself."""
    parser = make_parser()
    (choices,) = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    parts = [
        "# Command line",
        f"{parser.description} {parser.epilog}",
        "Results go to standard output, progress and messages to standard error. The status is 0 "
        "when done, 1 when something failed or was found, 2 for a mistake in the call.",
        _table(
            ["command", "what it does"],
            [[f"[`{a.dest}`](#{a.dest})", a.help or ""] for a in choices._choices_actions],
        ),
    ]
    for name, command in choices.choices.items():
        words = (command.description or "").replace("....", "...")
        parts += [f"## {name}", words, _usage(command)]
        for group in command._action_groups:
            rows = [_option(command, a) for a in group._group_actions if a.dest != "help"]
            if rows:
                title = "words" if group.title == "positional arguments" else group.title
                parts += [f"**{title}**", _table(["word", "what it means"], rows)]
    return "\n\n".join(parts) + "\n"


def _usage(command: argparse.ArgumentParser) -> str:
    needed = [a for a in command._actions if a.required]
    words = " ".join(a.option_strings[0] + f" {_value(a)}" if a.option_strings else _value(a)
                     for a in sorted(needed, key=lambda a: bool(a.option_strings)))  # fmt: skip
    return f"```console\n$ {command.prog} {words} ...\n```".replace("  ", " ")


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    metavar = action.metavar or (action.dest.upper())
    return " ".join(metavar) if isinstance(metavar, tuple) else metavar


def _option(command: argparse.ArgumentParser, action: argparse.Action) -> list[str]:
    flags = ", ".join(f"`{flag}`" for flag in action.option_strings) or f"`{action.dest}`"
    value = _value(action) if action.option_strings else ""
    words = command._get_formatter()._expand_help(action) if action.help else ""
    return [flags + (f" `{value}`" if value else ""), words]


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *([_cell(text) for text in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return re.sub(r"([|*<{])", r"\\\1", text) if "`" not in text else text.replace("|", r"\|")
