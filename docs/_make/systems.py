"""The reference systems: what was published, and what the same training gives here.

In: the records of `sertk.recipes`, and reports/reference_systems/*/report.json. Out: a table and a
section for each, as Markdown. The table stands in the reports' own README too, which
`python -m docs._make.systems` writes.
"""

import json
from typing import Any

from docs._make import ROOT
from docs._make.figures import percent
from sertk import recipes
from sertk.report.sentences import plural

REPORTS = ROOT / "reports" / "reference_systems"
_HEAD = """# The reference systems, repeated

Each folder holds the page of one recipe and its numbers as JSON; no sound is inside. The command
stands at the end of each page. Scores of different protocols are not a ranking: what was published
was often measured on voices that had been trained on, which the second column says.

"""


def results() -> dict[str, dict[str, Any]]:
    """Read the committed reports: recipe -> numbers."""
    found = sorted(REPORTS.glob("*/report.json"))
    return {path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in found}


def _published() -> dict[str, recipes.Recipe]:
    """Leave sertk's own system out, which stands beside nothing."""
    return {name: recipe for name, recipe in recipes.RECIPES.items() if recipe.published}


def table(link: str = "reports/reference_systems/{}.html") -> str:
    """Write one row per recipe: published, under which protocol, and here.

    Args:
        link: Where the page of a recipe is.
    """
    rows = [
        "| recipe | published | its protocol | here: UAR, WA | protocol here |",
        "|---|---|---|---|---|",
    ]
    there = results()
    for name, recipe in _published().items():
        figures = [figure.score for figure in recipe.published]
        protocols = [figure.protocol for figure in recipe.published]
        shown = f"[`{name}`]({link.format(name)})" if name in there else f"`{name}`"
        here, how = _here(there[name]) if name in there else ("not run", "")
        rows.append(
            f"| {shown} | {'<br>'.join(figures)} | {'<br>'.join(protocols)} | {here} | {how} |"
        )
    return "\n".join(rows)


def _here(numbers: dict[str, Any]) -> tuple[str, str]:
    uar, wa = (numbers["headline"][metric] for metric in ("uar", "wa"))
    ends = "" if uar["low"] is None else f" ({percent(uar['low'])} to {percent(uar['high'])})"
    stopped = "<br>mechanics only" if numbers["recipe"]["stopped"] else ""
    on = numbers["basis"]
    how = (
        f"{' and '.join(numbers['corpora'])}, {len(numbers['classes'])} classes: "
        f"{numbers['protocol']['sentence']}; {on['utterances']:,} utterances of "
        f"{plural(on['speakers'], 'tested speaker')}"
    )
    return f"{percent(uar['value'])}{ends}, {percent(wa['value'])}{stopped}", how


def sections() -> str:
    """Write a section per recipe: what it is, and what is done otherwise here."""
    return "\n\n".join(_section(name, recipe) for name, recipe in _published().items())


def _section(name: str, recipe: recipes.Recipe) -> str:
    lines = [f"### {name} {{: #{name} }}", f"{recipe.title}."]
    rows = ["| step | in the original | here | why |", "|---|---|---|---|"]
    rows += [
        f"| {d.what} | {d.original} | {d.here} | {d.why}{' †' if d.restored else ''} |"
        for d in recipe.differences
    ]
    lines.append("\n".join(rows))
    return "\n\n".join(lines)


def lesson(link: str = "reports/reference_systems/{}.html") -> str:
    """Say what R3's copies promised: validation on both sides against isolated speakers."""
    name = "r3-male-2class"
    found = json.loads((REPORTS / name / "leak_gap.json").read_text(encoding="utf-8"))
    clean, leaky = link.format(name), link.format(f"{name}-as-published")
    return (
        f"**What copies on both sides promise.** `sertk reproduce {name} --leak-gap` trains R3's "
        f"network as it was published, with copies divided at random ([report]({leaky})), and with "
        f"speakers apart ([report]({clean})). {found['sentence']}"
    )


def readme() -> str:
    """Write the README of the reports."""
    stopped = (
        "\n\n*Mechanics only*: training was stopped while it was still improving; the run shows "
        "that everything works, and its score nothing about the system.\n"
    )
    page = "[The page](r3-male-2class/leak_gap.html) shows all four scores.\n"
    return _HEAD + table("{}/report.html") + stopped + "\n" + lesson("{}/report.html") + " " + page


if __name__ == "__main__":
    (REPORTS / "README.md").write_text(readme(), encoding="utf-8")
