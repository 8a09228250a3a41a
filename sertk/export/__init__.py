"""Export a run as one file that maps a waveform to probabilities.

In: a run folder. Out: ONNX, OpenVINO or LiteRT, a bundle of ONNX with all that belongs to it, or
the package's pretrained model, each compared with the trained model before it is kept. The
conversion runs in a process of its own, on TensorFlow, whatever the caller runs on.
"""

from pathlib import Path
from typing import Any

from sertk.errors import UnknownNameError
from sertk.export.bundling import to_bundle, to_pretrained
from sertk.export.card import model_card
from sertk.export.result import Exported
from sertk.export.writing import to_litert, to_onnx, to_openvino
from sertk.run import Run

__all__ = [
    "FORMATS", "Exported", "export", "model_card", "to_bundle", "to_litert", "to_onnx",
    "to_openvino", "to_pretrained",
]  # fmt: skip

FORMATS = {
    "onnx": to_onnx,
    "openvino": to_openvino,
    "litert": to_litert,
    "bundle": to_bundle,
    "pretrained": to_pretrained,
}


def export(run: Run | str | Path, to: str = "onnx", **options: Any) -> Exported:
    """Export a run in a format named by a word.

    Args:
        run: A run, or its folder.
        to: `"onnx"`, `"openvino"`, `"litert"`, `"bundle"` or `"pretrained"`.
        **options: Of `to_onnx` and its like.

    Raises:
        UnknownNameError: If there is no such format.

    Examples:
        `sertk.export.export("runs/ravdess_compact", "bundle")`
    """
    if to not in FORMATS:
        raise UnknownNameError("format", to, FORMATS)
    return FORMATS[to](run, **options)
