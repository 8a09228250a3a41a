"""Names of utterances: whatever files are called, a scan finds a name for each."""

import unicodedata

import pandas as pd
import pytest

from sertk import corpora, manifest
from sertk.cli import main
from sertk.corpora import _ids
from tests.corpora import trees


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
