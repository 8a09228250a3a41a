"""Linear discriminant analysis with a shrunk covariance, for one corpus or several."""

from typing import Any

import keras
import numpy as np

from sertk.classical._fitted import Fitted, Groups, linear, network
from sertk.layers.kernels import CorpusMixture

POOLS = False
GROUPED = True
RANGES: dict[str, Any] = {"shrinkage": range(2), "experts": (True, False), "least_speakers": 1}
_GATE_SHRINKAGE, _GATE_TEMPERATURE = 0.3, 20.0  # of telling corpora apart
_HEAD_TEMPERATURE = 8.0  # of classifiers that are mixed: their own probabilities are too sure
_NEVER = 1e4  # what a class that the corpus lacks has less than others


def fit(
    inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray, num_classes: int, *,
    seed: int = 0, groups: Groups | None = None, shrinkage: float = 0.6, experts: bool = True,
    least_speakers: int = 10,
) -> Fitted:  # fmt: skip
    """Fit one Gaussian per class with a covariance that all classes share.

    What varies within a class, such as the speaker, counts little. Before anything is known of a
    clip, all classes of its corpus are equally probable.

    Of several corpora, each counts alike, and is centered on the mean of its own classes. Corpora
    differ in what their labels mean, so that one classifier for all is worse on each of them: a
    corpus with enough speakers gets a classifier of its own besides, and a gate, which tells from
    the recording how much it resembles that corpus, mixes them.

    Args:
        inputs: shape (clips, 1, numbers), standardized.
        labels: shape (clips,), int. Class indices.
        weights: shape (clips,). Not used: classes are equally probable, and clips weigh the same.
        num_classes: Number of classes.
        seed: Not used: the solution is unique.
        groups: Corpus and speaker of each clip, and its inputs without enrolment.
        shrinkage: float in [0, 1]. Share of the covariance that is replaced by a multiple of the
            identity, which matters where numbers are many and speakers few.
        experts: bool. Whether corpora get classifiers of their own, where there are several.
        least_speakers: int >= 1. Speakers that a corpus needs for one.

    References:
        Friedman 1989, Regularized Discriminant Analysis. Jacobs et al. 1991, Adaptive mixtures of
        local experts.
    """
    vectors = inputs.reshape(len(inputs), -1).astype(np.float64)
    corpora = np.zeros(len(labels), int) if groups is None else groups.corpora
    parts = [corpora == corpus for corpus in np.unique(corpora)]
    common = _discriminant([(vectors[at], labels[at]) for at in parts], num_classes, shrinkage)
    relevance = np.linalg.norm(common[0], axis=1)
    own: list[int] = []  # numbers of the corpora that get a classifier of their own
    if groups is not None and experts and len(parts) > 1:
        speakers = [len(np.unique(groups.speakers[at])) for at in parts]
        own = [number for number, count in enumerate(speakers) if count >= least_speakers]
    if groups is None or not own:
        scores = linear(common[0].T, common[1], name="scores")
        net = network("lda", inputs.shape[1:], keras.layers.Flatten(), scores)
        return Fitted(None, net, relevance)
    heads = [common] + [
        _discriminant([(vectors[parts[n]], labels[parts[n]])], num_classes, shrinkage) for n in own
    ]
    plain = groups.plain.reshape(len(inputs), -1).astype(np.float64)
    gate = _gate(plain, parts, own)
    mixture = CorpusMixture.holding(
        {
            "kernels": np.stack([kernel for kernel, _ in heads]) / _HEAD_TEMPERATURE,
            "biases": np.stack([bias for _, bias in heads]) / _HEAD_TEMPERATURE,
            "gate_kernel": gate[0], "gate_bias": gate[1], "heads": gate[2],
        },
        name="mixture",
    )  # fmt: skip
    shape = (1, 2 * inputs.shape[-1])
    return Fitted(None, network("lda", shape, keras.layers.Flatten(), mixture), relevance)


def _discriminant(
    parts: list[tuple[np.ndarray, np.ndarray]], num_classes: int, shrinkage: float
) -> tuple[np.ndarray, np.ndarray]:
    """Solve for kernel (numbers, classes) and bias (classes,) from the clips of some corpora."""
    numbers = parts[0][0].shape[1]
    covariance = np.zeros((numbers, numbers))
    sums, counts = np.zeros((num_classes, numbers)), np.zeros(num_classes)
    for vectors, labels in parts:
        present = np.unique(labels)
        means = np.stack([vectors[labels == k].mean(axis=0) for k in present])
        rest = vectors - means[np.searchsorted(present, labels)]
        covariance += rest.T @ rest / len(rest) / len(parts)
        centered = means - means.mean(axis=0) if len(parts) > 1 else means
        sums[present] += centered
        counts[present] += 1
    means = sums / np.maximum(counts, 1)[:, None]
    shared = (1 - shrinkage) * covariance
    shared[np.diag_indices(numbers)] += shrinkage * np.trace(covariance) / numbers
    kernel = np.linalg.solve(shared, means.T)
    bias = -0.5 * (means.T * kernel).sum(axis=0)
    bias[counts == 0] -= _NEVER
    return kernel, bias


def _gate(
    plain: np.ndarray, parts: list[np.ndarray], own: list[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tell corpora apart: kernel, bias, and which head each corpus uses; 0 is the common one."""
    labels = np.zeros(len(plain), int)
    for number, at in enumerate(parts):
        labels[at] = number
    kernel, bias = _discriminant([(plain, labels)], len(parts), _GATE_SHRINKAGE)
    heads = np.zeros((len(parts), 1 + len(own)))
    for number in range(len(parts)):
        heads[number, 1 + own.index(number) if number in own else 0] = 1
    return kernel / _GATE_TEMPERATURE, bias / _GATE_TEMPERATURE, heads
