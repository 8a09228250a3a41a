"""Choose the Keras backend and the device, before Keras loads."""

import importlib.util
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sertk.errors import ConfigurationError, UnknownNameError

BACKENDS = ("jax", "tensorflow", "torch")
DEVICES = ("auto", "cpu", "gpu")


def use_backend(name: str = "auto", device: str = "auto") -> str:
    """Choose where Keras computes; call it before anything builds or loads a model.

    The choice, in order: the argument, the environment variable `KERAS_BACKEND`, and then JAX
    if it is installed with an accelerator, else TensorFlow (whose convolutions are the faster
    ones on a CPU), else JAX. Calling again with the same answer does nothing.

    Args:
        name: `"auto"`, `"jax"`, `"tensorflow"` or `"torch"`.
        device: `"auto"`, `"cpu"` (hide every accelerator) or `"gpu"` (refuse to run without).

    Returns:
        The name of the backend chosen.

    Raises:
        ConfigurationError: If Keras already runs on another backend, the backend is not
            installed, or there is no accelerator for `device="gpu"`.

    Examples:
        >>> use_backend() in ("jax", "tensorflow", "torch")
        True
    """
    if name != "auto" and name not in BACKENDS:
        raise UnknownNameError("backend", name, ("auto", *BACKENDS))
    if device not in DEVICES:
        raise UnknownNameError("device", device, DEVICES)
    chosen = _choose(name)
    if not _installed(chosen):
        raise ConfigurationError(
            f"The backend {chosen!r} is not installed.",
            "Training and .keras files need one of these backends: " + ", ".join(BACKENDS) + ".",
            f"Install it from the repository: pip install -c constraints.txt "
            f"-e '.[{'parity' if chosen == 'torch' else chosen}]'.",
            code="backend-not-installed",
        )
    if "keras" in sys.modules:
        running = sys.modules["keras"].backend.backend()
        if running != chosen:
            raise ConfigurationError(
                f"The backend {chosen!r} was requested, but Keras already runs on {running!r}.",
                "The backend cannot change after Keras is imported.",
                "Call sertk.use_backend() before any other call, or restart the kernel.",
                code="backend-already-set",
            )
        _refuse_another_device(device)
    if device == "gpu" and "keras" not in sys.modules and not _has_accelerator():
        raise _no_accelerator()
    if device == "cpu":  # for processes that this one starts, too
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["KERAS_BACKEND"] = chosen
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    return chosen


def _refuse_another_device(device: str) -> None:
    """Refuse a device that a running Keras does not compute on: it can no longer be changed."""
    listed = sys.modules["keras"].distribution.list_devices()
    kinds = {str(name).split(":")[0].lower() for name in listed}
    accelerated = bool(kinds - {"cpu"})
    if device == "gpu" and not accelerated and not _has_accelerator():
        raise _no_accelerator()
    if device != "auto" and (device == "gpu") != accelerated:
        raise ConfigurationError(
            f"device={device!r} was requested, but Keras is already loaded on "
            f"{', '.join(sorted(kinds))}.",
            "The device cannot change after Keras is imported.",
            f"Call sertk.use_backend(device={device!r}) before any other call, or restart the "
            "kernel.",
            code="device-already-set",
        )


def _no_accelerator() -> ConfigurationError:
    return ConfigurationError(
        "device='gpu' was requested, but no GPU was found.",
        "This needs an NVIDIA driver and a GPU build of the backend.",
        "Install 'sertk[gpu]' on a machine with a GPU, or use device='auto'.",
        code="no-gpu",
    )


def _choose(name: str) -> str:
    if name != "auto":
        return name
    if "keras" in sys.modules:
        return str(sys.modules["keras"].backend.backend())
    from_environment = os.environ.get("KERAS_BACKEND", "")
    if from_environment:
        if from_environment not in BACKENDS:
            raise UnknownNameError("KERAS_BACKEND", from_environment, BACKENDS)
        return from_environment
    if _has_accelerator() and _installed("jax") and _jax_accelerated():
        return "jax"
    return "tensorflow" if _installed("tensorflow") else "jax"


def _installed(backend: str) -> bool:
    return importlib.util.find_spec(backend) is not None


def _has_accelerator() -> bool:
    """Look for a GPU's device file without importing a framework."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return not hidden and any(Path(f"/dev/{d}").exists() for d in ("nvidia0", "kfd", "dxg"))


def _jax_accelerated() -> bool:
    return any(
        importlib.util.find_spec(f"jax_{plugin}") is not None
        for plugin in ("cuda12_plugin", "cuda13_plugin", "rocm7_plugin", "rocm60_plugin")
    )


def _is_no_retracing(record: logging.LogRecord) -> bool:
    return "retracing" not in record.getMessage()


@contextmanager
def without_native_messages() -> Iterator[None]:
    """Keep what compiled code writes to standard error while it loads from the screen.

    TensorFlow greets with its processor's instruction sets before any level can be set. Later it
    warns of tracing again where one process trains several networks, which a study does on purpose.
    """
    logging.getLogger("tensorflow").addFilter(_is_no_retracing)
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def quietly(load: Callable[[str], Any]) -> Callable[[str], Any]:
    """Let a module's `__getattr__` load Keras without the messages of its backend."""

    def loaded(name: str) -> Any:
        if "keras" in sys.modules:
            return load(name)
        with without_native_messages():
            return load(name)

    return loaded
