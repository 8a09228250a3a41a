"""The documentation as `make docs` builds it: links and anchors exist, nothing is loaded from other
sites, and the Python code of its pages and of the README runs.
"""

import re
import warnings
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
import soundfile

from sertk import corpora, report
from sertk.predict import pretrained
from tests import fake_model, fake_run
from tests.repository.pages import PAGES, code
from tests.repository.readme import blocks

ROOT = Path(__file__).parents[1]


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
def site():
    """The site that `make docs` has built."""
    target = ROOT / "site"
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


def test_the_reference_and_the_tutorial_are_complete(site):
    target, read = site
    for path, (text, _) in read.items():
        assert not re.search(r"\{\{ [\w.: ]+ \}\}", text), path.name
    assert read[target / "tutorial" / "03_train.html"][0].count("<figure") >= 4
    reference = target / "reference" / "sertk"
    assert {"sertk.splits.by_speaker", "sertk.splits.random"} <= read[
        reference / "splits" / "index.html"
    ][1].ids
    for family in ("corpora", "encoders", "features", "models"):
        for entry in (ROOT / "sertk" / family).glob("[!_]*.py"):
            assert reference / family / f"{entry.stem}.html" in read
    assert "<svg" in read[target / "protocols.html"][0]


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


def test_the_code_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    """On a small toy corpus, with few epochs and small networks."""
    corpora.scan("toy", root=tmp_path / "toy", speakers=4, takes=1)
    monkeypatch.chdir(tmp_path)
    assert len(blocks()) == 2
    source = "".join(blocks())
    ravdess = '"ravdess", root="~/corpora/ravdess", style="speech"'
    conv1d = '"conv1d", train.input_shape, train.num_classes'
    for words, instead in (
        (ravdess, '"toy", root="toy", speakers=4, takes=1'),
        ("epochs=60", "epochs=1"),
        ("val=4, test=4", "val=1, test=1"),
        ('cross_validate(\n    "compact"', 'cross_validate(\n    "mlp"'),
        (conv1d, f"{conv1d}, width=0.1"),
    ):
        assert words in source
        source = source.replace(words, instead)
    exec(compile(source, "README.md", "exec"), {})
    out = capsys.readouterr().out
    assert "Nothing found." in out
    assert re.search(r"UAR \d+\.\d%", out)
    assert (tmp_path / "runs" / "ravdess_loso" / "report.html").is_file()
