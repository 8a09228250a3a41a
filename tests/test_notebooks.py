"""What runs notebooks; and each of ours on the toy corpus."""

import html
import json
import os
import re
from pathlib import Path

import nbformat
import pytest

from sertk import corpora, notebooks
from sertk.errors import ConfigurationError, NotebookError, UnknownNameError
from tests.errors import raises

FOLDER = Path(__file__).parents[1] / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
EXTERNAL = re.compile(r"""(?:src|href|data)=["'](?!#|data:)|@import|url\((?!#|data:)|https?://""")


@pytest.fixture
def tiny(tmp_path):
    """A notebook whose last cell divides by a parameter."""
    v4 = nbformat.v4
    cells = [
        v4.new_markdown_cell("# A tiny <one>\n\nWith a [link](other.ipynb)."),
        v4.new_code_cell(
            "number: int = 2  # to divide by\nshare: float = 0.5  # of one\n"
            "word: str = 'a'  # to say\nloud: bool = False  # or not\n"
            "several: list = [1]  # things",
            metadata={"tags": ["parameters"]},
        ),
        v4.new_code_cell(
            "import sys\nsys.stderr.write('a bar 50%|##  | 1/2\\rbar 100%|####| 2/2\\n')\n"
            "sys.stderr.write('worth reading\\n')\nprint(word, share, loud, several)"
        ),
        v4.new_code_cell(
            "from sertk._display.drawing import new_axes\n(ax,) = new_axes()\nax.plot([0, 1])\nax"
        ),
        v4.new_code_cell("1 / number"),
        v4.new_code_cell("'after'"),
    ]
    metadata = {"kernelspec": {"name": "other", "display_name": "x", "language": "python"}}
    path = tmp_path / "tiny.ipynb"
    nbformat.write(v4.new_notebook(cells=cells, metadata=metadata), path)
    return path


def test_a_run_writes_the_notebook_and_a_page(tiny, tmp_path):
    given = {"word": "<b>", "share": 1, "loud": True, "several": [1, 2]}
    page = notebooks.run(tiny, output=tmp_path / "out", **given)
    assert page == tmp_path / "out" / "tiny.html"
    text = page.read_text(encoding="utf-8")
    assert "&lt;b&gt; 1 True [1, 2]" in text
    assert not EXTERNAL.search(text)
    assert "<title>A tiny &lt;one&gt;</title>" in text
    assert "<b>link</b>" in text
    shown = re.sub(r"<[^>]*>", "", text.split("output_wrapper", 1)[1])
    assert "100%|" not in shown
    assert "worth reading" in shown
    assert text.count("<figure><svg") == 1
    assert "var(--ink,#1b1f28)" in text
    assert "to divide by" in text  # the parameters, as a list
    executed = nbformat.read(page.with_suffix(".ipynb"), as_version=4)
    assert executed.cells[-1].outputs[0].data["text/plain"] == "'after'"


def test_a_failing_cell_is_named_and_what_ran_is_kept(tiny, tmp_path, done):
    with raises(NotebookError, "notebook-cell-failed"):
        notebooks.run(tiny, output=tmp_path / "out", number=0)
    text = (tmp_path / "out" / "tiny.html").read_text(encoding="utf-8")
    assert "ZeroDivisionError" in text
    said = done("notebook", tiny, "-p", "number", "0", "-o", tmp_path / "out", status=1).err
    assert "Cell 5 of tiny.ipynb failed" in said


PARAMETERS = """\
%matplotlib inline
layout: str = "{emotion}/{speaker}=#*.wav"  # fields = names; # is a character
words: dict = {"a=b": "#c", "x": 1}  # several
long: list = [
    "one",  # of two
    "two=2",
]  # on several lines
plain = 'it is "#1"'
secret: str = ""  # empty: none
page: str = "a\u2028b\x0cc"  # other line ends
"""


def test_defaults_may_hold_any_character(tmp_path):
    cell = nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    path = tmp_path / "odd.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    assert notebooks.parameters(path) == {
        "layout": "{emotion}/{speaker}=#*.wav",
        "words": {"a=b": "#c", "x": 1},
        "long": ["one", "two=2"],
        "plain": 'it is "#1"',
        "secret": "",
        "page": "a\u2028b\x0cc",
    }
    read = notebooks.read_words(path, [("layout", "a=#b"), ("words", '{"k": "=#"}')])
    assert read == {"layout": "a=#b", "words": {"k": "=#"}}
    with raises(ConfigurationError, "wrong-parameter-type"):
        notebooks.run(path, output=tmp_path / "out", words="no")


@pytest.mark.parametrize("content", ["{", '{"cells": []'])
def test_files_that_are_no_notebook(content, tmp_path):
    (tmp_path / "no.ipynb").write_text(content)
    with raises(ConfigurationError, "unreadable-notebook"):
        notebooks.parameters(tmp_path / "no.ipynb")


@pytest.mark.parametrize("line", ["epochs: int = = 3", "epochs = 1" + "+1" * 20_000])
def test_parameters_that_are_not_python(line, tmp_path):
    cell = nbformat.v4.new_code_cell(line, metadata={"tags": ["parameters"]})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "no.ipynb")
    with raises(ConfigurationError, "invalid-parameters-cell"):
        notebooks.parameters(tmp_path / "no.ipynb")


