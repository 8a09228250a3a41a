"""How a network is trained: one frozen record, which run.json keeps. It needs no Keras."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from sertk.errors import ConfigurationError, UnknownNameError

OPTIMIZERS = ("adamw", "sgd", "rmsprop")
SCHEDULES = ("cosine", "plateau", "constant")
MONITORS = {"val_uar": 1, "val_wa": 1, "val_loss": -1}  # +1: more is better


@dataclass(frozen=True)
class Settings:
    """Say how a network is trained.

    Args:
        epochs: At most so many.
        batch_size: Clips in a batch.
        optimizer: `"adamw"`, `"sgd"` (momentum 0.9) or `"rmsprop"`.
        learning_rate: Peak of the schedule.
        weight_decay: Decoupled, of adamw and sgd.
        schedule: `"cosine"` to zero, `"plateau"` (halved when `val_loss` has not improved for
            `plateau_patience` epochs) or `"constant"`.
        warmup: Share of all steps over which the rate rises from zero.
        plateau_patience: Epochs.
        monitor: What selects the epoch to keep, on validation speakers: `"val_uar"`,
            `"val_wa"` or `"val_loss"`. Among equals, which few speakers make likely, the lower
            `val_loss` decides.
        patience: Stop when the monitor has not improved for so many epochs; `None` never stops.
        label_smoothing: Share of each target spread over all classes.
        class_weight: Weigh classes by the inverse of their share.

    Raises:
        ConfigurationError: If a value is out of range.
        UnknownNameError: If an optimiser, schedule or monitor is unknown.
    """

    epochs: int = 60
    batch_size: int = 32
    optimizer: str = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    schedule: str = "cosine"
    warmup: float = 0.1
    plateau_patience: int = 5
    monitor: str = "val_uar"
    patience: int | None = 20
    label_smoothing: float = 0.1
    class_weight: bool = False

    def __post_init__(self) -> None:
        for kind, value, known in (
            ("optimizer", self.optimizer, OPTIMIZERS),
            ("schedule", self.schedule, SCHEDULES),
            ("monitor", self.monitor, MONITORS),
        ):
            if value not in known:
                raise UnknownNameError(kind, value, known)
        least = {"epochs": 1, "batch_size": 1, "plateau_patience": 1, "weight_decay": 0}
        bad = [
            f"{k}={getattr(self, k)}"
            for k, low in least.items()
            if not low <= getattr(self, k) < math.inf
        ]
        bad += [f"learning_rate={self.learning_rate}"] * (not 0 < self.learning_rate < math.inf)
        bad += [f"patience={self.patience}"] * (self.patience is not None and self.patience < 1)
        shares = ("warmup", "label_smoothing")
        bad += [f"{k}={getattr(self, k)}" for k in shares if not 0 <= getattr(self, k) < 1]
        if bad:
            raise ConfigurationError(
                f"Training got {', '.join(bad)}.",
                "Numbers of epochs, sizes, patience and the learning rate are positive; warmup and "
                "label_smoothing lie in [0, 1).",
                "Leave the setting out to get its default.",
            )

    def changed(self, changes: dict[str, Any]) -> "Settings":
        """Replace some settings by name.

        Raises:
            UnknownNameError: If there is no setting of that name.
        """
        known = [f.name for f in dataclasses.fields(self)]
        for name in changes:
            if name not in known:
                raise UnknownNameError("training setting", name, known)
        return dataclasses.replace(self, **changes)
