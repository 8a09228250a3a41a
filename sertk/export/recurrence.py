"""GRU and LSTM as ONNX operators instead of loops.

In: a Keras model. Out: the same, whose recurrent layers leave a mark in the graph, and the
operators that take the place of the marks. Loops are slower in a browser, and OpenVINO refuses
those of the converter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import onnx
from keras import ops
from onnx import helper, numpy_helper

# no network here computes these, so that they mark where a recurrence begins and ends
_BEGIN, _END = "Atan", "Asinh"
_KINDS = (keras.layers.GRU, keras.layers.LSTM)


@dataclass(frozen=True)
class Recurrence:
    """What ONNX wants to know of a recurrent layer.

    Args:
        operator: `"GRU"` or `"LSTM"`.
        weights: Kernel, recurrent kernel and bias in ONNX's order, directions first.
        units: int >= 1. Units of each direction.
        sequences: Whether every step is handed on, or the last one.
    """

    operator: str
    weights: tuple[np.ndarray, np.ndarray, np.ndarray]
    units: int
    sequences: bool


def mark(model: keras.Model) -> list[Recurrence]:
    """Let every recurrent layer that ONNX knows leave a mark instead of computing.

    Returns:
        What the marks stand for, in the order in which the model comes to them.
    """
    found = []
    for layer in model._flatten_layers(include_self=False):
        known = _read(layer)
        if known is not None:
            layer.call = _marking(known)
            found.append(known)
    return found


def _marking(known: Recurrence) -> Callable[..., Any]:
    directions = len(known.weights[0])
    width = np.zeros(known.units * directions, np.float32)

    def call(sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = None):
        steps = ops.arctan(sequences)
        total = ops.sum(steps, axis=-1 if known.sequences else (1, 2), keepdims=known.sequences)
        return ops.arcsinh((total if known.sequences else total[:, None]) + width)

    return call


def _read(layer: Any) -> Recurrence | None:
    """Read a layer, or a pair of them; `None` of any other, and of what ONNX computes otherwise."""
    pair = isinstance(layer, keras.layers.Bidirectional)
    both = [layer.forward_layer, layer.backward_layer] if pair else [layer]
    if pair and layer.merge_mode != "concat":
        return None
    if not all(isinstance(one, _KINDS) and _is_plain(one) for one in both):
        return None
    if getattr(layer, "_is_half", False) or (not pair and layer.go_backwards):
        return None
    for one in both if pair else []:
        one._is_half = True
    weights = [_weights(one) for one in both]
    joined = tuple(np.stack(parts) for parts in zip(*weights, strict=True))
    return Recurrence(type(both[0]).__name__, joined, both[0].units, both[0].return_sequences)


def _is_plain(layer: Any) -> bool:
    usual = layer.activation is keras.activations.tanh and layer.use_bias
    usual = usual and layer.recurrent_activation is keras.activations.sigmoid
    return usual and getattr(layer, "reset_after", True) and not layer.stateful


def _weights(layer: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bring kernels (inputs, gates * units) and biases into ONNX's order of gates."""
    kernel, recurrent, bias = (keras.ops.convert_to_numpy(w) for w in layer.cell.weights)
    if isinstance(layer, keras.layers.GRU):  # z, r, h on both sides; a bias of each
        return kernel.T, recurrent.T, bias.reshape(-1)

    def order(value: np.ndarray) -> np.ndarray:  # i, f, c, o to i, o, f, c
        i, f, c, o = np.split(value, 4, axis=-1)
        return np.concatenate([i, o, f, c], axis=-1)

    return order(kernel).T, order(recurrent).T, np.concatenate([order(bias), np.zeros_like(bias)])


def put_in(model: Any, marks: list[Recurrence]) -> None:
    """Put operators in the place of the marks of an ONNX graph, and drop what led to them."""
    graph = model.graph
    by_output = {name: node for node in graph.node for name in node.output}
    ends = [node for node in graph.node if node.op_type == _END]
    for number, (end, known) in enumerate(zip(ends, marks, strict=True)):
        begin = _origin(end, by_output)
        nodes, constants = _operator(known, begin.input[0], end.output[0], f"recurrence_{number}")
        place = list(graph.node).index(end)
        graph.node.remove(end)
        for offset, node in enumerate(nodes):
            graph.node.insert(place + offset, node)
        graph.initializer.extend(constants)
    _prune(graph)
    del graph.value_info[:]


def _origin(end: Any, by_output: dict[str, Any]) -> Any:
    """Walk from the end of a mark back to its beginning."""
    waiting = [end]
    while waiting:
        node = waiting.pop(0)
        if node.op_type == _BEGIN:
            return node
        waiting += [by_output[name] for name in node.input if name in by_output]
    raise RuntimeError("a recurrence without a beginning")


def _operator(
    known: Recurrence, source: str, target: str, name: str
) -> tuple[list[Any], list[Any]]:
    """Build the nodes: steps first, the operator, directions beside each other."""
    directions, width = len(known.weights[0]), known.units * len(known.weights[0])
    constants = [
        numpy_helper.from_array(np.ascontiguousarray(w, np.float32), f"{name}_{letter}")
        for w, letter in zip(known.weights, "WRB", strict=True)
    ]
    shape = [0, 0, width] if known.sequences else [0, width]
    constants.append(numpy_helper.from_array(np.array(shape, np.int64), f"{name}_shape"))
    settings: dict[str, Any] = {"hidden_size": known.units}
    settings["direction"] = "bidirectional" if directions == 2 else "forward"
    if known.operator == "GRU":
        settings["linear_before_reset"] = 1
    steps, every, last, turned = (f"{name}_{what}" for what in ("steps", "every", "last", "turned"))
    # every: (steps, directions, batch, units); last: (directions, batch, units)
    out, order = (every, [2, 0, 1, 3]) if known.sequences else (last, [1, 0, 2])
    nodes = [
        helper.make_node("Transpose", [source], [steps], perm=[1, 0, 2]),
        helper.make_node(
            known.operator, [steps, *(c.name for c in constants[:3])],
            [every, ""] if known.sequences else ["", last], name=name, **settings,
        ),
        helper.make_node("Transpose", [out], [turned], perm=order),
        helper.make_node("Reshape", [turned, constants[-1].name], [target]),
    ]  # fmt: skip
    return nodes, constants


def _prune(graph: Any) -> None:
    """Drop nodes and constants that lead nowhere."""
    while True:
        used = {name for node in graph.node for name in _inputs(node)}
        used |= {output.name for output in graph.output}
        idle = [node for node in graph.node if not used.intersection(node.output)]
        if not idle:
            break
        for node in idle:
            graph.node.remove(node)
    for constant in [c for c in graph.initializer if c.name not in used]:
        graph.initializer.remove(constant)


def _inputs(node: Any) -> list[str]:
    """Name what a node reads, and what the graphs inside it read."""
    names = list(node.input)
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            inside = attribute.g
            names += [name for one in inside.node for name in _inputs(one)]
            names += [output.name for output in inside.output]
    return names
