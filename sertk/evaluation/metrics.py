"""UAR, WA, F1 and the confusion matrix of arrays of labels.

In: what is true and what was predicted, and every class of the task. Out: a fraction or counts.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sertk.errors import ConfigurationError, listing
from sertk.evaluation import confusion_matrices as matrices


def confusion(truth: Sequence[Any], predicted: Sequence[Any], labels: Sequence[Any]) -> np.ndarray:
    """Count confusions.

    Args:
        truth: shape (utterances,), true labels.
        predicted: shape (utterances,), predicted labels.
        labels: Every class of the task, in order; at least two, none twice.

    Returns:
        shape (classes, classes), int64; rows are true classes, columns predicted ones.

    Raises:
        ConfigurationError: If lengths differ, there is no utterance, or a label is not a class.

    Examples:
        >>> confusion(["sad", "sad", "happy"], ["sad", "happy", "happy"], ["happy", "sad"]).tolist()
        [[1, 0], [1, 1]]
    """
    classes = [str(label) for label in labels]
    if len(classes) < 2 or len(set(classes)) < len(classes):
        raise ConfigurationError(
            f"Received the classes {listing(classes, 12) or '(none)'}.",
            "Scores need at least two different classes.",
            "Pass labels=[...] with every class of the task.",
            code="too-few-classes",
        )
    if len(truth) != len(predicted) or not len(truth):
        raise ConfigurationError(
            f"Received {len(truth)} true and {len(predicted)} predicted labels.",
            "Both must have the same length, at least one.",
            "Pass arrays of equal length.",
            code="unequal-lengths",
        )
    index = pd.Index(classes)
    codes = [index.get_indexer(pd.Index([str(v) for v in s])) for s in (truth, predicted)]
    strange = {str(label) for label in (*truth, *predicted)} - set(classes)
    if strange:
        raise ConfigurationError(
            f"Received the labels {listing(sorted(strange))}, which are not in the class list "
            f"({listing(classes, 20)}).",
            "Every label must be a class.",
            "Pass labels=[...] with every class of the task.",
            code="labels-outside-classes",
        )
    return matrices.count(codes[0], codes[1], len(classes)).astype(np.int64)


def uar(truth: Sequence[Any], predicted: Sequence[Any], labels: Sequence[Any]) -> float:
    """Compute the unweighted average recall (balanced accuracy over the given classes).

    A class without true utterances counts as recall 0, so that a missing class lowers the score.

    Args:
        truth: shape (utterances,), true labels.
        predicted: shape (utterances,), predicted labels.
        labels: Every class of the task.

    Returns:
        A fraction in [0, 1].

    Raises:
        ConfigurationError: As `confusion`.

    Examples:
        >>> uar(["sad", "sad", "happy"], ["sad", "happy", "happy"], ["happy", "sad"])
        0.75
    """
    return float(matrices.uar(confusion(truth, predicted, labels)))


def wa(truth: Sequence[Any], predicted: Sequence[Any], labels: Sequence[Any]) -> float:
    """Compute the weighted accuracy: the share of utterances that are right.

    Args:
        truth: shape (utterances,), true labels.
        predicted: shape (utterances,), predicted labels.
        labels: Every class of the task.

    Returns:
        A fraction in [0, 1].

    Raises:
        ConfigurationError: As `confusion`.

    Examples:
        >>> wa(["sad", "sad", "sad", "happy"], ["sad"] * 4, ["happy", "sad"])
        0.75
    """
    return float(matrices.wa(confusion(truth, predicted, labels)))


def f1(truth: Sequence[Any], predicted: Sequence[Any], labels: Sequence[Any]) -> float:
    """Compute the macro F1: the mean over classes of the harmonic mean of precision and recall.

    Args:
        truth: shape (utterances,), true labels.
        predicted: shape (utterances,), predicted labels.
        labels: Every class of the task.

    Returns:
        A fraction in [0, 1].

    Raises:
        ConfigurationError: As `confusion`.

    Examples:
        >>> round(f1(["sad", "sad", "happy"], ["sad", "happy", "happy"], ["happy", "sad"]), 3)
        0.667
    """
    return float(matrices.macro_f1(confusion(truth, predicted, labels)))
