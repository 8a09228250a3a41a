"""The folder of a study: what goes on in it, what is refused. Nothing is trained here."""

import functools
import json
import shutil
from types import MappingProxyType

import numpy as np
import pytest
import soundfile

from sertk import corpora, studies, training
from sertk.augment.transforms import noise_between
from sertk.cli import main
from sertk.errors import ConfigurationError, RunError
from sertk.preprocessing import Preprocessing
from sertk.studies import runner
from tests import fake_run
from tests.errors import raises

ONE = {"grouping": "valence2", "model": "mlp", "seed": 0, "folds": 2, "val": 1}


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
