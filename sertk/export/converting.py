"""Convert models in a child process, and set names, dimensions and metadata.

In: one model of a run, and waveforms to compare by. Out: an ONNX file in a folder of the caller's,
and what Keras answers to the waveforms.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import sertk
from sertk._utils import child_processes
from sertk.errors import ConfigurationError, ModelError
from sertk.predict.engines import ENROLLED, VECTOR
from sertk.predict.spec import KEY, Spec


@dataclass(frozen=True)
class Made:
    """What a child process left behind.

    Args:
        path: The file.
        reference: What Keras answers to the waveforms, (waveforms, classes).
        seconds: Time of a call of Keras, by how it is called.
    """

    path: Path
    reference: np.ndarray
    seconds: dict[str, float]


def to_onnx(model: Path, spec: Spec, waveforms: list[np.ndarray], home: Path) -> Made:
    """Convert a .keras file to ONNX in a child process.

    Args:
        model: The .keras file.
        spec: What belongs to it.
        waveforms: To compare by.
        home: An empty folder to work in.

    Raises:
        ConfigurationError: If what converts is not installed, or cannot convert this feature.
        ModelError: If the conversion fails.
    """
    onnx = require_onnx()
    refuse_feature(spec)
    target = home / "model.onnx"
    made = ask({"onnx": str(target)}, model, spec, waveforms, home, times=True)
    converted = onnx.load(str(target))
    _name_ends(converted, len(spec.classes))
    converted.producer_name, converted.producer_version = "sertk", sertk.__version__
    converted.doc_string = "Speech emotion recognition: a waveform to probabilities."
    onnx.helper.set_model_props(converted, metadata(spec))
    try:
        onnx.checker.check_model(converted, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(
            f"Cannot convert this model to ONNX ({str(error).strip().splitlines()[0]}).",
            "ONNX has no operators for some layers.",
            "Nothing was written. Build the layer from simpler operations, or use another model.",
            code="unconvertible-to-onnx",
        ) from error
    onnx.save(converted, str(target))
    return Made(target, *made)


def ask(
    files: dict[str, str], model: Path, spec: Spec, waveforms: list[np.ndarray], home: Path,
    *, times: bool = False,
) -> tuple[np.ndarray, dict[str, float]]:  # fmt: skip
    """Run the child process for some files, and give what Keras answers, and how fast.

    Raises:
        ModelError: If it fails.
    """
    named: dict[str, Any] = {f"w{k:05d}": wave for k, wave in enumerate(waveforms)}
    np.savez(home / "waveforms.npz", **named)
    job = {
        **files,
        "model": str(model),
        "spec": spec.to_json(),
        "waveforms": str(home / "waveforms.npz"),
        "reference": str(home / "reference.npy"),
        "times": times,
    }
    (home / "job.json").write_text(json.dumps(job), encoding="utf-8")
    package = str(Path(sertk.__file__).resolve().parents[1])
    environment = {
        **os.environ,
        "KERAS_BACKEND": "tensorflow",
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join([package, os.environ.get("PYTHONPATH", "")]).rstrip(":"),
    }
    command = child_processes.command("sertk.export.child", str(home / "job.json"))
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise _failed(model, home / "error.json", done)
    seconds: dict[str, float] = json.loads((home / "seconds.json").read_text(encoding="utf-8"))
    return np.load(home / "reference.npy"), seconds


def _failed(model: Path, record: Path, done: "subprocess.CompletedProcess[str]") -> ModelError:
    said: dict[str, Any] = json.loads(record.read_text("utf-8")) if record.is_file() else {}
    if "code" in said:
        return ModelError(*said["parts"], code=said["code"])
    last = (done.stderr.strip().splitlines() or ["no word"])[-1][:200]
    return ModelError(
        f"Cannot convert {model} ({said.get('why') or f'exit {done.returncode}: {last}'}).",
        "The conversion runs in a separate process, on TensorFlow.",
        "Nothing was written. Check that this command works: KERAS_BACKEND=tensorflow sertk "
        "predict.",
        code="conversion-failed",
    )


def require_onnx() -> Any:
    """Import onnx, and see that what converts is there."""
    import importlib.util

    missing = [
        name for name in ("onnx", "tf2onnx", "tensorflow") if not importlib.util.find_spec(name)
    ]
    if missing:
        raise ConfigurationError(
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed.",
            "The conversion needs onnx, tf2onnx and TensorFlow, whichever backend the run used.",
            "Install them from the repository: pip install -c constraints.txt "
            "-e '.[tensorflow,export]'.",
            code="converter-not-installed",
        )
    import onnx

    return onnx


def refuse_feature(spec: Spec) -> None:
    """Refuse a feature that no graph computes."""
    name = spec.preprocessing["feature"]["name"]
    if name == "embedding" or not spec.prep.feature.in_graph:
        raise ConfigurationError(
            f"The run's feature is {name!r}.",
            "It is computed outside of the graph, by another program or from a file, and cannot be "
            "exported.",
            "Predict from the run folder, or train with a feature such as log_mel or functionals.",
            code="feature-outside-graph",
        )


def _name_ends(model: Any, num_classes: int) -> None:
    """Give inputs, outputs and their dimensions names that somebody can read."""
    graph = model.graph
    given = ("waveform", *ENROLLED)[: len(graph.input)]
    answered = ("probabilities", VECTOR)[: len(graph.output)]
    ends = [*zip(graph.input, given, strict=True), *zip(graph.output, answered, strict=True)]
    renamed = {value.name: name for value, name in ends}
    for node in graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                names[place] = renamed.get(name, name)
    for value, name in ends:
        value.name = name
        first = value.type.tensor_type.shape.dim[0]
        first.dim_param = "enrolled" if name in ENROLLED else "batch"
    graph.input[0].type.tensor_type.shape.dim[1].dim_param = "samples"
    graph.output[0].type.tensor_type.shape.dim[1].dim_value = num_classes
    del graph.value_info[:]  # shapes inside bear the converter's names


def metadata(spec: Spec) -> dict[str, str]:
    """Write the metadata of a file: the whole record, and what others look for by itself."""
    return {
        KEY: spec.to_json(),
        "classes": json.dumps(spec.classes),
        "sample_rate": str(spec.preprocessing["sample_rate"]),
        "preprocessing": json.dumps(spec.preprocessing),
        "license": spec.license,
        "weights_sha256": spec.weights_sha256,
    }
