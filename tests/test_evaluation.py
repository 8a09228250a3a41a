"""Scores against scikit-learn, intervals against a loop, and the cases at the edge."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as oracle

from sertk import evaluation
from sertk.errors import ConfigurationError, RunError, UnknownNameError
from sertk.evaluation import confusion_matrices, intervals
from tests import fake_run, interval_by_hand
from tests.errors import raises


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return fake_run.write(tmp_path_factory.mktemp("run"), speakers=8, folds=2, seeds=(0, 1))


@pytest.fixture(scope="module")
def result(run):
    return evaluation.evaluate(run)


def table_of(truth, predicted, **columns):
    return pd.DataFrame({"label": list(truth), "predicted": list(predicted), **columns})


def test_scores_equal_scikit_learn_mean_over_seeds(run, result):
    rows = run.predictions.query("split == 'test'")
    scores = []
    mean = {"labels": run.classes, "average": "macro", "zero_division": 0}
    for _, part in rows.groupby("seed"):
        sides = part.label, part.predicted
        uar, f1 = oracle.recall_score(*sides, **mean), oracle.f1_score(*sides, **mean)
        scores.append((uar, oracle.accuracy_score(*sides), f1))
    assert (result.uar, result.wa, result.macro_f1) == pytest.approx(np.mean(scores, axis=0))
    spread = result.over_folds_and_seeds().frame()
    assert spread.loc[("seeds", "uar"), "sd"] == pytest.approx(np.std(scores, axis=0, ddof=1)[0])
    assert spread.loc[("seeds", "uar"), "n"] == 2


def test_fold_scores_are_those_of_each_folds_predictions(run, result):
    rows = run.predictions.query("split == 'test'")
    of_fits = rows.groupby(["fold", "seed"])[["label", "predicted"]].apply(
        lambda p: oracle.recall_score(p.label, p.predicted, labels=run.classes, average="macro")
    )
    by_fold = of_fits.groupby("fold").mean()
    row = result.over_folds_and_seeds().frame().loc[("folds", "uar")]
    assert row["mean"] == pytest.approx(np.mean(by_fold))
    assert (row["min"], row["max"]) == pytest.approx((min(by_fold), max(by_fold)))


def test_class_table_and_matrix_equal_scikit_learn(run, result):
    rows = run.predictions.query("split == 'test'")
    per_class = result.per_class().frame()
    expected = oracle.precision_recall_fscore_support(
        rows.label, rows.predicted, labels=run.classes, zero_division=0
    )
    assert np.allclose(per_class[["precision", "recall", "f1"]].T, expected[:3])
    assert list(per_class["support"] * 2) == list(expected[3])  # two seeds, one set of utterances
    for normalize in (None, "true", "pred"):
        matrix = oracle.confusion_matrix(
            rows.label, rows.predicted, labels=run.classes, normalize=normalize
        )
        shown = result.confusion_matrix(normalize).frame()
        assert np.allclose(np.nan_to_num(shown), matrix)
        assert list(shown.columns) == run.classes
    assert result.recall_per_class()["sad"] == per_class.loc["sad", "recall"]
    assert result.precision_per_class()["sad"] == per_class.loc["sad", "precision"]


def test_three_classes_by_hand():
    result = evaluation.evaluate(table_of("aabbcc", "abbbca"), classes=["a", "b", "c"])
    assert result.uar == pytest.approx((0.5 + 1 + 0.5) / 3)
    assert result.wa == pytest.approx(4 / 6)
    assert result.macro_f1 == pytest.approx((0.5 + 0.8 + 2 / 3) / 3)
    assert result.chance == pytest.approx(1 / 3)
    assert result.confusion_matrix().frame().loc["a"].tolist() == [1, 1, 0]


def test_a_class_without_utterances_counts_as_zero_and_is_named():
    result = evaluation.evaluate(table_of("aabb", "aabb"), classes=["a", "b", "c"])
    assert result.uar == pytest.approx(2 / 3)
    assert result.absent == ["c"]
    assert np.isnan(result.recall_per_class()["c"])
    assert "c" in result.per_class().note
    assert np.isnan(result.confusion_matrix("true").frame().loc["c", "a"])
    # a speaker is measured over the classes that he or she spoke
    assert result.by_speaker().frame()["uar"].tolist() == [1.0]


def test_one_speaker_has_a_score_and_no_interval():
    result = evaluation.evaluate(
        table_of("abab", "abaa", speaker="ann", gender="female"), classes=["a", "b"]
    )
    found = result.interval()
    assert found.value == 0.75
    assert np.isnan([found.low, found.high]).all()
    assert "one speaker" in found.note
    assert "one speaker" in str(found)
    assert not found.known
    assert np.isnan(result.by_gender().frame()["low"]).all()
    assert "no male speakers" in result.by_gender().gap.note
    assert "UAR" in result._repr_html_()


def test_two_speakers_are_too_few_for_an_interval():
    result = evaluation.evaluate(table_of("abab", "abba", speaker=list("xxyy")), classes=["a", "b"])
    assert "2 speakers are too few" in result.interval().note
    assert np.isnan(result.per_class().frame()["low"]).all()
    three = evaluation.evaluate(
        table_of("ababab", "abbaab", speaker=list("xxyyzz")), classes=["a", "b"]
    )
    assert three.interval().known
    assert "3 speakers only" in three.interval().note


def test_bootstrap_sums_whole_speakers_like_a_loop():
    rng = np.random.default_rng(3)
    matrices = rng.integers(0, 9, (6, 3, 3)).astype(float)
    drawn = intervals.bootstrap(confusion_matrices.uar, matrices, resamples=40, seed=5)
    draws = np.random.default_rng(5).multinomial(6, np.full(6, 1 / 6), size=40)
    for value, counts in zip(drawn, draws, strict=True):
        pooled = sum(matrix for matrix, n in zip(matrices, counts, strict=True) for _ in range(n))
        assert value == pytest.approx(float(confusion_matrices.uar(pooled)))


@pytest.mark.parametrize("metric", ["uar", "wa"])
def test_interval_agrees_with_resampling_rows_of_speakers(run, result, metric):
    rows = run.predictions.query("split == 'test'")
    speakers = [part for _, part in rows.groupby("speaker")]
    rng = np.random.default_rng(1)
    scores = []
    for _ in range(1500):
        pooled = pd.concat([speakers[i] for i in rng.integers(0, len(speakers), len(speakers))])
        right = pooled.label == pooled.predicted
        scores.append(
            right.groupby(pooled.label).mean().mean() if metric == "uar" else right.mean()
        )
    found = result.interval(metric)
    expected = interval_by_hand.ends(found.value, scores, len(speakers))
    assert [found.low, found.high] == pytest.approx(expected, abs=0.012)
    assert found.speakers == 8
    narrow = result.interval(metric, level=0.5)
    assert found.low < narrow.low < narrow.value < narrow.high < found.high


def test_interval_is_wider_over_speakers_than_over_utterances(result):
    as_if_independent = result.rows.assign(speaker=result.rows["utterance_id"])
    naive = evaluation.evaluate(as_if_independent, classes=result.classes).interval()
    found = result.interval()
    assert found.high - found.low > naive.high - naive.low
    assert found == result.interval()  # the seed is given


def test_groups_by_gender_speaker_and_any_column(run, result):
    gender = result.by_gender()
    table = gender.frame()
    assert list(table.index) == ["female", "male"]
    assert table["utterances"].sum() == result.num_utterances == len(run.manifest)
    rows = run.predictions.query("split == 'test' and gender == 'female'")
    female = [oracle.balanced_accuracy_score(p.label, p.predicted) for _, p in rows.groupby("seed")]
    assert table.loc["female", "uar"] == pytest.approx(np.mean(female))
    assert gender.gap.value == pytest.approx(table.loc["female", "uar"] - table.loc["male", "uar"])
    assert gender.gap.low < gender.gap.value < gender.gap.high
    assert (table["low"] < table["uar"]).all()
    assert set(result.by("intensity").frame().index) == {"normal", "strong"}
    speakers = result.by_speaker().frame()
    assert len(speakers) == 8
    assert speakers["uar"].is_monotonic_increasing
    assert (speakers["classes"] == 8).all()


def test_the_same_words_by_both_genders_leave_no_gap():
    rows = [
        {"label": label, "predicted": label, "speaker": f"{gender}{n}", "gender": gender}
        for gender in ("female", "male")
        for n in range(3)
        for label in "ab"
    ]
    gap = evaluation.evaluate(pd.DataFrame(rows), classes=["a", "b"]).by_gender().gap
    assert (gap.value, gap.low, gap.high) == (0, 0, 0)


def test_unknown_speakers_and_genders_are_a_group_of_their_own():
    result = evaluation.evaluate(
        table_of("abab", "abba", speaker=["x", "x", None, None], gender=None), classes=["a", "b"]
    )
    assert set(result.by_speaker().frame().index) == {"x", "unknown"}
    assert list(result.by_gender().frame().index) == ["unknown"]
    assert "unknown" in result.by_gender().gap.note


def test_regroup_sums_probabilities_and_counts_what_is_left_out(run, result):
    two = result.regroup("valence2")
    assert two.classes == ("positive", "negative")
    rows = run.predictions.query("split == 'test'")
    kept = rows[rows["label"].isin(["calm", "happy", "angry", "fearful", "sad"])]
    positive = kept["p_calm"] + kept["p_happy"]
    negative = kept["p_angry"] + kept["p_fearful"] + kept["p_sad"]
    shown = two.rows["p_positive"].to_numpy()
    assert np.allclose(shown, positive / (positive + negative))
    assert np.allclose(two.rows[["p_positive", "p_negative"]].sum(axis=1), 1)
    truth = kept["label"].isin(["calm", "happy"])
    expected = [
        oracle.balanced_accuracy_score(truth[kept.seed == s], (positive > negative)[kept.seed == s])
        for s in (0, 1)
    ]
    assert two.uar == pytest.approx(np.mean(expected))
    assert two.dropped == {"disgust": 32, "neutral": 32, "surprised": 32}
    own = result.regroup({"happy": "up", "sad": "down"})
    assert own.classes == ("up", "down")


def test_regroup_takes_classes_by_gender():
    table = table_of(
        ["male_happy", "female_sad"], ["male_happy", "female_sad"],
        p_male_happy=[0.6, 0.1], p_female_happy=[0.2, 0.1],
        p_male_sad=[0.1, 0.2], p_female_sad=[0.1, 0.6],
    )  # fmt: skip
    two = evaluation.evaluate(table).regroup("valence2")
    assert two.rows["p_positive"].tolist() == pytest.approx([0.8, 0.2])


def test_regroup_refuses_words_it_cannot_map(result):
    other = evaluation.evaluate(table_of("ab", "ab", p_a=[1, 0], p_b=[0, 1]))
    with raises(ConfigurationError, "regrouping-without-labels"):
        other.regroup("valence2")
    with raises(UnknownNameError, "unknown-name", "Did you mean 'valence2'"):
        result.regroup("valense2")
    with raises(ConfigurationError, "missing-probabilities"):
        bare = evaluation.evaluate(table_of(["happy"], ["sad"]), classes=["happy", "sad"])
        bare.regroup("valence2")


def test_mistakes_and_hits_average_over_seeds(run, result):
    wrong, right = result.mistakes(5).frame(), result.hits(5).frame()
    assert (wrong["label"] != wrong["predicted"]).all()
    assert (right["label"] == right["predicted"]).all()
    assert wrong["confidence"].is_monotonic_decreasing
    name = wrong.index[0]
    rows = run.predictions.query("split == 'test' and utterance_id == @name")
    assert len(rows) == 2
    mean = rows[[f"p_{c}" for c in run.classes]].mean()
    assert wrong.loc[name, "confidence"] == pytest.approx(mean.max())


def test_calibration_of_a_hand_made_table():
    table = table_of("aaaab", "aaaaa", p_a=[0.85] * 5, p_b=[0.15] * 5)
    found = evaluation.evaluate(table).calibration()
    assert found.ece == pytest.approx(0.05)
    used = found.frame().query("predictions > 0")
    assert used[["from", "accuracy", "confidence"]].to_numpy().tolist() == [
        pytest.approx([0.8, 0.8, 0.85])
    ]


def test_validation_rows_are_another_split(run, result):
    validation = evaluation.evaluate(run, "val")
    assert validation.split == "val"
    assert validation.num_speakers < result.num_speakers


def test_evaluate_takes_a_path_and_a_table(run, result):
    assert evaluation.evaluate(run.folder).uar == result.uar
    assert evaluation.evaluate(str(run.folder)).uar == result.uar
    table = evaluation.evaluate(run.predictions, classes=run.classes)
    assert table.uar == result.uar
    with raises(UnknownNameError, "unknown-name", "'intensity'"):
        table.by("intensity")  # only the run's manifest knows it


def test_every_display_has_frame_plot_and_html(result):
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    shown = [
        result.summary(), result.per_class(), result.confusion_matrix(),
        result.confusion_matrix("true"), result.by_speaker(), result.by_gender(),
        result.by("intensity"), result.over_folds_and_seeds(), result.mistakes(3), result.hits(3),
        result.calibration(),
    ]  # fmt: skip
    for display in shown:
        assert isinstance(display, evaluation.Display)
        frame = display.frame()
        frame.iloc[:, 0] = 0
        assert not frame.equals(display.frame()), "frame() must be a copy"
        assert "<table" in display._repr_html_()
        assert display.title in repr(display)
        axes = display.plot()
        assert "<svg" in axes._repr_svg_()
        assert display.plot()._repr_svg_() == display.plot()._repr_svg_()
        assert display.plot(axes) is axes
    assert dict(mpl.rcParams) == before
    assert "UAR" in result._repr_html_()
    assert "UAR" in repr(result)


def test_an_evaluation_is_immutable(result):
    with pytest.raises(AttributeError):
        result.classes = ()


def test_names_are_escaped_in_notebooks():
    names = ["<script>alert(1)</script>", "$b$"]
    result = evaluation.evaluate(table_of(names, names), classes=names)
    for shown in (result.confusion_matrix(), result.confusion_matrix("true"), result.per_class()):
        assert "<script" not in shown._repr_html_()
        assert "<script" not in shown.plot()._repr_svg_()


def test_an_unfinished_run_says_what_to_do(tmp_path):
    run = fake_run.write(tmp_path, speakers=4, folds=2, seeds=(0,), status="unfinished")
    with raises(RunError, "unfinished-run"):
        evaluation.evaluate(run)
    assert 0 < evaluation.evaluate(run.predictions, classes=run.classes).uar < 1


@pytest.mark.parametrize(
    ("table", "kwargs", "code", "value"),
    [
        (pd.DataFrame({"label": ["a"]}), {}, "missing-prediction-columns", ""),
        (table_of("ab", "ab"), {}, "invalid-class-list", ""),
        (table_of("ab", "ab"), {"classes": ["a", "a"]}, "invalid-class-list", ""),
        (table_of("ab", "ac"), {"classes": ["a", "b"]}, "labels-outside-classes", ""),
        (table_of("ab", "ab", split="val"), {"classes": "ab"}, "no-predictions-in-split", "'test'"),
    ],
)
def test_tables_that_cannot_be_scored(table, kwargs, code, value):
    with raises(ConfigurationError, code, value):
        evaluation.evaluate(table, **kwargs)


def test_wrong_arguments_are_named(result):
    with raises(UnknownNameError, "unknown-name", "'uarr'"):
        result.interval("uarr")
    with raises(ConfigurationError, "invalid-interval-settings", "level=95"):
        result.interval(level=95)
    with raises(ConfigurationError, "wrong-split-type"):
        evaluation.evaluate(result.rows, result.rows)
    with raises(UnknownNameError, "unknown-name", "'rows'"):
        result.confusion_matrix("rows")
