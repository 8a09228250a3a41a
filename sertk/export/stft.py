"""The spectrogram by ONNX's operator STFT, without DFT matrices.

In: the part of a graph behind the front end. Out: the whole graph, waveform in. The numbers are
those of `sertk.features`: centered frames, zero padding, power, mel bands, decibels.
"""

from typing import Any

import numpy as np

from sertk.features import _spectrum
from sertk.features.log_mel import LogMel
from sertk.features.log_spectrogram import LogSpectrogram
from sertk.preprocessing import Preprocessing


def fits(prep: Preprocessing) -> bool:
    """Say whether the feature rests on a single short-time Fourier transform."""
    return isinstance(prep.feature.source, (LogMel, LogSpectrogram))


def compose(prep: Preprocessing, after: Any) -> Any:
    """Put the front end before a graph that takes a spectrum.

    Args:
        prep: Whose front end.
        after: ONNX model, spectrum (batch, frames, bins) to probabilities.
    """
    import onnx
    from onnx import compose as composing

    before = front_end(prep, after.opset_import[0].version, after.ir_version)
    # both parts must speak the same dialect, and the converter names further ones
    before.opset_import.extend(o for o in after.opset_import if o.domain)
    joined = composing.merge_models(before, after, io_map=[("spectrum", "spectrum")])
    del joined.graph.value_info[:]
    onnx.checker.check_model(joined)
    return joined


def front_end(prep: Preprocessing, opset: int, ir_version: int) -> Any:
    """Build waveform (batch, samples) to spectrum (batch, frames, bins), in dB."""
    from onnx import TensorProto, helper

    build = _Builder()
    x = build("Sub", "waveform", build("ReduceMean", "waveform", axes=[1], keepdims=1))
    if prep.target_rms_db is not None:
        x = _level(build, x, prep.target_rms_db)
    feature: Any = prep.feature.source
    if feature.preemphasis:
        before = build("Pad", x, build.whole([0, 1, 0, 0]))
        before = build("Slice", before, build.whole([0]), build.whole([-1]), build.whole([1]))
        x = build("Sub", x, build("Mul", before, build.real(feature.preemphasis)))
    half = feature.n_fft // 2
    x = build("Pad", x, build.whole([0, half, 0, half]))
    x = build("Unsqueeze", x, build.whole([2]))
    window = _spectrum.padded_window(
        feature.n_fft, feature.win_length or feature.n_fft, feature.window
    )
    # (batch, frames, bins, real and imaginary)
    x = build("STFT", x, build.whole(feature.hop_length), build.real(window), onesided=1)
    x = build("ReduceSum", build("Mul", x, x), build.whole([3]), keepdims=0)
    if isinstance(feature, LogMel):
        mel = _spectrum.mel_matrix(
            feature.sample_rate, feature.n_fft, feature.n_mels, feature.fmin, feature.fmax
        )
        x = build("MatMul", x, build.real(mel))
        bins = feature.n_mels
    else:
        bins = feature.n_bins
        x = build("Slice", x, build.whole([0]), build.whole([bins]), build.whole([2]))
    x = build("Log", build("Max", x, build.real(_spectrum.AMIN)))
    build("Mul", x, build.real(10 / np.log(10)), output="spectrum")
    ends: tuple[tuple[str, list[str | int | None]], ...] = (
        ("waveform", ["batch", "samples"]),
        ("spectrum", ["batch", "frames", bins]),
    )
    inputs, outputs = ([helper.make_tensor_value_info(n, TensorProto.FLOAT, s)] for n, s in ends)
    made = helper.make_graph(build.nodes, "front_end", inputs, outputs, build.constants)
    return helper.make_model(
        made, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version
    )


def _level(build: "_Builder", x: str, target_rms_db: float) -> str:
    """Scale to a root mean square; silence stays."""
    rms = build("Sqrt", build("ReduceMean", build("Mul", x, x), axes=[1], keepdims=1))
    least = build.real(1e-7)
    gain = build("Div", build.real(10 ** (target_rms_db / 20)), build("Max", rms, least))
    return build("Where", build("Less", rms, least), x, build("Mul", x, gain))


class _Builder:
    """Collect nodes and constants, each with a name of its own."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def __call__(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node, and give the name of its output."""
        from onnx import helper

        name = output or f"front_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def real(self, value: Any) -> str:
        """Add a float32 constant."""
        return self._constant(np.asarray(value, np.float32))

    def whole(self, value: Any) -> str:
        """Add an int64 constant."""
        return self._constant(np.asarray(value, np.int64))

    def _constant(self, value: np.ndarray) -> str:
        from onnx import numpy_helper

        name = f"front_constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name
