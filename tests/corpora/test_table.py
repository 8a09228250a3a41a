"""Your own recordings in a table: what people write, and what is told them when it is wrong."""

import builtins
import importlib.util

import pandas as pd
import pytest

from sertk import corpora, manifest
from sertk.errors import CorpusError
from sertk.manifest import remarks
from tests.corpora import trees
from tests.errors import raises

ROWS = "path,speaker,emotion\nann/a.wav,ann,angry\nann/b.wav,ann,Happiness\nben/a.wav,ben,SAD\n"


@pytest.fixture
def root(tmp_path):
    return trees.sounds(tmp_path / "mine", "ann/a.wav", "ann/b.wav", "ben/a.wav")


def test_words_ids_and_speakers(root):
    trees.text(root / "list.csv", ROWS)
    found = corpora.scan("table", root)
    assert found["utterance_id"].tolist() == ["table_ann_a", "table_ann_b", "table_ben_a"]
    assert found["speaker"].tolist() == ["table_ann", "table_ann", "table_ben"]
    assert found["emotion"].tolist() == ["angry", "happy", "sad"]
    assert found["duration"].tolist() == [0.05] * 3
    assert manifest.roots(found) == {"table": str(root)}
    assert remarks.of(found).notes == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators_and_byte_order_marks(root, separator, encoding):
    (root / "list.csv").write_text(ROWS.replace(",", separator), encoding=encoding)
    assert len(corpora.scan("table", root)) == 3


def test_windows_wrote_it(root):
    rows = ROWS.replace("/", "\\").replace("path", " Path ").replace("\n", "\r\n")
    (root / "list.csv").write_bytes(rows.encode("utf-8-sig"))
    assert corpora.scan("table", root)["path"].tolist() == ["ann/a.wav", "ann/b.wav", "ben/a.wav"]


def test_where_the_table_can_be(root, tmp_path, monkeypatch):
    table = trees.text(root / "list.csv", ROWS)
    apart = trees.text(tmp_path / "apart.tsv", ROWS.replace(",", "\t"))
    places = [(table, None), (None, table), (root, "list.csv"), (root, apart)]
    found = [corpora.scan("table", place, file=file) for place, file in places]
    for one in found:
        pd.testing.assert_frame_equal(one, found[0])
        assert manifest.roots(one) == {"table": str(root)}
    monkeypatch.delenv("SERTK_CORPORA", raising=False)
    with raises(CorpusError, "no-table"):
        corpora.scan("table")
    with raises(CorpusError, "missing-table", "absent.csv"):
        corpora.scan("table", root, file="absent.csv")
    trees.text(root / "other.csv", ROWS)
    with raises(CorpusError, "several-tables", "list.csv, other.csv"):
        corpora.scan("table", root)


def test_absolute_paths_below_the_root_become_relative(root):
    rows = ROWS.replace("ann/a.wav", str(root / "ann/a.wav"))
    trees.text(root / "list.csv", rows)
    assert corpora.scan("table", root)["path"][0] == "ann/a.wav"


def test_all_that_is_wrong_is_said_at_once(root, tmp_path):
    outside = trees.sound(tmp_path / "outside.wav")
    trees.text(root / "ann/c.pdf")
    rows = [
        "path,speaker,emotion,gender,duration",
        "ann/a.wav,ann,angry,female,1.5",
        "ann/a.wav,ann,angry,female,1.5",
        "ann/z.wav,ann,hangry,woman,1.5",
        f"{outside},ann,sad,femal,long",
        "../outside.wav,ann,sad,female,",
        "ann/c.pdf,ann,sad,female,",
        "ben/a.wav,,sad,male,",
        ",ben,,male,",
    ]
    trees.text(root / "list.csv", "\n".join(rows) + "\n")
    with raises(CorpusError, "invalid-table-rows", str(root / "list.csv")) as caught:
        corpora.scan("table", root)
    message = str(caught.value)
    for part in (
        "1 rows without path (line 9)",
        "1 rows without speaker (line 8)",
        "1 rows without emotion (line 9)",
        "2 paths outside",
        "1 missing files (ann/z.wav)",
        "1 files in an unsupported format; convert them: ffmpeg -i IN OUT.wav (ann/c.pdf)",
        "1 duplicate rows of a file (ann/a.wav)",
        "1 unknown emotion words (hangry)",
        "1 genders that are neither male nor female (femal)",
        "1 cells of duration that are not a number (long)",
        "Correct these rows; emotions=",
    ):
        assert part in message


