"""A run's models used again: disturbed speech, other corpora, saliency, embeddings.

In: a finished run and its recordings. Out: Displays and pages. All of it predicts with `replay`,
which gives each utterance to the model of the fold that tested it.
"""

import lazy_loader

from sertk._utils import keras_backend

_load, __dir__, __all__ = lazy_loader.attach(
    __name__, submodules=["cross_corpus", "embeddings", "replay", "robustness", "saliency"]
)
__getattr__ = keras_backend.quietly(_load)
