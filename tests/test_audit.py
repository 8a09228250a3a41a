"""The audit: every kind of leak is found where it was planted, and nowhere else."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import soundfile

from sertk import audit, augment, labels, splits
from sertk import manifest as manifests
from sertk.errors import AudioError, ManifestError
from tests.errors import raises
from tests.test_splits import corpus


def kinds(manifest, **options):
    return {(f.kind, f.severity) for f in audit.audit(manifest, **options).findings}


@pytest.mark.parametrize("name", ["loso", "dev4", "speaker_folds", "by_speaker"])
def test_clean_protocols_are_clean(name):
    found = audit.audit(splits.make(corpus(), name))
    assert found.ok
    assert found.findings == []


def test_random_shares_speakers_and_the_rows_are_named():
    found = audit.audit(splits.random(corpus()))
    assert not found.ok
    frame = found.frame()
    assert set(frame["kind"]) == {"shared speakers"}
    assert "ravdess_01_0" in set(frame["utterance_id"])


def test_identical_sound_by_hash():
    divided = splits.by_speaker(corpus(6), val=1, test=1).assign(sha256=None)
    train, test = (divided.index[divided["split"] == s][0] for s in ("train", "test"))
    divided.loc[[train, test], "sha256"] = "ab12"
    found = audit.audit(divided)
    assert ("identical sound", "leak") in kinds(divided)
    assert sorted(found.findings[0].rows) == sorted(divided.loc[[train, test], "utterance_id"])


def test_identical_sound_by_its_samples(small, small_root):
    divided = splits.by_speaker(small, val=1, test=1)
    train, test = (divided[divided["split"] == s].iloc[0] for s in ("train", "test"))
    kept = (small_root / test["path"]).read_bytes()
    try:
        wave, rate = soundfile.read(small_root / train["path"], dtype="int16")
        soundfile.write(small_root / test["path"], wave, rate, subtype="PCM_24")
        assert audit.audit(divided, compare_audio=False).ok
        assert ("identical sound", "leak") in kinds(divided)  # the files are at hand
        assert ("identical sound", "leak") in kinds(divided, compare_audio=True)
    finally:
        (small_root / test["path"]).write_bytes(kept)


def test_copies_across_splits_and_in_test():
    divided = splits.by_speaker(corpus(6), val=1, test=1)
    made = augment.copies(divided, "noise", count=1)
    clean = pd.concat([divided, made], ignore_index=True)
    assert audit.audit(clean).ok
    moved = clean.copy()
    moved.loc[moved["utterance_id"] == made["utterance_id"].iloc[0], "split"] = "test"
    assert ("augmented copies", "leak") in kinds(moved)


def test_the_same_file_in_two_splits():
    divided = splits.by_speaker(corpus(6), val=1, test=1)
    row = divided[divided["split"] == "train"].iloc[[0]].assign(utterance_id="again", split="test")
    assert ("identical utterances", "leak") in kinds(pd.concat([divided, row], ignore_index=True))


def test_validation_that_is_the_test():
    divided = splits.leave_one_speaker_out(corpus(4))
    divided["val_folds"] = divided["fold"].astype(str)
    assert ("val == test", "leak") in kinds(divided)


def test_unknown_speakers_and_repeated_sound_without_a_division():
    rows = corpus(2).assign(speaker=None, sha256=["same"] * 2 + [None] * 6)
    assert kinds(rows.assign(emotion="sad")) == {
        ("unknown speakers", "note"),
        ("repeated sound", "note"),
    }
    assert ("contradictory labels", "note") in kinds(rows)


def test_scripted_texts_are_noted():
    divided = splits.by_speaker(corpus(6), val=1, test=1).assign(style="scripted", text="hello")
    assert kinds(divided) == {("repeated texts", "note")}
    assert audit.audit(divided).ok


def test_it_shows_well():
    found = audit.audit(splits.random(corpus(4)).assign(speaker="<b>"))
    assert "&lt;b&gt;" in found._repr_html_()
    assert "leak:" in str(found)


def test_two_stretches_of_one_file_are_not_one_sound(tmp_path):
    time = np.arange(32_000) / 16_000
    soundfile.write(tmp_path / "long.wav", 0.1 * np.sin(time**2 * 900), 16_000)
    rows = [
        {"utterance_id": f"u{k}", "path": "long.wav", "speaker": f"s{k}", "gender": None,
         "emotion": "sad", "start": float(k), "end": k + 1.0}
        for k in range(2)
    ]  # fmt: skip
    found = manifests.from_rows(rows, "mine", tmp_path)
    divided = found.assign(split=["train", "test"])
    assert audit.audit(divided, compare_audio=True).ok


def test_what_is_not_at_hand_is_said(small, small_root, tmp_path, monkeypatch):
    monkeypatch.delenv("SERTK_CORPORA", raising=False)
    divided = splits.by_speaker(small, val=1, test=1)
    assert "by name and by their samples" in str(audit.audit(divided))
    assert str(audit.audit(divided, compare_audio=False)).startswith(
        "Checked 72 utterances, 1 division, by name."
    )
    lost = divided.drop(columns="root")
    assert "since no root folder is known for small" in str(audit.audit(lost))
    with raises(ManifestError, "no-root-folder", "'small'"):
        audit.audit(lost, compare_audio=True)
    lost = divided.assign(root=str(tmp_path))
    assert "audio is not compared, since no file exists at its path" in str(audit.audit(lost))
    with raises(AudioError, "no-readable-files", "72"):
        audit.audit(lost, compare_audio=True)
    one = divided.assign(path=divided["path"].where(divided.index > 0, "gone.wav"))
    (note,) = audit.audit(one).findings
    assert note.kind == "sound not compared"
    assert note.rows == [divided["utterance_id"][0]]


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ann", "ann"), ("Ann", "Ann "), ("1", "01"), ("my_1", "my_001"), ("B\u00e4r", "Ba\u0308r"),
     ("ann-marie", "Ann Marie"), ("annmarie", "Ann Marie"), ("speaker_1", "speaker1"), ("1", "1.0"),
     ("ann", "ann\u200b")],
)  # fmt: skip
def test_speakers_that_are_spelt_alike_are_noted(one, other):
    rows = corpus(6)
    rows["speaker"] = rows["speaker"].replace({"ravdess_01": one, "ravdess_04": other})
    divided = rows.assign(split="train")
    divided.loc[rows["speaker"] == other, "split"] = "test"
    (note,) = audit.audit(divided).findings
    assert (note.kind, note.severity) == ("speakers spelled alike", "note")
    assert repr(one) in note.message
    assert repr(other) in note.message
    assert set(note.rows) == set(rows.loc[rows["speaker"].isin([one, other]), "utterance_id"])


@pytest.mark.parametrize("names", ["s10", "s1_", "s", "s1.0"])
def test_speakers_that_differ_are_not_noted(names):
    rows = corpus(6).assign(speaker=lambda f: f["speaker"].str.replace("ravdess_0", names))
    assert audit.audit(rows).findings == []


def test_a_file_joins_what_is_one_name(tmp_path):
    """Spaces and decomposed letters make no second speaker and no second emotion."""
    rows = corpus(2, each=2)
    rows["speaker"] = ["B\u00e4r", "Ba\u0308r", "Ann", "Ann "]
    rows["emotion"] = ["fr\u00f6hlich", "fr\u006f\u0308hlich"] * 2
    rows.to_csv(tmp_path / "m.csv", index=False)
    read = manifests.read(tmp_path / "m.csv")
    assert read["speaker"].tolist() == ["B\u00e4r", "B\u00e4r", "Ann", "Ann"]
    assert read["emotion"].nunique() == 1
    assert len(manifests.select(read, speaker="Ba\u0308r")) == 2
    labeled = labels.apply(rows, {"fr\u006f\u0308hlich": "up"})
    assert labeled["label"].tolist() == ["up"] * 4


def test_one_recording_with_two_emotions_is_a_contradiction(small, small_root):
    ann = small[small["speaker"] == "small_ann"].head(2)
    twin = ann.head(1).assign(utterance_id="twin", path="./" + ann["path"], emotion="sad")
    both = pd.concat([ann.assign(emotion="angry"), twin], ignore_index=True)
    for options in ({"compare_audio": False}, {}):
        (note,) = [
            f for f in audit.audit(both, **options).findings if f.kind == "contradictory labels"
        ]
        assert note.severity == "note"
        assert "angry, sad" in note.message
        assert note.rows == [ann["utterance_id"].iloc[0], "twin"]


def test_one_sound_with_two_emotions_is_a_contradiction(tmp_path):
    time = np.arange(8_000) / 16_000
    for name in ("a.wav", "b.flac"):
        soundfile.write(tmp_path / name, (3_000 * np.sin(time * 900)).astype("int16"), 16_000)
    rows = [{"utterance_id": name, "path": name, "speaker": "s", "emotion": emotion}
            for name, emotion in (("a.wav", "happy"), ("b.flac", "sad"))]  # fmt: skip
    found = audit.audit(manifests.from_rows(rows, "mine", tmp_path))
    assert {f.kind for f in found.findings} == {"repeated sound", "contradictory labels"}
    assert found.ok


def test_rows_of_several_tables_under_one_index(small):
    """Rows that share an index, as after `pd.concat`, are rows of their own."""
    divided = splits.by_speaker(small, val=1, test=1)
    made = augment.copies(divided, "noise", count=1)
    both = pd.concat([divided, made])
    assert not both.index.is_unique
    assert audit.audit(both).findings == []


def test_folds_are_compared_in_the_memory_of_one_table(monkeypatch):
    def refuse(*_):
        pytest.fail("a table was copied for a fold")

    divided = splits.leave_one_speaker_out(labels.apply(corpus(400, 20), "valence2"))
    monkeypatch.setattr(splits, "in_fold", refuse)
    tracemalloc.start()
    found = audit.audit(divided)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.findings == []
    assert peak < 5e6, f"{peak / 1e6:.1f} MB for a table of {divided.memory_usage().sum() / 1e6}"


def test_what_leaks_in_many_folds_is_told_once_for_the_rest():
    divided = splits.random(labels.apply(corpus(60), "valence2"), folds=60)
    found = audit.audit(divided)
    shared = [f for f in found.findings if f.kind == "shared speakers" and f.reaches_test]
    assert len(shared) == 21
    assert shared[-1].message.endswith("times more, in other folds (240 rows).")
    tested = set(divided.loc[divided["fold"] >= 20, "utterance_id"])
    assert tested <= set(shared[-1].rows)
    assert not found.ok


def test_a_second_division_is_said_to_be_left_aside(small):
    """Folds that keep speakers apart beside a split that does not."""
    both = splits.leave_one_speaker_out(small)
    both["split"] = (["train", "train", "test", "val"] * len(both))[: len(both)]
    found = audit.audit(both, compare_audio=False)
    assert found.ok
    assert [f.kind for f in found.findings] == ["two divisions"]
    assert not audit.audit(both.drop(columns=["fold", "val_folds"]), compare_audio=False).ok
