"""The configuration of augmented copies: recipe, labels, and whether they are drawn on the fly."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sertk.augment.compose import Compose
from sertk.errors import ConfigurationError


@dataclass(frozen=True)
class Augmentation:
    """Say which training utterances get copies, of what kind, and whether these are kept.

    Accepted wherever the name of a recipe is.

    Args:
        recipe: Name of a recipe, or a list of transforms; see `sertk.augment.recipe`.
        only: Labels whose utterances alone get copies, such as `("happy",)`; `None` is all.
        on_the_fly: Draw new copies in every epoch instead of keeping a few in the cache. An epoch
            then reads the files and computes the spectra of the copies it visits.

    Raises:
        ConfigurationError: If `only` names no label.

    Examples:
        >>> Augmentation("noise", only=("happy",)).record(copies=2)
        {'name': 'noise', 'copies': 2, 'only': ['happy']}
    """

    recipe: str | Sequence[Any] | Compose
    only: tuple[str, ...] | None = None
    on_the_fly: bool = False

    def __post_init__(self) -> None:
        if self.only is None:
            return
        if isinstance(self.only, str) or not self.only:
            raise ConfigurationError(
                f"Received only={self.only!r}.",
                "It must be a list of the labels whose utterances are augmented.",
                "For example: only=('happy',); omit it to augment all labels.",
                code="invalid-only-labels",
            )
        object.__setattr__(self, "only", tuple(self.only))

    def record(self, copies: int) -> dict[str, Any]:
        """Record it for run.json; what is as usual is left out.

        Args:
            copies: int >= 0. Copies of each utterance.
        """
        of_list = {"transforms": self.recipe.record} if isinstance(self.recipe, Compose) else {}
        return {
            "name": str(self.recipe),
            "copies": copies,
            **({"only": list(self.only)} if self.only else {}),
            **({"on_the_fly": True} if self.on_the_fly else {}),
            **of_list,
        }
