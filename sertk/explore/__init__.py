"""Explore a corpus: look at it and listen to it before training.

In: a manifest whose files are there. Out: Displays, each with `.frame()` (the numbers),
`.plot(ax=None)` and a table or players that notebooks show; and one page with all of it for those
without Jupyter. Keras is not needed.
"""

from sertk.explore.class_counts import classes, genders
from sertk.explore.distributions import durations, levels
from sertk.explore.inputs import clip, mfcc
from sertk.explore.page import write_html
from sertk.explore.sounds import across_emotions, across_genders, augmentations, preview, utterance

__all__ = [
    "across_emotions", "across_genders", "augmentations", "classes", "clip", "durations", "genders",
    "levels", "mfcc", "preview", "utterance", "write_html",
]  # fmt: skip
