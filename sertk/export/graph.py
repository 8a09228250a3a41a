"""The whole model as one Keras graph, from waveform to probabilities.

In: an assembled model of a run (clips in), its `Preprocessing`, how its clips vote. Out: a model
that takes whole utterances of any length, (batch, samples). It cuts them where `clip_starts` cuts,
pads with silence as `Preprocessing.cut` does, and joins the clips.
"""

from typing import Any

import keras
from keras import ops

from sertk.layers import speaker
from sertk.layers._base import Layer
from sertk.preprocessing import PADDING_DB, Preprocessing


@keras.saving.register_keras_serializable("sertk")
class Center(Layer):
    """Subtract the mean of each waveform, as `sertk.audio.center` does.

    Input shape:
        (batch, samples), float32.
    """

    def call(self, waveforms):
        return waveforms - ops.mean(waveforms, axis=1, keepdims=True)


@keras.saving.register_keras_serializable("sertk")
class Level(Layer):
    """Scale each waveform to a root mean square, as `sertk.audio.normalize_rms` does.

    Input shape:
        (batch, samples), float32. A silent waveform stays silent.
    """

    def __init__(self, target_rms_db: float, **kwargs):
        super().__init__(**kwargs)
        self.target_rms_db = target_rms_db

    def call(self, waveforms):
        rms = ops.sqrt(ops.mean(ops.square(waveforms), axis=1, keepdims=True))
        gain = 10 ** (self.target_rms_db / 20) / ops.maximum(rms, 1e-7)
        return ops.where(rms < 1e-7, waveforms, waveforms * gain)


