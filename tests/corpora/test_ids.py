"""Names of utterances and their times: a name for each, and no time past the end of a file."""

import unicodedata

import pandas as pd
import pytest

from sertk import audit, cache, corpora, manifest
from sertk.cli import main
from sertk.corpora import _ids
from sertk.errors import CacheError, ManifestError
from sertk.manifest import remarks
from sertk.preprocessing import Preprocessing
from tests.corpora import trees
from tests.errors import raises


def test_a_slash_and_an_underscore(tmp_path):
    paths = ["happy/P01/2_001.wav", "happy/P01_2/001.wav", "sad/a.wav", "sad/a.flac", "sad/b.wav"]
    trees.sounds(tmp_path, *paths)
    words = {"p01": "sad", "p01_2": "happy"}
    found = corpora.scan("folders", tmp_path / "happy", emotions=words)
    assert found["utterance_id"].tolist() == ["folders_P01/2_001.wav", "folders_P01_2/001.wav"]
    rows = "\n".join(f"{path},s,{path.split('/')[0]}" for path in paths)
    trees.text(tmp_path / "list.csv", f"path,speaker,emotion\n{rows}\n")
    table = corpora.scan("table", tmp_path)
    assert table["utterance_id"].is_unique
    assert table.set_index("path")["utterance_id"]["sad/b.wav"] == "table_sad_b"


@pytest.mark.parametrize(
    "paths",
    [
        ["a/b.wav", "a_b.wav", "a/b.flac", "a_b.flac"],
        ["a.wav", "a.flac", "a.wav.mp3", "a.flac.wav"],
        ["x/y/z.wav", "x_y/z.wav", "x/y_z.wav", "x_y_z.wav"],
    ],
)
def test_names_are_unique_and_the_same_in_any_order(paths):
    names = dict(zip(paths, _ids.unique(paths), strict=True))
    assert len(set(names.values())) == len(paths)
    back = paths[::-1]
    assert dict(zip(back, _ids.unique(back), strict=True)) == names


def test_stretches_with_and_without_times(tmp_path):
    trees.sound(tmp_path / "talk.wav", seconds=1.0)
    rows = [
        "talk.wav,s,sad,0,0.2",
        "talk.wav,s,sad,0,0.4",
        "talk.wav,s,sad,0.5,",
        "talk.wav,s,sad,,",
    ]
    trees.text(tmp_path / "list.csv", "\n".join(["path,speaker,emotion,start,end", *rows]) + "\n")
    found = corpora.scan("table", tmp_path)
    assert found["utterance_id"].notna().all()
    assert found["utterance_id"].is_unique


def test_a_prefix_makes_no_name_twice(tmp_path):
    trees.sounds(tmp_path, "a.wav", "b.wav")
    text = "path,speaker,emotion,utterance_id\na.wav,ann,sad,x\nb.wav,table_ann,sad,table_x\n"
    trees.text(tmp_path / "list.csv", text)
    found = corpora.scan("table", tmp_path)
    assert found["utterance_id"].tolist() == ["table_x", "table_table_x"]
    assert found["speaker"].tolist() == ["table_ann", "table_table_ann"]


@pytest.mark.parametrize(
    "cell", ["one\rtwo", "\r", "one\r\ntwo", "one\ntwo", 'say "x", \r', "\u2028"]
)
def test_any_cell_survives_the_file(cell, tmp_path):
    rows = pd.DataFrame(
        {"utterance_id": ["a\rb", "c"], "corpus": "my", "path": ["a\rb.wav", "c.wav"],
         "speaker": "s", "emotion": "sad", "text": [cell, None], "duration": [1.25, None]}
    )  # fmt: skip
    manifest.write(rows, tmp_path / "m.csv")
    read = manifest.read(tmp_path / "m.csv")
    assert read["text"].tolist()[0] == cell
    assert read["text"].isna().tolist() == [False, True]
    assert read["utterance_id"].tolist() == ["a\rb", "c"]
    assert read["duration"].tolist()[0] == 1.25


def test_a_file_with_a_carriage_return_in_its_name(tmp_path, capsys):
    trees.sounds(tmp_path, "happy/a\rb.wav", "sad/c.wav")
    assert main(["scan", "folders", "--root", str(tmp_path)]) == 0
    (tmp_path / "m.csv").write_bytes(capsys.readouterr().out.encode())
    assert manifest.read(tmp_path / "m.csv")["path"].tolist() == ["happy/a\rb.wav", "sad/c.wav"]
    text = 'path,speaker,emotion\n"happy/a\rb.wav",s,sad\nsad/c.wav,s,sad\n'
    (tmp_path / "list.csv").write_bytes(text.encode())
    found = corpora.scan("table", tmp_path, file="list.csv")
    assert found["path"].tolist() == ["happy/a\rb.wav", "sad/c.wav"]


def test_emotion_words_and_layouts_in_either_normal_form(tmp_path):
    written, on_disk = (unicodedata.normalize(form, "tr\u00e4ge") for form in ("NFC", "NFD"))
    trees.sounds(tmp_path, f"{on_disk}/B\u00e4r_1.wav", "sad/Ba\u0308r_2.wav")
    found = corpora.scan(
        "folders", tmp_path, emotions={written: "bored"}, layout="{emotion}/{speaker}_*.wav"
    )
    assert found["emotion"].tolist() == ["sad", "bored"]
    assert set(found["speaker"]) == {"folders_B\u00e4r"}


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
