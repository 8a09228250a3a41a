"""The reference systems: records that hold together, divisions, and runs on a little RAVDESS."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile

from sertk import (
    audit,
    augment,
    classical,
    evaluation,
    labels,
    models,
    recipes,
    report,
    splits,
    studies,
)
from sertk.errors import ConfigurationError, SplitError, UnknownNameError
from sertk.recipes import RECIPES, repeating
from sertk.run import Run
from sertk.training.config import Config
from tests.errors import raises

SHAPES = {
    "r1-alexnet": (300, 200),
    "r1-fcn-gap": (300, 200),
    "r2-fcn-attention": (300, 200, 3),
    "r2-acrnn": (300, 40, 3),
    "r3-conv1d": (259, 1),
    "r3-male-2class": (259, 1),
    "r4-densenet": (501, 481),
    "r5-alexnet": (91, 128),
    "r5-resnet18": (91, 128),
    # these change as they get better
    "compact": RECIPES["compact"].prep.input_shape,
    "encoder": RECIPES["encoder"].prep.input_shape,
}
PUBLISHED = [name for name in RECIPES if name not in ("compact", "encoder")]


def smaller(recipe):
    """Arguments of a recipe's network that make it small."""
    return {"width": 0.1, **({"image_size": 64} if "image_size" in recipe.arguments else {})}


@pytest.fixture(scope="module")
def iemocap(tmp_path_factory):
    """Two sessions of two speakers in the layout of IEMOCAP; two utterances of each emotion."""
    root = tmp_path_factory.mktemp("iemocap")
    generator = np.random.default_rng(0)
    time = np.arange(int(0.7 * 16_000)) / 16_000
    for session in (1, 2):
        folder, dialog = root / f"Session{session}", f"Ses0{session}F_impro01"
        lines = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"]
        for gender in "FM":
            for place, code in enumerate(["ang", "sad", "hap", "neu"] * 2):
                turn = f"{dialog}_{gender}{place:03}"
                lines.append(f"[{place}.0 - {place}.7]\t{turn}\t{code}\t[2.5, 2.5, 2.5]\n\n")
                pitch = (220 if gender == "F" else 120) * 1.2 ** (place % 4)
                wave = 0.1 * np.sin(2 * np.pi * pitch * time)
                path = folder / "sentences" / "wav" / dialog / f"{turn}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, wave + generator.normal(0, 1e-3, len(time)), 16_000)
        labels = folder / "dialog" / "EmoEvaluation" / f"{dialog}.txt"
        labels.parent.mkdir(parents=True)
        labels.write_text("".join(lines), encoding="utf-8")
    return root


def rows_of(name, root, **options):
    recipe = recipes.get(name, **options)
    return recipe, recipes.utterances(recipe, ("ravdess",), {"ravdess": root})


@pytest.mark.parametrize("name", RECIPES)
def test_a_record_holds_together(name):
    recipe = RECIPES[name]
    assert recipe.prep.input_shape == SHAPES[name]
    config = Config().changed(dict(recipe.config))
    given = dict(recipe.arguments)
    if recipe.model in classical.names():
        classical.check(recipe.model, given, recipe.prep.input_shape[0])
    else:
        given |= smaller(recipe)
        model = models.build(recipe.model, recipe.prep.input_shape, 7, **given)
        assert model.output_shape == (None, 7)
    assert bool(recipe.published) == bool(recipe.differences) == (name in PUBLISHED)
    if recipe.augment and recipe.published:
        assert augment.size(recipe.augment) == recipe.copies
        assert config.stability or config.augment_sampling == "all"
    restored = [d for d in recipe.differences if d.restored]
    assert bool(restored) == bool(recipe.as_published) == bool(recipe.stamps)


def test_all_five_systems_are_there():
    assert set(SHAPES) == set(RECIPES)
    assert {name[:2] for name in PUBLISHED} == {"r1", "r2", "r3", "r4", "r5"}
    with raises(UnknownNameError, "unknown-name", "Did you mean 'r3-conv1d'"):
        recipes.get("r3-conv")
    with raises(ConfigurationError, "no-published-defects"):
        recipes.get("r2-acrnn", as_published=True)


