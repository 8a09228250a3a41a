"""What a study may ask: its levels by name or as objects, and what is compared."""

import keras
import pandas as pd
import pytest

from sertk import corpora, evaluation, manifest, studies
from sertk.augment import Augmentation
from sertk.errors import RunError, SertkError
from sertk.preprocessing import Preprocessing
from tests.errors import raises

PREP = Preprocessing(clip_seconds=1.0, trim_db=None)


def small_net(input_shape, num_classes):
    inputs = keras.Input(input_shape)
    x = keras.layers.GlobalAveragePooling1D()(inputs)
    return keras.Model(inputs, keras.layers.Dense(num_classes, activation="softmax")(x))


def test_a_study_takes_objects_under_names_of_ones_own(ravdess, tmp_path):
    rows = manifest.select(corpora.scan("ravdess", ravdess), emotion=["happy", "sad", "angry"])
    loud = {"happy": "high", "angry": "high", "sad": "low"}
    study = studies.Study(
        "Does noise for happy voices help?", corpus={"mine": rows}, feature={"short": PREP},
        grouping={"three": {name: name for name in loud}, "arousal": loud},
        model={"mean": small_net},
        augment={"none": "none", "noise for happy": Augmentation(["noise"], only=("happy",))},
        seed=0, folds=2, val=1, config={"epochs": 1}, where={"gender": "male"},
    )  # fmt: skip
    assert study.compare == "augment"
    result = studies.run(study, tmp_path)
    assert list(result.missing) == [
        "mine-all-arousal-short-mean-noise_for_happy_81b71b60-speaker_folds-0"
    ]
    assert "Unknown label 'happy'" in next(iter(result.missing.values()))  # there it is `high`
    trained = result.runs[study.trials()[1]]
    assert trained.info["model"]["name"] == "small_net"
    assert trained.info["preprocessing"] == PREP.to_dict()
    assert trained.info["augmentation"]["only"] == ["happy"]
    assert trained.classes == ["happy", "angry", "sad"]
    assert set(trained.manifest["gender"]) == {"male"}

    again = studies.StudyResult(tmp_path)  # without the objects
    assert again.differences().frame().equals(result.differences().frame())
    regrouped = again.regrouped().frame().loc["none", "arousal", "three"]
    assert regrouped["regrouped"] == pytest.approx(
        evaluation.evaluate(result.runs[study.trials()[0]]).regroup(loud).uar
    )
    page = studies.write_html(again).read_text(encoding="utf-8")
    assert "<dt>augment noise for happy</dt>" in page
    assert "only happy" in page

    changed = study.changed(grouping={"three": {"happy": "x", "sad": "y"}})
    with raises(RunError, "different-study", "grouping.three.mapping.happy"):
        studies.run(changed, tmp_path)
    assert studies.run(study.changed(augment="none", grouping="three"), tmp_path).others == 2


@pytest.mark.parametrize(
    ("changes", "code", "value"),
    [
        ({"compare": "color"}, "unknown-name", "'color'"),
        ({"compare": "protocol"}, "protocols-compared", ""),
        ({"protocol": ("loso", "random"), "gender": "male>female"}, "protocols-across-genders", ""),
        ({"model": ()}, "invalid-levels", ""),
        ({"seed": (1, 1)}, "invalid-levels", ""),
        ({"gender": ("males",)}, "unknown-name", "'male'"),
        ({"augment": ("noize",)}, "unknown-name", "'noise'"),
        ({"config": {"epoch": 1}}, "unknown-name", "'epochs'"),
        ({"model": ("mlp", "lstm"), "gender": ("male", "female")}, "no-compared-factor", ""),
        ({"augment": (None, "noise")}, "wrong-level-type", "'none'"),
        ({"augment": ("none", ["noise"])}, "wrong-level-type", ""),
        ({"grouping": {"mine": "x"}}, "unknown-name", "'x'"),
        ({"grouping": {"valence2": {"happy": "x"}}}, "reserved-level-name", ""),
        ({"model": {"mine": 3}}, "wrong-level-object", ""),
        ({"corpus": {"mine": 3}}, "wrong-level-object", ""),
        ({"feature": {"mine": len}}, "wrong-level-object", ""),
        ({"augment": {"mine": ["noize"]}}, "unknown-name", "'noise'"),
        ({"gender": {"mine": 3}}, "wrong-level-type", ""),
        ({"seed": ("a",)}, "wrong-level-type", ""),
        ({"augment": {"Mine": ["noise"], "mine": ["pitch"]}}, "levels-differ-in-case", ""),
        ({"augment": {"mine": 5}}, "wrong-augmentation-type", ""),
        ({"augment": {"noise+pitch": ["gain"]}}, "reserved-level-name", ""),
        ({"augment": None}, "wrong-level-type", "'none'"),
        ({"corpus": {"mine": pd.DataFrame({"a": [1]})}}, "missing-manifest-columns", ""),
        ({"where": "style=speech"}, "wrong-setting-type", ""),
    ],
)
def test_a_study_that_cannot_be(changes, code, value):
    with raises(SertkError, code, value):
        studies.Study("?").changed(**changes)


def test_the_factor_that_varies_is_compared():
    assert studies.Study("?").compare == "augment"
    assert studies.Study("?", model=("mlp", "lstm")).compare == "model"
    assert studies.Study("?", augment=("none", "noise"), model=("mlp", "lstm")).compare == "augment"
    known = studies.STUDIES["gender"]
    assert known.changed(seed=(0,)).compare == "gender"
    assert known.changed(gender=("male",), model=("mlp", "lstm")).compare == "model"
    assert known.changed(gender=("male",), compare="gender").compare == "gender"


def test_a_level_alone_is_a_tuple_of_one():
    alone = studies.Study("?", model="mlp", augment=["none", "noise"], seed=3)
    assert alone == studies.Study("?", model=("mlp",), augment=("none", "noise"), seed=(3,))
    assert len(alone.trials()) == 2


@pytest.mark.parametrize("name", studies.STUDIES)
def test_known_studies_compare_something(name):
    study = studies.STUDIES[name]
    assert len(getattr(study, study.compare)) > 1
    assert len(study.seed) >= 3
    assert len({trial.name for trial in study.trials()}) == len(study.trials())
