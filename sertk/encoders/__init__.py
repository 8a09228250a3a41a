"""The family of pretrained encoders: one file is one architecture, in Keras layers.

In: the name of published weights, or a file of them. Out: a `keras.Model` from the front end's
feature to hidden states, one after each transformer block. Weights are files of safetensors with
Hugging Face's names: in the package, in the folder that `sertk download` fills, or the user's.
"""

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from sertk._utils import lookup
from sertk.encoders import _weights
from sertk.errors import ModelError, UnknownNameError
from sertk.features._feature import Feature

_PACKAGE = Path(__file__).parents[1] / "pretrained"
SUFFIX = ".safetensors"


def names() -> list[str]:
    """List the architectures by name."""
    return lookup.names(__name__)


def published() -> list[str]:
    """List the published weights by name.

    Examples:
        >>> "whisper-tiny.en" in published()
        True
    """
    return sorted(name for module in _modules() for name in module.CONFIGS)


@dataclass(frozen=True)
class Encoder:
    """Weights of an encoder on this machine; `find` looks for them.

    Args:
        name: Name of published weights, or path of the user's own.
        architecture: Which file of the family builds it.
        config: Its size, of the architecture's `Config`.
        path: The file of weights.
        kept: int. Transformer blocks in the file.
        license: License and holder of the weights.
    """

    name: str
    architecture: str
    config: Any
    path: Path
    kept: int
    license: str

    @property
    def _module(self) -> ModuleType:
        return lookup.load(__name__, self.architecture, "encoder")

    @property
    def front_end(self) -> Feature:
        """The feature that the encoder takes, at 16 kHz."""
        feature: Feature = self._module.front_end(self.config)
        return feature

    @property
    def paddable(self) -> bool:
        """Whether silent frames behind an input change no state of the others."""
        return bool(self._module.PADDABLE)

    def frames(self, samples: int) -> int:
        """Count the hidden states of a waveform of some samples at 16 kHz."""
        return int(self._module.frames(self.config, samples))

    def build(self, blocks: int) -> Any:
        """Build the first blocks of the encoder, with its weights.

        Args:
            blocks: int, from 0 to the blocks of the encoder.

        Returns:
            A `keras.Model`: (batch, *shape of the front end's feature) to a list of `blocks + 1`
            hidden states, (batch, frames, units), float32.

        Raises:
            ModelError: If the file is damaged.
        """
        model = self._module.build(self.config, blocks)
        _weights.assign(self._module.variables(model), self.path)
        return model


def find(encoder: str, blocks: int = 0) -> Encoder:
    """Find the weights of an encoder.

    Args:
        encoder: Name of published weights, such as `"whisper-tiny.en"`, or the path of a
            .safetensors file that `sertk encoder convert` wrote.
        blocks: int >= 0. How many transformer blocks are needed.

    Raises:
        UnknownNameError: If there are no published weights of that name.
        ModelError: If the weights are not on this machine, are damaged, or have too few blocks.

    Examples:
        >>> find("whisper-tiny.en", blocks=2).config.units
        384
    """
    if encoder.endswith(SUFFIX):
        candidates = [Path(encoder).expanduser()]
    elif encoder in published():
        places = (_PACKAGE / f"{encoder}{SUFFIX}", folder() / f"{encoder}{SUFFIX}")
        candidates = [path for path in places if path.is_file()]
    else:
        raise UnknownNameError("encoder", encoder, published())
    found = [_described(encoder, path) for path in candidates]
    for one in found:
        if 0 <= blocks <= one.kept:
            return one
    if found and blocks > found[-1].config.blocks:
        raise ModelError(
            f"Block {blocks} of {encoder} was requested.",
            f"It has {found[-1].config.blocks} blocks.",
            "Choose others: blocks=1,2.",
            code="no-such-block",
        )
    have = f"has the first {found[-1].kept} blocks of it" if found else "does not have them"
    raise ModelError(
        f"The weights of {encoder} are needed up to block {blocks}; this machine {have}.",
        "Only the blocks that the pretrained model uses are in the package.",
        f"Download them: sertk download {encoder}",
        code="encoder-not-downloaded",
    )


def folder() -> Path:
    """Return the folder of downloaded encoders: `SERTK_ENCODERS`, else the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("SERTK_ENCODERS") or Path(home) / "sertk" / "encoders").expanduser()


def _described(name: str, path: Path) -> Encoder:
    record = _weights.read_metadata(path)
    module = lookup.load(__name__, record["architecture"], "encoder")
    config = module.Config(**record["config"])
    return Encoder(name, record["architecture"], config, path, record["blocks"], record["license"])


def describe(architecture: str, config: Any, blocks: int, license: str, source: str) -> str:
    """Write the metadata of a file of weights, as JSON.

    Args:
        architecture: Which file of the family builds it.
        config: Its size.
        blocks: How many transformer blocks are in the file.
        license: License and holder of the weights.
        source: Where they come from.
    """
    import json

    record = {
        "architecture": architecture, "config": dataclasses.asdict(config), "blocks": blocks,
        "license": license, "source": source,
    }  # fmt: skip
    return json.dumps(record)


def _modules() -> list[ModuleType]:
    return [lookup.load(__name__, name, "encoder") for name in names()]
