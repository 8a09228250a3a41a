"""Check that the shape of a feature fits a model."""

import keras

from sertk.errors import ConfigurationError


def require_frames_by_bins(
    model: str, input_shape: tuple[int, ...], *, frames: int = 1, bins: int = 1
) -> None:
    """Refuse input that is not (frames, bins) with enough of both."""
    if len(input_shape) != 2 or input_shape[0] < frames or input_shape[1] < bins:
        raise ConfigurationError(
            f"The model {model!r} received clips of shape {input_shape}.",
            f"It needs (frames, bins) with at least {frames} frames and {bins} bins.",
            "Use a feature such as log_mel or mfcc, and longer clips (clip_seconds).",
            code="clips-too-small",
        )


def as_image(
    model: str,
    input_shape: tuple[int | None, ...],
    *,
    frames: int,
    bins: int,
    any_length: bool = False,
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Start a network on images: an input, and the same as (batch, frames, bins, channels).

    With `any_length` the network takes `None` frames, which is clips of any length.
    """
    length = input_shape[0] if input_shape else None
    fixed = length is not None
    fits = (
        len(input_shape) in (2, 3)
        and (length >= frames if fixed else any_length)
        and input_shape[1] is not None
        and input_shape[1] >= bins
    )
    if not fits:
        raise ConfigurationError(
            f"The model {model!r} received clips of shape {tuple(input_shape)}.",
            f"It needs (frames, bins) or (frames, bins, channels) with at least {frames} frames "
            f"and {bins} bins.",
            f"Use a feature such as log_mel with n_mels={max(bins, 64)}, and longer clips "
            "(clip_seconds).",
            code="clips-too-small",
        )
    inputs = keras.Input(input_shape)
    if len(input_shape) == 3:
        return inputs, inputs
    return inputs, keras.layers.Reshape((input_shape[0] or -1, input_shape[1], 1))(inputs)


def scaled(units: int, width: float) -> int:
    """Scale a number of units, not below four."""
    return max(4, round(units * width))
