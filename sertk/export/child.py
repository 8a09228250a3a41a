"""The child process that converts Keras models to ONNX or LiteRT, on TensorFlow.

In: the path of a job, JSON. Out: the files that it asks for. Only TensorFlow's export is right for
every network here: JAX's breaks on recurrence and pooling, and PyTorch's is silently wrong for
dynamic lengths. What goes wrong stands in `error.json` beside the job.
"""

import json
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx

from sertk._utils.timing import seconds_of
from sertk.errors import ModelError, SertkError
from sertk.export import graph, recurrence
from sertk.predict.engines import ENROLLED, KerasEngine
from sertk.predict.spec import Spec
from sertk.training import saving

OPSET = 17


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Write what a job asks for.

    Args:
        job: `model` (.keras), `spec`, and where to write: `onnx`, `litert`
            (each may be missing); `waveforms` (.npz, in) and `reference` (.npy, out); `times`.

    Returns:
        Seconds of a call of the model, by how it is called.
    """
    path, spec = Path(job["model"]), Spec.from_json(job["spec"], job["model"])
    prep = spec.prep
    if "onnx" in job:
        _to_onnx(path, spec, job["onnx"])
    if "litert" in job:
        one_clip = graph.from_one_clip(saving.load_model(path), prep)
        _to_litert(one_clip, job["litert"], job["waveforms"])
    with np.load(job["waveforms"]) as archive:
        waveforms = [archive[name] for name in archive.files]
    np.save(job["reference"], KerasEngine(path, spec)(waveforms))
    if not job.get("times"):
        return {}
    whole = graph.from_waveform(saving.load_model(path), prep, spec.clip_aggregation)
    samples = round(prep.clip_seconds * prep.sample_rate)
    given = [np.zeros((1, samples), np.float32)]
    given += [np.zeros((1, *more.shape[1:]), np.float32) for more in whole.inputs[1:]]
    return {
        "predict": seconds_of(lambda: whole.predict(given, verbose=0)),
        "compiled": seconds_of(lambda: whole.predict_on_batch(given)),
    }


def _to_onnx(path: Path, spec: Spec, target: str) -> None:
    """Export the whole graph of a fresh model, recurrences as operators."""
    inside = saving.load_model(path)
    marks = recurrence.mark(inside)
    model = graph.from_waveform(inside, spec.prep, spec.clip_aggregation)
    model([np.zeros((1, *(size or 1 for size in i.shape[1:])), np.float32) for i in model.inputs])
    names = ("waveform", *ENROLLED)[: len(model.inputs)]
    signature = [
        keras.InputSpec(shape=given.shape, dtype="float32", name=name)
        for given, name in zip(model.inputs, names, strict=True)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tf2onnx about numpy's old names
        model.export(
            target,
            format="onnx",
            opset_version=OPSET,
            verbose=False,
            input_signature=signature if len(signature) == 1 else [signature],
        )
    if marks:
        converted = onnx.load(target)
        recurrence.put_in(converted, marks)
        onnx.save(converted, target)


def _to_litert(model: keras.Model, path: str, waveforms: str) -> None:
    """Export, and compute what the file answers to the first clip of each waveform."""
    import tensorflow as tf  # noqa: TID251 - the interpreter of what is written here

    try:
        model.export(path, format="litert", verbose=False)
        interpreter = tf.lite.Interpreter(model_path=path)
        interpreter.allocate_tensors()
    except Exception as error:
        raise ModelError(
            f"Cannot convert this model to LiteRT ({_first_line(error)}).",
            "LiteRT has no operators for some layers, recurrent layers in particular.",
            "Export it as ONNX or OpenVINO, or train a convolutional model (fcn_attention).",
            code="unconvertible-to-litert",
        ) from error
    given, answered = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    samples, found, wanted = given["shape"][1], [], []
    with np.load(waveforms) as archive:
        for name in archive.files:
            clip = np.zeros((1, samples), np.float32)
            clip[0, : len(archive[name])] = archive[name][:samples]
            interpreter.set_tensor(given["index"], clip)
            interpreter.invoke()
            found.append(interpreter.get_tensor(answered["index"])[0])
            wanted.append(np.asarray(model.predict_on_batch(clip))[0])
    seconds = seconds_of(interpreter.invoke)
    np.savez(f"{path}.npz", found=found, wanted=wanted, seconds=seconds)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])[:300] or type(error).__name__


def main(job_file: str) -> int:
    """Do the job in a file; 0 when it is done."""
    home = Path(job_file).parent
    try:
        seconds = work(json.loads(Path(job_file).read_text(encoding="utf-8")))
    except SertkError as error:
        record = {"parts": [error.received, error.needed, error.remedy], "code": error.code}
        (home / "error.json").write_text(json.dumps(record), encoding="utf-8")
        return 2
    except Exception as error:
        traceback.print_exc()
        record = {"why": f"{type(error).__name__}: {_first_line(error)}"}
        (home / "error.json").write_text(json.dumps(record), encoding="utf-8")
        return 1
    (home / "seconds.json").write_text(json.dumps(seconds), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
