"""The space of a search: which settings vary, and between which values.

In: names and distributions of Optuna, or words such as `C=1e-4..1:log`. Out: a checked mapping, and
for each point of it what `sertk.training.cross_validate` takes.
"""

import dataclasses
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sertk import classical, features
from sertk._utils import lookup
from sertk.errors import ConfigurationError, UnknownNameError
from sertk.preprocessing import Preprocessing
from sertk.training.config import Config

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

# what is searched where no space is given
_PENALTY = {"model.C": (1e-5, 10.0, "log")}
USUAL: dict[str, dict[str, tuple[float, float, str]]] = {
    "logreg": _PENALTY,
    "probe": _PENALTY,
    "svm": _PENALTY,
    "random_forest": {"model.max_depth": (2, 30, ""), "model.min_leaf": (1, 10, "")},
}
_OF_NETWORKS = {
    "learning_rate": (1e-4, 1e-2, "log"), "weight_decay": (1e-4, 1e-1, "log"),
    "label_smoothing": (0.0, 0.3, ""), "mixup": (0.0, 0.5, ""), "time_mask": (0.0, 0.3, ""),
}  # fmt: skip
_OTHERS = ("augment", "copies", "standardize")


def require_optuna() -> Any:
    """Import Optuna with its log quiet, or say how to install it.

    Raises:
        ConfigurationError: If it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise ConfigurationError(
            "Optuna is not installed.",
            "A search needs the package optuna.",
            "Install it from the repository: pip install -c constraints.txt -e '.[search]'.",
            code="optuna-not-installed",
        ) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def names(model: str, prep: Preprocessing) -> list[str]:
    """List what can vary for a model and a feature.

    Examples:
        >>> "model.C" in names("probe", Preprocessing())
        True
    """
    parameters = inspect.signature(_function(model)).parameters.values()
    own = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "seed"]
    of_feature = [f.name for f in dataclasses.fields(prep.feature) if f.name != "sample_rate"]  # type: ignore[arg-type]
    of_prep = [f.name for f in dataclasses.fields(Preprocessing) if f.name != "feature"]
    return [
        *Config.__dataclass_fields__, *of_prep, *_OTHERS,
        *(f"model.{name}" for name in own), *(f"feature.{name}" for name in of_feature),
    ]  # fmt: skip


def default(model: str, argument: str) -> Any:
    """Look up what an argument of a model is without a search."""
    return inspect.signature(_function(model)).parameters[argument].default


def _function(model: str) -> Any:
    if model in classical.names():
        return lookup.load("sertk.classical", model, "model").fit
    return lookup.load("sertk.models", model, "model").build


def usual(model: str) -> "dict[str, BaseDistribution]":
    """Give the default space: the penalty of a linear model, the training of a network."""
    chosen = USUAL.get(model, _OF_NETWORKS)
    return {name: _numbers(low, high, log=bool(log)) for name, (low, high, log) in chosen.items()}


def check(space: Mapping[str, Any], model: str, prep: Preprocessing) -> None:
    """Refuse a space that is empty, or names what cannot vary.

    Raises:
        UnknownNameError: If there is no such setting.
        ConfigurationError: If nothing varies, or something is no distribution.
    """
    optuna = require_optuna()
    known = names(model, prep)
    for name, values in space.items():
        if name not in known:
            raise UnknownNameError("setting", name, known)
        if not isinstance(values, optuna.distributions.BaseDistribution):
            raise ConfigurationError(
                f"The space has {name}={values!r}.",
                "It must be a distribution of Optuna, such as "
                "optuna.distributions.FloatDistribution(1e-4, 1e-2, log=True).",
                "On the command line: --space learning_rate=1e-4..1e-2:log.",
                code="wrong-distribution-type",
            )
    if not space or all(values.single() for values in space.values()):
        raise ConfigurationError(
            "The space of the search holds a single point.",
            "At least one setting must have several values.",
            "For example: --space model.C=1e-4..1:log",
            code="empty-search-space",
        )


def read(name: str, text: str, value: Any) -> "BaseDistribution":
    """Read `LOW..HIGH`, `LOW..HIGH:log` or `A,B,C`.

    Args:
        name: Of the setting, for messages.
        text: The words.
        value: Reads a single value: a number, true, false or null where it is one.
    """
    optuna = require_optuna()
    numbers, _, scale = text.partition(":")
    low, dots, high = numbers.partition("..")
    if not dots:
        choices = [value(part.strip()) for part in text.split(",")]
        return optuna.distributions.CategoricalDistribution(choices)
    ends = [value(low), value(high)]
    fits = all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends)
    if not fits or scale not in ("", "log") or not ends[0] <= ends[1] or (scale and ends[0] <= 0):
        raise ConfigurationError(
            f"Received --space {name}={text}.",
            "A range is LOW..HIGH, with :log for a logarithmic one above 0; choices are A,B,C.",
            "For example: --space model.C=1e-4..1:log --space feature.n_mels=40,64,80",
            code="malformed-range",
        )
    return _numbers(*ends, log=bool(scale))


def _numbers(low: float, high: float, *, log: bool) -> "BaseDistribution":
    distributions = require_optuna().distributions
    whole = isinstance(low, int) and isinstance(high, int)
    kind = distributions.IntDistribution if whole else distributions.FloatDistribution
    return kind(low, high, log=log)


def to_json(values: "BaseDistribution") -> str:
    """Write a distribution as text that `SearchResult.space` reads."""
    return str(require_optuna().distributions.distribution_to_json(values))


def words(values: "BaseDistribution") -> str:
    """Describe a distribution as readers want it.

    Examples:
        >>> words(_numbers(1e-4, 1.0, log=True)), words(_numbers(2, 8, log=False))
        ('0.0001 to 1, logarithmic', '2 to 8')
    """
    choices = getattr(values, "choices", None)
    if choices is not None:
        return ", ".join(map(str, choices))
    low, high = getattr(values, "low"), getattr(values, "high")  # noqa: B009 - of two classes
    return f"{low:g} to {high:g}" + ", logarithmic" * getattr(values, "log", False)


def applied(
    point: Mapping[str, Any], prep: Preprocessing, words: Mapping[str, Any]
) -> tuple[Preprocessing, dict[str, Any]]:
    """Apply a point of the space to what `cross_validate` takes.

    Args:
        point: Setting -> value.
        prep: The preprocessing to change.
        words: Arguments of `cross_validate`: `config`, `arguments`, `augment`, ...

    Returns:
        The preprocessing and the words, changed.
    """
    of_feature, of_prep, of_model, config, others = {}, {}, {}, {}, {}
    for name, value in point.items():
        owner, dot, own = name.partition(".")
        if dot and owner == "feature":
            of_feature[own] = value
        elif dot:
            of_model[own] = value
        elif name in _OTHERS:
            others[name] = None if (name, value) == ("augment", "none") else value
        elif name in Config.__dataclass_fields__:
            config[name] = value
        else:
            of_prep[name] = value
    feature = prep.feature
    if of_feature:
        record = {**features.to_dict(feature), **of_feature}
        feature = features.get(**record)
    changed = dataclasses.replace(prep, **{**of_prep, "feature": feature})
    return changed, {
        **words,
        **others,
        "config": words.get("config", Config()).changed(config),
        "arguments": {**words.get("arguments", {}), **of_model},
    }
