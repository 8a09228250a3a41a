"""INT8 after training, by NNCF: what is learnt is rounded, the front end is not.

In: an OpenVINO model, and utterances of the training split. Out: the same model in INT8. Rounding
the DFT would throw away what lies far below the peak: labels agree at 0.7 with it, at 0.98 without.
"""

import contextlib
import io
import logging
from typing import Any

from sertk.errors import ConfigurationError
from sertk.export.clips import Clips
from sertk.predict.engines import require_openvino

MOST = 128  # utterances that the ranges are measured on
# names of the layers before the network, of which a scope is made
_BEFORE = (
    "/logmel", "/logspectrogram", "/noisereverb", "/level", "/cut", "/clip_reference",
    "/clip_floor", "/cepstrum", "/deltas", "/delta_channels", "/mean_bin", "/standardize",
)  # fmt: skip


def quantise(model: Any, sounds: Clips) -> Any:
    """Quantise everything behind the front end.

    Raises:
        ConfigurationError: If NNCF is not installed, or no utterance of the training split is
            there.
    """
    require_openvino()
    try:
        import nncf
    except ImportError as error:
        raise ConfigurationError(
            "NNCF is not installed.",
            "INT8 is made by the package nncf.",
            "Install it from the repository: pip install -c constraints.txt -e '.[export]'.",
        ) from error
    if not sounds.heard:
        raise ConfigurationError(
            "No utterance of the training split can be read.",
            "INT8 measures on them which numbers occur.",
            "Set SERTK_CORPORA to the folder above the corpus, or pass --root.",
        )
    logging.getLogger("nncf").setLevel(logging.ERROR)
    heard = sounds.waveforms[: sounds.heard]
    step = -(-len(heard) // MOST)
    calibration = nncf.Dataset([wave[None] for wave in heard[::step]])
    with contextlib.redirect_stdout(io.StringIO()):  # of its progress bars
        return nncf.quantize(
            model,
            calibration,
            subset_size=MOST,
            preset=nncf.QuantizationPreset.MIXED,
            ignored_scope=nncf.IgnoredScope(names=before_the_network(model), validate=False),
        )


def before_the_network(model: Any) -> list[str]:
    """Name the operations from the waveform to what the network takes.

    Those are the cut, which pads with -1000 dB, the reference, the rest of the feature, the
    standardisation, and all that leads to them.
    """
    waiting = [op for op in model.get_ops() if any(s in op.get_friendly_name() for s in _BEFORE)]
    found: dict[str, None] = {}
    while waiting:
        operation = waiting.pop()
        name = operation.get_friendly_name()
        if name not in found:
            found[name] = None
            waiting += [value.get_node() for value in operation.input_values()]
    kinds = {op.get_friendly_name(): op.get_type_name() for op in model.get_ops()}
    return [name for name in found if kinds.get(name) not in ("Parameter", "Constant")]
