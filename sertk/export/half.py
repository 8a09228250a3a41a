"""Half precision: large weights of an ONNX file in float16, or in the file of their encoder.

In: an ONNX model in float32. Out: the same model with half the size. Weights are cast back when
the file is opened, and computed with in float32. Those of a pretrained encoder are float16 to begin
with, so that nothing is lost, and can stay in the encoder's own file.
"""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np

_LEAST = 1024  # numbers of a weight that is worth it


def halve_file(path: Path, encoder: Path | None = None) -> None:
    """Do what `halve` does to a file."""
    import onnx

    model = onnx.load(str(path))
    halve(model, encoder)
    onnx.save(model, str(path))


def halve(model: Any, encoder: Path | None = None) -> None:
    """Store the large weights of a model in float16.

    Args:
        model: `onnx.ModelProto` in float32, changed in place.
        encoder: File of safetensors beside which the model will lie: weights that are in it are not
            stored again.
    """
    from onnx import TensorProto, helper, numpy_helper

    places = {} if encoder is None else _arrays(encoder)
    before = _without_transform(model)
    for tensor in list(model.graph.initializer):
        array = numpy_helper.to_array(tensor)
        # vectors are few numbers, and may leave the range of float16
        if array.dtype != np.float32 or array.size < _LEAST or array.ndim < 2:
            continue
        half = array.astype(np.float16)
        name, stored = tensor.name, f"{tensor.name}_half"
        model.graph.initializer.remove(tensor)
        found = None if encoder is None else _find(half, places)
        if encoder is None or found is None:
            model.graph.initializer.append(numpy_helper.from_array(half, stored))
        else:
            shape, axes, offset, length = found
            outside = TensorProto(name=stored, data_type=TensorProto.FLOAT16, dims=shape)
            outside.data_location = TensorProto.EXTERNAL
            for key, value in (("location", encoder.name), ("offset", offset), ("length", length)):
                outside.external_data.add(key=key, value=str(value))
            model.graph.initializer.append(outside)
            turned, fitting = f"{name}_turned", f"{name}_shape"
            before.append(helper.make_node("Transpose", [stored], [turned], perm=axes))
            size = numpy_helper.from_array(np.array(array.shape, np.int64), fitting)
            model.graph.initializer.append(size)
            stored = f"{name}_fitted"
            before.append(helper.make_node("Reshape", [turned, fitting], [stored]))
        before.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
    nodes = [*before, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    _shorten(model.graph)


def _shorten(graph: Any) -> None:
    """Number what is inside: the converter's names are longer than many weights."""
    kept = {value.name for value in (*graph.input, *graph.output)}
    short: dict[str, str] = {}

    def new(name: str) -> str:
        return name if name in kept or not name else short.setdefault(name, f"v{len(short)}")

    for node in graph.node:
        node.ClearField("name")
        node.ClearField("doc_string")
        for names in (node.input, node.output):
            names[:] = [new(name) for name in names]
    for tensor in graph.initializer:
        tensor.name = new(tensor.name)


def _without_transform(model: Any) -> list[Any]:
    """Replace the cosines and sines of the front end by nodes that compute them when it is opened.

    In float16, what lies 60 dB below the peak would be lost in their rounding.
    """
    from onnx import helper, numpy_helper

    nodes = []
    for tensor in list(model.graph.initializer):
        array = numpy_helper.to_array(tensor)
        if array.ndim != 2 or array.size < _LEAST or array.dtype != np.float32:
            continue
        half = array.shape[1] - 1
        rows = {half + 1: np.arange(half + 1), half - 1: np.arange(1, half)}.get(array.shape[0])
        if rows is None:
            continue
        name, operator = tensor.name, "Cos" if len(rows) == half + 1 else "Sin"
        phase = 2 * np.pi * np.outer(rows, np.arange(half + 1)) / (2 * half)
        if not np.allclose(array, np.cos(phase) if operator == "Cos" else np.sin(phase), atol=1e-6):
            continue
        model.graph.initializer.remove(tensor)
        constants = {
            "rows": rows[:, None].astype(np.int64), "columns": np.arange(half + 1, dtype=np.int64),
            "period": np.int64(2 * half), "step": np.float32(np.pi / half),
        }  # fmt: skip
        for word, value in constants.items():
            stored = numpy_helper.from_array(np.asarray(value), f"{name}_{word}")
            model.graph.initializer.append(stored)
        steps: tuple[tuple[str, list[str], str, dict[str, Any]], ...] = (
            ("Mul", [f"{name}_rows", f"{name}_columns"], f"{name}_product", {}),
            ("Mod", [f"{name}_product", f"{name}_period"], f"{name}_turn", {}),
            ("Cast", [f"{name}_turn"], f"{name}_float", {"to": 1}),
            ("Mul", [f"{name}_float", f"{name}_step"], f"{name}_phase", {}),
            (operator, [f"{name}_phase"], name, {}),
        )
        nodes += [helper.make_node(kind, given, [out], **more) for kind, given, out, more in steps]
    return nodes


def _arrays(path: Path) -> dict[int, list[tuple[np.ndarray, int]]]:
    """List the float16 arrays of a file by their size, with where their bytes begin."""
    content = path.read_bytes()
    header = int.from_bytes(content[:8], "little")
    places: dict[int, list[tuple[np.ndarray, int]]] = {}
    for name, entry in json.loads(content[8 : 8 + header]).items():
        if name != "__metadata__" and entry["dtype"] == "F16":
            first, end = (8 + header + place for place in entry["data_offsets"])
            array = np.frombuffer(content[first:end], np.float16).reshape(entry["shape"])
            places.setdefault(array.size, []).append((array, first))
    return places


def _find(
    half: np.ndarray, places: dict[int, list[tuple[np.ndarray, int]]]
) -> tuple[list[int], list[int], int, int] | None:
    """Find a weight among arrays: shape, order of axes, place and length in bytes."""
    for array, first in places.get(half.size, []):
        for axes in itertools.permutations(range(array.ndim)):
            turned = array.transpose(axes)
            if np.array_equal(turned.reshape(half.shape), half):
                return list(array.shape), list(axes), first, array.nbytes
    return None
