"""What of a network learns when, and how fast: head first, gradual unfreezing, layer decay.

In: a network and a `Config`. Out: stages of epochs, each with the layers that learn in it, and a
factor of the learning rate for each variable.
"""

from typing import Any, NamedTuple

import keras
from keras import ops

from sertk.training.config import Config


class Stage(NamedTuple):
    """Epochs from `begin` to before `end`, in which the top `layers` learn; `None`: all.

    `head` marks the first stage, which has a learning rate of its own.
    """

    begin: int
    end: int
    layers: int | None
    head: bool = False


class Unfreezing:
    """Choose which layers of the network inside a model learn.

    Layers that did not learn to begin with never do, such as the lower blocks of an encoder.

    Args:
        model: An assembled model.
    """

    def __init__(self, model: keras.Model):
        net = next(layer for layer in model.layers if isinstance(layer, keras.Model))
        self._fixed = {v.path for v in net.variables if not v.trainable}
        self._layers = [layer for layer in net.layers if layer.trainable_variables]
        self._head = _count_of_head(net)

    def stages(self, config: Config) -> list[Stage]:
        """List the stages of a training."""
        head = min(config.head_epochs, config.epochs)
        stages = [Stage(0, head, self._head, head=True)]
        begin, step = head, config.unfreeze_epochs
        for count in range(self._head + 1, len(self._layers)) if step else ():
            stages.append(Stage(begin, min(begin + step, config.epochs), count))
            begin = stages[-1].end
        return [*stages, Stage(begin, config.epochs, None)]

    def let_learn(self, count: int | None) -> None:
        """Let the top layers learn, so many of them; `None` for all that may."""
        first = 0 if count is None else len(self._layers) - count
        for number, layer in enumerate(self._layers):
            layer.trainable = number >= first
            if number >= first:  # that sets all of its variables
                for variable in layer.variables:
                    if variable.path in self._fixed:
                        variable.trainable = False

    def factors(self, decay: float) -> dict[str, float]:
        """Say by what each variable's learning rate is multiplied, by its path."""
        ranks = range(len(self._layers) - 1, -1, -1)
        return {
            variable.path: decay**rank
            for rank, layer in zip(ranks, self._layers, strict=True)
            for variable in layer.trainable_variables
        }


def _count_of_head(net: keras.Model) -> int:
    """Count the layers that follow the last convolution, recurrence or attention.

    Of `alexnet_gap`, it is its last convolution.
    """
    count = 0
    for layer in reversed(net.layers):
        if not layer.weights:
            continue
        of_the_head = isinstance(layer, keras.layers.Dense | keras.layers.LayerNormalization)
        if not of_the_head and layer.name != "classes":
            break
        count += bool(layer.trainable_variables)
    return count


def with_factors(kind: type, factors: dict[str, float], *args: Any, **words: Any) -> Any:
    """Build an optimizer with a factor of the learning rate, and so of the decay, per variable.

    Args:
        kind: Class of the optimizer.
        factors: Path of a variable -> factor; 1 for others.
        *args: Of the optimizer.
        **words: Of the optimizer.
    """

    class Decayed(kind):  # type: ignore[misc]
        def _apply_weight_decay(self, variables: Any) -> None:
            """Leave it to `update_step`, which knows the factor."""

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            # TensorFlow hands its own variable on, which knows its place but not its name
            place = self._get_variable_index(variable)
            rate = learning_rate * factors.get(self._trainable_variables[place].path, 1.0)
            if self.weight_decay is not None and self._use_weight_decay(variable):
                share = ops.cast(rate * self.weight_decay, variable.dtype)
                self.assign_sub(variable, ops.multiply(variable, share))
            super().update_step(gradient, variable, rate)

    return Decayed(*args, **words)
