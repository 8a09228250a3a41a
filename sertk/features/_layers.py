"""Keras layers that compute features inside a graph.

In: (batch, samples), or a spectrum (batch, frames, bins) in dB. Out: (batch, frames, bins).
The DFT is a matrix product, because `ops.stft` does not export. `sertk.features` computes the same
in numpy; a test holds the two together.
"""

import math

import keras
import numpy as np
from keras import ops

from sertk import audio
from sertk._utils import old_names
from sertk.features import _spectrum
from sertk.layers._base import Layer

_LN10 = float(np.log(10.0))


class _Spectrogram(Layer):
    """What both spectrograms share: power spectra of centered frames, with frozen weights."""

    def __init__(
        self,
        n_fft: int,
        hop_length: int,
        win_length: int | None,
        window: str,
        preemphasis: float,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.n_fft, self.hop_length, self.win_length = n_fft, hop_length, win_length
        self.window, self.preemphasis = window, preemphasis

    def build(self, input_shape):
        n_fft, half = self.n_fft, self.n_fft // 2
        phase = 2 * np.pi * np.outer(np.arange(half + 1), np.arange(half + 1)) / n_fft
        shape = _spectrum.padded_window(n_fft, self.win_length or n_fft, self.window)
        self.taper = self._constant(shape, "window")
        self.cosine = self._constant(np.cos(phase), "cosine")
        self.sine = self._constant(np.sin(phase)[1:-1], "sine")

    def _constant(self, value: np.ndarray, name: str):
        return self.add_weight(
            shape=value.shape,
            initializer=lambda shape, dtype: ops.convert_to_tensor(value.astype("float32"), dtype),
            trainable=False,
            name=name,
        )

    def _power(self, waveforms):
        """Compute power spectra, (batch, frames, n_fft // 2 + 1)."""
        if self.preemphasis:
            waveforms = _emphasize(waveforms, self.preemphasis)
        frames = self._frames(waveforms) * self.taper  # (batch, frames, n_fft)
        half = self.n_fft // 2
        # cosines are even and sines odd around the middle of a frame: folding the frame there
        # halves the sums, which is twice as fast and loses less of what float32 can hold
        first, last = frames[..., 1:half], ops.flip(frames[..., half + 1 :], axis=-1)
        ends = frames[..., :1], frames[..., half : half + 1]
        real = ops.matmul(ops.concatenate([ends[0], first + last, ends[1]], axis=-1), self.cosine)
        imaginary = ops.matmul(first - last, self.sine)
        return ops.square(real) + ops.square(imaginary)

    def _frames(self, waveforms):
        """Cut centered frames, (batch, 1 + samples // hop_length, n_fft), from blocks of a hop."""
        n_fft, hop = self.n_fft, self.hop_length
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
        frames = None if samples is None else 1 + samples // self.hop_length
        return (batch, frames, self.bins)


def _emphasize(waveforms, coefficient: float):
    return waveforms - coefficient * ops.pad(waveforms, [[0, 0], [1, 0]])[:, :-1]


def _to_db(power):
    # natural log over ln 10: log10 is not an ONNX operator
    return ops.log(ops.maximum(power, _spectrum.AMIN)) * (10.0 / _LN10)


@keras.saving.register_keras_serializable("sertk")
class LogMelSpectrogram(_Spectrogram):
    """Compute `sertk.features.LogMel` in a graph: (batch, 1 + samples // hop_length, n_mels), dB.

    Its weights are frozen; `LogMel.layer()` names it `logmel`, which quantization leaves alone.
    """

    def __init__(
        self,
        n_mels: int = 64,
        n_fft: int = 512,
        hop_length: int = 256,
        win_length: int | None = None,
        fmin: float = 0.0,
        fmax: float | None = None,
        window: str = "hann",
        preemphasis: float = 0.0,
        sample_rate: int = 16_000,
        **kwargs,
    ):
        super().__init__(n_fft, hop_length, win_length, window, preemphasis, **kwargs)
        self.bins = self.n_mels = n_mels
        self.fmin, self.fmax, self.sample_rate = fmin, fmax, sample_rate

    def build(self, input_shape):
        super().build(input_shape)
        mel = _spectrum.mel_matrix(self.sample_rate, self.n_fft, self.n_mels, self.fmin, self.fmax)
        self.mel = self._constant(mel, "mel")

    def call(self, waveforms):
        return _to_db(ops.matmul(self._power(waveforms), self.mel))


@keras.saving.register_keras_serializable("sertk")
class LogSpectrogram(_Spectrogram):
    """Compute `LogSpectrogram` in a graph: (batch, 1 + samples // hop_length, n_bins), dB."""

    def __init__(
        self,
        n_bins: int = 200,
        n_fft: int = 800,
        hop_length: int = 160,
        win_length: int | None = 640,
        window: str = "hamming",
        preemphasis: float = 0.97,
        **kwargs,
    ):
        super().__init__(n_fft, hop_length, win_length, window, preemphasis, **kwargs)
        self.bins = self.n_bins = n_bins

    def call(self, waveforms):
        return _to_db(self._power(waveforms)[..., : self.bins])


@keras.saving.register_keras_serializable("sertk")
class NoiseAndReverb(Layer):
    """Make (3, batch, samples) of waveforms: clean, with noise, in a room."""

    def __init__(
        self, noise: float, reverb_seconds: float, preemphasis: float, sample_rate: int, **kwargs
    ):
        super().__init__(**kwargs)
        self.noise, self.reverb_seconds = noise, reverb_seconds
        self.preemphasis, self.sample_rate = preemphasis, sample_rate

    def call(self, waveforms):
        clean = _emphasize(waveforms, self.preemphasis)
        samples = ops.shape(clean)[1]
        tile = ops.convert_to_tensor(_spectrum.noise_tile(self.noise))
        noise = ops.take(tile, ops.arange(samples) % _spectrum.NOISE_SAMPLES)
        response = audio.room_response(self.reverb_seconds, self.sample_rate)
        padded = ops.pad(clean, [[0, 0], [len(response) - 1, 0]])
        kernel = ops.convert_to_tensor(response[::-1].copy()[:, None, None])
        room = ops.conv(padded[..., None], kernel, padding="valid", data_format="channels_last")
        return ops.stack([clean, clean + noise, room[..., 0]])

    def compute_output_shape(self, input_shape):
        return (3, *input_shape)


@keras.saving.register_keras_serializable("sertk")
class ClipFloor(Layer):
    """Raise what lies more than `top_db` below each clip's own maximum to that floor."""

    def __init__(self, top_db: float = 80.0, **kwargs):
        super().__init__(**kwargs)
        self.top_db = top_db

    def call(self, spectra):
        return ops.maximum(spectra, ops.max(spectra, axis=(1, 2), keepdims=True) - self.top_db)

    @classmethod
    def from_config(cls, config):
        return cls(**old_names.of_preprocessing(config))


@keras.saving.register_keras_serializable("sertk")
class ClipReference(ClipFloor):
    """Express each clip in dB below its own maximum, from `-top_db` to 0."""

    def call(self, spectra):
        relative = spectra - ops.max(spectra, axis=(1, 2), keepdims=True)
        return ops.maximum(relative, -self.top_db)


@keras.saving.register_keras_serializable("sertk")
class LoudPadding(ClipReference):
    """Do the same, but let padding be 0 dB, the loudest value there is: a defect of R1's."""

    def call(self, spectra):
        return ops.where(spectra <= _spectrum.PADDING_DB, 0.0, super().call(spectra))


@keras.saving.register_keras_serializable("sertk")
class ZeroPadding(ClipFloor):
    """Keep the level, but let padding be 0, and so its cepstrum: a defect of R3's."""

    def call(self, spectra):
        return ops.where(spectra <= _spectrum.PADDING_DB, 0.0, super().call(spectra))


@keras.saving.register_keras_serializable("sertk")
class Cepstrum(Layer):
    """Transform mel bands in dB to `n_mfcc` cepstral coefficients by an orthonormal DCT-II."""

    def __init__(self, n_mfcc: int = 13, **kwargs):
        super().__init__(**kwargs)
        self.n_mfcc = n_mfcc

    def call(self, spectra):
        return ops.matmul(spectra, _spectrum.dct_matrix(spectra.shape[-1], self.n_mfcc))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.n_mfcc)


