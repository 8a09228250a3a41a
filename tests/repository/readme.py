"""What the READMEs promise: files and commands that exist, and the figures of the reports."""

import csv
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STUDIES = ROOT / "reports" / "studies"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks():
    """The indented blocks of Python, without indentation."""
    section = README.split("## In Python")[1].split("\n## ")[0]
    found = re.findall(r"(?:^ {4}.*\n|^\n(?= {4}))+", section, flags=re.MULTILINE)
    return [re.sub(r"^ {4}", "", block, flags=re.MULTILINE) for block in found]


def test_the_first_block_has_at_most_twenty_lines():
    assert 0 < sum(bool(line.strip()) for line in blocks()[0].splitlines()) <= 20


def test_what_the_pretrained_network_reaches_is_what_its_reports_say():
    folder = ROOT / "reports" / "encoder" / "ravdess_dev4"
    report, robustness = (
        json.loads((folder / f"{name}.json").read_text("utf-8"))
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


def test_the_table_of_reference_systems_has_the_scores_of_the_reports():
    folder = ROOT / "reports" / "reference_systems"
    text = (folder / "README.md").read_text(encoding="utf-8")
    for path in folder.glob("*/report.json"):
        if path.parent.name.endswith("-as-published"):
            continue
        scores = json.loads(path.read_text(encoding="utf-8"))["headline"]
        uar, wa = (f"{100 * scores[name]['value']:.1f}" for name in ("uar", "wa"))
        row = next(row for row in text.splitlines() if f"[`{path.parent.name}`]" in row)
        assert re.search(rf"\| {uar}( \([^)]*\))?, {wa}\b", row), path.parent.name


def test_the_table_of_exports_has_the_measured_sizes():
    folder = ROOT / "reports" / "export"
    text = (folder / "README.md").read_text(encoding="utf-8")
    for network in json.loads((folder / "exports.json").read_text(encoding="utf-8"))["networks"]:
        for name, file in network["files"].items():
            row_of = rf"^\| {network['name']}: .* \| {name} \| (.*)$"
            (row,) = re.findall(row_of, text, flags=re.MULTILINE)
            assert f"| {file['megabytes']:.2f} | {file['milliseconds']:.2f} |" in row