@pytest.mark.parametrize("name", RECIPES)
def test_the_description_names_every_difference(name):
    said = recipes.describe(name)
    assert all(d.why in said for d in RECIPES[name].differences)
    assert all(figure.score in said for figure in RECIPES[name].published)
    if RECIPES[name].as_published:
        restored = recipes.describe(name, as_published=True)
        assert all(f"MARKED: {stamp}" in restored for stamp in RECIPES[name].stamps)
        assert "speakers apart" not in restored.split("published: ")[0]


def test_the_last_speakers_are_isolated(ravdess):
    recipe, rows = rows_of("r3-conv1d", ravdess)
    speakers = rows.groupby("split")["speaker"].unique().map(sorted).to_dict()
    assert speakers["test"] == ["ravdess_08"]
    assert speakers["val"] == ["ravdess_07"]
    assert audit.audit(rows).ok
    assert labels.classes(rows)[0] == "male_calm"
    assert len(labels.classes(rows)) == 10
    assert (rows["start"] == 0.5).all()
    assert rows["end"].max() == pytest.approx(0.7)
    assert recipe.division == "isolated"


def test_copies_first_leaks_as_the_original_did(ravdess):
    recipe, rows = rows_of("r3-male-2class", ravdess, as_published=True)
    assert set(rows["gender"]) == {"male"}
    assert not splits.protocol(rows)["leaky"]  # the isolated speakers are heard by nobody
    found = audit.audit(rows, compare_audio=False)  # the files of this test sound alike
    assert not found.ok
    assert not any(finding.reaches_test for finding in found.findings)
    development = rows[rows["split"] != "test"]
    originals = development["copy_of"].isna()
    assert (~originals).sum() == recipe.copies * originals.sum()
    home = dict(zip(rows["utterance_id"], rows["split"], strict=True))
    copies = development[~originals]
    assert (copies["split"] != copies["copy_of"].map(home)).any()
    tested = rows[rows["split"] == "test"]
    assert tested["copy_of"].isna().all()
    assert not set(tested["speaker"]) & set(development["speaker"])


@pytest.mark.backend
@pytest.mark.parametrize("as_published", [False, True])
def test_r3_is_repeated_from_one_command(ravdess, tmp_path, done, as_published):
    words = ["reproduce", "r3-male-2class", "--root", ravdess, "--epochs", "2", "--json"]
    words += ["--model-option", "width=0.1", "-o", tmp_path / "run"]
    words += ["--as-published"] * as_published
    scores = json.loads(done(*words).out)
    assert 0 <= scores["uar"] <= 1
    run = Run(tmp_path / "run")
    assert run.info["recipe"]["as_published"] is as_published
    assert run.info["recipe"]["changed"] == {"width": 0.1, "epochs": 2}
    assert {"val", "test"} == set(run.predictions["split"])
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "Comparison with the original" in page
    assert "accuracy 66.88, macro-F1 65.40" in page
    assert ("Reproduced with the defects of the original" in page) is as_published
    assert ("drawn at random after copies" in page) or not as_published
    done(*words)  # what was asked for once more is there already


def test_one_fold_of_another_grouping_is_marked_where_it_was_stopped(ravdess, tmp_path):
    run = recipes.reproduce(
        "r5-alexnet", folder=tmp_path, names=("ravdess",), roots={"ravdess": ravdess},
        arguments={"width": 0.1}, fold=1, grouping="valence2", epochs=1,
    )  # fmt: skip
    assert run.classes == ["positive", "negative"]
    assert run.info["protocol"]["sentence"].endswith("fold 1 of 5 folds")
    assert run.info["recipe"]["changed"] == {"grouping": "valence2", "width": 0.1, "epochs": 1}
    assert "ended after 1 of at most 50 epochs" in run.info["recipe"]["stopped"]
    page = report.write_html(run).read_text(encoding="utf-8")
    assert "Mechanics only." in page
    numbers = json.loads(report.write_json(run).read_text())
    assert numbers["recipe"]["stopped"] == run.info["recipe"]["stopped"]
    with raises(SplitError, "empty-fold", "Fold 9"):
        recipes.reproduce("r2-acrnn", folder=tmp_path / "no", names=("ravdess",),
                          roots={"ravdess": ravdess}, fold=9)  # fmt: skip


