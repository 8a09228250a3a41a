"""The published weights of all architectures, by name."""

from types import ModuleType

from sertk._utils import lookup
from sertk.errors import UnknownNameError

_FAMILY = "sertk.encoders"


def names() -> list[str]:
    """List the published weights."""
    return sorted(name for module in _modules() for name in module.CONFIGS)


def module_of(name: str) -> ModuleType:
    """Give the architecture of published weights.

    Raises:
        UnknownNameError: If there are none of that name.
    """
    for module in _modules():
        if name in module.CONFIGS:
            return module
    raise UnknownNameError("encoder", name, names())


def _modules() -> list[ModuleType]:
    return [lookup.load(_FAMILY, name, "encoder") for name in lookup.names(_FAMILY)]