def test_names_and_types_are_checked_before_anything_runs(tiny, tmp_path, monkeypatch):
    import papermill

    monkeypatch.setattr(papermill, "execute_notebook", pytest.fail)
    with raises(UnknownNameError, "unknown-name", "'numbers'", "'number'"):
        notebooks.run(tiny, output=tmp_path / "out", numbers=1)
    for wrong in ({"number": "3"}, {"number": True}, {"number": 0.5}, {"share": "x"}, {"word": 1},
                  {"loud": 1}, {"several": "ab"}):  # fmt: skip
        (name,) = wrong
        with raises(ConfigurationError, "wrong-parameter-type", name):
            notebooks.run(tiny, output=tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()
    with raises(ConfigurationError, "notebook-overwrites-itself"):
        notebooks.run(tiny, output=tmp_path)
    with raises(ConfigurationError, "missing-notebook"):
        notebooks.run("nowhere.ipynb")


def test_words_of_the_command_line_become_values(tiny, done):
    words = [("number", "3"), ("share", "0.25"), ("word", "12"), ("loud", "True"),
             ("several", '["a", 1]')]  # fmt: skip
    assert notebooks.read_words(tiny, words) == {
        "number": 3, "share": 0.25, "word": "12", "loud": True, "several": ["a", 1],
    }  # fmt: skip
    assert notebooks.read_words(tiny, [("number", "x")]) == {"number": "x"}
    words = ("notebook", tiny, "-p")
    assert "Did you mean 'number'" in done(*words, "nummer", "1", status=2).err
    said = done(*words, "number", "x", status=2).err
    assert "of type int, such as 2. Its description: to divide by." in said


def test_without_the_extra_it_says_what_to_install(tiny, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "papermill" else find(name)
    )
    with raises(ConfigurationError, "notebooks-not-installed", "'.[notebooks]'"):
        notebooks.run(tiny)


def test_results_go_to_the_notebooks_own_run_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = notebooks._folder
    known = {"folder": {"name": "folder", "default": '""'}}
    source = Path("03_train.ipynb")
    assert folder(source, None, known, {}) == Path("runs/03_train")
    Path("runs/03_train").mkdir(parents=True)
    assert folder(source, None, known, {}) == Path("runs/03_train-2")
    assert folder(source, None, known, {"folder": "runs/mine"}) == Path("runs/mine")
    assert folder(source, "out", known, {}) == Path("out")
    assert folder(source, None, {}, {}) == Path("runs/notebooks")


def test_the_same_call_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    v4 = nbformat.v4
    cells = [
        v4.new_code_cell(
            "number: int = 2  # to divide by\nfolder: str = ''  # of the run",
            metadata={"tags": ["parameters"]},
        ),
        v4.new_code_cell("1 / number"),
    ]
    kernel = {"name": "python3", "display_name": "x", "language": "python"}
    notebook = v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, "tiny.ipynb")
    for _ in range(2):  # what failed is not finished
        with raises(NotebookError, "notebook-cell-failed"):
            notebooks.run("tiny.ipynb", number=0)
    assert notebooks.run("tiny.ipynb", number=1) == Path("runs/tiny-2/tiny.html")
    assert notebooks.run("tiny.ipynb", number=1) == Path("runs/tiny-3/tiny.html")
    stopped = nbformat.read("runs/tiny-3/tiny.ipynb", as_version=4)
    stopped.cells[-1].execution_count = None
    nbformat.write(stopped, "runs/tiny-3/tiny.ipynb")
    assert notebooks.run("tiny.ipynb", number=1) == Path("runs/tiny-3/tiny.html")
    Path("runs/tiny/tiny.ipynb").write_text("{", encoding="utf-8")  # half written
    assert notebooks.run("tiny.ipynb") == Path("runs/tiny-4/tiny.html")


@pytest.fixture(scope="module")
def toy_root(tmp_path_factory):
    """One toy corpus for all notebooks; small, so that they take seconds."""
    root = tmp_path_factory.mktemp("toy") / "toy"
    corpora.scan("toy", root)
    return root


# networks and epochs that only show that everything runs
QUICK = {
    "00_start_here": {"epochs": 1},
    "03_train": {"epochs": 2, "model": "mlp", "augment": ""},
    "04_cross_validate": {"epochs": 2, "folds": 2, "augment": ""},
    "05_leakage_and_grouping": {"epochs": 1, "folds": 3, "val": 1},
    "08_classical_models": {"epochs": 1, "folds": 2},
}


def _execute(name, toy_root, tmp_path):
    page = notebooks.run(
        FOLDER / f"{name}.ipynb", output=tmp_path / "out", root=str(toy_root), **QUICK.get(name, {})
    )
    text = page.read_text(encoding="utf-8")
    assert not EXTERNAL.search(text)
    assert page.stat().st_size < 2e6
    executed = json.loads(page.with_suffix(".ipynb").read_text(encoding="utf-8"))
    outputs = [o for cell in executed["cells"] for o in cell.get("outputs", ())]
    said = "".join("".join(o["text"]) for o in outputs if o.get("name") == "stderr")
    stray = [line for line in re.split(r"[\r\n]+", said) if line.strip() and "%|" not in line]
    assert not stray  # no warning greets a newcomer, only progress
    kinds = [kind for o in outputs for kind in o.get("data", ())]
    assert kinds.count("image/svg+xml") >= 3
    return text


@pytest.mark.notebook
@pytest.mark.parametrize("name", [name for name in NAMES if name != "03_train"])
def test_it_runs_on_the_toy_corpus(name, toy_root, tmp_path):
    assert "What to try next" in _execute(name, toy_root, tmp_path)


@pytest.mark.notebook
def test_training_runs_on_the_toy_corpus(toy_root, tmp_path):
    text = _execute("03_train", toy_root, tmp_path)
    assert f"'{os.environ.get('KERAS_BACKEND', 'tensorflow')}'" in html.unescape(text)
    assert (tmp_path / "out" / "report.html").is_file()
