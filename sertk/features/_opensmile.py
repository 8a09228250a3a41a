"""What the features of openSMILE share: the package, its license, the processes it runs in.

In: a waveform. Out: `(1, numbers)` for functionals, `(frames, numbers)` for low-level descriptors.
openSMILE runs in processes of its own: once TensorFlow is loaded, it damages the memory of the
process that calls it (measured: openSMILE 2.6 after TensorFlow 2.21).
"""

import importlib.metadata
import importlib.util
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from sertk.errors import ConfigurationError, UnknownNameError
from sertk.features import _spectrum
from sertk.features._feature import Feature

LICENSE = "openSMILE: audEERING research license, not for commercial products"
_SHORTEST = 0.06  # seconds; of less, openSMILE gives no frame
LEVELS = ("functionals", "lld")


class OpenSmile(Feature):
    """Base of the features that openSMILE computes; subclasses name a feature set and a level."""

    in_decibels = False
    in_graph = False
    in_processes = True
    license = LICENSE
    feature_set = ""
    level: Any

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise UnknownNameError("level", self.level, LEVELS)

    @property
    def identity(self) -> str:
        """Tell apart, for the cache, the values of another release of openSMILE."""
        require()
        return f"opensmile {importlib.metadata.version('opensmile')}"

    @property
    def number_names(self) -> list[str]:
        return _number_names(self.feature_set, self.level)

    @property
    def number_groups(self) -> list[str]:
        return [name.split("_sma")[0] for name in self.number_names]

    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        """Compute the feature of a waveform.

        Args:
            waveform: shape (samples,), float32, full scale at +-1.

        Returns:
            shape (1, numbers), or (frames, numbers) of low-level descriptors, float32. What
            openSMILE cannot compute, such as the pitch of a whisper's vowels, is 0.
        """
        wave = _spectrum.checked(waveform)
        require()
        _say_license()
        shortest = round(_SHORTEST * self.sample_rate)
        padded = np.pad(wave, (0, max(shortest - len(wave), 0)))
        values = _elsewhere(_values, self.feature_set, self.level, padded, self.sample_rate)
        return np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)

    def frames(self, samples: int) -> int:
        return 1 if self.level == "functionals" else max(1, samples * 100 // self.sample_rate)

    def shape(self, frames: int) -> tuple[int, ...]:
        return (frames, len(self.number_names))


def require() -> None:
    """See that opensmile is installed, without importing it here.

    Raises:
        ConfigurationError: If it is not.
    """
    if importlib.util.find_spec("opensmile") is None:
        raise ConfigurationError(
            "openSMILE is not installed.",
            "The features egemaps and compare need the package opensmile.",
            "Install it from the repository: pip install -c constraints.txt -e '.[opensmile]'. "
            "Its license allows research, not commercial products; --feature functionals needs no "
            "further package.",
            code="opensmile-not-installed",
        )


def _elsewhere(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function of this module in another process, one of as many as there are cores."""
    from joblib.externals.loky import cpu_count, get_reusable_executor

    return get_reusable_executor(max_workers=cpu_count()).submit(function, *arguments).result()


@lru_cache(maxsize=8)
def _number_names(feature_set: str, level: str) -> list[str]:
    require()
    return list(_elsewhere(_names, feature_set, level))


def _names(feature_set: str, level: str) -> list[str]:
    return list(_extractor(feature_set, level).feature_names)


def _values(feature_set: str, level: str, waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    table = _extractor(feature_set, level).process_signal(waveform, sample_rate)
    return table.to_numpy(np.float32)


@lru_cache(maxsize=8)
def _extractor(feature_set: str, level: str) -> Any:
    import opensmile

    levels = {"functionals": "Functionals", "lld": "LowLevelDescriptors"}
    return opensmile.Smile(
        feature_set=getattr(opensmile.FeatureSet, feature_set),
        feature_level=getattr(opensmile.FeatureLevel, levels[level]),
    )


@lru_cache(maxsize=1)
def _say_license() -> None:
    """Name the license once in a process, when openSMILE is first used."""
    warnings.warn(f"{LICENSE} (https://audeering.github.io/opensmile-python/).", stacklevel=2)
