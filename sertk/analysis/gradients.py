"""Gradients of a model with respect to its input, on each backend.

In: a Keras model, clips and a class. Out: numpy arrays. Keras itself offers no gradient that every
backend understands, which is why this file alone imports JAX and TensorFlow.
"""

from typing import Any

import keras
import numpy as np

from sertk.errors import ConfigurationError


def of_log_probability(model: Any, clips: np.ndarray, label: int) -> tuple[np.ndarray, np.ndarray]:
    """Differentiate the logarithm of a class's probability by the input.

    Args:
        model: From clips to probabilities.
        clips: shape (batch, ...), float32.
        label: Index of the class.

    Returns:
        Gradients, of the shape of the clips, and log-probabilities, shape (batch,).

    Raises:
        ConfigurationError: If the backend is neither JAX nor TensorFlow.
    """
    backend = keras.backend.backend()
    if backend == "jax":
        return _jax(model, clips, label)
    if backend == "tensorflow":
        return _tensorflow(model, clips, label)
    raise ConfigurationError(
        f"Gradients were requested on the backend {backend}.",
        "Gradients are available on JAX and TensorFlow.",
        'Call sertk.use_backend("jax") or sertk.use_backend("tensorflow") first.',
        code="backend-without-gradients",
    )


def _log(probabilities: Any, label: int) -> Any:
    return keras.ops.log(keras.ops.maximum(probabilities[:, label], 1e-12))


def _jax(model: Any, clips: np.ndarray, label: int) -> tuple[np.ndarray, np.ndarray]:
    import jax

    fixed = [v.value for v in model.trainable_variables]
    state = [v.value for v in model.non_trainable_variables]

    def total(x: Any) -> Any:
        shares, _ = model.stateless_call(fixed, state, x, training=False)
        logs = _log(shares, label)
        return logs.sum(), logs

    gradient, logs = jax.grad(total, has_aux=True)(keras.ops.convert_to_tensor(clips))
    return np.asarray(gradient), np.asarray(logs)


def _tensorflow(model: Any, clips: np.ndarray, label: int) -> tuple[np.ndarray, np.ndarray]:
    import tensorflow

    x = tensorflow.convert_to_tensor(clips)
    with tensorflow.GradientTape() as tape:
        tape.watch(x)
        logs = _log(model(x, training=False), label)
    return tape.gradient(logs, x).numpy(), logs.numpy()
