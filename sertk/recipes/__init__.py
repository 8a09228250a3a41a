"""Recipes: the reference systems R1 to R5 and sertk's own, and their reproduction.

In: a recipe's name and corpora. Out: a run. Defects of the originals are left out and named; where
a published number rests on one, `as_published` puts it back and marks the run.
"""

from sertk.recipes.record import Difference, Published, Recipe
from sertk.recipes.repeating import describe, get, reproduce, utterances
from sertk.recipes.systems import RECIPES

__all__ = [
    "RECIPES", "Difference", "Published", "Recipe", "describe", "get", "reproduce", "utterances",
]  # fmt: skip
