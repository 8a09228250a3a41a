"""Speaker normalization of predictions (transductive).

In: an evaluation whose rows have probabilities. Out: another, of the same utterances. Nothing is
fitted, and no label is used; but the speaker's other recordings are, so that the result does not
apply to a speaker with a single recording (it is transductive).
"""

import dataclasses

import numpy as np

from sertk.errors import ConfigurationError
from sertk.evaluation import probabilities
from sertk.evaluation.results import Evaluation

_LEAST = 1e-7  # the probability below which all are the same


def centered(shares: np.ndarray) -> np.ndarray:
    """Subtract the mean of log-probabilities over recordings of one speaker.

    This removes constant properties of a voice, such as a low one that is classified as sad, and
    keeps differences between recordings. It needs about equally many recordings of each class.

    Args:
        shares: Probabilities, shape (recordings, classes).

    Returns:
        Probabilities of the same shape; of a single recording they are all alike.

    Examples:
        >>> centered(np.array([[0.8, 0.2], [0.6, 0.4]])).argmax(1).tolist()
        [0, 1]
    """
    logarithms = np.log(np.maximum(shares, _LEAST))
    unnormalized = np.exp(logarithms - logarithms.mean(0))
    return unnormalized / unnormalized.sum(1, keepdims=True)


def normalize_speakers(result: Evaluation) -> Evaluation:
    """Score the same probabilities, each speaker's centered by all of their recordings.

    Args:
        result: `Evaluation` with probabilities. Each fold and seed is centered separately, since
            it has its own model; speakers with one recording, and unknown ones, are not changed.

    Raises:
        ConfigurationError: If probabilities are missing, or no speaker has two recordings.

    References:
        Standardizing a speaker's features before a classifier is as old as the field, such as
        Schuller et al. 2010, Cross-corpus acoustic emotion recognition; here a network's answers
        are centered instead.

    Examples:
        >>> import pandas as pd
        >>> from sertk.evaluation import evaluate
        >>> table = pd.DataFrame({"speaker": "ann", "label": ["x", "y"], "predicted": ["x", "x"],
        ...                       "p_x": [0.8, 0.6], "p_y": [0.2, 0.4]})
        >>> result = evaluate(table)
        >>> result.uar, normalize_speakers(result).uar
        (0.5, 1.0)
    """
    names = probabilities.columns(result.rows, result.classes)
    speakers = result.rows["speaker"].to_numpy(object)
    voices = result.rows.groupby(["fold", "seed", "speaker"]).indices.values()
    several = [at for at in voices if len(at) > 1 and speakers[at[0]] != "unknown"]
    if not several:
        raise ConfigurationError(
            f"None of the {result.num_utterances} recordings has a known speaker with a second "
            "recording.",
            "Speaker normalization subtracts the mean over the recordings of a speaker.",
            "Fill the column `speaker` of the manifest, or evaluate without speaker normalization.",
            code="no-repeated-speakers",
        )
    shares = result.rows[names].to_numpy(float, copy=True)
    predicted = result.rows["predicted"].to_numpy(object, copy=True)
    for at in several:
        shares[at] = centered(shares[at])
        predicted[at] = np.array(result.classes, object)[shares[at].argmax(1)]
    rows = result.rows.assign(predicted=predicted, **dict(zip(names, shares.T, strict=True)))
    return dataclasses.replace(result, rows=rows)
