"""The family of features: one file is one feature, its name the public name.

A feature is a frozen dataclass and a `Feature`. Called with a waveform it gives `(frames, bins)`
float32; its `layer()` computes the same numbers inside a Keras graph. What is cached, and what
clips are cut of, is its `source`: the absolute spectrum in dB. `finish` (numpy) and `finish_layers`
(Keras) do the rest on a clip, after it was cut, padded and referenced.

Features are reached by class, `sertk.features.LogMel(n_mels=40)`, or by name,
`sertk.features.get("log_mel", n_mels=40)`.
"""

import dataclasses
from typing import Any

from sertk._utils import call_arguments, lookup
from sertk.features._feature import Feature as Feature


def names() -> list[str]:
    """List the features by name."""
    return lookup.names(__name__)


def get(name: str, **parameters: Any) -> Feature:
    """Build a feature by name.

    Raises:
        UnknownNameError: If there is no such feature, or it has no such parameter.
        ConfigurationError: If a parameter is of another kind, or out of range.

    Examples:
        >>> get("log_mel", n_mels=40).n_mels
        40
    """
    cls = getattr(lookup.load(__name__, name, "feature"), _class_name(name))
    known = [field.name for field in dataclasses.fields(cls)]
    call_arguments.check(
        cls, parameters, owner=f"The feature {name}", kind=f"{name} parameter", known=known
    )
    return cls(**parameters)


def to_dict(feature: Feature) -> dict[str, Any]:
    """Record a feature: its name and its parameters."""
    name = type(feature).__module__.rsplit(".", 1)[-1]
    return {"name": name, **dataclasses.asdict(feature)}  # type: ignore[call-overload]


def _class_name(name: str) -> str:
    return "".join(part.title() for part in name.split("_"))


def __getattr__(attribute: str) -> Any:
    for name in names():
        if _class_name(name) == attribute:
            return getattr(lookup.load(__name__, name, "feature"), attribute)
    raise AttributeError(f"module 'sertk.features' has no attribute {attribute!r}")


def __dir__() -> list[str]:
    return ["Feature", "get", "names", "to_dict", *map(_class_name, names())]