@keras.saving.register_keras_serializable("sertk")
class CutClips(Layer):
    """Cut spectra into clips: the fewest that cover them, evenly spread; short ones are padded.

    Args:
        clip_frames: Frames in a clip.
        padding: What stands where there is no sound; `None` repeats the utterance.

    Input shape:
        (batch, frames, bins[, channels]), any number of frames.

    Output shape:
        (batch * clips, clip_frames, bins[, channels]), clips of one utterance behind each other.
    """

    def __init__(self, clip_frames: int, padding: float | None, **kwargs):
        super().__init__(**kwargs)
        self.clip_frames, self.padding = clip_frames, padding

    def call(self, spectra):
        length, frames = self.clip_frames, ops.shape(spectra)[1]
        count = _larger((frames + length - 1) // length, 1)
        steps = _larger(count - 1, 1)
        room, lack = _larger(frames - length, 0), _larger(length - frames, 0)
        number = ops.arange(count, dtype="int32")
        # number * room / steps rounded half to even, without a product that leaves 32 bits
        share = number * (room % steps)
        whole, rest = number * (room // steps) + share // steps, share % steps
        odd = ops.equal(whole % 2, 1)
        up = ops.logical_or(2 * rest > steps, ops.logical_and(ops.equal(2 * rest, steps), odd))
        starts = whole + ops.cast(up, "int32") - lack // 2
        index = starts[:, None] + ops.arange(length, dtype="int32")[None, :]  # (clips, frames)
        if self.padding is None:
            clips = ops.take(spectra, index % frames, axis=1)
            return ops.reshape(clips, (-1, length, *spectra.shape[2:]))
        inside = ops.logical_and(index >= 0, index < frames)
        taken = ops.take(spectra, ops.minimum(ops.maximum(index, 0), frames - 1), axis=1)
        shape = (1, -1, length, *[1] * (len(spectra.shape) - 2))
        clips = ops.where(ops.reshape(inside, shape), taken, self.padding)
        return ops.reshape(clips, (-1, length, *spectra.shape[2:]))

    def compute_output_shape(self, input_shape):
        return (None, self.clip_frames, *input_shape[2:])


def _larger(size: Any, other: int) -> Any:
    """Take the larger of two sizes, known when a graph is made (always, on JAX) or when it runs."""
    return max(size, other) if isinstance(size, int) else ops.maximum(size, other)


@keras.saving.register_keras_serializable("sertk")
class JoinClips(Layer):
    """Join the probabilities of the clips of each utterance, as `aggregate_clips` does.

    Call arguments:
        inputs: Probabilities (batch * clips, classes), and any tensor (batch, ...).

    Output shape:
        (batch, classes).
    """

    def __init__(self, how: str, **kwargs):
        super().__init__(**kwargs)
        self.how = how

    def call(self, inputs):
        shares, of_the_batch = inputs
        clips = ops.reshape(shares, (ops.shape(of_the_batch)[0], -1, shares.shape[-1]))
        if self.how == "max":
            joined = ops.max(clips, axis=1)
        elif self.how == "mean":
            joined = ops.mean(clips, axis=1)
        else:
            joined = ops.exp(ops.mean(ops.log(ops.maximum(clips, 1e-12)), axis=1))
        return joined / ops.sum(joined, axis=1, keepdims=True)

    def compute_output_shape(self, input_shape):
        return (input_shape[1][0], input_shape[0][-1])


@keras.saving.register_keras_serializable("sertk")
class UtteranceMeans(Layer):
    """Average the frames of each utterance over its clips: what enrolment averages further.

    Call arguments:
        inputs: Clips (batch * clips, frames, bins[, channels]), and any tensor (batch, ...).

    Output shape:
        (batch, bins[, channels]).
    """

    def call(self, inputs):
        clips, of_the_batch = inputs
        means = ops.mean(clips, axis=1)
        split = (ops.shape(of_the_batch)[0], -1, *clips.shape[2:])
        return ops.mean(ops.reshape(means, split), axis=1)

    def compute_output_shape(self, input_shape):
        clips, of_the_batch = input_shape
        return (of_the_batch[0], *clips[2:])


def from_waveform(model: Any, prep: Preprocessing, decision: str) -> keras.Model:
    """Build the whole: (batch, samples) to probabilities (batch, classes).

    Where the model can enrol a speaker, it takes the mean vector of enrolled recordings (1, bins)
    and their number (1, 1) as well, and gives the mean vector of each utterance (batch, bins), too.
    """
    sound = keras.Input((None,), name="sound")  # "waveform" is a layer, too
    source = prep.feature.source
    spectrum = source.layer()(_leveled(prep, sound))
    padding = None if source.repeats else PADDING_DB if source.in_decibels else 0.0
    clips = CutClips(prep.clip_frames, padding, name="cut")(spectrum)
    join = JoinClips(decision, name="probabilities")
    layer = speaker.of_model(model)
    if layer is None:
        return keras.Model(sound, join([_only(model(clips)), spectrum]), name="sertk")
    shape = layer.input.shape[2:]
    mean, count = keras.Input(shape, name="mean"), keras.Input((1,), name="count")
    standardized = _only(keras.Model(model.inputs, layer.input)(clips))
    means = UtteranceMeans(name="vector")([standardized, spectrum])
    rest = keras.Model(layer.output, model.outputs)
    shares = join([_only(rest(layer(standardized, mean=mean, count=count))), spectrum])
    return keras.Model([sound, mean, count], [shares, means], name="sertk")


def from_one_clip(model: Any, prep: Preprocessing) -> keras.Model:
    """Build the whole for a waveform of exactly one clip: (1, samples), every shape known."""
    samples = round(prep.clip_seconds * prep.sample_rate)
    inputs = keras.Input((samples,), batch_size=1, name="sound")
    spectrum = prep.feature.source.layer()(_leveled(prep, inputs))
    clip = ops.reshape(spectrum, (1, *prep.clip_shape))
    return keras.Model(inputs, _only(model(clip)), name="sertk")


def _leveled(prep: Preprocessing, waveforms: Any) -> Any:
    """Do what `Preprocessing.level` does."""
    centered = Center(name="center")(waveforms)
    if prep.target_rms_db is None:
        return centered
    return Level(prep.target_rms_db, name="level")(centered)


def _only(outputs: Any) -> Any:
    """Take the one output of a model, which may come in a list."""
    return outputs[0] if isinstance(outputs, list) else outputs
