"""How a network is trained: one frozen record, which run.json keeps. It needs no Keras."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sertk._utils import call_arguments
from sertk.errors import ConfigurationError, UnknownNameError

OPTIMIZERS = ("adamw", "adam", "nadam", "sgd", "rmsprop")
SCHEDULES = ("cosine", "plateau", "constant")
MONITORS = {"val_uar": 1, "val_wa": 1, "val_loss": -1, "epoch": 1}  # +1: more is better
CHOICES = {
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "monitor": tuple(MONITORS),
    "loss": ("cross_entropy", "focal"),
    "class_weight": ("none", "inverse", "effective"),
    "oversample": ("none", "minority", "minority_twice", "full"),
    "mixup_by": ("sample", "sample_max", "batch"),
    "versions": ("draw", "half", "every"),
    "crops": ("random", "every"),
    "decision": ("mean", "mean_log", "max"),
}
_AT_LEAST = {
    "epochs": 1, "batch_size": 1, "plateau_patience": 1, "weight_decay": 0, "mixup": 0,
    "stability": 0, "head_epochs": 0,
}  # fmt: skip
_SHARES = ("momentum", "warmup", "label_smoothing", "hide_time", "hide_bins")  # in [0, 1)


@dataclass(frozen=True)
class Settings:
    """Say how a network is trained.

    Args:
        epochs: At most so many.
        batch_size: Clips in a batch.
        optimizer: `"adamw"`, `"adam"`, `"nadam"`, `"sgd"` or `"rmsprop"`.
        learning_rate: Peak of the schedule.
        weight_decay: Decoupled, of adamw and sgd.
        momentum: Of sgd.
        schedule: `"cosine"` to zero, `"plateau"` (lowered when `val_loss` has not improved for
            `plateau_patience` epochs) or `"constant"`.
        warmup: Share of all steps over which the rate rises from zero.
        plateau_patience: Epochs.
        plateau_factor: What the rate is multiplied by on a plateau.
        monitor: What selects the epoch to keep, on validation speakers: `"val_uar"`,
            `"val_wa"` or `"val_loss"`. Among equals, which few speakers make likely, the lower
            `val_loss` decides. `"epoch"` keeps the last, where a cosine has brought the rate to
            nothing, and validation chooses nothing.
        patience: Stop when neither the monitor nor `val_loss` has improved for so many epochs;
            `None` never stops.
        label_smoothing: Share of each target spread over all classes.
        loss: `"cross_entropy"`, or `"focal"`, which looks away from what is sure (gamma 2).
        class_weight: `"inverse"` weighs classes by the inverse of their share, `"effective"` by
            the effective number of examples (beta 0.9999); `"none"` treats utterances alike.
        oversample: `"minority"` repeats utterances of the rarest class until it is as large as
            the largest, `"minority_twice"` those of the two rarest, `"full"` of all classes.
        versions: `"draw"` visits each utterance once an epoch, as itself or as one of its
            augmented copies, all equally often; `"half"` every other time as itself, however
            many copies there are; `"every"` visits it and all of its copies.
        crops: `"random"` cuts one clip of a long utterance anywhere; `"every"` takes each of
            the clips that evaluation takes.
        decision: How the clips of an utterance vote: `"mean"`, `"mean_log"` or `"max"`.
        mixup: Alpha of the Beta distribution by which pairs of clips and their labels are mixed;
            0 mixes nothing.
        mixup_by: A share per `"sample"`, per `"batch"`, or per sample and never below one half,
            `"sample_max"`.
        stability: Weight of the divergence between what is said of an utterance and of one of
            its augmented copies, which are then no examples of their own; 0 leaves it out.
        hide_time: Longest stretch of time to hide in training, as a share of a clip.
        hide_bins: Widest stretch of bins to hide in training, as a share of all.
        head_epochs: Train the last dense layers alone for so many epochs first.
        head_learning_rate: During those; `None` is `learning_rate`.

    Raises:
        ConfigurationError: If a value is out of range.
        UnknownNameError: If a word is none of a setting's.

    References:
        Zhang et al. 2018, mixup, arXiv 1710.09412. Zheng et al. 2016, stability training, arXiv
        1604.04326. Lin et al. 2017, focal loss, arXiv 1708.02002. Cui et al. 2019, class-balanced
        loss, arXiv 1901.05555. Park et al. 2019, SpecAugment, arXiv 1904.08779.
    """

    epochs: int = 60
    batch_size: int = 32
    optimizer: str = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    momentum: float = 0.9
    schedule: str = "cosine"
    warmup: float = 0.1
    plateau_patience: int = 5
    plateau_factor: float = 0.5
    monitor: str = "val_uar"
    patience: int | None = 20
    label_smoothing: float = 0.1
    loss: str = "cross_entropy"
    class_weight: str = "none"
    oversample: str = "none"
    versions: str = "draw"
    crops: str = "random"
    decision: str = "mean"
    mixup: float = 0.0
    mixup_by: str = "sample"
    stability: float = 0.0
    hide_time: float = 0.0
    hide_bins: float = 0.0
    head_epochs: int = 0
    head_learning_rate: float | None = None

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise UnknownNameError(name.replace("_", " "), str(getattr(self, name)), known)
        rates = ("learning_rate", "head_learning_rate", "plateau_factor")
        bad = [k for k, low in _AT_LEAST.items() if not low <= getattr(self, k) < math.inf]
        bad += [
            k for k in rates if getattr(self, k) is not None and not 0 < getattr(self, k) < math.inf
        ]
        bad += ["patience"] * (self.patience is not None and self.patience < 1)
        bad += [k for k in _SHARES if not 0 <= getattr(self, k) < 1]
        if bad:
            raise ConfigurationError(
                f"Training got {', '.join(f'{k}={getattr(self, k)}' for k in bad)}.",
                "Numbers of epochs, sizes, patience and rates are positive; "
                f"{', '.join(_SHARES[:-1])} and {_SHARES[-1]} lie in [0, 1).",
                "Leave the setting out to get its default.",
            )
        if self.mixup and self.stability:
            raise ConfigurationError(
                f"Training got mixup={self.mixup} and stability={self.stability}.",
                "A mixed clip has no undisturbed twin to compare it with.",
                "Leave one of them at 0.",
            )

    def changed(self, changes: dict[str, Any]) -> "Settings":
        """Replace some settings by name.

        Raises:
            UnknownNameError: If there is no setting of that name.
            ConfigurationError: If a value is of another kind.
        """
        known = [f.name for f in dataclasses.fields(self)]
        call_arguments.check(
            type(self), changes, owner="Training", kind="training setting", known=known
        )
        return dataclasses.replace(self, **changes)

    def out_of_patience(self, losses: Sequence[float], best_epoch: int) -> bool:
        """Tell whether neither the monitor nor `val_loss` has improved for `patience` epochs.

        Args:
            losses: `val_loss` of every epoch so far.
            best_epoch: That which the monitor keeps, counted from 1.

        Examples:
            >>> Settings(patience=2).out_of_patience([1.5, 1.2, 1.3, 1.4], best_epoch=1)
            True
        """
        if self.patience is None:
            return False
        lowest = losses.index(min(losses)) + 1
        return len(losses) - max(best_epoch, lowest) >= self.patience
