"""The real recordings, where SERTK_CORPORA has them."""

import os
from pathlib import Path

import pytest

from sertk import corpora, manifest
from sertk.manifest import remarks
from tests.repository.manifests import FOLDER

pytestmark = pytest.mark.corpus


def home(name):
    folder = Path(os.environ.get("SERTK_CORPORA", "")).expanduser() / name
    if not os.environ.get("SERTK_CORPORA") or not folder.is_dir():
        pytest.skip(f"SERTK_CORPORA has no folder {name}")
    return folder


@pytest.mark.parametrize(("name", "file"), [("ravdess", "ravdess_speech"), ("emodb", "emodb")])
def test_scan_equals_the_committed_manifest(name, file):
    root = home(name)
    found = corpora.scan(name, hash_files=True)
    assert manifest.roots(found) == {name: str(root)}
    assert remarks.of(found).unreadable == []
    committed = manifest.read(FOLDER / f"{file}.csv").set_index("utterance_id")
    found = found[found["style"] == "speech"].set_index("utterance_id")
    assert set(found.index) <= set(committed.index)
    known = committed.loc[found.index]
    for column in ("path", "speaker", "emotion", "gender", "sha256", "text"):
        assert (found[column] == known[column]).all(), column
    measured = known["duration"].notna()
    assert (found["duration"] - known["duration"])[measured].abs().max() < 1e-6


def test_every_actor_that_is_here_is_whole():
    speech = corpora.scan("ravdess", home("ravdess"), style="speech")
    assert set(speech.groupby("speaker").size()) == {60}
    assert speech.groupby("speaker")["emotion"].nunique().eq(8).all()


def test_verify_tells_the_actors_that_are_not_here():
    root = home("ravdess")
    here = set(corpora.scan("ravdess", root, style="speech")["speaker"])
    rows = manifest.read(FOLDER / "ravdess_speech.csv")
    table = corpora.verify(rows, root).set_index("utterance_id").loc[rows["utterance_id"]]
    assert set(table["status"]) <= {"ok", "missing"}
    missing = (table["status"] == "missing").to_numpy()
    assert missing.tolist() == (~rows["speaker"].isin(here)).tolist()
