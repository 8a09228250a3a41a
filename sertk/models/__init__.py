"""The family of models: one file is one network, its name the public name.

Each file has `build(input_shape, num_classes, *, width=1.0, ...)`, which returns an uncompiled
`keras.Model` from a finished clip to class probabilities. `width` scales the number of units, so
that tests can build big networks small.
"""

import inspect
from collections.abc import Callable
from typing import Any

from sertk._utils import call_arguments, lookup, seeding
from sertk.errors import ConfigurationError

_WIDEST = 32  # times as many units as the default has; far beyond, no memory holds them


def names() -> list[str]:
    """List the models by name."""
    return lookup.names(__name__)


def build(
    model: str | Callable[..., Any],
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    seed: int = 0,
    **arguments: Any,
) -> Any:
    """Build an uncompiled network.

    Args:
        model: Name of a model, or a function of your own with the same first arguments.
        input_shape: Shape of one finished clip, such as `train.input_shape`: (frames, bins).
        num_classes: Number of classes, at least two.
        seed: int. Seed of the initial weights and of dropout.
        **arguments: What that model takes besides, such as `width`.

    Returns:
        A `keras.Model` whose output is (batch, num_classes), probabilities.

    Raises:
        UnknownNameError: If there is no such model, or it takes no such argument.
        ConfigurationError: If the shape does not fit the model, or an argument is out of range.

    Examples:
        >>> build("mlp", (126, 64), 8).output_shape
        (None, 8)
    """
    function = lookup.load(__name__, model, "model").build if isinstance(model, str) else model
    parameters = inspect.signature(function).parameters.values()
    known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    name = model if isinstance(model, str) else getattr(model, "__name__", "model")
    call_arguments.check(
        function, arguments, owner=f"The model {name}", kind=f"{name} argument", known=known
    )
    if isinstance(model, str):
        _check_ranges(name, arguments)
    if num_classes < 2:
        raise ConfigurationError(
            f"Received {num_classes} class{'es' * (num_classes != 1)}.",
            "A classifier needs at least two.",
            "Choose another grouping, or a corpus with more emotions.",
            code="too-few-classes",
        )
    with seeding.seeded(seeding.derive(seed, "network")):
        return function(tuple(input_shape), num_classes, **arguments)


def check_standardize(model: str, standardize: str) -> None:
    """Refuse clips that are standardized, to a model that takes its feature as it is.

    Args:
        model: Name of a model; others are not checked.
        standardize: One of `sertk.datasets.STANDARDIZE`.

    Raises:
        ConfigurationError: If the module of the model has another `STANDARDIZE`.
    """
    module = lookup.load(__name__, model, "model") if model in names() else None
    wanted = getattr(module, "STANDARDIZE", standardize)
    if standardize != wanted:
        raise ConfigurationError(
            f"The model {model} received standardize={standardize}.",
            f"It was pretrained on the feature as it is, which needs standardize={wanted}.",
            f"Use --standardize {wanted}; the whole of it is: --model {model} --standardize "
            f"{wanted} {module.OPTIONS}",
            code="standardized-for-encoder",
        )


def _check_ranges(name: str, arguments: dict[str, Any]) -> None:
    """Check what all models of the family take, before Keras fails in the middle of one."""
    width, dropout = arguments.get("width", 1.0), arguments.get("dropout", 0.0)
    bad = [f"width={width}"] * (not 0 < width <= _WIDEST)
    bad += [f"dropout={dropout}"] * (not 0 <= dropout < 1)
    if bad:
        raise ConfigurationError(
            f"The model {name} received {', '.join(bad)}.",
            f"width must be in (0, {_WIDEST}], dropout in [0, 1).",
            "Omit them to use the defaults.",
            code="invalid-model-arguments",
        )
