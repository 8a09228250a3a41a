"""`Recipe`: a system, its published scores, and what is done otherwise here.

In: nothing. Out: frozen records, which `sertk.recipes.systems` fills.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sertk.preprocessing import Preprocessing


@dataclass(frozen=True)
class Published:
    """A published figure, with the protocol that it was measured by.

    Args:
        score: As published.
        protocol: How the score was measured.
        corpus: Measured on this one, where the recipe names several that were tried one by one.
    """

    score: str
    protocol: str
    corpus: str = ""


@dataclass(frozen=True)
class Difference:
    """What is done otherwise here than in the original.

    Args:
        what: The step.
        original: What was done there.
        here: What is done here.
        why: The reason.
        restored: `as_published` does what was done there.
    """

    what: str
    original: str
    here: str
    why: str
    restored: bool = False


@dataclass(frozen=True)
class Recipe:
    """A published system, or sertk's own: all arguments of `training.cross_validate`.

    Args:
        title: What it is.
        corpora: It was published on, or is made for.
        prep: From a recording to a clip.
        model: Name of the network.
        config: Changes to `sertk.training.config.Config`.
        arguments: Arguments of the network's `build`.
        standardize: How clips are scaled.
        augment: Recipe of copies, or `None`.
        copies: int >= 0. Copies of each utterance.
        grouping: Grouping of several corpora; `None` is the usual one of the corpus.
        genders: Multiply labels by gender.
        where: Rows to keep, column -> value; where the corpus has that column.
        seconds: Part of each recording that is used, (start, end) in seconds.
        division: `"usual"` for the corpus; `"isolated"` tests its last four speakers;
            `"everyone"` has no test speakers; `"copies first"`, `"files"` and `"files, no test"`
            are the leaky ones of originals.
        seeds: One model per fold and seed.
        published: Figures; sertk's own system has none.
        differences: From the original.
        as_published: Changes to this record that put defects back.
        stamps: What such a run is marked with.
    """

    title: str
    corpora: tuple[str, ...]
    prep: Preprocessing
    model: str
    config: Mapping[str, Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    standardize: str = "training"
    augment: str | None = None
    copies: int = 1
    grouping: str | None = None
    genders: bool = False
    where: Mapping[str, str] = field(default_factory=dict)
    seconds: tuple[float, float] | None = None
    division: str = "usual"
    seeds: tuple[int, ...] = (0,)
    published: tuple[Published, ...] = ()
    differences: tuple[Difference, ...] = ()
    as_published: Mapping[str, Any] = field(default_factory=dict)
    stamps: tuple[str, ...] = ()

    @property
    def usual_corpora(self) -> tuple[str, ...]:
        """Name the corpora that it is repeated on unless others are asked for.

        All that were trained on together, or the first of those that were tried one by one.
        """
        together = self.grouping == "moody7" or self.division == "everyone"
        return self.corpora if together else self.corpora[:1]