@keras.saving.register_keras_serializable("sertk")
class Deltas(Layer):
    """Append the first and, for `order=2`, the second derivative over time to the bins.

    The Savitzky-Golay filter of width nine of `librosa.feature.delta`; at least nine frames.
    """

    width = 9

    def __init__(self, order: int = 2, **kwargs):
        super().__init__(**kwargs)
        self.order = order

    def call(self, values):
        parts = [values]
        for order in range(1, self.order + 1):
            inner = _correlate(values, _spectrum.delta_kernel(self.width, order))
            parts.append(_held(inner, self.width // 2))
        return ops.concatenate(parts, axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] * (1 + self.order))


@keras.saving.register_keras_serializable("sertk")
class DeltaChannels(keras.layers.Layer):
    """Stack a spectrum, its derivative over time, and the derivative of that, as channels.

    The regression over five frames of `LogMelDelta`; beyond the ends the last frame goes on.
    """

    def call(self, values):
        kernel = _spectrum.delta_kernel(_spectrum.REGRESSION, 1)
        channels = [values]
        for _ in range(2):
            channels.append(_correlate(_held(channels[-1], len(kernel) // 2), kernel))
        return ops.stack(channels, axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape, 3)


def _held(values, reach: int):
    """Let (batch, frames, bins) stay at its first and last frame for so many frames beyond."""
    first, last = (ops.repeat(end, reach, axis=1) for end in (values[:, :1], values[:, -1:]))
    return ops.concatenate([first, values, last], axis=1)


def _correlate(values, kernel: np.ndarray):
    """Correlate (batch, frames, bins) with a kernel along the frames, where it fits."""
    width = len(kernel)
    return sum(values[:, k : k - width + 1 or None] * float(kernel[k]) for k in range(width))


@keras.saving.register_keras_serializable("sertk")
class MeanBin(keras.layers.Layer):
    """Average the bins of each frame into one."""

    def call(self, values):
        return ops.mean(values, axis=-1, keepdims=True)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 1)


@keras.saving.register_keras_serializable("sertk")
class FrameStatistics(Layer):
    """Compute `sertk.features.functionals` of frames.

    Args:
        statistics: Names of statistics, in order.

    Input shape:
        (batch, frames, bins[, channels]), any number of frames.

    Output shape:
        (batch, 1, statistics * bins [* channels]).
    """

    def __init__(self, statistics: list[str], **kwargs):
        super().__init__(**kwargs)
        self.statistics = list(statistics)

    def call(self, inputs):
        numbers = math.prod(inputs.shape[2:])
        frames = ops.reshape(inputs, (ops.shape(inputs)[0], -1, numbers))
        count = ops.shape(frames)[1]
        last = ops.cast(count - 1, "float32")
        index = ops.cast(ops.arange(count, dtype="int32"), "float32")
        time = (2 * index / ops.maximum(last, 1.0) - 1) * ops.cast(last > 0, "float32")
        # the first frame stands twice, so that one frame alone has a difference, too: 0
        before = ops.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
        change, pairs = frames - before, ops.maximum(last, 1.0)
        ordered = None
        parts = []
        for name in self.statistics:
            if name == "mean":
                part = ops.mean(frames, axis=1)
            elif name == "std":
                part = ops.std(frames, axis=1)
            elif name == "slope":
                part = ops.sum(time[None, :, None] * frames, axis=1)
                part = part / ops.maximum(ops.sum(ops.square(time)), 1e-12)
            elif name == "change":
                part = ops.sum(ops.abs(change), axis=1) / pairs
            elif name == "change_std":
                mean = ops.sum(change, axis=1) / pairs
                squares = ops.sum(ops.square(change), axis=1) / pairs
                part = ops.sqrt(ops.maximum(squares - ops.square(mean), 0.0))
            else:
                ordered = ops.sort(frames, axis=1) if ordered is None else ordered
                place = last * (float(name[1:]) / 100)
                low = ops.cast(ops.floor(place), "int32")
                high = ops.minimum(low + 1, count - 1)
                share = place - ops.floor(place)
                ends = (ops.take(ordered, side, axis=1) for side in (low, high))
                lower, upper = ends
                part = lower + share * (upper - lower)
            parts.append(part)
        return ops.concatenate(parts, axis=-1)[:, None]

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 1, len(self.statistics) * math.prod(input_shape[2:]))
