"""Questions that take several runs: what leaks, what helps whom, and how sure that is.

In: a recipe, or utterances and what to vary. Out: runs in one folder, a table with a row for each,
differences on the same test speakers with intervals, and one page that answers the question first.
"""

from sertk.studies.leak import LeakGap, leak_gap, leak_gap_of_recipe

__all__ = ["LeakGap", "leak_gap", "leak_gap_of_recipe"]
