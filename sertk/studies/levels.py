"""The levels of a study's factors: names, or named objects.

In: the value of a factor. Out: its names, the objects behind those that are not names of sertk, and
the record of an object in study.json: enough to distinguish objects, not to train with them.
"""

import hashlib
import inspect
import re
import reprlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import pandas as pd

from sertk import augment, classical, corpora, features, labels, manifest, models, splits
from sertk.augment import fingerprints
from sertk.errors import ConfigurationError, SertkError, UnknownNameError
from sertk.labels import Grouping
from sertk.preprocessing import Preprocessing

GENDERS = ("all", "male", "female", "male>female", "female>male", "classes")
FACTORS = ("corpus", "gender", "grouping", "feature", "model", "augment", "protocol")
OBJECTS = ("corpus", "grouping", "feature", "model", "augment")  # factors that take them
USUAL = "usual"  # what a model was published with
_COMPARED = (  # of a manifest: all that decides what is trained and tested on
    "utterance_id", "sha256", "speaker", "emotion", "gender", "session", "style", "intensity",
    "start", "end", "label", "split", "fold", "val_folds",
)  # fmt: skip
_LONGEST = 32  # characters of a level in the name of a folder: seven of them make one


class Described(dict[str, Any]):
    """The description of an object in study.json, which replaces it in a study that was read."""


