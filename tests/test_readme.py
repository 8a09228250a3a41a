"""What the READMEs promise: Python that runs, as short as said, files that exist, true figures."""

import csv
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STUDIES = ROOT / "reports" / "studies"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks():
    """The indented blocks of Python, without indentation."""
    section = README.split("## In Python")[1].split("\n## ")[0]
    found = re.findall(r"(?:^ {4}.*\n|^\n(?= {4}))+", section, flags=re.MULTILINE)
    return [re.sub(r"^ {4}", "", block, flags=re.MULTILINE) for block in found]


def test_the_first_block_has_at_most_twenty_lines():
    assert 0 < sum(bool(line.strip()) for line in blocks()[0].splitlines()) <= 20


@pytest.mark.backend
def test_both_blocks_run(tmp_path, monkeypatch, capsys):
    """On a small toy corpus, with few epochs and small networks."""
    from sertk import corpora

    corpora.scan("toy", root=tmp_path / "toy", speakers=4, takes=1)
    monkeypatch.chdir(tmp_path)
    assert len(blocks()) == 2
    code = "".join(blocks())
    ravdess = '"ravdess", root="~/corpora/ravdess", style="speech"'
    conv1d = '"conv1d", train.input_shape, train.num_classes'
    for words, instead in (
        (ravdess, '"toy", root="toy", speakers=4, takes=1'),
        ("epochs=60", "epochs=1"),
        ("val=4, test=4", "val=1, test=1"),
        ('cross_validate(\n    "compact"', 'cross_validate(\n    "mlp"'),
        (conv1d, f"{conv1d}, width=0.1"),
    ):
        assert words in code
        code = code.replace(words, instead)
    exec(compile(code, "README.md", "exec"), {})
    out = capsys.readouterr().out
    assert "Nothing found." in out
    assert re.search(r"UAR \d+\.\d%", out)
    assert (tmp_path / "runs" / "ravdess_loso" / "report.html").is_file()


def test_what_the_pretrained_network_reaches_is_what_its_reports_say():
    report, robustness = (
        json.loads((ROOT / "reports" / "ravdess_dev4" / f"{name}.json").read_text("utf-8"))
        for name in ("report", "robustness")
    )
    disturbed = {(row["condition"], row["level"]): row["uar"] for row in robustness["rows"]}
    for uar, words in (
        (report["headline"]["uar"]["value"], "in clean studio recordings"),
        (disturbed["telephone", 8000], "over a telephone"),
        (disturbed["white", 10], "in white noise at 10 dB"),
        (disturbed["length", 1], "from a single second"),
    ):
        assert f"{100 * uar:.0f} % {words}" in README.replace("\n", " ")


@pytest.mark.parametrize("name", sorted(p.parent.name for p in STUDIES.glob("*/study.csv")))
def test_what_moves_a_score_is_told_as_the_study_found_it(name):
    with (STUDIES / name / "differences.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["context"] == "everywhere"]
    (compared,) = set(rows[0]) - {"context", "difference", "low", "high", "speakers"}
    text = " ".join((STUDIES / "README.md").read_text(encoding="utf-8").split())
    assert f"]({name}/study.html)" in text
    for row in rows:
        points, low, high = (100 * float(row[key]) for key in ("difference", "low", "high"))
        found = re.findall(rf"`{re.escape(row[compared])}` ([+-][\d.]+ \([^)]*\))", text)
        assert set(found) <= {f"{points:+.1f} ({low:+.1f} to {high:+.1f})"}
        assert found or low <= 0 <= high


@pytest.mark.parametrize("name", ["log", "anchors"])
def test_every_row_about_compact_is_whole(name):
    text = (ROOT / "reports" / "compact" / f"{name}.csv").read_text("utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) > 10
    assert [row for row in rows if None in row or None in row.values()] == []


def test_every_link_leads_to_a_file():
    for name in ("README.md", "CONTRIBUTING.md", "data_manifests/README.md", "reports/README.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            if "://" not in target:
                assert ((ROOT / name).parent / target).exists(), f"{name}: {target}"


def test_commands_in_the_readme_exist():
    from sertk.cli.parser import make_parser

    usage = make_parser().format_help()
    commands = set(re.findall(r"^ {4}sertk ([\w-]+)", README, flags=re.MULTILINE))
    assert {"scan", "cv", "report", "download"} <= commands
    assert all(re.search(rf"^ +{command} ", usage, flags=re.MULTILINE) for command in commands)
