"""Check that a feature fits a model, before Keras fails in the middle of it."""

from sertk.errors import ConfigurationError


def require_frames_by_bins(
    model: str, input_shape: tuple[int, ...], *, frames: int = 1, bins: int = 1
) -> None:
    """Refuse input that is not (frames, bins) with enough of both.

    Raises:
        ConfigurationError: Which shape came, which is needed, and what gives it.
    """
    if len(input_shape) != 2 or input_shape[0] < frames or input_shape[1] < bins:
        raise ConfigurationError(
            f"The model {model!r} got clips of shape {input_shape}.",
            f"It needs (frames, bins) with at least {frames} frames and {bins} bins.",
            "Use a feature such as log_mel or mfcc, and longer clips (clip_seconds).",
        )


def scaled(units: int, width: float) -> int:
    """Scale a number of units, not below four."""
    return max(4, round(units * width))