def names_and_objects(
    factor: str, given: Any, objects: Mapping[str, Any] = MappingProxyType({})
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Separate the levels of a factor from the objects that some of them have.

    Args:
        factor: One of `FACTORS`, or `"seed"`.
        given: A level, several, or a mapping of names to objects.
        objects: Objects by name, for levels without a mapping.

    Raises:
        ConfigurationError: If a level is no name (of a seed: no whole number), there is none, or
            one comes twice.
        UnknownNameError: If there is no level of that name.

    Examples:
        >>> names_and_objects("augment", {"none": "none", "hiss": "noise+shift"})
        (('none', 'hiss'), {'hiss': 'noise+shift'})
    """
    if isinstance(given, Mapping) and factor in OBJECTS:
        levels, objects = tuple(given), given
    else:
        levels = tuple(given) if isinstance(given, (list, tuple, range)) else (given,)
    _check_names(factor, levels)
    by_level = {}
    for level in levels:
        thing = objects.get(level, level)
        if isinstance(thing, Described):
            by_level[level] = thing
        elif isinstance(thing, type(level)) and thing == level:
            _check_known(factor, level)
        else:
            _check_free(factor, level)
            by_level[level] = _checked(factor, thing)
    return levels, by_level


def describe(factor: str, thing: Any) -> dict[str, Any]:
    """Describe an object in JSON types.

    Raises:
        ConfigurationError: If it cannot be described.

    Examples:
        >>> describe("model", len)
        {'name': 'builtins.len'}
    """
    if isinstance(thing, Described):
        return thing
    if isinstance(thing, Grouping):
        return vars(thing) | {"mapping": dict(thing.mapping), "optional": sorted(thing.optional)}
    if isinstance(thing, Preprocessing):
        return thing.to_dict()
    if isinstance(thing, pd.DataFrame):
        return {"manifest": fingerprint(thing), "utterances": len(thing)}
    if factor == "augment":
        record = _plan(thing).record(copies=1)
        return {key: value for key, value in record.items() if key != "copies"}  # the study's
    if isinstance(thing, str):
        return {"name": thing}
    if inspect.isroutine(thing):  # its level names it
        return {"name": f"{thing.__module__}.{thing.__qualname__}"}
    return fingerprints.described(thing)


def fingerprint(manifest: pd.DataFrame) -> str:
    """Hash what determines training and testing: not the locations or durations of files.

    Examples:
        >>> fingerprint(pd.DataFrame({"utterance_id": ["a"], "emotion": ["sad"], "path": ["b"]}))
        'c1daa59293ddd3af'
    """
    columns = [column for column in _COMPARED if column in manifest]
    text = manifest[columns].sort_values("utterance_id").to_csv(index=False)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def read(factor: str, record: Mapping[str, Any]) -> Any:
    """Make of what `describe` wrote what a finished study needs: a grouping, or the words."""
    if factor == "grouping" and "mapping" in record:
        return Grouping(record["mapping"], frozenset(record["optional"]), record["note"])
    return Described(record)


def unknown(factor: str, levels: Iterable[Any]) -> list[Any]:
    """List the levels that are no names here: of another version, or of a folder that is gone."""
    lost = []
    for level in levels:
        try:
            _check_known(factor, level)
        except SertkError:
            lost.append(level)
    return lost


def folder_name(level: str) -> str:
    """Write a level as a part of a folder's name: short, of letters that every system takes.

    What had to be changed has a mark of the whole level at its end.

    Examples:
        >>> folder_name("male>female"), folder_name("background@/corpora/noises/of the street")
        ('male_female', 'background__corpora_noi_88754bb0')
    """
    name = re.sub(r"[^\w+]", "_", level, flags=re.ASCII)
    if level in GENDERS or (name == level and len(name) <= _LONGEST):
        return name
    mark = hashlib.blake2b(level.encode(), digest_size=4).hexdigest()
    return f"{name[: _LONGEST - 1 - len(mark)]}_{mark}"


def _check_names(factor: str, levels: tuple[Any, ...]) -> None:
    kind: type = int if factor == "seed" else str
    wrong = [level for level in levels if not isinstance(level, kind) or isinstance(level, bool)]
    if wrong:
        word, remedy = "name", "Choose one of `sertk names`."
        none = " For no augmentation, use 'none'." if factor == "augment" and None in wrong else ""
        if factor == "seed":
            word, remedy = "whole number", "For example: seed=(0, 1, 2)."
        if factor in OBJECTS:
            remedy = f"Give the object a name: {factor}={{'mine': ...}}."
        raise ConfigurationError(
            f"The factor {factor} has the level {reprlib.repr(wrong[0])}.",
            f"A level of a study must be a {word}, since run folders and study.json use its "
            f"name.{none}",
            remedy,
            code="wrong-level-type",
        )
    if not levels or len(set(levels)) < len(levels):
        raise ConfigurationError(
            f"The factor {factor} has the levels {', '.join(map(repr, levels))}."
            if levels
            else f"The factor {factor} has no levels.",
            "A factor needs at least one level, and each level once.",
            "Pass different levels.",
            code="invalid-levels",
        )
    if kind is str and len({folder_name(level).casefold() for level in levels}) < len(levels):
        raise ConfigurationError(
            f"The factor {factor} has the levels {', '.join(map(repr, levels))}.",
            "Run folders have these names, and some file systems ignore case.",
            "Choose names that differ in more than case.",
            code="levels-differ-in-case",
        )


def _known(factor: str) -> list[str]:
    """List the names of a factor that can be listed: recipes of copies are words joined by +."""
    return {
        "corpus": corpora.names(), "gender": list(GENDERS), "grouping": list(labels.GROUPINGS),
        "feature": [USUAL, *features.names()], "model": [*models.names(), *classical.names()],
        "augment": ["none", *augment.names()], "protocol": [*splits.PROTOCOLS, *splits.PUBLISHED],
    }[factor]  # fmt: skip


def _check_known(factor: str, level: Any) -> None:
    if factor == "augment" and level != "none":
        augment.recipe(level)  # which refuses what it does not know
    elif factor != "seed" and level not in _known(factor):
        raise UnknownNameError(factor, level, _known(factor))


def _check_free(factor: str, name: str) -> None:
    if not unknown(factor, [name]):
        raise ConfigurationError(
            f"The factor {factor} received an object with the name {name!r}.",
            "This name belongs to a built-in of sertk.",
            "Choose another name.",
            code="reserved-level-name",
        )


def _checked(factor: str, thing: Any) -> Any:
    """Refuse an object that its factor cannot take, before anything is trained."""
    if factor == "grouping":
        return labels.grouping(thing)
    if factor == "augment":
        _plan(thing)  # which refuses what it does not know
        return thing
    if isinstance(thing, str):
        _check_known(factor, thing)
        return thing
    if isinstance(thing, pd.DataFrame):
        manifest.validate(thing)
    is_feature = isinstance(thing, Preprocessing) or hasattr(thing, "finish_layers")
    fits, requirement = {
        "corpus": (
            callable(thing) or isinstance(thing, pd.DataFrame),
            "a manifest, or a function that returns one",
        ),
        "feature": (is_feature, "a feature or a Preprocessing"),
        "model": (callable(thing), "a function such as those of sertk.models"),
    }[factor]
    if not fits:
        raise ConfigurationError(
            f"The factor {factor} received an object of type {type(thing).__name__}.",
            f"An object for this factor must be {requirement}.",
            "Pass one, or a name.",
            code="wrong-level-object",
        )
    return Preprocessing(thing) if hasattr(thing, "finish_layers") else thing


def _plan(thing: Any) -> augment.Augmentation:
    """Look at an augmentation alone: which labels there are is known once they are applied."""
    return augment.resolved(thing, getattr(thing, "only", None) or ())
