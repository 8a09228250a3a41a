"""How often intervals over speakers hold the truth, in simulated corpora whose truth is known."""

import numpy as np
import pytest

from sertk.evaluation import intervals, metrics

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
    truth = float(metrics.uar(corpus(20_000, rng, sparse=sparse).sum(0)))
    covered = percentiles = 0
    for _ in range(CORPORA):
        counts = corpus(speakers, rng, sparse=sparse)
        pooled = counts.sum(0)
        score = metrics.of_resamples("uar", pooled)
        found = intervals.interval(float(metrics.uar(pooled)), score, counts, resamples=400)
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
        return metrics.uar_present(one.reshape(shape)) - metrics.uar_present(other.reshape(shape))

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


def test_speakers_who_all_score_the_same_leave_the_uncertainty_unknown():
    for matrix in ([[3, 1], [1, 2]], [[7, 3, 1], [1, 2, 0], [0, 1, 5]]):
        counts = np.repeat(np.array([matrix], float), 7, axis=0)
        value = float(metrics.uar_present(counts.sum(0)))
        found = intervals.interval(value, metrics.uar_present, counts, resamples=500)
        assert found.low == found.high == pytest.approx(value)
        assert "its uncertainty is not known" in found.note
