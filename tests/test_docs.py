"""The documentation: complete, made from what is there, run, and asking nobody for anything."""

import doctest
import html
import importlib
import json
import os
import re
import shlex
import subprocess
import sys
import warnings
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import keras
import numpy as np
import pytest
import soundfile

from docs._make import (
    architecture,
    corpora_table,
    error_examples,
    figures,
    hooks,
    notebook_outputs,
    recipes,
    reference,
    systems,
    troubleshooting,
    tutorial,
)
from sertk import corpora, models, report
from sertk.cli.parser import make_parser
from sertk.predict import pretrained
from sertk.recipes import RECIPES
from tests import (
    fake_model,
    fake_run,
    test_bad_input,
    test_bad_runs,
    test_model_files,
    test_predict,
)

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md"))
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


def code(page, language):
    """The fenced blocks of a page."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("path", sorted((DOCS / "_make").glob("*.py")), ids=lambda path: path.stem)
def test_examples_of_the_makers_run(path):
    module = importlib.import_module(f"docs._make.{path.stem}")
    assert doctest.testmod(module).failed == 0


@pytest.fixture(scope="module")
def words():
    return hooks.words()


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_notebook_is_a_page(name, words):
    page = tutorial.page(name)
    for cell in json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text())["cells"]:
        source = "".join(cell["source"])
        if "parameters" in cell["metadata"].get("tags", ()):
            assert all(f"| `{line.split(':')[0]}` |" in page for line in source.splitlines())
        elif cell["cell_type"] == "code":
            assert f"```python\n{source}\n```" in page
        else:
            assert source.splitlines()[0] in page
    assert ".ipynb)" not in page
    assert tutorial.title(name) in page
    assert f"]({name}.md)" in words["tutorial.list"]


def test_what_cells_showed_is_there_and_is_no_sound():
    recorded = sorted(notebook_outputs.TARGET.glob("*.json"))
    assert len(recorded) >= 5
    for path in recorded:
        text = path.read_text(encoding="utf-8")
        assert "<audio" not in text
        assert "data:audio" not in text
        shown = [kind for cell in json.loads(text)["cells"].values() for o in cell for kind in o]
        assert shown.count("svg") >= 3
        assert "/tmp/" not in text


def test_every_public_module_has_a_page():
    package = ROOT / "sertk"
    files = [*package.glob("[!_]*.py"), *(p.parent for p in package.glob("[!_]*/__init__.py"))]
    expected = {f"sertk.{path.stem}" for path in files} - {"sertk.cli"}
    for family in ("corpora", "features", "models"):
        expected |= {f"sertk.{family}.{p.stem}" for p in (package / family).glob("[!_]*.py")}
    assert set(reference.modules()) == {"sertk", *expected}
    listed = str(reference.nav())
    for module in expected:
        assert f"::: {module}\n" in reference.page(module)
        assert reference.path(module) in listed


def test_every_command_and_option_is_described():
    page = reference.commands()
    usage = make_parser().format_help()
    commands = re.findall(r"^ {4}([\w-]+) ", usage, flags=re.MULTILINE)
    assert {"train", "cv", "scan"} <= set(commands)
    assert set(re.findall(r"^## ([\w-]+)$", page, flags=re.MULTILINE)) == set(commands)
    for words in ("`--grouping` `NAME`", "`-o`, `--output` `DIR`", "at most so many"):
        assert words in page


def test_the_readme_of_the_reference_systems_is_what_was_measured():
    there = (systems.REPORTS / "README.md").read_text(encoding="utf-8")
    assert there == systems.readme()
    for name, numbers in systems.results().items():
        assert numbers["recipe"]["name"] in name
        assert (systems.REPORTS / name / "report.html").is_file()


def test_the_drawing_of_compact_is_the_network():
    svg = architecture.drawing_svg()
    net = models.build("compact", RECIPES["compact"].prep.input_shape, 8)
    counted = [int(n.replace(",", "")) for n in re.findall(r"([\d,]+) parameters<", svg)]
    assert sum(counted) == net.count_params()
    for layer in net.layers:
        if isinstance(layer, keras.layers.MaxPooling2D | keras.layers.Bidirectional):
            assert f">{' x '.join(map(str, layer.output.shape[1:]))}" in svg
    assert svg.count("stroke-dasharray") == 2  # what acts in training alone
    assert architecture.words()["compact.parameters"] == f"{net.count_params():,}"


def test_every_corpus_is_in_the_table():
    names = {p.stem for p in (ROOT / "sertk" / "corpora").glob("[!_]*.py")}
    told = corpora_table.sections()
    for name in names:
        assert f"{{: #{name} }}" in told
        module = corpora.load(name)
        assert (f"| `{name}` | {module.LICENCE} |" in corpora_table.table()) == bool(
            module.CITATION
        )
        for archive in module.DOWNLOADS:
            assert archive.file in told
            assert archive.md5 is None or archive.md5 in told


def test_every_recipe_has_a_page_that_includes_it(words):
    assert len(recipes.recipes()) >= 6
    for heading, body in recipes.recipes().items():
        own = DOCS / "how-to" / f"{recipes.slug(heading)}.md"
        text = own.read_text(encoding="utf-8") if own.is_file() else recipes.page(heading)
        assert body in hooks.filled(text, words)


def test_a_name_that_nobody_knows_stops_the_build(words):
    with pytest.raises(KeyError, match="leak gap"):
        hooks.filled("{{ leak gap }}", words)


def test_the_leak_was_measured_as_the_page_says(words):
    record = figures.leak()
    scores = {(s["division"], s["classifier"]): s for s in record["scores"]}
    assert len(scores) == 6
    assert (record["speakers"], record["utterances"]) == (20, 1200)
    for s in scores.values():
        assert s["low"] < s["uar"] < s["high"]
        assert np.mean(s["uar_of_each_seed"]) == pytest.approx(s["uar"], abs=1e-3)
    gap = scores["random", "svm"]["uar"] - scores["loso", "svm"]["uar"]
    assert words["leak.gap"] == f"{100 * gap:.1f}"
    page = (DOCS / "protocols.md").read_text(encoding="utf-8")
    assert not re.search(r"\d\d\.\d", page)  # no score is typed


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What is said to every mistake but those of training, which need Keras."""
    names = [name for name in error_examples.SECTIONS if name != "trainings"]
    return error_examples.collect(tmp_path_factory.mktemp("mistakes"), names)


