"""The notebooks of the repository: thin, stripped, typed parameters, links that lead to a file."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import sertk
from sertk import notebooks

FOLDER = Path(__file__).parents[2] / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
PARAMETER = re.compile(r"\w+: (str|int|float|bool|list) = .+  # .+")


def read(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tagged(notebook):
    return [c for c in notebook.cells if "parameters" in c.metadata.get("tags", ())]


def test_the_first_notebooks_are_there():
    assert NAMES[:5] == [
        "00_start_here", "01_explore_corpus", "02_features", "03_train", "04_cross_validate",
    ]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_typed_explained_and_first(name):
    notebook = read(name)
    (cell,) = tagged(notebook)
    assert code(notebook)[0] is cell
    for line in cell.source.splitlines():
        assert PARAMETER.fullmatch(line), line
    defaults = notebooks.parameters(FOLDER / f"{name}.ipynb")
    assert len(defaults) == len(cell.source.splitlines())
    assert (defaults["corpus"], defaults["root"], defaults["backend"]) == ("toy", "", "auto")
    assert code(notebook)[1].source == "import sertk\n\nsertk.use_backend(backend)"


@pytest.mark.parametrize("name", NAMES)
def test_cells_are_thin(name):
    for cell in code(read(name)):
        assert len(cell.source.splitlines()) <= 12 or cell in tagged(read(name))
        for node in ast.walk(ast.parse(cell.source)):
            kind = type(node).__name__
            assert kind not in {"FunctionDef", "ClassDef", "For", "While", "Lambda", "Try"}, kind
        assert not re.search(r"^[%!]", cell.source, re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_ours_in_a_cell_exists(name):
    for cell in code(read(name)):
        for dotted in re.findall(r"\bsertk((?:\.\w+)+)", cell.source):
            found = sertk
            for part in dotted.strip(".").split(".")[:2]:
                assert hasattr(found, part), dotted
                found = getattr(found, part)


@pytest.mark.parametrize("name", NAMES)
def test_it_begins_with_a_title_and_ends_with_what_to_try_next(name):
    notebook = read(name)
    first, last = notebook.cells[0], notebook.cells[-1]
    assert re.match(r"# \S.*\n\n\S", first.source)
    assert last.source.startswith("## What to try next\n")
    links = re.findall(r"\]\(([^)]+)\)", last.source)
    assert links
    for link in links:
        assert (FOLDER / link).is_file()


@pytest.mark.parametrize("name", NAMES)
def test_it_is_stripped(name):
    path = FOLDER / f"{name}.ipynb"
    keys = "metadata.papermill cell.metadata.papermill"
    command = [sys.executable, "-m", "nbstripout", "--verify", "--extra-keys", keys, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    notebook = read(name)
    assert notebook.metadata.kernelspec.name == "python3"
    assert all(not c.outputs and c.execution_count is None for c in code(notebook))
