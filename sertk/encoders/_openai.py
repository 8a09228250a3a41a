"""Read the files of OpenAI's Whisper, such as base.en.pt."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sertk._utils import json_records
from sertk.encoders import _torch_files, whisper
from sertk.encoders._checkpoint import Checkpoint, UnfitError

_PARTS = {
    "attn.query": "self_attn.q_proj", "attn.key": "self_attn.k_proj",
    "attn.value": "self_attn.v_proj", "attn.out": "self_attn.out_proj",
    "attn_ln": "self_attn_layer_norm", "mlp.0": "fc1", "mlp.2": "fc2",
    "mlp_ln": "final_layer_norm",
}  # fmt: skip
_BLOCK = re.compile(r"encoder\.blocks\.(\d+)\.(.+)\.(weight|bias)")


def read(path: Path) -> Checkpoint:
    """Read the size and the names of a file; arrays are read when they are asked for."""
    saved = _torch_files.read(path)
    if not isinstance(saved, Mapping) or not {"dims", "model_state_dict"} <= set(saved):
        raise UnfitError("it has no dims and model_state_dict, as OpenAI's files have")
    try:
        json_records.require(saved["dims"], dict[str, int])
        dims: Any = saved["dims"]
        config = whisper.Config(
            dims["n_audio_state"], dims["n_audio_layer"], dims["n_audio_head"], dims["n_mels"]
        )
    except (json_records.DamagedError, KeyError) as error:
        raise UnfitError(f"its dims are not those of Whisper: {error}") from error
    tensors = saved["model_state_dict"]
    arrays = {
        _name(key): tensor.read
        for key, tensor in tensors.items()
        if isinstance(tensor, _torch_files.Tensor)
    }
    return Checkpoint("whisper", config, arrays)


def _name(key: str) -> str:
    """Translate the name of an array to Hugging Face's."""
    match = _BLOCK.fullmatch(key)
    if match is None:
        return key
    return f"encoder.layers.{match[1]}.{_PARTS.get(match[2], match[2])}.{match[3]}"
