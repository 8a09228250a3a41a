"""Enrolment: what a voice always has, from a few of its recordings, without labels.

In: mean vectors of recordings of one speaker, from an engine. Out: a `Profile`, which is kept in a
small file and belongs to one model.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sertk._utils import atomic, json_records, plain_files, schemas
from sertk.errors import ConfigurationError

SCHEMA_VERSION = 1
SUFFIX = ".json"


@dataclass(frozen=True)
class Profile:
    """A speaker who is enrolled in a model.

    Args:
        mean: shape (bins[, channels]), float32. Mean over the recordings of their mean vectors.
        count: int >= 1. Recordings, or pieces of long ones.
        model: Identity of the model that it belongs to, `Spec.weights_sha256`.

    Examples:
        >>> Profile(np.zeros(3, "float32"), 5, "abc").count
        5
    """

    mean: np.ndarray
    count: int
    model: str

    def write(self, path: str | Path) -> None:
        """Write the profile as JSON.

        Raises:
            OutputError: If the file cannot be written.
        """
        with atomic.whole(Path(path).expanduser()) as temporary:
            temporary.write_text(json.dumps(self.to_dict()) + "\n", encoding="utf-8")

    def to_dict(self) -> dict[str, Any]:
        """Return the record that the file holds, with five digits of each number."""
        return {
            "schema_version": SCHEMA_VERSION, "model": self.model, "count": self.count,
            "shape": list(self.mean.shape),
            "mean": [float(f"{value:.5g}") for value in self.mean.ravel().tolist()],
        }  # fmt: skip

    @classmethod
    def read(cls, path: str | Path) -> "Profile":
        """Read a profile.

        Raises:
            ConfigurationError: If it is none, or damaged.
        """
        path = Path(path).expanduser()
        try:
            with plain_files.opened(path) as file:
                record = json_records.of_model(file.read(), SCHEMA_VERSION, path)
            json_records.require(record, schemas.Profile)
            mean = np.array(record["mean"], np.float32).reshape(record["shape"])
        except (OSError, ValueError, json_records.DamagedError) as error:
            raise ConfigurationError(
                f"Cannot read {path} as the profile of a speaker ({str(error).rstrip('.')}).",
                "A profile is a file that `sertk enrol` wrote.",
                "Write it again from recordings of the speaker: sertk enrol DIR -o speaker.json.",
                code="damaged-profile",
            ) from error
        return cls(mean, record["count"], record["model"])


def profile(vectors: Sequence[np.ndarray], model: str) -> Profile:
    """Average the mean vectors of recordings of one speaker.

    Raises:
        ConfigurationError: If there is none.
    """
    if not len(vectors):
        raise ConfigurationError(
            "None of the recordings of the speaker contains speech.",
            "Enrolment averages recordings in which the speaker speaks, better five or more.",
            "Check the recordings and their level, or predict without --speaker.",
            code="no-speech-to-enrol",
        )
    return Profile(np.mean(vectors, axis=0, dtype=float).astype(np.float32), len(vectors), model)
