"""One walk through folders: what is found, what is left out and why, the same for every command."""

import os
from pathlib import Path

import pytest

from sertk import audio, corpora, predict
from sertk.audio import walk
from sertk.augment import folders
from sertk.cli import main
from sertk.errors import AudioError
from sertk.manifest import remarks
from tests.corpora import trees
from tests.errors import raises


@pytest.fixture
def tree(tmp_path):
    """A folder of each kind of thing that lies among recordings."""
    root = tmp_path / "root"
    trees.sounds(root, "happy/a.wav", "happy/deep/b.flac", "sad/c.WAV", ".hidden/d.wav")
    trees.sounds(tmp_path, "elsewhere/e.wav")
    for name in ("happy/._a.wav", "happy/.f.wav", "happy/notes.txt", "happy/README"):
        trees.text(root / name)
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "again").symlink_to(root / "happy")
    (root / "up").symlink_to(tmp_path)
    (root / "self").symlink_to(root / "self")
    (root / "lost.wav").symlink_to(tmp_path / "nowhere.wav")
    os.mkfifo(root / "pipe.wav")
    return root


def test_everything_below_a_folder_is_taken_or_left_out_for_a_reason(tree):
    files = {str(file.path): file.reason for file in walk.walk(tree)}
    assert files == {
        "happy/a.wav": None,
        "happy/deep/b.flac": None,
        "sad/c.WAV": None,
        "linked/e.wav": None,
        "lost.wav": None,  # reading it says what is missing
        "happy/._a.wav": "macOS metadata (._ files)",
        "happy/.f.wav": "hidden",
        "happy/notes.txt": "not audio (*.txt)",
        "happy/README": "not audio (no suffix)",
        ".hidden": "hidden folder",
        "again": "link to a folder that is already included",
        "up": "link to a folder that is already included",
        "self": "not audio (no suffix)",
        "pipe.wav": "not a regular file",
    }


def test_a_folder_that_cannot_be_opened_is_named(tree, monkeypatch):
    iterdir = Path.iterdir

    def refusing(path):
        if path.name == "sad":
            raise PermissionError(13, "Permission denied")
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", refusing)
    files = {str(file.path): file.reason for file in walk.walk(tree)}
    assert files["sad"] == "unreadable folder (Permission denied)"
    assert "sad/c.WAV" not in files


@pytest.mark.parametrize("suffix", [*audio.SUFFIXES, *audio.FFMPEG_SUFFIXES])
def test_scan_and_predict_take_the_same_endings(suffix, tmp_path):
    trees.text(tmp_path / f"happy/a{suffix.upper()}")
    trees.sounds(tmp_path, "happy/b.wav")
    scanned = corpora.scan("folders", tmp_path)["path"].tolist()
    assert scanned == [f"happy/a{suffix.upper()}", "happy/b.wav"]
    assert [str(p.relative_to(tmp_path)) for p in predict.find([tmp_path])] == scanned


def test_scan_counts_what_it_leaves_out(tree, capsys):
    (tree / "lost.wav").unlink()
    found = corpora.scan("folders", tree, layout="{emotion}/*", emotions={"linked": "calm"})
    assert found["path"].tolist() == ["happy/a.wav", "linked/e.wav", "sad/c.WAV"]
    assert remarks.of(found).skipped == {
        "hidden folder": 1,
        "link to a folder that is already included": 2,
        "does not match the layout {emotion}/*": 1,
        "hidden": 1,
        "macOS metadata (._ files)": 1,
        "not a regular file": 1,
        "not audio (*.txt)": 1,
        "not audio (no suffix)": 2,
    }


def test_predict_counts_and_names_what_it_leaves_out(tree):
    words = [tree, tree / "sad/c.WAV", tree / "again/a.wav"]
    found = predict.search(words)
    names = [str(path.relative_to(tree)) for path in found.files]
    assert names == [
        "happy/a.wav", "happy/deep/b.flac", "linked/e.wav", "lost.wav", "sad/c.WAV",
    ]  # fmt: skip
    assert found.left_out["named twice"] == [str(tree / "sad/c.WAV"), str(tree / "again/a.wav")]
    assert found.left_out["hidden"] == [str(tree / "happy/.f.wav")]
    told = found.summary()
    assert f"1 not a regular file ({tree / 'pipe.wav'})" in told
    assert predict.find(words) == found.files


def test_a_pattern_means_what_the_shell_would_make_of_it(tree, monkeypatch):
    found = predict.search([f"{tree}/happy/*"])
    assert [path.name for path in found.files] == ["a.wav", "b.flac"]
    assert set(found.left_out) == {"not audio (*.txt)", "not audio (no suffix)"}
    deep = predict.search([f"{tree}/happy/**"])
    assert [path.name for path in deep.files] == ["a.wav", "b.flac"]
    assert "named twice" not in deep.left_out
    with raises(AudioError, "pattern-matches-nothing"):
        predict.find([f"{tree}/happy/*.txt"])


def test_predict_refuses_what_has_no_end(tree):
    with raises(AudioError, "not-a-regular-file"):
        predict.find([tree / "pipe.wav"])
    (tree / "only").mkdir()
    os.mkfifo(tree / "only/p.wav")
    with raises(AudioError, "no-sound-in-folder"):
        predict.find([tree / "only"])


def test_the_command_line_says_what_is_left_out(tree, capsys):
    (tree / "lost.wav").unlink()
    assert main(["predict", str(tree / "happy")]) == 0
    told = capsys.readouterr().err
    assert f"skipped: 1 not audio (*.txt) ({tree / 'happy/notes.txt'})" in told
    assert "skipped: 1 hidden" in told


def test_noises_are_walked_alike(tree, tmp_path):
    (tree / "lost.wav").unlink()
    found = [str(path.relative_to(tree)) for path in folders.sounds(tree)]
    assert found == ["happy/a.wav", "happy/deep/b.flac", "linked/e.wav", "sad/c.WAV"]


def test_a_name_with_a_backslash_is_left_out_of_tables(tmp_path):
    trees.sounds(tmp_path, "ann/sad/a.wav", "ann/sad/b\\c.wav")
    found = corpora.scan("folders", tmp_path)
    assert found["path"].tolist() == ["ann/sad/a.wav"]
    assert remarks.of(found).skipped == {"name with a backslash": 1}
    assert len(walk.sounds(tmp_path)) == 2
