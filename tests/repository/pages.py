"""The pages of docs/: commands and options that exist, scores that come from reports, no sound."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from docs._make import commands as command_line
from docs._make import figures, hooks, tutorial
from sertk.cli.parser import make_parser

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md"))


def code(page, language):
    """The fenced blocks of a page."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("name", tutorial.names())
def test_every_notebook_is_a_page_without_sound(name):
    page = tutorial.page(name)
    assert ".ipynb)" not in page
    assert page.count('<figure class="made"') >= 3
    assert not re.search("<audio|data:audio|/tmp/", page)
    for cell in tutorial.cells(tutorial.NOTEBOOKS / f"{name}.ipynb"):
        if cell["cell_type"] == "code" and "parameters" not in cell["metadata"].get("tags", ()):
            assert f"```python\n{cell['source']}\n```" in page


def test_every_command_and_option_is_described():
    page = command_line.page()
    parsed = re.findall(r"^ {4}([\w-]+) ", make_parser().format_help(), flags=re.MULTILINE)
    assert {"train", "cv", "scan"} <= set(parsed)
    assert set(re.findall(r"^## ([\w-]+)$", page, flags=re.MULTILINE)) == set(parsed)
    for words in ("`--grouping` `NAME`", "`-o`, `--output` `DIR`", "(required)"):
        assert words in page


def test_the_layers_of_compact_have_the_parameters_of_its_report():
    counted = sum(int(layer["parameters"].replace(",", "")) for layer in hooks.layers("compact"))
    assert counted == hooks.load("reports/ravdess_dev4/report.json")["model"]["parameters"]


def test_an_undefined_name_stops_the_build():
    with pytest.raises(Exception, match="leak_gap"):
        hooks.on_page_markdown("{{ leak_gap }}")


def test_the_leak_was_measured_as_the_page_says():
    record = json.loads((DOCS / "figures" / "leak.json").read_text(encoding="utf-8"))
    pairs = [(s["division"], s["classifier"]) for s in record["scores"]]
    assert pairs == [(d, c) for d in figures.DIVISIONS for c in record["classifiers"]]
    assert (record["speakers"], record["utterances"]) == (20, 1200)
    for s in record["scores"]:
        assert s["low"] < s["uar"] < s["high"]
        assert np.mean(s["uar_of_each_seed"]) == pytest.approx(s["uar"], abs=1e-3)
    page = (DOCS / "protocols.md").read_text(encoding="utf-8")
    assert not re.search(r"\d\d\.\d", page)  # no score is typed


def test_troubleshooting_quotes_messages_of_the_package():
    source = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "sertk").rglob("*.py"))
    page = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    bold = re.findall(r"\*\*(.+?)\*\*", page)
    quoted = [q for heading in bold for q in re.findall(r'"(.+?)"', heading)]
    assert len(quoted) > 30
    parts = [part.strip(" ?") for q in quoted for part in q.split("...")]
    assert [part for part in parts if part not in source] == []


def commands() -> Iterator[tuple[str, list[str]]]:
    for page in PAGES:
        for block in code(page, "console"):
            for line in re.findall(r"^\$ (.+)$", block, flags=re.MULTILINE):
                yield page, shlex.split(line)


def test_the_commands_of_the_pages_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    seen = set()
    for page, (program, *words) in commands():
        seen.add(program)
        if program == "sertk":
            make_parser().understand(words)
        elif program == "make":
            assert re.search(rf"^{words[0]}:", makefile, flags=re.MULTILINE)
        elif program == "pip":
            for extra in re.findall(r"\w+", words[-1].partition("[")[2]):
                assert re.search(rf"^{extra} = \[", pyproject, flags=re.MULTILINE)
        else:
            assert program == "jupyter", page
    assert {"sertk", "make", "pip"} <= seen
