"""Groupings: every one of them on the published corpora, and on words of one's own."""

from pathlib import Path

import pandas as pd
import pytest

from sertk import labels, manifest
from sertk.errors import ConfigurationError, ManifestError, UnknownNameError
from sertk.manifest import remarks
from tests.errors import raises

FOLDER = Path(__file__).parents[1] / "data_manifests"


def committed(*names):
    return manifest.concatenate([manifest.read(FOLDER / f"{name}.csv") for name in names])


@pytest.fixture(scope="module")
def ravdess():
    return committed("ravdess_speech", "ravdess_song")


def counts(labeled):
    return labeled["label"].value_counts().to_dict()


@pytest.mark.parametrize("name", labels.GROUPINGS)
def test_every_grouping(name):
    group = labels.GROUPINGS[name]
    assert set(group.mapping) <= set(labels.EMOTIONS)
    assert len(group.classes) >= 2
    assert group.optional <= set(group.classes)
    every = pd.DataFrame({"emotion": labels.EMOTIONS, "gender": "female"})
    labeled = labels.apply(every, name)
    assert labels.classes(labeled) == group.classes
    assert set(labeled["label"]) == set(group.classes)
    assert set(remarks.of(labeled).dropped) == set(labels.EMOTIONS) - set(group.mapping)
    assert labels.grouping_of(labeled) == name
    assert "label" not in every
    both = labels.apply(every, name, gender=True)
    assert labels.classes(both) == [f"{g}_{c}" for g in ("male", "female") for c in group.classes]
    assert labels.grouping_of(both) == f"{name} x gender"


FIVE = dict.fromkeys(["calm", "happy", "sad", "angry", "fearful"], 376)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("emotion8", {**FIVE, "neutral": 188, "disgust": 192, "surprised": 192}),
        ("basic5", FIVE),
        ("valence2", {"positive": 752, "negative": 1128}),
        ("valence3", {"positive": 376, "neutral": 564, "negative": 1128}),
        (
            "merged_negative",
            {"negative": 1320, "calm": 376, "happy": 376, "neutral": 188, "surprised": 192},
        ),
    ],
)
def test_ravdess(ravdess, name, expected):
    labeled = labels.apply(ravdess, name)
    assert counts(labeled) == expected
    assert len(labeled) + sum(remarks.of(labeled).dropped.values()) == 2452
    assert remarks.of(labeled).skipped == remarks.of(ravdess).skipped


def test_ten_classes(ravdess):
    ten = labels.apply(ravdess, "basic5", gender=True)
    assert len(labels.classes(ten)) == 10
    # 12 women sing, 11 men do (actor 18, who does not, is a woman)
    assert counts(ten)["male_happy"] == 12 * 16
    assert counts(ten)["female_happy"] == 12 * 8 + 11 * 8


def test_emodb_and_savee_share_seven_emotions():
    emodb = labels.apply(committed("emodb"), "emotion7")
    assert "bored" in labels.classes(emodb)
    assert "surprised" not in labels.classes(emodb)
    assert counts(emodb)["bored"] == 81
    savee = labels.apply(committed("savee"), "emotion7")
    assert "surprised" in labels.classes(savee)
    assert "bored" not in labels.classes(savee)
    assert len(labels.classes(labels.apply(committed("emodb", "savee"), "emotion7"))) == 8
    six = labels.apply(committed("emodb"), "emotion6")
    assert remarks.of(six).dropped == {"disgust": 46}
    assert len(labels.classes(six)) == 6
    moody = labels.apply(committed("emodb"), "moody7")
    assert counts(moody)["neutral"] == 79 + 81
    # no EmoDB recording is surprised; the class stays, and a model has an output for it
    assert "surprised" in labels.classes(moody)


def test_excitement_is_merged_or_left_out():
    frame = pd.DataFrame({"emotion": ["happy", "excited", "angry", "sad", "neutral", "frustrated"]})
    assert counts(labels.apply(frame, "iemocap4"))["happy"] == 2
    strict = labels.apply(frame, "iemocap4_strict")
    assert remarks.of(strict).dropped == {"excited": 1, "frustrated": 1}
    assert labels.GROUPINGS["iemocap4"].note != labels.GROUPINGS["iemocap4_strict"].note


def test_a_mapping_of_your_own(ravdess):
    mine = labels.apply(ravdess, {"angry": "hot", "happy": "hot", "sad": "cold"})
    assert labels.classes(mine) == ["hot", "cold"]
    assert counts(mine) == {"hot": 752, "cold": 376}
    assert labels.grouping_of(mine) == "own mapping"
    group = labels.Grouping({"angry": "hot", "sad": "cold", "calm": "cool"}, frozenset({"cool"}))
    angry = ravdess[ravdess["emotion"].isin(["angry", "sad"])]
    assert labels.classes(labels.apply(angry, group)) == ["hot", "cold"]


def test_errors(ravdess):
    with raises(UnknownNameError, "unknown-name", "Did you mean 'valence3'"):
        labels.apply(ravdess, "valence")
    with raises(ManifestError, "grouping-matches-nothing", "2452"):
        labels.apply(ravdess, {"Wut": "angry"})
    unknown = ravdess.assign(gender=None)
    with raises(ManifestError, "missing-gender", "2452", "2452"):
        labels.apply(unknown, "emotion8", gender=True)
    with raises(ConfigurationError, "unlabeled-manifest", "'label'"):
        labels.classes(ravdess)


def test_classes_of_a_manifest_read_from_a_file(ravdess, tmp_path):
    named = labels.apply(ravdess, "valence2")
    own = labels.apply(ravdess, {"sad": "low", "happy": "high", "angry": "apex"})
    for rows, classes, guessed in (
        (named, ["positive", "negative"], ["positive", "negative"]),  # the grouping is known
        (own, ["low", "high", "apex"], ["apex", "high", "low"]),
    ):
        manifest.write(rows, tmp_path / "m.csv")
        assert labels.classes(manifest.read(tmp_path / "m.csv")) == classes
        (tmp_path / "m.csv-metadata.json").unlink()
        assert labels.classes(manifest.read(tmp_path / "m.csv")) == guessed


def test_metadata_of_another_table_are_refused(ravdess, tmp_path):
    manifest.write(labels.apply(ravdess, "valence2"), tmp_path / "m.csv")
    table = pd.read_csv(tmp_path / "m.csv").assign(label="sideways")
    table.to_csv(tmp_path / "m.csv", index=False)
    with raises(ManifestError, "labels-outside-sidecar", "sideways"):
        manifest.read(tmp_path / "m.csv")
    (tmp_path / "m.csv-metadata.json").write_text('{"schema_version": 1}')
    with raises(ManifestError, "unreadable-sidecar"):
        manifest.read(tmp_path / "m.csv")
    manifest.write(ravdess, tmp_path / "m.csv")  # without labels
    assert not (tmp_path / "m.csv-metadata.json").exists()
