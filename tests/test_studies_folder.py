"""The folder of a study, what goes on in it and what is refused; the levels it may have."""

import functools
import json
import shutil
from types import MappingProxyType

import keras
import numpy as np
import pandas as pd
import pytest
import soundfile

from sertk import corpora, evaluation, manifest, studies, training
from sertk.augment import Augmentation
from sertk.augment.transforms import noise_between
from sertk.cli import main
from sertk.errors import ConfigurationError, RunError, SertkError
from sertk.preprocessing import Preprocessing
from sertk.studies import runner
from tests import fake_run
from tests.errors import raises

ONE = {"grouping": "valence2", "model": "mlp", "seed": 0, "folds": 2, "val": 1}
PREP = Preprocessing(clip_seconds=1.0, trim_db=None)


@pytest.fixture
def fits(monkeypatch):
    """Write runs that nobody trained, and list what they were asked to train."""
    asked = []

    def cross_validate(model, rows, prep, *, folder, seeds, **others):
        asked.append({"model": model, "rows": rows, **others})
        if callable(model):
            model((30, 40), 2)
        classes = tuple(sorted(rows["label"].unique()))
        return fake_run.write(folder, classes=classes, speakers=8, takes=2, seeds=seeds)

    monkeypatch.setattr(training, "cross_validate", cross_validate)
    return asked


def built(input_shape, num_classes, units=4):
    return units


def net(units):
    return functools.partial(built, units=units)


def test_an_object_is_remembered_while_others_are_asked_for(fits, ravdess, tmp_path):
    roots = {"ravdess": ravdess}
    mine = {"none": "none", "mine": [noise_between(30, 30)]}
    studies.run(studies.Study("?", augment=mine, **ONE), tmp_path, roots=roots)
    studies.run(studies.Study("?", augment=("none", "noise"), **ONE), tmp_path, roots=roots)
    studies.run(studies.Study("?", augment=mine, **ONE), tmp_path, roots=roots)
    assert len(fits) == 3
    mine["mine"] = [noise_between(-20, -20)]
    with raises(RunError, "different-study", "augment.mine"):
        studies.run(studies.Study("?", augment=mine, **ONE), tmp_path, roots=roots)


def test_functions_with_other_parameters_are_another_study(fits, ravdess, tmp_path):
    one = {**ONE, "model": {"net": net(4)}}
    studies.run(studies.Study("?", **one), tmp_path, roots={"ravdess": ravdess})
    one["model"] = {"net": net(4)}
    studies.run(studies.Study("?", **one), tmp_path, roots={"ravdess": ravdess})
    assert len(fits) == 1
    one["model"] = {"net": net(64)}
    with raises(RunError, "different-study", "model.net.with"):
        studies.run(studies.Study("?", **one), tmp_path, roots={"ravdess": ravdess})


def test_other_recordings_are_another_study(fits, ravdess, tmp_path):
    rows = corpora.scan("ravdess", ravdess)
    half = rows[rows["speaker"].isin(rows["speaker"].unique()[:4])]
    studies.run(studies.Study("?", corpus={"mine": half}, **ONE), tmp_path / "own")
    with raises(RunError, "different-study", "corpus.mine.manifest"):
        studies.run(studies.Study("?", corpus={"mine": rows}, **ONE), tmp_path / "own")

    swapped = half.assign(emotion=half["emotion"].replace({"happy": "sad", "sad": "happy"}))
    with raises(RunError, "different-study", "corpus.mine.manifest"):
        studies.run(studies.Study("?", corpus={"mine": swapped}, **ONE), tmp_path / "own")

    first = tmp_path / "first"
    for actor in range(1, 5):
        (first / f"Actor_{actor:02d}").mkdir(parents=True)
        for path in (ravdess / f"Actor_{actor:02d}").iterdir():
            (first / path.parent.name / path.name).symlink_to(path)
    study = studies.Study("?", **ONE)
    studies.run(study, tmp_path / "named", roots={"ravdess": first})
    with raises(RunError, "different-study", "recordings of ravdess"):
        studies.run(study.changed(seed=(0, 1)), tmp_path / "named", roots={"ravdess": ravdess})


def test_the_same_study_goes_on_whatever_its_selection_is_written_as(fits, ravdess, tmp_path):
    study = studies.Study(
        "?", where=MappingProxyType({"emotion": ("happy", "sad", "angry")}), **ONE
    )
    for _ in range(2):
        assert studies.run(study, tmp_path, roots={"ravdess": ravdess}).runs
    assert len(fits) == 1
    assert set(fits[0]["rows"]["emotion"]) == {"happy", "sad", "angry"}


def test_names_that_look_alike_have_folders_of_their_own(fits, ravdess, tmp_path):
    for name, change in (("a b", noise_between(3, 3)), ("a_b", noise_between(9, 9))):
        study = studies.Study("?", augment={name: [change]}, **ONE)
        studies.run(study, tmp_path, roots={"ravdess": ravdess})
    assert len(fits) == 2
    assert len({path.name for path in (tmp_path / "trials").iterdir()}) == 2


