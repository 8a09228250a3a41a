"""Find the entries of a family: one file in its folder is one entry with the file's name.

In: the import name of a folder such as `sertk.corpora`. Out: names, or the module itself.
Nothing is registered; a file that is added is found. Names with a leading underscore are helpers.
"""

import importlib
import pkgutil
from types import ModuleType

from sertk.errors import UnknownNameError


def names(package: str) -> list[str]:
    """List the public names in a family without importing any of its entries.

    Examples:
        >>> "ravdess" in names("sertk.corpora")
        True
    """
    folder = importlib.import_module(package)
    return sorted(m.name for m in pkgutil.iter_modules(folder.__path__) if m.name[0] != "_")


def load(package: str, name: str, kind: str) -> ModuleType:
    """Import the entry called `name`, or say which names exist."""
    known = names(package)
    if name not in known:
        raise UnknownNameError(kind, name, known)
    return importlib.import_module(f"{package}.{name}")