@pytest.mark.parametrize(
    ("limit", "ended", "best", "lowest", "marked"),
    [(20, 20, 15, 8, True), (20, 20, 8, 15, True), (20, 20, 10, 8, False), (20, 14, 4, 4, False),
     (50, 50, 49, 49, False)],
)  # fmt: skip
def test_only_fits_that_were_still_improving_are_marked(limit, ended, best, lowest, marked):
    """r5-alexnet: 50 epochs, of which 10 without a better one, nor a lower loss, end a fit."""
    info = {"training": {"epochs": limit, "patience": 10},
            "fits": [{"fold": 0, "seed": 0, "epochs": ended, "best_epoch": best}]}  # fmt: skip
    losses = [float(abs(epoch - lowest)) for epoch in range(1, ended + 1)]
    history = pd.DataFrame({"fold": 0, "seed": 0, "val_loss": losses})
    run = SimpleNamespace(info=info, history=history)
    said = repeating._stopped(run, RECIPES["r5-alexnet"])
    assert bool(said) is marked


def test_the_gap_of_a_recipe_is_validation_against_isolated_speakers(ravdess, tmp_path, done):
    words = ["reproduce", "r3-male-2class", "--leak-gap", "--root", ravdess, "--epochs", "1"]
    said = done(*words, "--model-option", "width=0.1", "-o", tmp_path).out
    assert "on the validation set of the split with data leakage" in said
    gap = studies.LeakGap(Run(tmp_path / "leaky"), Run(tmp_path / "clean"))
    assert gap.frame()["holds"].tolist() == [False, True, True, True]
    assert gap.gap.value == pytest.approx(
        evaluation.evaluate(gap.leaky, "val").uar - evaluation.evaluate(gap.leaky).uar
    )
    page = (tmp_path / "leak_gap.html").read_text(encoding="utf-8")
    assert "the padding of short recordings is above whatever speech gives" in page
    assert "accuracy 93.96" in page
    with raises(ConfigurationError, "no-published-defects"):
        studies.leak_gap_of_recipe("r2-acrnn", folder=tmp_path / "no")
    with raises(ConfigurationError, "system-without-leak"):
        studies.leak_gap_of_recipe("r1-alexnet", folder=tmp_path / "no")


def test_r1_can_be_padded_as_it_was():
    """0 dB is the loudest value of a clip that is expressed below its own maximum."""
    whole = np.full((200, 200), -30.0, "float32")
    ends = {}
    for as_published in (False, True):
        prep = recipes.get("r1-fcn-gap", as_published=as_published).prep
        clip = np.empty(prep.clip_shape, "float32")
        prep.cut(whole, 0, clip)
        ends[as_published] = prep.finish(clip)[-1]
    assert (ends[False] == -80).all()
    assert (ends[True] == 0).all()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name == "r2-fcn-attention" else pytest.mark.slow)
        for name in RECIPES
        if "iemocap" in RECIPES[name].corpora
    ],
)
def test_iemocap_systems_run_on_its_layout(iemocap, tmp_path, name):
    run = recipes.reproduce(
        name, folder=tmp_path, roots={"iemocap": iemocap}, arguments=smaller(RECIPES[name]),
        fold=0, epochs=1,
    )  # fmt: skip
    assert run.classes == ["neutral", "happy", "sad", "angry"]
    assert run.info["folds"][0]["test"] == ["iemocap_Ses01F"]
    assert run.info["folds"][0]["val"] == ["iemocap_Ses01M"]