def test_words_of_your_own(root):
    trees.text(root / "list.csv", ROWS.replace("angry", "Wut").replace("SAD", "unklar"))
    with raises(CorpusError, "invalid-table-rows", "2 unknown emotion words (Wut, unklar)"):
        corpora.scan("table", root)
    found = corpora.scan("table", root, emotions={"wut": "angry", "unklar": None})
    assert found["emotion"].tolist() == ["angry", "happy"]
    assert remarks.of(found).skipped == {"emotion unklar (excluded by emotions=)": 1}
    with raises(CorpusError, "all-emotions-excluded"):
        corpora.scan("table", root, emotions={"wut": None, "unklar": None, "happiness": None})


def test_optional_columns_come_along(root):
    rows = [
        "path,speaker,emotion,utterance_id,gender,session,mood,corpus",
        "ann/a.wav,ann,angry,one,F,s1,7,old",
        "ben/a.wav,mine_ben,sad,mine_two,Male,s1,,old",
    ]
    trees.text(root / "list.csv", "\n".join(rows))
    found = corpora.scan("table", root, corpus="mine")
    assert found["utterance_id"].tolist() == ["mine_one", "mine_two"]
    assert found["speaker"].tolist() == ["mine_ann", "mine_ben"]
    assert found["gender"].tolist() == ["female", "male"]
    assert found["session"].tolist() == ["s1", "s1"]
    assert found["mood"].tolist()[0] == "7"
    assert set(found["corpus"]) == {"mine"}
    assert "corpus='mine'" in remarks.of(found).notes[0]


def test_segments_of_one_file(tmp_path):
    trees.sound(tmp_path / "talk.wav", seconds=1.0)
    trees.text(
        tmp_path / "list.csv",
        "path,speaker,emotion,start,end\ntalk.wav,a,sad,0,0.25\ntalk.wav,a,happy,0.25,\n",
    )
    found = corpora.scan("table", tmp_path)
    assert found["duration"].tolist() == [0.25, 0.75]
    assert found["utterance_id"].is_unique


def test_files_that_differ_in_suffix_only(tmp_path):
    trees.sounds(tmp_path, "a.wav", "a.flac")
    trees.text(tmp_path / "list.csv", "path,speaker,emotion\na.wav,x,sad\na.flac,x,sad\n")
    names = corpora.scan("table", tmp_path)["utterance_id"].tolist()
    assert names == ["table_a.flac", "table_a.wav"]


@pytest.mark.parametrize(
    ("content", "code", "value"),
    [
        (b"", "unreadable-table", ""),
        (b"path,speaker\na.wav,x\n", "incomplete-table", "column emotion"),
        (b"path,speaker,emotion\n", "incomplete-table", "no rows"),
        (
            "path,speaker,emotion\n\u00e4.wav,x,sad\n".encode("latin-1"),
            "unreadable-table",
            "'CSV UTF-8'",
        ),
        (
            b"path,speaker,emotion\na.wav,x,sad,y,z\nb.wav,x,sad,y\n",
            "unreadable-table",
            "more cells",
        ),
    ],
)
def test_tables_that_are_none(tmp_path, content, code, value):
    (tmp_path / "list.csv").write_bytes(content)
    with raises(CorpusError, code, value):
        corpora.scan("table", tmp_path)


def test_parquet_needs_a_reader(root, monkeypatch):
    trees.text(root / "list.parquet", "PAR1")
    plain = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] in ("pyarrow", "fastparquet"):
            raise ImportError(name)
        return plain(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with raises(CorpusError, "pyarrow-not-installed"):
        corpora.scan("table", root)


@pytest.mark.skipif(not importlib.util.find_spec("pyarrow"), reason="pyarrow is not installed")
def test_parquet(root):
    table = pd.DataFrame([row.split(",") for row in ROWS.splitlines()[1:]])
    table.set_axis(["path", "speaker", "emotion"], axis=1).to_parquet(root / "list.parquet")
    assert corpora.scan("table", root)["emotion"].tolist() == ["angry", "happy", "sad"]


def test_numbers_that_are_not_whole(root):
    text = "path,speaker,emotion,fold,start\nann/a.wav,ann,sad,1.5,\nben/a.wav,ben,sad,x,inf\n"
    trees.text(root / "list.csv", text)
    with raises(CorpusError, "invalid-table-rows") as caught:
        corpora.scan("table", root)
    for part in (
        "1 cells of fold that are not a whole number (1.5)",
        "1 cells of fold that are not a number (x)",
        "1 cells of start that are not a number (inf)",
    ):
        assert part in str(caught.value)


def test_splits_and_folds_are_read_as_people_write_them(root):
    text = "path,speaker,emotion,Split\nann/a.wav,ann,sad,Train\nben/a.wav,ben,sad,Dev\n"
    trees.text(root / "list.csv", text)
    found = corpora.scan("table", root)
    assert found["split"].tolist() == ["train", "val"]
    assert remarks.of(found).division == ["split 'Dev' is read as val, 'Train' as train"]
