"""Keras layers that turn waveforms into features, with frozen weights, on every backend.

In: (batch, samples), or a spectrum (batch, frames, bins) in dB. Out: (batch, frames, bins).
The DFT is a matrix product, because `ops.stft` does not export. `sertk.features` computes the same
in numpy; a test holds the two together.
"""

import keras
import numpy as np
from keras import ops

from sertk.features import _spectrum

_LN10 = float(np.log(10.0))


@keras.saving.register_keras_serializable("sertk")
class LogMelSpectrogram(keras.layers.Layer):
    """Compute the log-mel spectrogram of `sertk.features.LogMel` in a graph.

    Its weights are frozen; `features.LogMel.layer()` names it `logmel`, which quantisation
    leaves alone.

    Input shape:
        (batch, samples), float32.

    Output shape:
        (batch, 1 + samples // hop_length, n_mels), dB.
    """

    def __init__(
        self,
        n_mels: int = 64,
        n_fft: int = 512,
        hop_length: int = 256,
        win_length: int | None = None,
        fmin: float = 0.0,
        fmax: float | None = None,
        sample_rate: int = 16_000,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.config = {
            "n_mels": n_mels,
            "n_fft": n_fft,
            "hop_length": hop_length,
            "win_length": win_length,
            "fmin": fmin,
            "fmax": fmax,
            "sample_rate": sample_rate,
        }

    def build(self, input_shape):
        c = self.config
        n_fft, half = c["n_fft"], c["n_fft"] // 2
        phase = 2 * np.pi * np.outer(np.arange(half + 1), np.arange(half + 1)) / n_fft
        mel = _spectrum.mel_matrix(c["sample_rate"], n_fft, c["n_mels"], c["fmin"], c["fmax"])
        self.window = self._constant(_spectrum.window(n_fft, c["win_length"] or n_fft), "window")
        self.cosine = self._constant(np.cos(phase), "cosine")
        self.sine = self._constant(np.sin(phase)[1:-1], "sine")
        self.mel = self._constant(mel, "mel")

    def _constant(self, value: np.ndarray, name: str):
        return self.add_weight(
            shape=value.shape,
            initializer=lambda shape, dtype: ops.convert_to_tensor(value.astype("float32"), dtype),
            trainable=False,
            name=name,
        )

    def call(self, waveforms):
        frames = self._frames(waveforms) * self.window  # (batch, frames, n_fft)
        half = self.config["n_fft"] // 2
        # cosines are even and sines odd around the middle of a frame: folding the frame there
        # halves the sums, which is twice as fast and loses less of what float32 can hold
        first, last = frames[..., 1:half], ops.flip(frames[..., half + 1 :], axis=-1)
        ends = frames[..., :1], frames[..., half : half + 1]
        real = ops.matmul(ops.concatenate([ends[0], first + last, ends[1]], axis=-1), self.cosine)
        imaginary = ops.matmul(first - last, self.sine)
        mel = ops.matmul(ops.square(real) + ops.square(imaginary), self.mel)
        # natural log over ln 10: log10 is not an ONNX operator
        return ops.log(ops.maximum(mel, _spectrum.AMIN)) * (10.0 / _LN10)

    def _frames(self, waveforms):
        """Cut centred frames, (batch, 1 + samples // hop_length, n_fft), out of blocks of a hop."""
        n_fft, hop = self.config["n_fft"], self.config["hop_length"]
        reach = -(-n_fft // hop)  # blocks in a frame
        count = 1 + ops.shape(waveforms)[1] // hop
        after = n_fft // 2 + reach * hop
        padded = ops.pad(waveforms, [[0, 0], [n_fft // 2, after]])
        whole = padded[:, : (count - 1 + reach) * hop]
        blocks = ops.reshape(whole, (-1, count - 1 + reach, hop))
        shifted = [blocks[:, k : k + count] for k in range(reach)]
        return ops.concatenate(shifted, axis=-1)[..., :n_fft]

    def compute_output_shape(self, input_shape):
        batch, samples = input_shape
        frames = None if samples is None else 1 + samples // self.config["hop_length"]
        return (batch, frames, self.config["n_mels"])

    def get_config(self):
        return {**super().get_config(), **self.config}


@keras.saving.register_keras_serializable("sertk")
class ClipFloor(keras.layers.Layer):
    """Raise what lies more than `floor_db` below each clip's own maximum to that floor.

    Input shape:
        (batch, frames, bins), dB. The maximum is the clip's, never the batch's.
    """

    def __init__(self, floor_db: float = 80.0, **kwargs):
        super().__init__(**kwargs)
        self.floor_db = floor_db

    def call(self, spectra):
        return ops.maximum(spectra, ops.max(spectra, axis=(1, 2), keepdims=True) - self.floor_db)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "floor_db": self.floor_db}


@keras.saving.register_keras_serializable("sertk")
class ClipReference(ClipFloor):
    """Express each clip in dB below its own maximum, not lower than `-floor_db`.

    Input shape:
        (batch, frames, bins), absolute dB; frames of padding lie far below any sound.

    Output shape:
        The same, from `-floor_db` to 0.
    """

    def call(self, spectra):
        relative = spectra - ops.max(spectra, axis=(1, 2), keepdims=True)
        return ops.maximum(relative, -self.floor_db)


@keras.saving.register_keras_serializable("sertk")
class Cepstrum(keras.layers.Layer):
    """Transform mel bands in dB to cepstral coefficients by an orthonormal DCT-II.

    Input shape:
        (batch, frames, n_mels).

    Output shape:
        (batch, frames, n_mfcc).
    """

    def __init__(self, n_mfcc: int = 13, **kwargs):
        super().__init__(**kwargs)
        self.n_mfcc = n_mfcc

    def call(self, spectra):
        return ops.matmul(spectra, _spectrum.dct_matrix(spectra.shape[-1], self.n_mfcc))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.n_mfcc)

    def get_config(self):
        return {**super().get_config(), "n_mfcc": self.n_mfcc}


@keras.saving.register_keras_serializable("sertk")
class Deltas(keras.layers.Layer):
    """Append the first and, for `order=2`, the second derivative over time.

    The Savitzky-Golay filter of width nine of `librosa.feature.delta`.

    Input shape:
        (batch, frames, bins), at least nine frames.

    Output shape:
        (batch, frames, bins * (1 + order)).
    """

    width = 9

    def __init__(self, order: int = 2, **kwargs):
        super().__init__(**kwargs)
        self.order = order

    def call(self, values):
        return ops.concatenate([values, *map(self._derive(values), range(1, self.order + 1))], -1)

    def _derive(self, values):
        reach = self.width // 2

        def derivative(order: int):
            kernel = _spectrum.delta_kernel(self.width, order)
            shifted = (
                values[:, k : k - self.width + 1 or None] * float(kernel[k])
                for k in range(self.width)
            )
            inner = sum(shifted)
            first = ops.repeat(inner[:, :1], reach, axis=1)
            last = ops.repeat(inner[:, -1:], reach, axis=1)
            return ops.concatenate([first, inner, last], axis=1)

        return derivative

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] * (1 + self.order))

    def get_config(self):
        return {**super().get_config(), "order": self.order}