def test_r5_as_published_scores_what_chose_the_epoch(ravdess, tmp_path):
    run = recipes.reproduce(
        "r5-alexnet", folder=tmp_path, names=("ravdess",), roots={"ravdess": ravdess},
        as_published=True, arguments={"width": 0.1}, epochs=1,
    )  # fmt: skip
    assert run.info["recipe"]["stamps"] == ["not speaker-independent", "selected on test"]
    table = Run(tmp_path).predictions
    val, test = (table[table["split"] == s].drop(columns="split") for s in ("val", "test"))
    pd.testing.assert_frame_equal(val.reset_index(drop=True), test.reset_index(drop=True))
    assert 0 <= evaluation.evaluate(Run(tmp_path)).uar <= 1
    share = len(val) / len(run.manifest)
    assert share == pytest.approx(0.3, abs=0.05)
    assert all(finding["reaches_test"] for finding in run.info["audit"])
    gap = studies.LeakGap(run, run)
    assert gap.frame()["holds"].tolist() == [False, False, True, True]  # the second as if clean


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_runs_to_its_report(ravdess, tmp_path, done, name):
    options = [f"--model-option={k}={v}" for k, v in smaller(RECIPES[name]).items()]
    words = ["reproduce", name, "--corpus", "ravdess", "--root", ravdess, "--epochs", "1"]
    done(*words, *options, "--config", "head_epochs=0", "-o", tmp_path)
    run = Run(tmp_path)
    assert run.finished
    assert (tmp_path / "report.html").is_file()
    assert not run.info["protocol"]["leaky"]


@pytest.fixture
def emodb(tmp_path):
    """Three speakers who whistle six emotions of EmoDB."""
    time = np.arange(int(0.7 * 16_000)) / 16_000
    for speaker, pitch in (("03", 120), ("08", 220), ("16", 240)):
        for step, letter in enumerate("WLEAFTN"):
            wave = 0.1 * np.sin(2 * np.pi * pitch * 1.15**step * time)
            path = tmp_path / "corpora" / "emodb" / f"{speaker}a01{letter}a.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, wave, 16_000)
    return path.parent


def test_the_pretrained_model_learns_from_everyone(ravdess, emodb, tmp_path, done, refused):
    home = emodb.parent
    (home / "ravdess").symlink_to(ravdess)
    words = ["reproduce", "compact", "--root", home, "-o", tmp_path / "x", "--epochs", "1",
             "--model-option", "width=0.1", "--everyone"]  # fmt: skip
    assert json.loads(done(*words, "--json").out)["split"] == "val"
    run = Run(tmp_path / "x")
    assert run.classes == ["neutral", "calm", "happy", "sad", "angry", "fearful", "disgust",
                           "surprised"]  # fmt: skip
    (fold,) = run.info["folds"]
    assert fold["val"] == ["emodb_16", "ravdess_08"]
    assert fold["test"] == []
    assert len(fold["train"]) == 9
    assert set(run.predictions["split"]) == {"val"}
    assert run.info["protocol"]["sentence"].endswith("nobody is tested")
    assert "ended after 1 of at most" in run.info["recipe"]["stopped"]
    assert "Validation scores, which selected the epoch" in done(*words).out
    for more in ("--as-published", "--leak-gap"):
        line = refused("reproduce", "r3-male-2class", "--everyone", more)
        line.check("published-and-everyone")


def test_sertks_own_system_is_cross_validated(ravdess, emodb, tmp_path):
    rows = recipes.utterances(recipes.get("compact"), (), {"ravdess": ravdess})
    assert set(rows["corpus"]) == {"ravdess"}
    assert rows["fold"].nunique() == 5
    run = recipes.reproduce(
        "compact", folder=tmp_path / "run", names=("emodb",), roots={"emodb": emodb},
        grouping="emotion6", arguments={"width": 0.1}, fold=0, epochs=1,
    )  # fmt: skip
    assert run.info["protocol"]["name"] == "loso"
    page = report.write_html(run).read_text(encoding="utf-8")
    assert "Mechanics only." in page
    assert "Comparison with the original" not in page


def test_describe_trains_nothing(done, refused):
    said = done("reproduce", "r4-densenet", "--describe").out
    assert "mirrored picture is time reversed" in said
    refused("reproduce", "r4-densnet").check("unknown-name", "'r4-densenet'")
