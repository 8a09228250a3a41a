"""`Config`: the training configuration, a frozen dataclass without Keras."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sertk._utils import call_arguments
from sertk.errors import ConfigurationError, UnknownNameError

OPTIMIZERS = ("adamw", "adam", "nadam", "sgd", "rmsprop")
SCHEDULES = ("cosine", "plateau", "constant")
MONITORS = {"val_uar": 1, "val_wa": 1, "val_loss": -1}  # +1: more is better
CHOICES = {
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "monitor": tuple(MONITORS),
    "checkpoint": ("best", "last"),
    "loss": ("cross_entropy", "focal"),
    "class_weight": ("none", "inverse", "effective"),
    "oversample": ("none", "minority", "minority_twice", "full"),
    "mixup_by": ("sample", "sample_max", "batch"),
    "augment_sampling": ("uniform", "half", "all"),
    "train_crop": ("random", "all"),
    "clip_aggregation": ("mean", "geometric_mean", "max"),
    "head_start": ("random", "convex"),
    "precision": ("float32", "mixed_float16", "mixed_bfloat16"),
}
_AT_LEAST = {
    "epochs": 1, "batch_size": 1, "plateau_patience": 1, "weight_decay": 0, "mixup": 0,
    "stability": 0, "head_epochs": 0, "unfreeze_epochs": 0, "accumulate": 1,
}  # fmt: skip
_SHARES = ("momentum", "warmup", "label_smoothing", "time_mask", "freq_mask")  # in [0, 1)


@dataclass(frozen=True)
class Config:
    """Configure how a model is trained.

    Args:
        epochs: int >= 1. Largest number of epochs.
        batch_size: int >= 1. Clips in a batch.
        optimizer: `"adamw"`, `"adam"`, `"nadam"`, `"sgd"` or `"rmsprop"`.
        learning_rate: float > 0. Peak of the learning rate schedule.
        weight_decay: float >= 0. Decoupled weight decay of AdamW and SGD.
        momentum: float in [0, 1). Momentum of SGD.
        schedule: `"cosine"` decays the learning rate to zero, `"plateau"` lowers it when
            `val_loss` has not improved for `plateau_patience` epochs, `"constant"` keeps it.
        warmup: float in [0, 1). Share of all steps over which the learning rate rises from zero.
        plateau_patience: int >= 1. Epochs without improvement before the learning rate is lowered.
        plateau_factor: float > 0. Factor of the learning rate on a plateau.
        monitor: `"val_uar"`, `"val_wa"` or `"val_loss"`, on validation speakers: the score that
            the best epoch is chosen by. Ties are broken by the lower `val_loss`.
        checkpoint: `"best"` keeps the weights of the best epoch by `monitor`; `"last"` those of
            the last epoch, so that validation speakers select nothing.
        patience: int >= 1 or `None`. Early stopping: epochs without improvement of `monitor` and
            of `val_loss` after which training stops; `None` trains all epochs.
        label_smoothing: float in [0, 1). Share of each target that is spread over all classes.
        loss: `"cross_entropy"`, or `"focal"` (gamma 2), which gives less weight to clips that are
            already classified with confidence.
        class_weight: `"none"`, `"inverse"` (inverse class frequency) or `"effective"` (effective
            number of examples, beta 0.9999).
        oversample: `"none"`; `"minority"` repeats utterances of the rarest class until it is as
            large as the largest class, `"minority_twice"` those of the two rarest, `"full"` those
            of every class.
        augment_sampling: How an epoch visits augmented copies. `"uniform"`: each utterance once,
            as itself or one of its copies with equal probability; `"half"`: as itself with
            probability 0.5; `"all"`: each utterance and each of its copies once.
        train_crop: `"random"` cuts one clip at a random place of a long utterance; `"all"` takes
            every clip that evaluation takes.
        clip_aggregation: How the probabilities of an utterance's clips are combined: `"mean"`,
            `"geometric_mean"` or `"max"`.
        mixup: float >= 0. Alpha of the Beta distribution of mixup weights; 0 disables mixup.
        mixup_by: Draw one mixup weight per `"sample"`, per `"batch"`, or per sample and at least
            0.5 (`"sample_max"`).
        stability: float >= 0. Weight of the divergence between the predictions for an utterance
            and for one of its augmented copies, which then are not training examples themselves;
            0 disables stability training.
        time_mask: float in [0, 1). SpecAugment: longest masked stretch of time, as a share of the
            clip.
        freq_mask: float in [0, 1). SpecAugment: widest masked stretch of bins, as a share of all
            bins.
        head_epochs: int >= 0. Epochs in which only the last dense layers are trained, first.
        head_learning_rate: float > 0, or `None` for `learning_rate`. Learning rate in those epochs.
        head_start: `"random"`, or `"convex"`: the last dense layer starts as logistic regression on
            what the untrained network gives for the training clips.
        layer_decay: float in (0, 1]. Discriminative learning rates: each layer with weights learns
            by this factor more slowly than the next one above it.
        unfreeze_epochs: int >= 0. Gradual unfreezing: after `head_epochs`, one more layer from the
            top learns each time so many epochs have passed; 0 lets all learn at once.
        accumulate: int >= 1. Batches whose gradients are averaged before a step is made.
        precision: `"float32"`, or `"mixed_float16"` or `"mixed_bfloat16"`, which are faster on
            graphics processors made for it and gain nothing on others.
        refit: bool. Whether a classical model, once calibrated on validation speakers, is fitted
            again on training and validation speakers together. Networks ignore it.

    Raises:
        ConfigurationError: If a value is out of range.
        UnknownNameError: If a value is not one of those listed.

    Examples:
        >>> Config(epochs=30, time_mask=0.1).epochs
        30

    References:
        Zhang et al. 2018, mixup, arXiv 1710.09412. Zheng et al. 2016, stability training, arXiv
        1604.04326. Lin et al. 2017, focal loss, arXiv 1708.02002. Cui et al. 2019, class-balanced
        loss, arXiv 1901.05555. Howard & Ruder 2018, discriminative learning rates and gradual
        unfreezing, arXiv 1801.06146. Park et al. 2019, SpecAugment, arXiv 1904.08779.
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
    checkpoint: str = "best"
    patience: int | None = 20
    label_smoothing: float = 0.1
    loss: str = "cross_entropy"
    class_weight: str = "none"
    oversample: str = "none"
    augment_sampling: str = "uniform"
    train_crop: str = "random"
    clip_aggregation: str = "mean"
    mixup: float = 0.0
    mixup_by: str = "sample"
    stability: float = 0.0
    time_mask: float = 0.0
    freq_mask: float = 0.0
    head_epochs: int = 0
    head_learning_rate: float | None = None
    head_start: str = "random"
    layer_decay: float = 1.0
    unfreeze_epochs: int = 0
    accumulate: int = 1
    precision: str = "float32"
    refit: bool = True

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise UnknownNameError(name.replace("_", " "), str(getattr(self, name)), choices)
        rates = ("learning_rate", "head_learning_rate", "plateau_factor")
        bad = [k for k, low in _AT_LEAST.items() if not low <= getattr(self, k) < math.inf]
        bad += [
            k for k in rates if getattr(self, k) is not None and not 0 < getattr(self, k) < math.inf
        ]
        bad += ["layer_decay"] * (not 0 < self.layer_decay <= 1)
        bad += ["patience"] * (self.patience is not None and self.patience < 1)
        bad += [k for k in _SHARES if not 0 <= getattr(self, k) < 1]
        if bad:
            raise ConfigurationError(
                f"Training received {', '.join(f'{k}={getattr(self, k)}' for k in bad)}.",
                "Numbers of epochs, sizes, patience and rates must be positive; "
                f"{', '.join(_SHARES[:-1])} and {_SHARES[-1]} must be in [0, 1).",
                "Omit a setting to use its default.",
                code="invalid-training-settings",
            )
        if self.mixup and self.stability:
            raise ConfigurationError(
                f"Training received mixup={self.mixup} and stability={self.stability}.",
                "Stability training compares single utterances, and mixup mixes two.",
                "Set one of them to 0.",
                code="mixup-with-stability",
            )

    def changed(self, changes: dict[str, Any]) -> "Config":
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
            >>> Config(patience=2).out_of_patience([1.5, 1.2, 1.3, 1.4], best_epoch=1)
            True
        """
        if self.patience is None:
            return False
        lowest = losses.index(min(losses)) + 1
        return len(losses) - max(best_epoch, lowest) >= self.patience
