"""Track the metrics of a training in TensorBoard or MLflow.

In: the name of a tracker, and the folder of a fit. Out: Keras callbacks, which get what history.csv
gets: `loss, val_loss, val_uar, val_wa` and the learning rate of every epoch.
"""

import importlib.util
from pathlib import Path
from typing import Any

import keras

from sertk.errors import ConfigurationError, UnknownNameError

# and the packages that each needs
TRACKERS = {"tensorboard": ("tensorflow", "tensorboard"), "mlflow": ("mlflow",)}


def check(name: str | None) -> None:
    """Refuse a tracker that does not exist or is not installed, before any work.

    Raises:
        UnknownNameError: If there is no such tracker.
        ConfigurationError: If its package is not installed.
    """
    if name is None:
        return
    if name not in TRACKERS:
        raise UnknownNameError("tracker", name, TRACKERS)
    missing = [package for package in TRACKERS[name] if importlib.util.find_spec(package) is None]
    if missing:
        raise ConfigurationError(
            f"Received track={name}, and {' and '.join(missing)} is not installed.",
            f"{name} is written to through {' and '.join(TRACKERS[name])}.",
            f"Install what is missing (pip install {' '.join(missing)}), or omit --track.",
            code="tracker-not-installed",
        )


def callbacks(name: str | None, folder: Path) -> list[Any]:
    """Make the callbacks of a fit.

    Args:
        name: `"tensorboard"`: event files in the folder `tensorboard` of the fit; `"mlflow"`: a run
            of the current experiment (`MLFLOW_TRACKING_URI`); `None`: nothing.
        folder: `fold_K/seed_S` of the run.
    """
    if name == "tensorboard":
        return [keras.callbacks.TensorBoard(str(folder / "tensorboard"), write_graph=False)]
    return [] if name is None else [_MlflowRun(folder)]


class _MlflowRun(keras.callbacks.Callback):
    """Log every epoch to an MLflow run, named after run, fold and seed."""

    def __init__(self, folder: Path):
        super().__init__()
        self.name = "/".join(folder.parts[-3:])

    def on_train_begin(self, logs: dict | None = None) -> None:
        import mlflow

        try:
            mlflow.start_run(run_name=self.name, nested=mlflow.active_run() is not None)
        except Exception as error:  # of whatever store it writes to
            raise ConfigurationError(
                f"MLflow cannot start a run ({str(error).splitlines()[0]}).",
                "--track mlflow writes to the server or file that MLFLOW_TRACKING_URI names.",
                "Set it, such as sqlite:///mlflow.db, or omit --track.",
                code="tracker-failed",
            ) from error
        mlflow.log_params({"model": self.model.name, "parameters": self.model.count_params()})

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        import mlflow

        mlflow.log_metrics({k: float(v) for k, v in (logs or {}).items()}, step=epoch + 1)

    def on_train_end(self, logs: dict | None = None) -> None:
        import mlflow

        mlflow.end_run()
