"""A fused run as one ONNX file: the graphs of all members side by side, and what joins them.

In: the models of one fold of a fused run. Out: one graph, waveform to probabilities.
"""

from pathlib import Path
from typing import Any

import numpy as np

import sertk
from sertk.export import converting
from sertk.export.converting import Made
from sertk.predict.fused import Fusion

_LEAST = 1e-6  # as in `sertk.evaluation.fusion`


def to_onnx(parts: Fusion, waveforms: list[np.ndarray], home: Path) -> Made:
    """Convert every member, and join their graphs.

    Args:
        parts: The models of one fold.
        waveforms: To compare by.
        home: An empty folder to work in.

    Raises:
        ConfigurationError: If what converts is not installed, or the feature of a member is
            computed outside of its graph.
        ModelError: If a conversion fails.
    """
    onnx = converting.require_onnx()
    models = [model for seeds in parts.members for model in seeds]
    for spec, _ in models:
        converting.refuse_feature(spec)
    made = []
    for number, (spec, path) in enumerate(models):
        (home / str(number)).mkdir()
        made.append(converting.to_onnx(path, spec, waveforms, home / str(number)))
    graphs = [onnx.load(str(each.path)) for each in made]
    joined = _joined(graphs, [len(seeds) for seeds in parts.members], parts.fitted)
    onnx.helper.set_model_props(joined, converting.metadata(parts.spec))
    onnx.checker.check_model(joined, full_check=True)
    target = home / "model.onnx"
    onnx.save(joined, str(target))
    times = {name: sum(each.seconds[name] for each in made) for name in made[0].seconds}
    return Made(target, parts.combine([each.reference for each in made]), times)


def _joined(graphs: list[Any], seeds: list[int], fitted: dict[str, Any]) -> Any:
    """Put graphs side by side behind one input, and combine their outputs.

    Args:
        graphs: ONNX models, `waveform` to `probabilities`.
        seeds: How many graphs belong to each member, in order.
        fitted: What `sertk.evaluation.fusion.fit` returned.
    """
    from onnx import compose, helper, numpy_helper

    named = [
        compose.add_prefix(graph, f"member{k}_", rename_inputs=False)
        for k, graph in enumerate(graphs)
    ]
    nodes = [node for model in named for node in model.graph.node]
    constants = [tensor for model in named for tensor in model.graph.initializer]

    def constant(name: str, value: Any) -> str:
        array = np.asarray(value, np.float32)
        constants.append(numpy_helper.from_array(array, name))
        return name

    def put(operator: str, *inputs: str, output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    outputs = iter(model.graph.output[0].name for model in named)
    means = [
        put("Mean", *(next(outputs) for _ in range(count)), output=f"mean{k}")
        for k, count in enumerate(seeds)
    ]
    if "weights" in fitted:
        parts = [
            put("Mul", mean, constant(f"weight{k}", weight), output=f"part{k}")
            for k, (mean, weight) in enumerate(zip(means, fitted["weights"], strict=True))
        ]
        put("Sum", *parts, output="probabilities")
    else:
        least = constant("least", _LEAST)
        logs = [
            put("Log", put("Max", mean, least, output=f"floored{k}"), output=f"logarithm{k}")
            for k, mean in enumerate(means)
        ]
        beside = put("Concat", *logs, output="beside", axis=1)
        kernel, bias = constant("kernel", fitted["kernel"]), constant("bias", fitted["bias"])
        scores = put("Gemm", beside, kernel, bias, output="scores")
        put("Softmax", scores, output="probabilities", axis=1)
    first = named[0]
    answered = helper.make_tensor_value_info(
        "probabilities", first.graph.output[0].type.tensor_type.elem_type,
        ["batch", first.graph.output[0].type.tensor_type.shape.dim[1].dim_value],
    )  # fmt: skip
    graph = helper.make_graph(nodes, "fusion", list(first.graph.input), [answered], constants)
    return helper.make_model(
        graph, opset_imports=_operators(named), ir_version=first.ir_version,
        producer_name="sertk", producer_version=sertk.__version__,
        doc_string="Speech emotion recognition: a waveform to probabilities.",
    )  # fmt: skip


def _operators(models: list[Any]) -> list[Any]:
    """List the operator sets that the models use, each once."""
    used = {operators.domain: operators for model in models for operators in model.opset_import}
    return list(used.values())
