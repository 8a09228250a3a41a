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
from typing import TYPE_CHECKING, Any

from sertk._utils import json_records, lookup
from sertk.encoders import _published, _weights
from sertk.errors import ConfigurationError, ModelError, UnknownNameError
from sertk.features._feature import Feature

if TYPE_CHECKING:
    import pandas as pd

_PACKAGE = Path(__file__).parents[1] / "pretrained" / "encoder"
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
    return _published.names()


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
    require_known(encoder)
    if encoder.endswith(SUFFIX):
        found = [_described(encoder, Path(encoder).expanduser())]
    else:
        found = _on_this_machine(encoder)
    for one in found:
        if 0 <= blocks <= one.kept:
            return one
    if found and not 0 <= blocks <= found[-1].config.blocks:
        raise ModelError(
            f"Block {blocks} of {encoder} was requested.",
            f"It has {found[-1].config.blocks} blocks.",
            "Choose others: blocks=1,2.",
            code="no-such-block",
        )
    get = f"Download them: sertk download {encoder}"
    if encoder in published() and encoder not in _published.module_of(encoder).DOWNLOADS:
        get = f"Download them from Hugging Face, and convert them: {_conversion(encoder)}"
    have = f"has the first {found[-1].kept} blocks of it" if found else "does not have them"
    raise ModelError(
        f"The weights of {encoder} are needed up to block {blocks}; this machine {have}.",
        "Only the blocks that the pretrained model uses are in the package.",
        get,
        code="encoder-not-downloaded",
    )


def require_known(encoder: str) -> None:
    """Refuse what is neither the name of published weights nor the path of a file of them.

    Raises:
        UnknownNameError: If it is not.
    """
    if not encoder.endswith(SUFFIX) and encoder not in published():
        raise UnknownNameError("encoder", encoder, published())


def block_numbers(blocks: str | int) -> list[int]:
    """Read numbers of transformer blocks.

    Args:
        blocks: Different numbers with commas between them.

    Raises:
        ConfigurationError: If it is anything else.

    Examples:
        >>> block_numbers("2,3"), block_numbers(1)
        ([2, 3], [1])
    """
    words = [word.strip() for word in str(blocks).split(",")]
    numbers = [int(word) for word in words if word.isdecimal()]
    if len(set(numbers)) < len(words):
        raise ConfigurationError(
            f"Received blocks={blocks!r}.",
            "It must be different numbers of blocks with commas between them.",
            'For example: blocks="2,3".',
            code="invalid-blocks",
        )
    return numbers


def frame() -> "pd.DataFrame":
    """List the published weights: size, license, and what of them is on this machine.

    Returns:
        One row per name: `name, architecture, units, blocks, here, license`; `here` counts the
        blocks whose weights are in the package or in `folder()`.

    Examples:
        >>> frame().set_index("name").loc["whisper-base", ["units", "blocks"]].tolist()
        [512, 6]
    """
    import pandas as pd

    rows = []
    for name in published():
        module = _published.module_of(name)
        config = module.CONFIGS[name]
        rows.append({
            "name": name, "architecture": module.__name__.rsplit(".", 1)[-1],
            "units": config.units, "blocks": config.blocks,
            "here": max((one.kept for one in _on_this_machine(name)), default=0),
            "license": module.LICENSES[name],
        })  # fmt: skip
    return pd.DataFrame(rows)


def convert(
    source: str | Path, target: str | Path, *, name: str | None = None, blocks: int | None = None,
    license: str | None = None,
) -> Path:  # fmt: skip
    """Convert published weights, or your own, to a file that `find` reads.

    PyTorch, transformers and CTranslate2 are not needed. Numbers are stored in float16.

    Args:
        source: OpenAI's .pt of Whisper; Hugging Face's folder, or its .safetensors or
            pytorch_model.bin with config.json beside it, of Whisper, wav2vec 2.0, HuBERT,
            data2vec-audio or WavLM; or CTranslate2's model.bin of Whisper, or its folder.
        target: File to write; its name ends with `.safetensors`.
        name: Name of the published weights that it holds, which is recorded with their license.
        blocks: int >= 1. Keep the first blocks only; `None` keeps all.
        license: License and holder of the weights; needed without a `name`.

    Returns:
        The target.

    Raises:
        ModelError: If the source cannot be read, is of an unsupported architecture, or is of
            another size than those of the name.
        UnknownNameError: If there are no published weights of that name.
    """
    from sertk.encoders import _converting

    return _converting.convert(
        Path(source).expanduser(), Path(target).expanduser(), name=name, blocks=blocks,
        license=license,
    )  # fmt: skip


def download(
    name: str, to: str | Path | None = None, base_url: str | None = None, *, progress: bool = True
) -> Path:
    """Download OpenAI's weights of Whisper, check their sha256, and convert the encoder.

    An interrupted download is resumed by the next call.

    Args:
        name: Name of published weights, such as `"whisper-base"`.
        to: Folder to write to; `None` is `folder()`, where `find` looks.
        base_url: Address of a mirror, which has the files under OpenAI's names, such as base.pt.
        progress: Whether to show a progress bar.

    Returns:
        The file of weights; an existing one that is whole is kept.

    Raises:
        UnknownNameError: If there are no published weights of that name.
        ModelError: If they cannot be downloaded, or are not those that were published.
    """
    from sertk.encoders import _downloading

    place = folder() if to is None else Path(to).expanduser()
    return _downloading.download(name, place, base_url=base_url, progress=progress)


def folder() -> Path:
    """Return the folder of downloaded encoders: `SERTK_ENCODERS`, else the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("SERTK_ENCODERS") or Path(home) / "sertk" / "encoders").expanduser()


def _on_this_machine(name: str) -> list[Encoder]:
    places = (_PACKAGE / f"{name}{SUFFIX}", folder() / f"{name}{SUFFIX}")
    return [_described(name, path) for path in places if path.is_file()]


def _described(name: str, path: Path) -> Encoder:
    record = _weights.read_metadata(path)
    try:
        module = lookup.load(__name__, record["architecture"], "encoder")
        json_records.require(record["config"], module.Config)
        config = module.Config(**record["config"])
        kept, license = int(record["blocks"]), str(record["license"])
    except (KeyError, TypeError, ValueError) as error:  # of another version, or by hand
        raise _weights.unfit(path, f"its metadata are not those of sertk: {error}") from error
    return Encoder(name, record["architecture"], config, path, kept, license)


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


def _conversion(name: str) -> str:
    return f"sertk encoder convert FOLDER {folder() / name}{SUFFIX} --name {name}"