TESTED = {
    "words": [test_bad_input.test_words],
    "protocols": [test_bad_input.test_protocols],
    "manifests": [test_bad_input.test_manifests],
    "selections": [test_bad_input.test_selections],
    "runs": [test_bad_runs.test_damaged_runs],
    "models": [test_predict.test_mistakes, test_model_files.test_bundles_that_were_tampered_with],
}


@pytest.mark.parametrize("section", TESTED)
def test_every_tested_mistake_has_an_entry(section, said):
    heard = [s.whole for s in said[section]]
    for test in TESTED[section]:
        for case in error_examples.cases(test):
            assert any(case[-1] in whole for whole in heard), case[-1]


def test_every_unreadable_file_and_full_disk_has_an_entry(said):
    for name, reason in test_bad_input.WRONG.items():
        assert any(s.did == f"bad/{name}" and reason in s.whole for s in said["sounds"])
    for _, reason in error_examples.cases(test_bad_runs.test_disks_that_refuse):
        assert any(reason in s.whole.lower() for s in said["disks"])


def test_entries_name_no_folder_of_this_machine(said):
    for section in said.values():
        for one in section:
            assert "/tmp" not in one.whole + one.did
            assert str(Path.home()) not in one.whole + one.did


def test_mistakes_that_are_answered_alike_share_an_entry(said):
    page = troubleshooting.page(said)
    assert page.count("## ") == len(said) + 1
    groups = troubleshooting._grouped(said["runs"])
    assert max(map(len, groups)) >= 5
    assert sum(map(len, groups)) <= len(said["runs"])


SMALLER = (
    ('"toy", root="toy"', '"toy", root="toy", speakers=4, takes=1'),
    ('"ravdess", root="corpora/ravdess", style="speech"', '"toy", "toy", speakers=4, takes=1'),
    ("epochs=60", "epochs=1"),
    ("epochs=30", "epochs=1"),
    ("epochs=2", "epochs=1"),
    ('"compact",', '"mlp",'),
    ('"loso", val=2', '"speaker_folds", folds=2, val=1'),
    ("folds=4, val=2)\n\n\ndef train", "folds=2, val=1)\n\n\ndef train"),
    ('augment="light",', ""),
    ('"runs/noise", roots={"toy": "toy"}', '"runs/noise"'),  # a study scans the whole toy corpus
)


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    root = tmp_path_factory.mktemp("docs") / "toy"
    corpora.scan("toy", root=root, speakers=4, takes=1)
    return root


