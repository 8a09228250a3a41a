"""Learning rate range test (learning rate finder).

In: a network and its training clips. Out: a Display whose figure shows where the loss falls, and
where training would diverge. The network keeps the weights that it came with.
"""

import keras
import numpy as np
import pandas as pd

from sertk.datasets import ClipDataset
from sertk.errors import ConfigurationError
from sertk.evaluation.learning_curve import RateDisplay
from sertk.training import objective
from sertk.training.fitting import assemble

_DIVERGED = 4.0  # times the least loss
_MEMORY = 0.9  # of the smoothed loss


def lr_range_test(
    network: keras.Model,
    train: ClipDataset,
    *,
    lowest: float = 1e-5,
    highest: float = 1.0,
    steps: int = 100,
) -> RateDisplay:
    """Raise the learning rate from batch to batch, until the loss runs away.

    A good peak for `learning_rate` lies at or somewhat below the steepest fall.

    Args:
        network: Uncompiled, from `sertk.models.build`.
        train: What it is to learn from; its config choose optimizer and loss.
        lowest: First learning rate.
        highest: Last learning rate.
        steps: Batches.

    Returns:
        `.frame()` has `learning_rate, loss, smoothed`; `.plot()` draws them.

    Raises:
        ConfigurationError: If the rates do not rise, or there are fewer than ten steps.

    References:
        Smith 2017, Cyclical Learning Rates for Training Neural Networks, arXiv 1506.01186.
    """
    if not 0 < lowest < highest < np.inf or steps < 10:
        raise ConfigurationError(
            f"The learning rate finder received lowest={lowest}, highest={highest}, steps={steps}.",
            "Learning rates must be positive and rise, in at least ten steps.",
            "Omit them to use 1e-5 to 1 in 100 steps.",
            code="invalid-range-test",
        )
    # weights, and what dropout draws from
    kept = [(variable, variable.numpy()) for variable in network.variables]
    epoch = train.epoch
    model = assemble(network, train, train.config)
    model.compile(
        objective.optimizer(train.config, steps, {}, head=True, last=False),
        objective.loss(train.config),
    )
    rows: list[dict[str, float]] = []
    mean = 0.0
    for step, rate in enumerate(np.geomspace(lowest, highest, steps)):
        train.epoch = epoch + step // len(train)
        model.optimizer.learning_rate = rate
        model.reset_metrics()
        loss = float(model.train_on_batch(*train[step % len(train)]))
        mean = _MEMORY * mean + (1 - _MEMORY) * loss
        smoothed = mean / (1 - _MEMORY ** (step + 1))
        if not np.isfinite(loss):
            break
        rows.append({"learning_rate": float(rate), "loss": loss, "smoothed": smoothed})
        if step >= 10 and smoothed > _DIVERGED * min(row["smoothed"] for row in rows):
            break
    train.epoch = epoch
    for variable, value in kept:
        variable.assign(value)
    return RateDisplay(pd.DataFrame(rows))
