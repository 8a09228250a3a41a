"""Pooled states: mean and deviation over time of an encoder's hidden states, one vector.

In: a waveform. Out: `(1, numbers)`: for each statistic, one number per unit and block.
"""

from dataclasses import dataclass
from functools import cached_property

from sertk.features._feature import Feature
from sertk.features.functionals import OfFrames
from sertk.features.hidden_states import HiddenStates


@dataclass(frozen=True)
class PooledStates(OfFrames):
    """Describe a whole utterance by statistics of a pretrained encoder's hidden states.

    With logistic regression on it (`logreg`), it is the strongest model of this package that is
    fitted in seconds. Say `target_rms_db` in the `Preprocessing`, so that the level has no effect.
    Clips are whole utterances: `clip_seconds` has no effect.

    Args:
        encoder: As of `HiddenStates`.
        blocks: As of `HiddenStates`.
        statistics: Their names with commas, as of `Functionals`.
        sample_rate: int, Hz; it must be 16,000.

    Raises:
        UnknownNameError: If there is no such encoder or statistic.
        ConfigurationError: If the blocks are no numbers, or the rate is another.
        ModelError: When it is used, if the weights are not on this machine, or have too few blocks.

    Examples:
        >>> PooledStates(blocks="2").shape(1)
        (1, 768)
    """

    encoder: str = "whisper-tiny.en"
    blocks: str | int = "2,3"
    statistics: str = "mean,std"
    sample_rate: int = 16_000

    @cached_property
    def _frames(self) -> Feature:  # type: ignore[override]
        return HiddenStates(self.encoder, self.blocks, self.sample_rate)
