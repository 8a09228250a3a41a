"""How often intervals over speakers hold the truth, in simulated corpora whose truth is known."""

import numpy as np
import pandas as pd
import pytest

from sertk import evaluation
from sertk.evaluation import confusion_matrices, intervals
from tests.test_evaluation import table_of

CLASSES, CORPORA = 6, 250


def corpus(speakers, rng, *, sparse=False):
    """Confusions of speakers who differ, as a whole and in each class; shape (speakers, 6, 6)."""
    skill = 0.8 + 0.8 * np.linspace(-1, 1, CLASSES) + 0.7 * rng.normal(size=(speakers, 1))
    skill = skill + 0.9 * rng.normal(size=(speakers, CLASSES))
    spoken = rng.poisson(6, size=(speakers, CLASSES))
    if sparse:  # a speaker lacks a third of the classes
        spoken[:, 1:][rng.random((speakers, CLASSES - 1)) < 1 / 3] = 0
    spoken[:, 0] += 1
    right = rng.binomial(spoken, 1 / (1 + np.exp(-skill)))
    counts = np.zeros((speakers, CLASSES, CLASSES))
    for k in range(CLASSES):
        counts[:, k, k] = right[:, k]
        counts[:, k, (k + 1) % CLASSES] = spoken[:, k] - right[:, k]
    return counts


@pytest.mark.parametrize("sparse", [False, True], ids=["every class", "classes missing"])
@pytest.mark.parametrize("speakers", [3, 4, 5, 10, 20])
def test_intervals_cover_the_truth_as_often_as_they_say(speakers, sparse):
    rng = np.random.default_rng([speakers, sparse])
    truth = float(confusion_matrices.uar(corpus(20_000, rng, sparse=sparse).sum(0)))
    covered = percentiles = 0
    for _ in range(CORPORA):
        counts = corpus(speakers, rng, sparse=sparse)
        pooled = counts.sum(0)
        score = confusion_matrices.of_resamples("uar", pooled)
        uar = float(confusion_matrices.uar(pooled))
        found = intervals.interval(uar, score, counts, resamples=400)
        covered += found.low <= truth <= found.high
        drawn = intervals.bootstrap(score, counts, resamples=400, seed=0)
        low, high = np.quantile(drawn, [0.025, 0.975])
        percentiles += low <= truth <= high
    assert 0.91 <= covered / CORPORA <= 0.995
    if speakers < 6:  # what this replaces
        assert percentiles / CORPORA < 0.9


@pytest.mark.parametrize("speakers", [4, 5])
def test_intervals_of_a_difference_cover_it(speakers):
    """Two systems on the same speakers; the true difference is that of a large population."""
    rng = np.random.default_rng(speakers)

    def pair(count):
        both = corpus(count, rng)
        worse = both.copy()
        lost = rng.binomial(np.diagonal(both, axis1=1, axis2=2).astype(int), 0.15)
        for k in range(CLASSES):
            worse[:, k, k] -= lost[:, k]
            worse[:, k, (k + 2) % CLASSES] += lost[:, k]
        return both, worse

    def gap(cells):
        one, other = np.split(cells, 2, axis=-1)
        shape = (*cells.shape[:-1], CLASSES, CLASSES)
        uars = [confusion_matrices.uar_present(side.reshape(shape)) for side in (one, other)]
        return uars[0] - uars[1]

    def together(sides):
        return np.concatenate([side.reshape(len(side), -1) for side in sides], axis=1)

    truth = float(gap(together(pair(20_000)).sum(0)))
    covered = 0
    for _ in range(CORPORA):
        cells = together(pair(speakers))
        found = intervals.interval(
            float(gap(cells.sum(0))), gap, cells, resamples=400, bounds=intervals.DIFFERENCE
        )
        covered += found.low <= truth <= found.high
    assert 0.9 <= covered / CORPORA <= 0.995


@pytest.fixture
def rare():
    """Four speakers, everything right; one class is spoken by one of them only."""
    said = {"ann": "abc", "ben": "ab", "cem": "ab", "dot": "ab"}
    rows = [
        {"label": label, "predicted": label, "speaker": name, "gender": "female", "fold": fold}
        for fold, (name, labels) in enumerate(said.items())
        for label in labels
    ]
    return evaluation.evaluate(pd.DataFrame(rows), classes=["a", "b", "c"])


def test_a_resample_without_a_class_is_no_error(rare):
    for metric in ("uar", "macro_f1", "wa"):
        found = rare.interval(metric)
        assert (found.value, found.low, found.high) == (1, 1, 1)
        assert "not known" in found.note
    per_class = rare.per_class().frame()
    assert per_class.loc["a", ["low", "high"]].tolist() == [1, 1]
    assert np.isnan(per_class.loc["c", ["low", "high"]].astype(float)).all()  # one speaker


def test_a_fold_is_scored_over_the_classes_of_its_speakers(rare):
    row = rare.over_folds_and_seeds().frame().loc[("folds", "uar")]
    assert (row["min"], row["max"], row["sd"]) == (1, 1, 0)


def test_a_class_that_nobody_spoke_counts_as_zero_in_score_and_interval():
    result = evaluation.evaluate(
        table_of("ababab", "abaaab", speaker=list("xxyyzz")), classes=["a", "b", "c"]
    )
    found = result.interval()
    assert found.value == pytest.approx((1 + 2 / 3) / 3)
    assert 0 < found.low < found.value < found.high < 1


def test_speakers_who_all_score_the_same_leave_the_uncertainty_unknown():
    for matrix in ([[3, 1], [1, 2]], [[7, 3, 1], [1, 2, 0], [0, 1, 5]]):
        counts = np.repeat(np.array([matrix], float), 7, axis=0)
        value = float(confusion_matrices.uar_present(counts.sum(0)))
        found = intervals.interval(value, confusion_matrices.uar_present, counts, resamples=500)
        assert found.low == found.high == pytest.approx(value)
        assert "its uncertainty is not known" in found.note
