"""Fixtures that several test modules share."""

import pytest

from sertk.cli import main
from tests import small_corpus


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    """Keep the features of tests away from the user's cache."""
    monkeypatch.setenv("SERTK_CACHE", str(tmp_path_factory.getbasetemp() / "features"))


@pytest.fixture(scope="session")
def small_root(tmp_path_factory):
    return small_corpus.write(tmp_path_factory.mktemp("small"))


@pytest.fixture
def small(small_root):
    """The manifest of 72 one-second tones: 6 speakers, 3 emotions, labelled, not divided."""
    return small_corpus.manifest(small_root)


@pytest.fixture
def refused(capsys):
    """Run a command that must be refused, and hand out what it says."""

    def run(*words):
        capsys.readouterr()
        assert main([str(word) for word in words]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "Traceback" not in captured.err
        *before, last = captured.err.rstrip("\n").split("\n")
        assert last.startswith("sertk: ")
        assert not any(line.startswith("sertk: ") for line in before)
        return last

    return run