def _snippet_folder(folder, toy):
    """What the pages speak of: recordings, a run, the notebooks."""
    (folder / "toy").symlink_to(toy)
    (folder / "notebooks").symlink_to(ROOT / "notebooks")
    fake_run.write(folder / "runs" / "example")
    fake_model.write_pretrained(folder / "pretrained")
    fake_model.write_recordings(folder / "recordings")
    time = np.arange(4000) / 16_000
    for pitch, (speaker, emotion) in enumerate(
        (s, e) for s in ("ann", "ben", "cat") for e in ("happy", "angry")
    ):
        for place in (
            f"my_corpus/{speaker}/{emotion}/001.wav",
            f"named/{speaker}_{emotion}_1.wav",
        ):
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / place, 0.3 * np.sin(time * (700 + 90 * pitch)), 16_000)


@pytest.mark.parametrize("page", [page for page in PAGES if code(page, "python")])
def test_the_code_of_a_page_runs(page, toy, tmp_path, monkeypatch, capsys):
    _snippet_folder(tmp_path, toy)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path / "pretrained")
    warnings.filterwarnings("ignore", pretrained.NOTICE)
    # it is slow, and the README's test writes one
    monkeypatch.setattr(report, "write_html", lambda run: run.folder / "report.html")
    source = "\n".join(code(page, "python"))
    for words, instead in SMALLER:
        source = source.replace(words, instead)
    assert "epochs" not in source or "epochs=1" in source
    exec(compile(source, page, "exec"), {"__name__": "page"})
    assert "print(" not in source or capsys.readouterr().out


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


class Links(HTMLParser):
    """The links, anchors and requested resources of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.ids, self.requested, self.classes = [], set(), [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = {name: value or "" for name, value in attributes}
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        self.classes |= set(given.get("class", "").split())
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") not in ("canonical", "next", "prev"):
            self.requested.append(given.get("href", ""))
        else:
            self.requested += [given[n] for n in ("src", "srcset", "data", "poster") if n in given]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site as `make docs` builds it: a warning is an error."""
    target = tmp_path_factory.mktemp("site") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(target)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONWARNINGS": "default"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    texts = {p: p.read_text(encoding="utf-8") for p in sorted(target.rglob("*.html"))}
    return target, {p: (text, Links(text)) for p, text in texts.items()}


def test_the_site_asks_nobody_for_anything(site):
    target, read = site
    assert len(read) > 60
    for path, (_, page) in read.items():
        for address in page.requested:
            assert not re.match(r"(https?:)?//", address), f"{path.name}: {address}"
        # what makes the theme's script load more from elsewhere
        assert not page.classes & {"mermaid", "math", "arithmatex"}
    for sheet in target.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert not re.search(r"@import|url\([\"']?(https?:)?//", text), sheet.name


def test_every_link_and_anchor_is_there(site):
    target, read = site
    checked = 0
    for path, (_, page) in read.items():
        if path.name == "404.html":
            continue
        for link in page.links:
            address = urlsplit(link)
            if address.scheme:
                assert address.scheme in ("http", "https"), link
                assert "." in address.netloc, link
                continue
            to = path.parent / unquote(address.path) if address.path else path
            to = to.resolve()
            assert to.exists(), f"{path.relative_to(target)}: {link}"
            if address.fragment and to in read:
                assert unquote(address.fragment) in read[to][1].ids, f"{path.name}: {link}"
            checked += 1
    assert checked > 1000


def test_the_built_page_of_mistakes_covers_every_kind_and_training(site):
    text, _ = site[1][site[0] / "troubleshooting.html"]
    plain = html.unescape(re.sub(r"<[^>]+>", "", text))
    kinds = set(re.findall(r'class="kind">(\w+)<', text))
    assert kinds == set(troubleshooting.classes()) - {"SertkError"}
    for _, match in error_examples.cases(test_bad_runs.test_trainings_that_cannot_be):
        assert match in plain, match


def test_pages_hold_their_parts_and_no_marks(site):
    target, read = site
    for path, (text, _) in read.items():
        assert "data-piece" not in text, path.name
        assert not re.search(r"\{\{ [\w.: ]+ \}\}", text), path.name
    train = read[target / "tutorial" / "03_train.html"][0]
    assert train.count("<figure") >= 4
    anchors = read[target / "reference" / "splits.html"][1].ids
    assert {"sertk.splits.by_speaker", "sertk.splits.random"} <= anchors
    assert "<svg" in read[target / "protocols.html"][0]
