"""Times of a manifest against the lengths of its files."""

import pandas as pd
import pytest

from sertk import audit, cache, corpora, manifest
from sertk.cli import main
from sertk.errors import CacheError, ManifestError
from sertk.manifest import remarks
from sertk.preprocessing import Preprocessing
from tests.corpora import trees
from tests.errors import raises


def save(root, times, rate=16_000):
    """Write a file of 4.3 s and a table of stretches of it."""
    trees.sound(root / "talk.wav", seconds=4.3, rate=rate)
    lines = [f"talk.wav,s{n},{'sad' if n % 2 else 'happy'},{t}" for n, t in enumerate(times)]
    trees.text(root / "list.csv", "\n".join(["path,speaker,emotion,start,end", *lines]) + "\n")
    return root


def test_milliseconds_are_refused_with_a_guess(tmp_path, refused):
    save(tmp_path, ["0,1500", "1500,4300"])
    with raises(ManifestError, "times-past-end") as caught:
        corpora.scan("table", tmp_path)
    said = str(caught.value)
    assert "table_talk.wav_0: end 1500 s of 4.3 s" in said
    assert "milliseconds: divide start and end by 1000" in said
    assert said in refused("scan", "table", "--root", tmp_path)


@pytest.mark.parametrize(
    ("times", "value"),
    [
        (["0,32000", "32000,68800"], "samples"),
        (["0,1", "1,9"], "empty end"),  # a little past it: seconds
        *((["0,1", times], "4.3") for times in ("4.3,", "5,", "1,9", ",60")),
    ],
)
def test_a_time_past_the_end_is_refused(times, value, tmp_path):
    save(tmp_path, times)
    with raises(ManifestError, "times-past-end", value):
        corpora.scan("table", tmp_path)


def test_several_stretches_without_an_end(tmp_path):
    save(tmp_path, ["0,", "1.5,", "3,"])
    found = corpora.scan("table", tmp_path)
    assert found["duration"].tolist() == [4.3, 2.8, 1.3]
    manifest.write(found, tmp_path / "m.csv")
    assert len(manifest.read(tmp_path / "m.csv", root=tmp_path)) == 3
    hashed = found.assign(sha256="a")
    assert "same audio" not in str(audit.audit(hashed, compare_audio=False))
    assert "same audio" in str(audit.audit(hashed.assign(start=1.5), compare_audio=False))


def test_rounding_is_clipped_and_counted(tmp_path):
    save(tmp_path, ["0,2", "2,4.35"])
    found = corpora.scan("table", tmp_path)
    assert found["end"].tolist() == [2.0, 4.3]
    assert found["duration"].tolist() == [2.0, 2.3]
    assert remarks.of(found).notes == [
        "1 ends are up to 0.1 s after the end of the file, which replaces them."
    ]


def test_training_and_features_compare_them_too(tmp_path, refused, capsys):
    root = save(tmp_path, ["0,1", "1,2"])
    rows = corpora.scan("table", root)
    wrong = rows.assign(start=[0.0, 1000.0], end=[1000.0, 2000.0])
    wrong.to_csv(tmp_path / "m.csv", index=False)
    for words in (("cv", "--manifest"), ("extract",)):
        out = ("-o", tmp_path / "run", "--grouping", "valence2") if words[0] == "cv" else ()
        line = refused(*words, tmp_path / "m.csv", "--root", root, *out)
        line.check("times-past-end", "milliseconds")
    read = manifest.read(tmp_path / "m.csv", root=root)
    prep = Preprocessing("log_mel", clip_seconds=1.0)
    with raises(ManifestError, "times-past-end", "milliseconds"):
        cache.compute(read, prep, folder=tmp_path / "cache")
    assert main(["verify", str(tmp_path / "m.csv"), "--root", str(root)]) == 1
    assert "changed: talk.wav end 1000 s of 4.3 s" in capsys.readouterr().out


def test_files_that_cannot_be_read_are_left_to_those_who_read_them(tmp_path):
    rows = pd.DataFrame(
        {"utterance_id": ["a"], "corpus": "my", "path": ["no.wav"], "speaker": "s",
         "emotion": "sad", "start": [0.0], "end": [9.0]}
    )  # fmt: skip
    rows["root"] = str(tmp_path)
    with raises(CacheError, "no-readable-files"):
        cache.compute(rows, Preprocessing("log_mel", clip_seconds=1.0), folder=tmp_path / "cache")


def test_rows_of_several_tables_under_one_index(tmp_path):
    rows = corpora.scan("table", save(tmp_path, ["0,1", "1,2"]))
    whole = rows.assign(utterance_id=["c", "d"], start=None, end=[None, 9.0])
    both = pd.concat([rows, whole])
    with raises(ManifestError, "times-past-end", "4.3"):
        corpora.check_times(both)
