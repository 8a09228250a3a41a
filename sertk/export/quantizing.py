"""INT8 quantization after training with NNCF.

In: an OpenVINO model, and utterances of the training split. Out: the same model in INT8. What costs
little and loses much stays as it is: the front end, whose DFT holds what lies far below the peak;
the network's first layer and its last; normalization, softmax and the vote of the clips.
"""

import contextlib
import io
import logging
from typing import Any

from sertk.errors import ConfigurationError
from sertk.export.clips import Clips
from sertk.predict.engines import require_openvino

MOST = 128  # utterances that the ranges are measured on
_ROUNDED = ("Convolution", "GroupConvolution", "MatMul")
# names of the layers before the network, of which a scope is made
_BEFORE = (
    "/logmel", "/logspectrogram", "/noisereverb", "/level", "/cut", "/clip_reference",
    "/clip_floor", "/cepstrum", "/deltas", "/delta_channels", "/mean_bin", "/standardize",
)  # fmt: skip


def quantize(model: Any, sounds: Clips) -> Any:
    """Quantize the convolutions and matrix products between the first and the last of the network.

    Raises:
        ConfigurationError: If NNCF is not installed, or no utterance of the training split is
            there.
    """
    require_openvino()
    try:
        import nncf
        from nncf.quantization.range_estimator import RangeEstimatorParametersSet as ranges
    except ImportError as error:
        raise ConfigurationError(
            "NNCF is not installed.",
            "INT8 quantization needs the package nncf.",
            "Install it from the repository: pip install -c constraints.txt -e '.[export]'.",
            code="nncf-not-installed",
        ) from error
    if not sounds.num_recorded:
        raise ConfigurationError(
            "No utterance of the training split can be read.",
            "INT8 quantization measures the range of activations on training utterances.",
            "Set SERTK_CORPORA to the folder above the corpus, or pass --root.",
            code="no-quantization-data",
        )
    logging.getLogger("nncf").setLevel(logging.ERROR)
    num_recorded = sounds.waveforms[: sounds.num_recorded]
    step = -(-len(num_recorded) // MOST)
    calibration = nncf.Dataset([wave[None] for wave in num_recorded[::step]])
    with contextlib.redirect_stdout(io.StringIO()):  # of its progress bars
        return nncf.quantize(
            model,
            calibration,
            subset_size=MOST,
            preset=nncf.QuantizationPreset.MIXED,
            ignored_scope=nncf.IgnoredScope(names=exact(model), validate=False),
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                # the least error of rounding; biases moved to make up for it change more labels
                activations_range_estimator_params=ranges.HISTOGRAM,
                disable_bias_correction=True,
            ),
        )


def exact(model: Any) -> list[str]:
    """Name the operations that are not rounded, in the order in which they are computed."""
    kinds = {
        op.get_friendly_name(): op.get_type_name()
        for op in model.get_ordered_ops()
        if op.get_type_name() not in ("Parameter", "Constant", "Result")
    }
    front_end = set(before_the_network(model))
    products = [n for n, kind in kinds.items() if n not in front_end and kind in _ROUNDED]
    return [name for name in kinds if name not in products[1:-1]]


def before_the_network(model: Any) -> list[str]:
    """Name the operations from the waveform to what the network takes.

    Those are the cut, which pads with -1000 dB, the reference, the rest of the feature, the
    standardization, and all that leads to them.
    """
    waiting = [op for op in model.get_ops() if any(s in op.get_friendly_name() for s in _BEFORE)]
    found: dict[str, None] = {}
    while waiting:
        operation = waiting.pop()
        name = operation.get_friendly_name()
        if name not in found:
            found[name] = None
            waiting += [value.get_node() for value in operation.input_values()]
    return list(found)
