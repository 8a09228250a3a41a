"""Inference engines: onnxruntime, OpenVINO and Keras.

In: waveforms at the model's rate, trimmed. Out: probabilities (waveforms, classes). Only the
requested engine is imported: prediction from ONNX needs neither Keras nor a backend.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sertk.errors import ConfigurationError, ModelError
from sertk.predict.spec import KEY, Spec
from sertk.preprocessing.clips import aggregate_clips

# of an exported graph whose speakers can be enrolled: inputs beside the waveform, and the output
# that is averaged over a speaker's recordings
ENROLLED = ("speaker_mean", "speaker_count")
VECTOR = "vector"
BATCH = 8  # waveforms computed at once; more take memory and, on a CPU, no less time
_SIZES = (1, 8, 32)  # of batches of clips: JAX compiles again for every other one


class Engine(Protocol):
    """What a `Predictor` asks of whatever computes for it."""

    name: str
    spec: Spec
    # shape of what a speaker is enrolled by; `None` where nobody can be
    bins: tuple[int, ...] | None

    def __call__(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        """Compute probabilities, shape (waveforms, classes), float64."""

    def vectors(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        """Compute what a speaker is enrolled by, shape (waveforms, *bins), float32."""

    def enrol(self, mean: np.ndarray | None, count: int) -> None:
        """Set the mean vector of the speaker's recordings and their number; `None` for nobody."""