def test_a_model_under_another_name_hears_what_it_was_published_with():
    named = studies.Study("?", model={"mine": "alexnet_tuned", "own": net(4)})
    mine, own = (runner.preprocessing(named, trial) for trial in named.trials()[::3])
    known = studies.Study("?", model="alexnet_tuned")
    assert mine == runner.preprocessing(known, known.trials()[0]) != own
    assert own == Preprocessing()


def test_a_study_is_read_without_what_its_names_stood_for(fits, ravdess, tmp_path):
    noises = tmp_path / "noises"
    noises.mkdir()
    soundfile.write(noises / "a.wav", np.random.default_rng(0).normal(0, 0.1, 8000), 8000)
    study = studies.Study("?", augment=("none", f"background@{noises}"), **ONE)
    result = studies.run(study, tmp_path / "study", roots={"ravdess": ravdess})
    shutil.rmtree(noises)
    again = studies.StudyResult(tmp_path / "study")
    assert again.differences().frame().equals(result.differences().frame())
    record = json.loads((tmp_path / "study" / "study.json").read_text(encoding="utf-8"))
    older = {key: value for key, value in record.items() if key not in ("own", "data")}
    (tmp_path / "study" / "study.json").write_text(json.dumps(older), encoding="utf-8")
    assert len(studies.StudyResult(tmp_path / "study").runs) == 2
    (tmp_path / "study" / "study.json").write_text(json.dumps({**older, "own": []}))
    with raises(RunError, "damaged-study"):
        studies.StudyResult(tmp_path / "study")


def test_a_study_with_a_mistake_leaves_its_folder_free(fits, ravdess, tmp_path):
    study = studies.Study("?", **{**ONE, "folds": 9})
    with raises(RunError, "all-trials-failed", "9 folds"):
        studies.run(study, tmp_path, roots={"ravdess": ravdess})
    assert studies.run(study.changed(folds=2), tmp_path, roots={"ravdess": ravdess}).runs
    with raises(RunError, "different-study", "folds, 2 there and 3 here"):
        studies.run(study.changed(folds=3), tmp_path, roots={"ravdess": ravdess})


def test_a_function_that_fails_is_told_and_the_rest_goes_on(fits, ravdess, tmp_path):
    def wrong(input_shape):
        return None

    study = studies.Study("?", **{**ONE, "model": {"wrong": wrong, "mlp": "mlp"}})
    result = studies.run(study, tmp_path, roots={"ravdess": ravdess})
    (reason,) = result.missing.values()
    assert reason.startswith("TypeError in test_studies_folder.py, line ")
    assert [trial.model for trial in result.runs] == ["mlp"]
    (tmp_path / "failed.json").write_text("{", encoding="utf-8")
    assert list(studies.StudyResult(tmp_path).missing.values()) == [""]


def test_a_selection_by_gender_meets_a_level_of_gender(fits, ravdess, tmp_path):
    study = studies.Study("?", gender=("male", "female"), where={"gender": "male"}, **ONE)
    result = studies.run(study, tmp_path, roots={"ravdess": ravdess})
    (reason,) = result.missing.values()
    assert "No row has gender = female" in reason
    assert set(fits[0]["rows"]["gender"]) == {"male"}


def test_what_was_read_cannot_be_trained(fits, ravdess, tmp_path):
    study = studies.Study("?", augment={"none": "none", "mine": ["noise"]}, **ONE)
    there = studies.run(study, tmp_path, roots={"ravdess": ravdess}).study
    assert there != study  # of the object there is a description
    with raises(ConfigurationError, "lost-level-object", "'mine'", "study.json"):
        studies.run(there, tmp_path, roots={"ravdess": ravdess})
    with raises(ConfigurationError, "wrong-roots-type", "'corpora'"):
        studies.run(study, tmp_path, roots="corpora")


def test_a_folder_that_is_a_run_is_no_study(fits, ravdess, tmp_path, refused):
    fake_run.write(tmp_path / "run")
    said = refused("study", "--root", ravdess, "--seeds", "0", "--folds", "2", "--val", "1",
                   "-o", tmp_path / "run")  # fmt: skip
    said.check("folder-holds-run")
    assert not (tmp_path / "run" / "study.json").exists()


def test_emotions_by_gender_are_scored_by_emotion_in_every_table(fits, ravdess, tmp_path):
    study = studies.Study("?", compare="gender", gender=("all", "classes"), **ONE)
    table = studies.run(study, tmp_path, roots={"ravdess": ravdess}).frame()
    assert table["chance"].tolist() == [0.5, 0.5]


def test_voices_that_a_network_has_learnt_from_are_counted(fits, ravdess, tmp_path):
    result = studies.run(studies.Study("?", **ONE), tmp_path, roots={"ravdess": ravdess})
    # the runs that nobody trained test two of eight in each of four folds, and two validate
    assert result.frame()["voices"].tolist() == [4.0]
    assert result.scores().frame()["voices"].tolist() == [4.0]
    assert main(["report", str(tmp_path)]) == 0
    page = (tmp_path / "study.html").read_text(encoding="utf-8")
    assert "training speakers" in page
    assert "There is one seed: another training" not in page  # one level alone
    noisy = studies.Study("?", augment=("none", "noise"), **ONE)
    answer = studies.run(noisy, tmp_path, roots={"ravdess": ravdess}).answer
    assert answer.endswith("There is one seed: another training may give another result.")


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
