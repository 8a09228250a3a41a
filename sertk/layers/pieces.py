"""Cut long inputs into equal pieces that are encoded by themselves, and join their outputs.

In and out: (batch, frames, bins) tensors of any length.
"""

from keras import ops, saving

from sertk.layers._base import Layer


@saving.register_keras_serializable("sertk")
class EqualPieces(Layer):
    """Cut into the fewest equal pieces of an even number of frames; the last one is padded.

    Args:
        longest: int, even. Most frames of a piece.
        padding: Value of the frames behind the end.

    Input shape:
        (batch, frames, bins).

    Output shape:
        (batch * pieces, frames of a piece, bins).
    """

    def __init__(self, longest: int, padding: float, **kwargs):
        super().__init__(**kwargs)
        self.longest, self.padding = longest, padding

    def call(self, inputs):
        frames = ops.shape(inputs)[1]
        pieces = (frames + self.longest - 1) // self.longest
        length = 2 * ((frames + 2 * pieces - 1) // (2 * pieces))
        lack = pieces * length - frames
        padded = ops.pad(inputs, [[0, 0], [0, lack], [0, 0]], constant_values=self.padding)
        return ops.reshape(padded, (-1, length, inputs.shape[-1]))

    def compute_output_shape(self, input_shape):
        return (None, None, input_shape[-1])


@saving.register_keras_serializable("sertk")
class JoinPieces(Layer):
    """Put the outputs of pieces behind each other again; there is one for two frames.

    Call arguments:
        inputs: Outputs (batch * pieces, frames of a piece / 2, units[, blocks]), and what was cut,
            (batch, frames, bins).

    Output shape:
        (batch, ceil(frames / 2), units[, blocks]).
    """

    def call(self, inputs):
        outputs, whole = inputs
        batch, frames = ops.shape(whole)[:2]
        joined = ops.reshape(outputs, (batch, -1, *outputs.shape[2:]))
        return joined[:, : (frames + 1) // 2]

    def compute_output_shape(self, input_shape):
        outputs, whole = input_shape
        frames = whole[1]
        return (whole[0], None if frames is None else (frames + 1) // 2, *outputs[2:])
