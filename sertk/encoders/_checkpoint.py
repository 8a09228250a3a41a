"""What the readers of published weights hand to the converter."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Checkpoint:
    """An architecture, its size, and a function that reads each array, by Hugging Face's name."""

    architecture: str
    config: Any
    arrays: Mapping[str, Callable[[], np.ndarray]]


class UnfitError(ValueError):
    """Why a file cannot be converted, in a few words."""
