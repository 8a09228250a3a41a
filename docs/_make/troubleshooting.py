"""The troubleshooting page: each mistake with what sertk says to it, under headings of ours.

In: `mistakes`. Out: Markdown with one fold per answer; mistakes that get the same remedy share one.
"""

import html
import inspect
import re
import tempfile
from pathlib import Path

from docs._make import error_examples, html_parts
from docs._make.captured_errors import Said
from sertk import errors

HEADINGS = {
    "words": (
        "Words of the command line",
        "A slip in a command, an option or a value. Nothing has been read or written yet; the "
        "nearest word that exists is offered. Options cannot be shortened. "
        "`sertk COMMAND --help` lists what a command takes, `sertk names` what can be named.",
    ),
    "folders": (
        "Corpora and folders of recordings",
        "The folder is missing, is another one, or was only half unpacked. `root` is any folder "
        "above the files: sertk looks deeper by itself. If a scan succeeds but finds fewer files "
        "than it should, read the counts of what it skipped, and compare with "
        "`sertk verify MANIFEST --root DIR`.",
    ),
    "sounds": (
        "Files of sound",
        "A file that cannot be used does not end a command: it is left out, counted, and named "
        "at the end as `unreadable:` with the reason. The command fails only when not one file "
        "is left. In Python `sertk.audio.read` raises.",
    ),
    "manifests": (
        "Manifests",
        "The table breaks the schema: a column is missing, a row is there twice, a path leads "
        "out of the corpus. Line numbers are those of the file, with the header as line 1. A "
        "table of your own is better read by `--corpus table`, which takes any separator.",
    ),
    "selections": (
        "Selections, emotions and groupings",
        "No row is left, or a word is not one of the [canonical emotions](reference/labels.md). "
        "`sertk names groupings` lists the groupings; in Python a grouping may be a dict.",
    ),
    "protocols": (
        "Speakers and protocols",
        "The speakers that are there cannot be divided as asked. A score for new voices needs "
        "three at least: one to learn from, one to select on, one to test. See "
        "[protocols and leakage](protocols.md).",
    ),
    "trainings": (
        "Training",
        "A setting is out of range, the clips do not fit the network, or the folder belongs to "
        "something else. Mistakes in words are told before anything is read; a corrected command "
        "goes on in the same folder.",
    ),
    "runs": (
        "Run folders",
        "A run is unfinished, damaged, or no run. What was finished is kept: the command that "
        "made the run goes on where it stopped, and writes a damaged table anew without "
        "training again. See [resume a training](how-to/resume.md).",
    ),
    "models": (
        "Prediction and export",
        "A model file is damaged, was changed, or is not sertk's; or a command asks for what a "
        "model or a format does not have. Nothing in a model file is ever run. See "
        "[predict](how-to/predict.md) and [export](how-to/export.md).",
    ),
    "disks": (
        "Disks and the cache",
        "Files are written whole or not at all, so that a full disk leaves what was there before. "
        "The cache of features can always be deleted: it is computed again.",
    ),
    "pages": (
        "Notebooks",
        "Parameters are checked by name and type before a cell runs. When a cell fails, the "
        "notebook is kept as far as it came.",
    ),
}
_TICKS = re.compile(r"`([^`]+)`")


def classes() -> list[str]:
    """List the kinds of errors, in the order of their definition."""
    return [
        name
        for name, found in vars(errors).items()
        if inspect.isclass(found) and issubclass(found, errors.SertkError)
    ]


def collect() -> dict[str, list[Said]]:
    """Make every mistake once."""
    with tempfile.TemporaryDirectory() as folder:
        return error_examples.collect(Path(folder).resolve())


def page(found: dict[str, list[Said]]) -> str:
    """Write the page.

    Args:
        found: What `collect` found.
    """
    count = sum(map(len, found.values()))
    parts = [
        "---\nhide: [navigation]\n---",
        "# Troubleshooting",
        f"Every message of sertk has up to three parts: what it got, what it needs, what to do. "
        f"The {count} mistakes below are made anew each time this page is built, so the words "
        "are those that you see. Search for a part of your message, or open the section of the "
        "stage that refused. On the command line the status is 2; in Python the error is of the "
        "kind that stands under the message.",
        "## Kinds of errors",
        _kinds(found),
    ]
    for name, saids in found.items():
        heading, intro = HEADINGS[name]
        parts += [f"## {heading} {{: #{name} }}", intro]
        entries = "\n".join(_entry(group) for group in _grouped(saids))
        parts.append(html_parts.placed(f"mistakes-{name}", entries))
    return "\n\n".join(parts) + "\n"


def _kinds(found: dict[str, list[Said]]) -> str:
    rows = ["| in Python | what it means | examples |", "|---|---|---|"]
    for name in classes():
        what = (inspect.getdoc(getattr(errors, name)) or "").split("\n")[0]
        where = [
            f"[{HEADINGS[part][0].lower()}](#{part})"
            for part, saids in found.items()
            if any(said.kind == name for said in saids)
        ]
        rows.append(
            f"| [`{name}`](reference/errors.md#sertk.errors.{name}) | {what} | "
            f"{', '.join(where) or 'the parent of all'} |"
        )
    return "\n".join(rows)


def _grouped(saids: list[Said]) -> list[list[Said]]:
    """Put mistakes under each other that are answered alike."""
    groups: dict[object, list[Said]] = {}
    for said in saids:
        alike = said.needed and said.remedy and not said.needed.startswith("Did you mean")
        key = (said.kind, said.needed, said.remedy) if alike else (said.kind, said.whole)
        group = groups.setdefault(key, [])
        if said.received not in [other.received for other in group]:
            group.append(said)
    return list(groups.values())


def _entry(group: list[Said]) -> str:
    first, *others = group
    shown = "".join(
        f"<pre><code>{_command(said)}</code></pre><p>{_text(said.received)}</p>" for said in others
    )
    more = f"<p><b>The same answer to</b></p>{shown}" if others else ""
    needed, remedy = first.needed, first.remedy
    if first.kind == "UnknownNameError":  # the nearest name is the remedy
        needed, remedy = "", f"{needed} {remedy}".strip()
    why = f"<p><b>Why.</b> {_text(needed)}</p>" if needed else ""
    what = f"<p><b>What to do.</b> {_text(remedy)}</p>" if remedy else ""
    return (
        f'<details class="mistake"><summary>{_text(first.received)} '
        f'<span class="kind">{first.kind}</span></summary>'
        f"<pre><code>{_command(first)}</code></pre>{why}{what}{more}</details>"
    )


def _command(said: Said) -> str:
    prompt = "$ " if said.did.startswith("sertk ") else ""
    return html.escape(prompt + said.did)


def _text(text: str) -> str:
    return _TICKS.sub(r"<code>\1</code>", html.escape(text, quote=False))