class KerasEngine:
    """Compute with a .keras file, through the same steps as evaluation.

    Args:
        path: The file.
        spec: What belongs to it.
    """

    name = "keras"

    def __init__(self, path: Path, spec: Spec):
        from sertk._utils import keras_backend

        keras_backend.use_backend("auto")
        with keras_backend.without_native_messages():
            from sertk.layers import speaker
            from sertk.training import saving

            self.model = saving.load_model(path)
            self._speaker: Any = speaker.of_model(self.model)
        self.spec, self.prep = spec, spec.prep
        self.bins = None if self._speaker is None else tuple(self._speaker.mean.shape)

    def __call__(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        clips, counts = self._clips(waveforms)
        shares = self._predict(self.model, clips).astype(float)
        return aggregate_clips(shares, counts, self.spec.clip_aggregation)

    def vectors(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        import keras

        clips, counts = self._clips(waveforms)
        before = keras.Model(self.model.inputs, self._speaker.input)
        means = self._predict(before, clips).mean(axis=1)
        ends = np.cumsum(counts)[:-1]
        return np.stack([own.mean(axis=0) for own in np.split(means, ends)])

    def enrol(self, mean: np.ndarray | None, count: int) -> None:
        self._speaker.enrol(np.zeros(self._speaker.mean.shape) if mean is None else mean, count)

    def _clips(self, waveforms: Sequence[np.ndarray]) -> tuple[np.ndarray, list[int]]:
        prep = self.prep
        clips = [prep.clips(prep.extract(prep.level(waveform))) for waveform in waveforms]
        return np.concatenate(clips), [len(each) for each in clips]

    def _predict(self, model: Any, clips: np.ndarray) -> np.ndarray:
        """Predict clips in batches of one of a few sizes: JAX compiles for every other size."""
        parts = []
        for start in range(0, len(clips), _SIZES[-1]):
            part = clips[start : start + _SIZES[-1]]
            size = next(size for size in _SIZES if len(part) <= size)
            full = np.zeros((size, *clips.shape[1:]), np.float32)
            full[: len(part)] = part
            parts.append(np.asarray(model.predict_on_batch(full))[: len(part)])
        return np.concatenate(parts)


class OnnxEngine:
    """Compute with onnxruntime.

    Args:
        content: The file, or its bytes.
        source: What to call it in messages.
        threads: int >= 0. Threads of onnxruntime; 0 uses every core.
        beside: Files with weights of its, name -> bytes.

    Raises:
        ModelError: If it is no ONNX file, or none that sertk exported.
    """

    name = "onnxruntime"

    def __init__(
        self, content: Path | bytes, source: str, threads: int = 0,
        beside: Mapping[str, bytes] | None = None,
    ):  # fmt: skip
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # from bytes: from a path, it would look for the files in its folder only
        if beside and isinstance(content, Path):
            content = content.read_bytes()
        model = content if isinstance(content, bytes) else str(content)
        if beside:
            weights = list(beside.values())
            options.add_external_initializers_from_files_in_memory(
                list(beside), weights, list(map(len, weights))
            )
        try:
            self.session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise unusable(source, "ONNX", error) from error
        record = self.session.get_modelmeta().custom_metadata_map.get(KEY)
        if record is None:
            raise _undescribed(source, "ONNX")
        self.record = record
        self.spec = Spec.from_json(record, source)
        _require_classes(self.spec, self.session.get_outputs()[0].shape[-1], source)
        more = self.session.get_inputs()[1:]
        self.bins: tuple[int, ...] | None = tuple(more[0].shape[1:]) if more else None
        self._given = {} if self.bins is None else given_of(self.bins, None, 0)

    def __call__(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        return self._run("probabilities", waveforms).astype(float)

    def vectors(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        return self._run(VECTOR, waveforms)

    def enrol(self, mean: np.ndarray | None, count: int) -> None:
        if self.bins is not None:
            self._given = given_of(self.bins, mean, count)

    def _run(self, output: str, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        parts = [
            self.session.run([output], {"waveform": batch, **self._given})[0]
            for batch in batches(waveforms)
        ]
        return np.concatenate(parts)


class OpenVinoEngine:
    """Compute with OpenVINO.

    Args:
        path: The .xml file; the .bin is in the same folder.
        threads: int >= 0. Threads of OpenVINO; 0 uses every core.

    Raises:
        ConfigurationError: If OpenVINO is not installed.
        ModelError: If it is no such file, or none that sertk exported.
    """

    name = "openvino"

    def __init__(self, path: Path, threads: int = 0):
        openvino = require_openvino()
        core = openvino.Core()
        try:
            model = core.read_model(path)
        except Exception as error:
            weights = path.with_suffix(".bin")
            missing = f"{weights.name} is missing" if not weights.is_file() else None
            raise unusable(str(path), "OpenVINO", missing or error) from error
        if not model.has_rt_info([KEY]):
            raise _undescribed(str(path), "OpenVINO")
        self.spec = Spec.from_json(str(model.get_rt_info([KEY]).astype(str)), str(path))
        _require_classes(self.spec, model.outputs[0].partial_shape[-1].get_length(), str(path))
        # some processors would compute in bfloat16 otherwise, with errors up to 0.02
        settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        if threads:
            settings["INFERENCE_NUM_THREADS"] = str(threads)
        self.model = core.compile_model(model, "CPU", settings)
        self.bins: tuple[int, ...] | None = None
        for given in model.inputs[1:2]:
            self.bins = tuple(size.get_length() for size in list(given.partial_shape)[1:])
        self._given = {} if self.bins is None else given_of(self.bins, None, 0)

    def __call__(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        return self._run(0, waveforms).astype(float)

    def vectors(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        return self._run(1, waveforms)

    def enrol(self, mean: np.ndarray | None, count: int) -> None:
        if self.bins is not None:
            self._given = given_of(self.bins, mean, count)

    def _run(self, output: int, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        given = list(self._given.values())
        parts = [self.model([batch, *given])[output].copy() for batch in batches(waveforms)]
        return np.concatenate(parts)


def given_of(bins: tuple[int, ...], mean: np.ndarray | None, count: int) -> dict[str, np.ndarray]:
    """Write an enrolled speaker, or nobody, as an exported graph takes them."""
    whole = np.zeros(bins) if mean is None else mean
    mean_name, count_name = ENROLLED
    return {
        mean_name: whole[None].astype(np.float32),
        count_name: np.full((1, 1), count, np.float32),
    }


def require_openvino() -> Any:
    """Import OpenVINO without its telemetry, or explain how to install it."""
    # OpenVINO and NNCF send a note on import, unless the package that sends it is not there
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino
    except ImportError as error:
        raise ConfigurationError(
            "OpenVINO is not installed.",
            "OpenVINO files need the package openvino.",
            "Install it from the repository: pip install -c constraints.txt -e '.[export]'.",
            code="openvino-not-installed",
        ) from error
    return openvino


def batches(waveforms: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Stack neighbors of the same length: a graph takes waveforms of one length at a time.

    Examples:
        >>> [b.shape for b in batches([np.zeros(4), np.zeros(4), np.zeros(5)])]
        [(2, 4), (1, 5)]
    """
    for _, group in groupby(waveforms, len):
        alike = list(group)
        for start in range(0, len(alike), BATCH):
            yield np.stack(alike[start : start + BATCH]).astype(np.float32, copy=False)


def _require_classes(spec: Spec, answers: object, source: str) -> None:
    """Refuse a graph that answers with another number of probabilities than it has classes."""
    if isinstance(answers, int) and answers != len(spec.classes):
        raise ModelError(
            f"{source} returns {answers} probabilities for {len(spec.classes)} classes.",
            "The file must be unchanged since `sertk export` wrote it.",
            "Export the run again.",
            code="class-count-mismatch",
        )


def _undescribed(source: str, kind: str) -> ModelError:
    return ModelError(
        f"{source} is an {kind} file without the metadata of sertk.",
        "Prediction needs the classes, the sample rate and the preprocessing.",
        f"Use a file written by `sertk export RUN --to {kind.lower()}`.",
        code="no-model-description",
    )


def unusable(source: str, kind: str, why: Exception | str) -> ModelError:
    """Return the error for a file that is not of the format of its suffix."""
    lines = str(why).strip().splitlines() or [type(why).__name__]
    # OpenVINO says where in its own source something went wrong first, and last what it was
    reasons = [line for line in lines if not line.startswith(("Exception from", "Check "))] or lines
    return ModelError(
        f"Cannot open {source} as {kind} ({reasons[-1].strip()[:200].rstrip('.')}).",
        "It must be a complete file written by `sertk export`.",
        "Copy the file again, or export the run again.",
        code="unopenable-model",
    )
