"""The family of classical models: one file is one classifier, fitted by scikit-learn.

In: feature vectors and labels. Out: an ordinary `keras.Model` that holds the fitted numbers, so
that a classical model is saved, evaluated, exported and predicted with like a network, without
pickle. Each file has `fit(inputs, labels, weights, num_classes, *, seed, ...)`, which returns a
`Fitted`: the estimator, and the Keras network that scores classes as it does.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from sertk._utils import call_arguments, lookup
from sertk.errors import ConfigurationError

if TYPE_CHECKING:
    from sertk.classical._fitted import Fitted, Groups


def names() -> list[str]:
    """List the classical models by name."""
    return lookup.names(__name__)


def check(name: str, arguments: dict[str, Any], frames: int) -> None:
    """Refuse arguments, and clips of several frames, that a classical model does not take.

    Raises:
        UnknownNameError: If there is no such model, or it takes no such argument.
        ConfigurationError: If a value is of another kind, or out of range, or there are frames.
    """
    module = lookup.load(__name__, name, "model")
    known = sorted(module.RANGES)
    call_arguments.check(
        module.fit, arguments, owner=f"The model {name}", kind=f"{name} argument", known=known
    )
    for argument, value in arguments.items():
        allowed = module.RANGES[argument]
        if isinstance(allowed, range):
            fits = value is None or allowed[0] <= value <= allowed[-1]
            needed = f"{argument} must be from {allowed[0]} to {allowed[-1]}."
        elif isinstance(allowed, tuple):
            fits = value in allowed
            needed = f"{argument} must be one of {', '.join(map(str, allowed))}."
        else:
            fits = value is None or value >= allowed
            needed = f"{argument} must be at least {allowed:g}."
        if not fits:
            raise ConfigurationError(
                f"The model {name} received {argument}={value}.",
                needed,
                "Omit it to use the default.",
                code="invalid-model-arguments",
            )
    if frames != 1 and not module.POOLS:
        raise ConfigurationError(
            f"The model {name!r} received clips of {frames} frames.",
            "It needs one feature vector per utterance.",
            "Use a feature of an utterance such as --feature functionals, or --model probe, which "
            "pools the frames.",
            code="frames-for-classical-model",
        )


def is_grouped(name: str) -> bool:
    """Tell whether a classical model asks which corpus and speaker clips are of."""
    return bool(getattr(lookup.load(__name__, name, "model"), "GROUPED", False))


def fit(
    name: str,
    inputs: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    *,
    weights: np.ndarray | None = None,
    seed: int = 0,
    groups: "Groups | None" = None,
    **arguments: Any,
) -> "Fitted":
    """Fit a classical model.

    Args:
        name: Name of the model; `names()` lists them.
        inputs: shape (clips, frames, bins), standardized; one frame for all but `probe`.
        labels: shape (clips,), int. Class indices.
        num_classes: int >= 2.
        weights: shape (clips,). Weight of each clip; equal by default.
        seed: int. Seed of what is random in the fit.
        groups: Corpora and speakers of the clips, for models that ask for them.
        **arguments: What the model takes besides, such as `C`.

    Returns:
        The fitted estimator, and the network that does what it does.

    Raises:
        UnknownNameError: If there is no such model, or it takes no such argument.
        ConfigurationError: If the inputs do not fit, or a value is out of range.

    Examples:
        >>> x = np.random.default_rng(0).normal(size=(60, 1, 4)).astype("float32")
        >>> y = (x[:, 0, 0] > 0).astype(int)
        >>> network = fit("logreg", x, y, 2, C=10.0).network
        >>> int((network.predict(x, verbose=0).argmax(axis=1) == y).sum()) > 55
        True
    """
    check(name, arguments, inputs.shape[1])
    module = lookup.load(__name__, name, "model")
    equal = np.ones(len(labels)) if weights is None else weights
    if is_grouped(name):
        arguments["groups"] = groups
    fitted: Fitted = module.fit(inputs, labels, equal, num_classes, seed=seed, **arguments)
    return fitted
