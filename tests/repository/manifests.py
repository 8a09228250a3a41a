"""The committed manifests: published counts, the schema in their README, the builder."""

import importlib.util
import re
from pathlib import Path

import pandas as pd
import pytest

from sertk import corpora, labels, manifest

FOLDER = Path(__file__).parents[2] / "data_manifests"


def read(name):
    return manifest.read(FOLDER / f"{name}.csv")


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.csv")), ids=lambda file: file.stem)
def test_they_are_valid_and_name_no_machine(file):
    rows = manifest.read(file)
    assert set(rows["corpus"]) == {corpora.load(file.stem.split("_")[0]).__name__.split(".")[-1]}
    assert set(rows["emotion"]) <= set(labels.EMOTIONS)
    assert rows["speaker"].notna().all()
    assert rows["sha256"].dropna().str.fullmatch("[0-9a-f]{64}").all()
    assert list(rows.columns[:9]) == [*manifest.REQUIRED, *manifest.NULLABLE]


def test_ravdess_counts():
    speech, song = read("ravdess_speech"), read("ravdess_song")
    assert (len(speech), len(song)) == (1440, 1012)
    assert set(speech["style"]) == {"speech"}
    assert set(song["style"]) == {"song"}
    assert (speech.groupby("speaker").size() == 60).all()
    assert "ravdess_18" not in set(song["speaker"])
    together = manifest.concatenate([speech, song])
    assert together["emotion"].value_counts().to_dict() == {
        "neutral": 188,
        **dict.fromkeys(["calm", "happy", "sad", "angry", "fearful"], 376),
        "disgust": 192,
        "surprised": 192,
    }
    assert together.groupby("gender")["speaker"].nunique().to_dict() == {"female": 12, "male": 12}
    here = speech["speaker"].str[-2:].astype(int) <= 20
    assert (speech["duration"].notna() == here).all()
    assert speech["sha256"].notna().all()
    # published so: two takes of actor 07 are one recording
    again = speech.loc[speech["sha256"].duplicated(keep=False), "path"]
    assert again.tolist() == [
        "Actor_07/03-01-03-01-02-01-07.wav",
        "Actor_07/03-01-03-01-02-02-07.wav",
    ]
    assert speech["duration"].dropna().between(2.9, 5.3).all()


def test_emodb_counts():
    rows = read("emodb")
    assert rows["emotion"].value_counts().to_dict() == {
        "angry": 127,
        "bored": 81,
        "disgust": 46,
        "fearful": 69,
        "happy": 71,
        "sad": 62,
        "neutral": 79,
    }
    assert rows["speaker"].nunique() == 10
    assert rows["path"].str.startswith("wav/").all()
    assert rows["sha256"].is_unique


def test_savee_counts():
    rows = read("savee")
    assert len(rows) == 480
    assert (rows.groupby("speaker").size() == 120).all()
    per_emotion = rows["emotion"].value_counts()
    assert per_emotion.pop("neutral") == 120
    assert (per_emotion == 60).all()


def test_the_readme_holds_the_schema():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    kinds = {
        "required": manifest.REQUIRED,
        "may be empty": manifest.NULLABLE,
        "optional": manifest.OPTIONAL,
    }
    schema = [(c, kind, what) for kind, columns in kinds.items() for c, what in columns.items()]
    written = re.findall(
        r"^\| `(\w+)` \| (required|may be empty|optional) \| (.*) \|$", text, re.MULTILINE
    )
    assert written == schema


def test_the_readme_lists_every_manifest():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    counts = dict(re.findall(r"^\| `(\w+\.csv)` \| ([\d,]+) \|", text, re.MULTILINE))
    assert counts == {f.name: f"{len(manifest.read(f)):,}" for f in FOLDER.glob("*.csv")}


@pytest.fixture(scope="module")
def builder():
    spec = importlib.util.spec_from_file_location("build_manifests", FOLDER / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_naming_rules_build_what_is_committed(builder):
    for name, rows in builder.build(None, None).items():
        shared = [c for c in rows if c not in ("age", "root")]
        pd.testing.assert_frame_equal(read(name)[shared], rows[shared], check_like=True)


def test_checksums_build_what_is_committed(builder, tmp_path):
    for name, top in (("ravdess_speech", "ravdess/"), ("emodb", "emodb/")):
        rows = read(name)
        paths = top + rows["path"].str.removeprefix("wav/")
        table = pd.DataFrame({"sha256": rows["sha256"], "bytes": 0, "path": paths})
        table.to_csv(tmp_path / f"{name}.tsv", sep="\t", index=False)
    built = builder.build(tmp_path, None)
    for name in ("ravdess_speech", "emodb"):
        shared = [c for c in built[name] if c not in ("age", "duration", "sample_rate", "root")]
        pd.testing.assert_frame_equal(read(name)[shared], built[name][shared])
