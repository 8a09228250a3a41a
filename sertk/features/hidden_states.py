"""Hidden states of a pretrained encoder, computed and cached once: the encoder stays frozen.

In: a waveform. Out: `(frames, units)`, or `(frames, units, blocks)` of several blocks; Whisper has
50 frames per second.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from sertk import encoders
from sertk.encoders import Encoder
from sertk.errors import ConfigurationError
from sertk.features import _spectrum
from sertk.features._feature import Feature

_LONGEST = 3000  # frames of a front end that attend to each other: the 30 s of Whisper's training
_STEP = 50  # frames to which inputs are padded: JAX compiles once per length
_lock = Lock()


@dataclass(frozen=True)
class HiddenStates(Feature):
    """Describe speech by the hidden states of a pretrained encoder.

    The weights of `whisper-tiny.en` up to the third block are in the package; `sertk download`
    fetches others. Say `target_rms_db` in the `Preprocessing`, so that the level has no effect.
    Whisper encodes recordings over 30 s in equal pieces, other encoders each as a whole. Clips
    that are longer than the utterance repeat it, so that no frame is empty.

    Args:
        encoder: Name of published weights (`sertk.encoders.published()`), or the path of a
            .safetensors file that `sertk encoder convert` wrote.
        blocks: Numbers of the transformer blocks after which states are taken, with commas; 0 is
            what enters the first block.
        sample_rate: int, Hz; it must be 16,000.

    Raises:
        UnknownNameError: If there is no encoder of that name.
        ConfigurationError: If the blocks are no numbers, or the rate is another.
        ModelError: When it is used, if the weights are not on this machine, or have too few blocks.

    Examples:
        >>> HiddenStates(blocks="1,2").shape(100)
        (100, 384, 2)

    References:
        Pepino, Riera, Ferrer 2021, Emotion recognition from speech using wav2vec 2.0 embeddings,
        arXiv 2104.03502, which mixes the states of all blocks.
    """

    encoder: str = "whisper-tiny.en"
    blocks: str | int = "2,3"
    sample_rate: int = 16_000
    in_decibels = False
    repeats = True
    cached_as = "float16"

    def __post_init__(self) -> None:
        if self.sample_rate != 16_000:
            raise ConfigurationError(
                f"The feature `hidden_states` received a sample rate of {self.sample_rate} Hz.",
                "Encoders are trained on speech at 16,000 Hz.",
                "Omit sample_rate.",
                code="encoder-sample-rate",
            )
        numbers = encoders.block_numbers(self.blocks)
        object.__setattr__(self, "blocks", ",".join(map(str, numbers)))
        encoders.require_known(self.encoder)

    @property
    def _blocks(self) -> list[int]:
        return encoders.block_numbers(self.blocks)

    @cached_property
    def _encoder(self) -> Encoder:
        return encoders.find(self.encoder, max(self._blocks))

    @property
    def identity(self) -> str:
        """Distinguish, for the cache, other weights under the same name."""
        path = self._encoder.path
        return _digest(path, path.stat().st_mtime_ns)

    @property
    def weights(self) -> Path:
        return self._encoder.path

    @property
    def license(self) -> str:
        return self._encoder.license

    @property
    def number_names(self) -> list[str]:
        units = range(self._encoder.config.units)
        return [f"block {block} unit {unit}" for unit in units for block in self._blocks]

    @property
    def number_groups(self) -> list[str]:
        return [f"block {block}" for block in self._blocks] * self._encoder.config.units

    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        """Compute the hidden states of a waveform.

        Args:
            waveform: shape (samples,), float32, full scale at +-1.

        Returns:
            shape (frames, units) or (frames, units, blocks), float32.
        """
        values = self._encoder.front_end(_spectrum.checked(waveform))
        count, frames = len(values), self._encoder.frames(len(waveform))
        if not self._encoder.paddable:
            return self._encode(values[None])[:frames]
        pieces = -(-count // _LONGEST)
        length = 2 * -(-count // (2 * pieces))  # even: two frames make one state
        padded = np.full(
            (pieces, -(-length // _STEP) * _STEP, values.shape[1]), _spectrum.PADDING_DB, np.float32
        )
        for number, piece in enumerate(padded):
            part = values[number * length : (number + 1) * length]
            piece[: len(part)] = part
        states = [self._encode(piece[None])[: length // 2] for piece in padded]
        return np.concatenate(states)[:frames]

    def _encode(self, values: np.ndarray) -> np.ndarray:
        with _lock:  # threads of the cache would build it twice
            model = _model(self._encoder, tuple(self._blocks))
        return np.asarray(model.predict_on_batch(values))[0]

    def layer(self) -> Any:
        """Build a Keras model that computes the same.

        Returns:
            Of (batch, samples), to (batch, frames, units[, blocks]).
        """
        import keras

        from sertk.layers.pieces import EqualPieces, JoinPieces

        inputs = keras.Input((None,), name="sound_of_encoder")
        values = self._encoder.front_end.layer()(inputs)
        model = _built(self._encoder, tuple(self._blocks))
        if self._encoder.paddable:
            pieces = EqualPieces(_LONGEST, _spectrum.PADDING_DB, name="pieces")(values)
            states = JoinPieces(name="join_pieces")([model(pieces), values])
        else:
            states = model(values)
        return keras.Model(inputs, states, name="hidden_states")

    def frames(self, samples: int) -> int:
        return self._encoder.frames(samples)

    def shape(self, frames: int) -> tuple[int, ...]:
        blocks = (len(self._blocks),) if len(self._blocks) > 1 else ()
        return (frames, self._encoder.config.units, *blocks)


def _built(encoder: Encoder, blocks: tuple[int, ...]) -> Any:
    """Build an encoder with the states after some blocks as its output."""
    import keras
    from keras import ops

    model = encoder.build(max(blocks))
    states = [model.outputs[block] for block in blocks]
    outputs = states[0] if len(states) == 1 else ops.stack(states, axis=-1)
    return keras.Model(model.inputs, outputs, name=model.name)


_model = lru_cache(maxsize=4)(_built)


@lru_cache(maxsize=8)
def _digest(path: Path, changed: int) -> str:
    """Hash a file of weights; `changed` makes a new file under the same name another one."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()[:32]
