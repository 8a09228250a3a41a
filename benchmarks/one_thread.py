"""One measurement of B5 in a process of its own, which was given one thread; prints JSON.

In: `FILE MODEL WAVEFORM TURNS CALLS`: an exported file, the .keras file that it was made of, an
.npy, how many turns, and calls in each. Out: by how Keras is called, seconds of a call of both.
"""

import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import sertk
from benchmarks.timing import alternate
from sertk._utils import keras_backend
from sertk.predict.engines import OnnxEngine, OpenVinoEngine


def measure(file: str, model: str, waveform: str, turns: str, calls: str) -> dict[str, object]:
    """Time the file against both ways to call the same network with the same front end."""
    backend = sertk.use_backend()
    with keras_backend.without_native_messages():
        from sertk.export import graph
        from sertk.training import saving

    path, sound = Path(file), np.load(waveform)
    engine = OpenVinoEngine(path, 1) if path.suffix == ".xml" else OnnxEngine(path, path.name, 1)
    whole = graph.from_waveform(
        saving.load_model(model), engine.spec.prep, engine.spec.clip_aggregation
    )
    clip = sound[None]
    compiled = _COMPILED[backend](whole)

    def often(call: Callable[[], object]) -> Callable[[], None]:
        def turn() -> None:
            for _ in range(int(calls)):
                call()

        return turn

    ours = often(lambda: engine([sound]))
    ways: dict[str, Callable[[], object]] = {
        "predict": lambda: whole.predict(clip, verbose=0),
        "compiled": lambda: np.asarray(compiled(clip)),
    }
    return {
        way: dataclasses.asdict(alternate(ours, often(call), int(turns)).per(int(calls)))
        for way, call in ways.items()
    }


def _by_tensorflow(model: Any) -> Callable[[np.ndarray], Any]:
    import tensorflow

    return tensorflow.function(lambda waveforms: model(waveforms, training=False))


def _by_jax(model: Any) -> Callable[[np.ndarray], Any]:
    import jax

    # copies: predict gives the arrays of the model itself away
    learned = [jax.numpy.array(variable.value) for variable in model.trainable_variables]
    fixed = [jax.numpy.array(variable.value) for variable in model.non_trainable_variables]
    call = jax.jit(lambda learned, fixed, x: model.stateless_call(learned, fixed, x)[0])
    return lambda waveforms: call(learned, fixed, waveforms)


_COMPILED = {"tensorflow": _by_tensorflow, "jax": _by_jax}

if __name__ == "__main__":
    print(json.dumps(measure(*sys.argv[1:])))
