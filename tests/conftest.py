"""Fixtures that several test modules share."""

import numpy as np
import pytest
import soundfile

from sertk import cli, labels, splits
from tests import small_corpus
from tests.errors import Refusal


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory):
    """Keep the features of tests and of shared fixtures away from the user's cache."""
    with pytest.MonkeyPatch.context() as patched:
        folder = str(tmp_path_factory.getbasetemp() / "features")
        patched.setenv("SERTK_CACHE", folder)
        yield folder


@pytest.fixture(autouse=True)
def _same_cache(own_cache, monkeypatch):
    """Put back the folder that a command with --cache has set."""
    monkeypatch.setenv("SERTK_CACHE", own_cache)


@pytest.fixture(scope="session")
def small_root(tmp_path_factory):
    return small_corpus.write(tmp_path_factory.mktemp("small"))


@pytest.fixture
def small(small_root):
    """The manifest of 72 one-second tones: 6 speakers, 3 emotions, labeled, not divided."""
    return small_corpus.manifest(small_root)


@pytest.fixture
def own3(monkeypatch):
    """The emotions of the small corpus as a grouping of that name."""
    own = labels.Grouping({emotion: emotion for emotion in small_corpus.EMOTIONS})
    monkeypatch.setitem(labels.GROUPINGS, "own3", own)


@pytest.fixture
def divided(small):
    """The same, with one speaker in validation and one in the test."""
    return splits.by_speaker(small, val=1, test=1)


@pytest.fixture
def refused(capsys, monkeypatch):
    """Run a command that must be refused; return its message, a `Refusal`."""
    errors = []
    refuse = cli.refuse
    monkeypatch.setattr(cli, "refuse", lambda error: errors.append(error) or refuse(error))

    def run(*words):
        capsys.readouterr()
        assert cli.main([str(word) for word in words]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "Traceback" not in captured.err
        *before, last = captured.err.rstrip("\n").split("\n")
        assert last.startswith("sertk: ")
        assert not any(line.startswith("sertk: ") for line in before)
        return Refusal(last, errors.pop().code)

    return run


@pytest.fixture
def done(capsys):
    """Run a command that must end with a status; return what it wrote: `out` and `err`."""

    def run(*words, status=0):
        capsys.readouterr()
        assert cli.main([str(word) for word in words]) == status
        return capsys.readouterr()

    return run


@pytest.fixture(scope="session")
def ravdess(tmp_path_factory):
    """Eight actors who whistle every emotion of RAVDESS, 96 files of 0.7 s."""
    root = tmp_path_factory.mktemp("ravdess")
    generator = np.random.default_rng(0)
    time = np.arange(int(0.7 * 16_000)) / 16_000
    for actor in range(1, 9):
        for emotion in range(1, 9):
            for take in (1,) if emotion < 5 else (1, 2):
                pitch = 100 * 1.15**emotion * (1.6 if actor % 2 else 1.0)
                wave = 0.1 * np.sin(2 * np.pi * pitch * time) + generator.normal(0, 1e-3, len(time))
                path = root / f"Actor_{actor:02d}"
                path.mkdir(exist_ok=True)
                name = f"03-01-{emotion:02d}-01-01-{take:02d}-{actor:02d}.wav"
                soundfile.write(path / name, wave, 16_000)
    return root


@pytest.fixture(scope="session")
def trained(small_root, tmp_path_factory):
    """A short run of a small compact network, whose clips are shorter than its recordings."""
    from sertk import Preprocessing, splits, training

    rows = splits.by_speaker(small_corpus.manifest(small_root), val=1, test=1)
    return training.cross_validate(
        "compact", rows, Preprocessing("log_mel", clip_seconds=0.6),
        folder=tmp_path_factory.mktemp("trained") / "run",
        arguments={"width": 0.2}, epochs=3, batch_size=16,
    )  # fmt: skip
