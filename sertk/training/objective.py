"""Training objectives: losses, mixup, stability training.

In: a network behind its front end, and `Config`. Out: the same as an `ObjectiveModel`, which is
an ordinary Keras model in everything but what its loss compares.
"""

from typing import Any

import keras
from keras import ops

from sertk.layers._base import Layer
from sertk.training import unfreezing
from sertk.training.config import Config


@keras.saving.register_keras_serializable("sertk")
class Mixup(Layer):
    """Mix each clip of a batch with its neighbor in training; pass everything on otherwise.

    Batches come in random order, so that the neighbor is a random one. `mix` does to labels
    what the last call did to clips.

    Args:
        alpha: float > 0. Parameter of the Beta(alpha, alpha) distribution of mixing weights.
        by: `"sample"`, `"sample_max"` (shares below one half are turned round) or `"batch"`.
        seed: int. Seed of the mixing weights.

    Input shape:
        (batch, ...), finished clips.

    References:
        Zhang et al. 2018, mixup: Beyond Empirical Risk Minimization, arXiv 1710.09412.
    """

    def __init__(self, alpha: float = 0.2, by: str = "sample", seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.alpha, self.by, self.seed = alpha, by, seed
        self.generator = keras.random.SeedGenerator(seed)
        self._share: Any = None

    def call(self, inputs, training=False):
        if not training:
            return inputs
        batch = ops.shape(inputs)[0]
        count = 1 if self.by == "batch" else batch
        share = keras.random.beta((count,), self.alpha, self.alpha, seed=self.generator)
        if self.by == "sample_max":
            share = ops.maximum(share, 1 - share)
        self._share = ops.broadcast_to(share, (batch,))
        return self.mix(inputs)

    def mix(self, values):
        """Mix each row of (batch, ...) with its neighbor by the shares of the last call."""
        share = ops.reshape(self._share, (-1, *(1,) * (len(values.shape) - 1)))
        return share * values + (1 - share) * ops.roll(values, 1, axis=0)


@keras.saving.register_keras_serializable("sertk")
class Stability(Layer):
    """Carry the weight of stability training through a saved model; change nothing.

    With it, a training batch holds the utterances, then one disturbed copy of each.

    References:
        Zheng et al. 2016, Improving the Robustness of Deep Neural Networks via Stability
        Training, arXiv 1604.04326.
    """

    def __init__(self, alpha: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs):
        return inputs

    def divergence(self, clean, disturbed):
        """Compute the mean KL divergence from what is said of clean to that of disturbed clips."""
        return self.alpha * ops.mean(keras.losses.kl_divergence(clean, disturbed))


@keras.saving.register_keras_serializable("sertk")
class ObjectiveModel(keras.Model):
    """Compare predictions with labels as the `Mixup` and `Stability` layers inside say."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Compute the loss of a batch; labels are mixed, and disturbed copies compared."""
        extra = 0.0
        for layer in self.layers if training else ():
            if isinstance(layer, Mixup):
                y = layer.mix(y)
                sample_weight = None if sample_weight is None else layer.mix(sample_weight)
            if isinstance(layer, Stability):
                half = ops.shape(y)[0] // 2
                extra = layer.divergence(y_pred[:half], y_pred[half:])
                y, y_pred = y[:half], y_pred[:half]
                sample_weight = None if sample_weight is None else sample_weight[:half]
        return extra + super().compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training
        )


def loss(config: Config) -> keras.losses.Loss:
    """Build the loss that the config ask for."""
    if config.loss == "focal":
        return keras.losses.CategoricalFocalCrossentropy(
            alpha=1.0, gamma=2.0, label_smoothing=config.label_smoothing
        )
    return keras.losses.CategoricalCrossentropy(label_smoothing=config.label_smoothing)


def optimizer(
    config: Config, steps: int, factors: dict[str, float], *, head: bool, last: bool
) -> keras.optimizers.Optimizer:
    """Build the optimizer that the config ask for.

    Args:
        config: What is asked for.
        steps: Batches in all epochs that it is for; schedules count these, and not steps.
        factors: Path of a variable -> what its learning rate is multiplied by.
        head: For the first stage, which trains the last dense layers alone.
        last: For the last stage, in which all learn; those before it keep a constant rate.
    """
    peak = config.learning_rate
    warm = round(config.warmup * steps)
    if head:
        rate: Any = config.head_learning_rate or peak
    elif last and config.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(
            0.0 if warm else peak,
            max(steps - warm, 1),
            warmup_target=peak if warm else None,
            warmup_steps=warm,
        )
    else:
        rate = peak
    words: dict[str, Any] = {}
    if config.accumulate > 1:
        words["gradient_accumulation_steps"] = config.accumulate
    if config.optimizer in ("adamw", "sgd"):
        decay = config.weight_decay
        words["weight_decay"] = decay if config.optimizer == "adamw" else decay or None
    if config.optimizer == "sgd":
        words["momentum"] = config.momentum
    kinds = {
        "adamw": keras.optimizers.AdamW,
        "sgd": keras.optimizers.SGD,
        "adam": keras.optimizers.Adam,
        "nadam": keras.optimizers.Nadam,
        "rmsprop": keras.optimizers.RMSprop,
    }
    kind = kinds[config.optimizer]
    if config.layer_decay == 1:
        built = kind(rate, **words)
    else:
        built = unfreezing.with_factors(kind, factors, rate, **words)
    if config.precision == "mixed_float16":  # small gradients would become 0
        built = keras.optimizers.LossScaleOptimizer(built)
    return built
