"""The base class of all layers: what Keras saves of a layer is what it was made with."""

import inspect

import keras

_OF_KERAS = inspect.signature(keras.layers.Layer.__init__).parameters


class Layer(keras.layers.Layer):
    """A layer that keeps its arguments under their names, and by default the shape of its input."""

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        names = inspect.signature(type(self).__init__).parameters
        own = {name: getattr(self, name) for name in names if name not in _OF_KERAS}
        return {**super().get_config(), **own}
