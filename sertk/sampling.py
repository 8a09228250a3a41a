"""Make up for classes of different size.

In: labels. Out: weights per class, for the loss.
"""

from collections.abc import Sequence

import pandas as pd


def class_weights(labels: Sequence[str], classes: Sequence[str]) -> dict[int, float]:
    """Weigh each class by the inverse of its share, mean 1 over utterances.

    Args:
        labels: Of the training utterances.
        classes: In order.

    Returns:
        Class index -> weight.

    Example:
        >>> class_weights(["sad", "sad", "sad", "happy"], ["happy", "sad"])
        {0: 2.0, 1: 0.6666666666666666}
    """
    counts = pd.Series(list(labels)).value_counts()
    return {k: len(labels) / (len(classes) * int(counts[c])) for k, c in enumerate(classes)}
