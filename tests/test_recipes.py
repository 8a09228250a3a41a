"""The reference systems: records that hold together, divisions, and runs on a little RAVDESS."""

import json

import numpy as np
import pandas as pd
import pytest
import soundfile

from sertk import audit, augment, evaluation, models, recipes, splits
from sertk.cli import main
from sertk.errors import ConfigurationError, UnknownNameError
from sertk.recipes import RECIPES
from sertk.run import Run
from sertk.settings import Settings

pytestmark = pytest.mark.backend

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
}
SMALLER = {"image_size": 64, "width": 0.1}


@pytest.fixture(scope="module")
def ravdess(tmp_path_factory):
    """Eight actors who whistle every emotion of RAVDESS, 96 files of 0.7 s."""
    root = tmp_path_factory.mktemp("ravdess")
    generator = np.random.default_rng(0)
    time = np.arange(int(0.7 * 16_000)) / 16_000
    for actor in range(1, 9):
        for emotion in range(1, 9):
            for take in (1,) if emotion < 5 else (1, 2):
                pitch = 100 * 1.15**emotion * (1.6 if actor % 2 else 1.0)
                wave = 0.1 * np.sin(2 * np.pi * pitch * time) + generator.normal(0, 1e-3, len(time))
                path = root / f"Actor_{actor:02d}"
                path.mkdir(exist_ok=True)
                name = f"03-01-{emotion:02d}-01-01-{take:02d}-{actor:02d}.wav"
                soundfile.write(path / name, wave, 16_000)
    return root


def rows_of(name, root, **options):
    recipe = recipes.get(name, **options)
    return recipe, recipes.utterances(recipe, ("ravdess",), {"ravdess": root})


@pytest.mark.parametrize("name", RECIPES)
def test_a_record_holds_together(name):
    recipe = RECIPES[name]
    assert recipe.prep.input_shape == SHAPES[name]
    settings = Settings().changed(dict(recipe.settings))
    small = {k: SMALLER[k] for k in SMALLER if k in recipe.arguments or k == "width"}
    model = models.build(recipe.model, recipe.prep.input_shape, 7, **{**recipe.arguments, **small})
    assert model.output_shape == (None, 7)
    assert recipe.published
    assert recipe.differences
    if recipe.augment:
        assert augment.size(recipe.augment) == recipe.copies
        assert settings.stability or settings.versions == "every"
    restored = [d for d in recipe.differences if d.restored]
    assert bool(restored) == bool(recipe.as_published) == bool(recipe.stamps)


def test_all_five_systems_are_there():
    assert set(SHAPES) == set(RECIPES)
    assert {name[:2] for name in RECIPES} == {"r1", "r2", "r3", "r4", "r5"}
    with pytest.raises(UnknownNameError, match="Did you mean 'r3-conv1d'"):
        recipes.get("r3-conv")
    with pytest.raises(ConfigurationError, match="rest on no defect"):
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
    assert rows.attrs["classes"][0] == "male_calm"
    assert len(rows.attrs["classes"]) == 10
    assert (rows["start"] == 0.5).all()
    assert rows["end"].max() == pytest.approx(0.7)
    assert recipe.division == "isolated"


def test_copies_first_leaks_as_the_original_did(ravdess):
    recipe, rows = rows_of("r3-male-2class", ravdess, as_published=True)
    assert set(rows["gender"]) == {"male"}
    assert not splits.protocol(rows)["leaky"]  # the isolated speakers are heard by nobody
    found = audit.audit(rows)
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


@pytest.mark.parametrize("as_published", [False, True])
def test_r3_is_repeated_from_one_command(ravdess, tmp_path, capsys, as_published):
    words = ["reproduce", "r3-male-2class", "--root", str(ravdess), "--epochs", "2", "--json"]
    words += ["--model-option", "width=0.1", "-o", str(tmp_path / "run")]
    assert main(words + ["--as-published"] * as_published) == 0
    scores = json.loads(capsys.readouterr().out)
    assert 0 <= scores["uar"] <= 1
    run = Run(tmp_path / "run")
    assert run.info["recipe"]["as_published"] is as_published
    assert run.info["recipe"]["changed"] == {"width": 0.1, "epochs": 2}
    assert {"val", "test"} == set(run.predictions["split"])
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "Beside the original" in page
    assert "accuracy 66.88, macro-F1 65.40" in page
    assert ("Repeated with the defects of the original" in page) is as_published
    assert ("drawn at random after copies" in page) or not as_published
    # what was asked for once more is there already
    assert main(words + ["--as-published"] * as_published) == 0


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


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_runs_to_its_report(ravdess, tmp_path, name):
    small = {k: SMALLER[k] for k in SMALLER if k in RECIPES[name].arguments or k == "width"}
    options = [f"--model-option={k}={v}" for k, v in small.items()]
    words = ["reproduce", name, "--corpus", "ravdess", "--root", str(ravdess), "--epochs", "1"]
    assert main([*words, *options, "--setting", "head_epochs=0", "-o", str(tmp_path)]) == 0
    run = Run(tmp_path)
    assert run.finished
    assert (tmp_path / "report.html").is_file()
    assert not run.info["protocol"]["leaky"]


def test_describe_trains_nothing(capsys, refused):
    assert main(["reproduce", "r4-densenet", "--describe"]) == 0
    assert "mirrored picture is time reversed" in capsys.readouterr().out
    assert "Did you mean 'r4-densenet'" in refused("reproduce", "r4-densnet")
