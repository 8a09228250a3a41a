"""Protocols: speakers apart, everybody tested once, published folds as published."""

import pandas as pd
import pytest

from sertk import splits
from sertk.errors import SplitError, UnknownNameError
from tests.errors import raises


def corpus(speakers=24, each=4, sessions=None):
    """Rows like RAVDESS's: odd actors male, `each` utterances."""
    rows = [
        {
            "utterance_id": f"ravdess_{actor:02d}_{take}",
            "corpus": "ravdess",
            "path": f"Actor_{actor:02d}/{take}.wav",
            "speaker": f"ravdess_{actor:02d}",
            "emotion": ["happy", "sad"][take % 2],
            "gender": "male" if actor % 2 else "female",
            "session": None if sessions is None else str((actor - 1) // 2 % sessions),
        }
        for actor in range(1, speakers + 1)
        for take in range(each)
    ]
    return pd.DataFrame(rows)


FOLDED = ["loso", "speaker_folds", "by_session", "by_dyad", *splits.PUBLISHED]


@pytest.mark.parametrize("name", FOLDED)
def test_every_fold_keeps_speakers_apart_and_tests_everybody_once(name):
    divided = splits.make(corpus(sessions=12), name)
    tested = []
    for fold in splits.folds(divided):
        view = splits.in_fold(divided, fold)
        assert splits.shared_speakers(view) == {}
        splits.check(view)
        assert {"train", "val", "test"} == set(view["split"])
        tested += view.loc[view["split"] == "test", "utterance_id"].tolist()
    assert sorted(tested) == sorted(divided["utterance_id"])
    assert not splits.protocol(divided)["leaky"]


def test_published_folds_hold_the_actors_their_authors_name():
    divided = splits.published(corpus(), "ravdess5")
    view = splits.in_fold(divided, 3)
    test = sorted(view.loc[view["split"] == "test", "speaker"].unique())
    assert test == [f"ravdess_{n:02d}" for n in (8, 17, 21, 23, 24)]
    val = sorted(view.loc[view["split"] == "val", "speaker"].unique())
    assert val == ["ravdess_01", "ravdess_14"]


@pytest.mark.parametrize("name", ["dev4", "explore3", "emobox6"])
def test_own_validation_is_the_next_man_and_woman(name):
    divided = splits.published(corpus(), name)
    for fold, tests in enumerate(splits.PUBLISHED[name]):
        view = splits.in_fold(divided, fold)
        val = view[view["split"] == "val"].drop_duplicates("speaker")
        assert sorted(val["gender"]) == ["female", "male"]
        assert not set(val["speaker"]) & {f"ravdess_{n:02d}" for n in tests}


def test_dev4_selects_on_two_speakers_of_the_next_fold():
    view = splits.in_fold(splits.published(corpus(20), "dev4"), 3)
    assert set(view.loc[view["split"] == "val", "speaker"]) == {"ravdess_01", "ravdess_02"}


def test_published_folds_need_their_actors():
    with raises(SplitError, "missing-published-speakers", "ravdess_21, ravdess_22"):
        splits.published(corpus(20), "ravdess5")
    with raises(UnknownNameError, "unknown-name", "Did you mean 'dev4'"):
        splits.published(corpus(), "dev5")


@pytest.mark.parametrize("seed", range(5))
def test_by_speaker_takes_both_genders(seed):
    divided = splits.by_speaker(corpus(), val=4, test=4, seed=seed)
    for split in ("val", "test"):
        part = divided[divided["split"] == split].drop_duplicates("speaker")
        assert part["gender"].value_counts().to_dict() == {"male": 2, "female": 2}
    again = splits.by_speaker(corpus(), val=4, test=4, seed=seed)
    assert again["split"].tolist() == divided["split"].tolist()


def test_by_speaker_takes_named_speakers():
    divided = splits.by_speaker(corpus(6), val=["ravdess_02"], test=["ravdess_03", "ravdess_04"])
    assert set(divided.loc[divided["split"] == "test", "speaker"]) == {"ravdess_03", "ravdess_04"}
    with raises(SplitError, "unavailable-speakers", "ravdess_99", "'val'"):
        splits.by_speaker(corpus(6), val=["ravdess_99"], test=1)


@pytest.mark.parametrize(
    ("make", "code", "value"),
    [
        (lambda: splits.by_speaker(corpus(3), val=2, test=2), "too-few-speakers", ""),
        (lambda: splits.by_speaker(corpus(1), val=1, test=1), "too-few-speakers", ""),
        (lambda: splits.make(corpus(1), "loso"), "too-few-speakers", "1 speaker into 1 fold with"),
        (lambda: splits.make(corpus(2), "loso"), "too-few-speakers", "2 speakers into 2 folds"),
        (lambda: splits.speaker_folds(corpus(4), folds=5), "wrong-number-of-folds", "5 folds of 4"),
        (lambda: splits.by_session(corpus(4)), "too-few-sessions", ""),
        (lambda: splits.random(corpus(2), val=0.6, test=0.6), "invalid-split-shares", "val=0.6"),
        (lambda: splits.random(corpus(2), folds=99), "wrong-number-of-folds", "fewer"),
        (lambda: splits.random(corpus(2), folds=2), "wrong-number-of-folds", "more"),
        (lambda: splits.make(corpus(2), "losso"), "unknown-name", "'loso'"),
    ],
)
def test_too_few_speakers_and_wrong_words(make, code, value):
    with raises((SplitError, UnknownNameError), code, value):
        make()


def test_without_speakers_only_random_works():
    rows = corpus(4).assign(speaker=None)
    for name in ("by_speaker", "loso", "speaker_folds"):
        with raises(SplitError, "missing-speakers", "16", "16"):
            splits.make(rows, name)
    assert splits.protocol(splits.random(rows))["leaky"]


def test_speakers_in_two_sessions_are_refused():
    rows = corpus(6, sessions=3)
    rows.loc[0, "session"] = "2"
    with raises(SplitError, "speakers-in-several-sessions", "ravdess_01"):
        splits.by_session(rows)


def test_random_is_stratified_and_marked_leaky():
    divided = splits.random(corpus(), val=0.1, test=0.2)
    assert splits.protocol(divided)["leaky"]
    counts = divided.groupby("emotion")["split"].value_counts()
    assert counts["happy"]["test"] == pytest.approx(10, abs=1)
    folded = splits.random(corpus(), folds=4)
    assert folded["fold"].value_counts().tolist() == [24] * 4


def test_check_refuses_shared_speakers_in_the_house_style():
    divided = corpus(4).assign(split=["train", "train", "val", "test"] * 4)
    with raises(SplitError, "shared-speakers", "'train'", "'test'"):
        splits.check(divided)
    splits.check(divided, allow_shared_speakers=True)
    splits.check(splits.random(corpus()))


def test_check_refuses_what_is_not_divided():
    with raises(SplitError, "no-split-column", "'split'"):
        splits.check(corpus(4))
    with raises(SplitError, "empty-split", "val"):
        splits.check(corpus(4).assign(split="train"))
    with raises(SplitError, "no-fold-column", "'fold'"):
        splits.in_fold(corpus(4), 0)
    with raises(SplitError, "empty-fold", "Fold 9"):
        splits.in_fold(splits.leave_one_speaker_out(corpus(4)), 9)


def test_folds_survive_a_file(tmp_path):
    from sertk import manifest

    divided = splits.published(corpus(20), "dev4")
    manifest.write(divided, tmp_path / "m.csv")
    again = manifest.read(tmp_path / "m.csv")
    for fold in range(4):
        there, here = (splits.in_fold(rows, fold)["split"].tolist() for rows in (again, divided))
        assert there == here
    assert splits.protocol(again) == splits.protocol(divided)
    assert splits.protocol(again.drop(columns="protocol")) == {
        "name": "custom",
        "leaky": False,
        "sentence": "a division read from the manifest; speakers are kept apart",
    }


def test_the_partner_validates():
    divided = splits.by_dyad(corpus(10, sessions=5))
    assert splits.folds(divided) == list(range(10))
    for fold in range(10):
        view = splits.in_fold(divided, fold)
        said = view.drop_duplicates("speaker").set_index("split")
        assert said.loc["test", "session"] == said.loc["val", "session"]
        assert (view["split"] == "train").sum() == 8 * 4


@pytest.mark.parametrize("sessions", [None, 1, 12])
def test_dyads_are_two_speakers(sessions):
    with raises(SplitError, "too-few-dyads"):
        splits.by_dyad(corpus(23, sessions=sessions))


def test_a_copy_that_strayed_is_refused_whoever_divided(divided):
    heard = divided[divided["split"] == "train"].head(2)
    copied = heard.assign(utterance_id=heard["utterance_id"] + "~", parent=heard["utterance_id"])
    for split, rows in (("train", copied), ("test", copied), ("train", copied.assign(parent="?"))):
        both = pd.concat([divided, rows.assign(split=split)], ignore_index=True)
        if split == "train" and rows is copied:
            splits.check(both)
            continue
        with raises(SplitError, "copies-across-splits", "2 augmented copies"):
            splits.check(both, allow_shared_speakers=True)
    drawn = splits.random(pd.concat([divided, copied], ignore_index=True), folds=5)
    with raises(SplitError, "copies-across-splits"):
        [splits.check(splits.in_fold(drawn, fold)) for fold in range(5)]
