"""Studies: compare runs over a grid of choices.

In: a recipe, or utterances and what to vary. Out: runs in one folder, a table with a row for each,
differences on the same test speakers with intervals, and one page that answers the question first.
"""

from sertk.studies.fusing import fuse
from sertk.studies.leaderboard import Leaderboard
from sertk.studies.leak import LeakGap, leak_gap, leak_gap_of_recipe
from sertk.studies.page import write_html
from sertk.studies.results import StudyResult
from sertk.studies.runner import run_study as run
from sertk.studies.search import search
from sertk.studies.search_page import write_search_html
from sertk.studies.search_result import SearchResult
from sertk.studies.study import STUDIES, Study, Trial

__all__ = [
    "STUDIES", "Leaderboard", "LeakGap", "SearchResult", "Study", "StudyResult", "Trial", "fuse",
    "leak_gap", "leak_gap_of_recipe", "run", "search", "write_html", "write_search_html",
]  # fmt: skip
