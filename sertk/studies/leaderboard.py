"""Leaderboards: rank runs of the same protocol and classes.

In: a folder. Out: tables, one for each protocol: the same corpora, classes and tested utterances,
split in the same way. Published results are listed with their protocols, and are not ranked.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from sertk._display import drawing
from sertk._display.display import Display, percent
from sertk._html import pages
from sertk.errors import RunError, SertkError
from sertk.evaluation import Evaluation, evaluate
from sertk.evaluation.paired import difference
from sertk.recipes import RECIPES
from sertk.run import Run
from sertk.studies.displays import ScoreDisplay

_HERE = Path(__file__).parent


class Leaderboard(Display):
    """Runs in the order of their UAR, within each protocol.

    Args:
        folder: Searched to any depth for finished runs.

    Attributes:
        corpora: That runs were tested on.
        unread: Folder of a run -> why it has no place.

    Raises:
        RunError: If there is no finished run.

    Examples:
        `Leaderboard("runs").frame()`
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder).expanduser()
        self.unread: dict[str, str] = {}
        groups: dict[tuple[str, ...], list[tuple[Run, Evaluation]]] = {}
        for path in sorted(self.folder.rglob("run.json")):
            try:
                run = Run(path.parent)
                result = evaluate(run)
                # what makes scores comparable: words, classes, and the utterances of each fold
                pairs = zip(result.rows["fold"], result.rows["utterance_id"], strict=True)
                digest = hashlib.sha256(repr(sorted(set(pairs))).encode()).hexdigest()
                key, _ = (describe(run), *sorted(run.classes), digest), _facts(run)
            except SertkError as error:
                self.unread[str(path.parent.relative_to(self.folder))] = str(error)
                continue
            groups.setdefault(key, []).append((run, result))
        if not groups:
            raise self._nothing()
        members = [run for group in groups.values() for run, _ in group]
        self.corpora = sorted({name for run in members for name in run.info["corpora"]})
        rows = [
            row for key, group in groups.items() for row in self._ranked(_name(key, groups), group)
        ]
        super().__init__(
            pd.DataFrame(rows).set_index(["protocol", "rank"]),
            "Runs by UAR, %, within each protocol",
            "Runs with different protocols are not comparable and are ranked separately.",
        )

    def _nothing(self) -> RunError:
        """Return the error for a folder without runs to rank, with the reasons."""
        if not self.unread:
            return RunError(
                f"{self.folder} contains no finished run with test scores.",
                "A leaderboard ranks the runs of `sertk train` and `sertk cv`.",
                "Check the path, or train first.",
                code="no-finished-runs",
            )
        name, reason = next(iter(self.unread.items()))
        return RunError(
            f"{self.folder} contains no finished run with test scores; {len(self.unread)} runs "
            f"cannot be ranked. The first error, of {name}: {reason}",
            code="no-rankable-runs",
        )

    def _ranked(self, protocol: str, group: list[tuple[Run, Evaluation]]) -> list[dict[str, Any]]:
        ordered = sorted(group, key=lambda pair: -pair[1].uar)
        best = ordered[0][1]
        rows = []
        for rank, (run, result) in enumerate(ordered, 1):
            interval, behind = result.interval(), difference((result, best))
            rows.append(
                {
                    "protocol": protocol,
                    "rank": rank,
                    "run": str(run.folder.relative_to(self.folder)),
                    **_facts(run),
                    "uar": interval.value, "low": interval.low, "high": interval.high,
                    "wa": result.wa, "chance": result.chance,
                    "behind": behind.value, "behind_low": behind.low, "behind_high": behind.high,
                    "seeds": len(result.seeds),
                    "speakers": result.num_speakers, "utterances": result.num_utterances,
                    "holds": not run.info["protocol"]["leaky"],
                }
            )  # fmt: skip
        return rows

    @property
    def published_lines(self) -> list[str]:
        """List the published results on these corpora with their protocols, one per line."""
        return [f"{f.corpus}: {f.score}  {f.system}; {f.protocol}" for f in
                self.published.itertuples()]  # fmt: skip

    @property
    def published(self) -> pd.DataFrame:
        """Published figures on the corpora that are there: `corpus, system, score, protocol`."""
        rows = [
            (corpus, recipe.title, figure.score, figure.protocol)
            for recipe in RECIPES.values()
            for figure in recipe.published
            for corpus in ((figure.corpus,) if figure.corpus else recipe.corpora)
            if corpus in self.corpora
        ]
        return pd.DataFrame(rows, columns=["corpus", "system", "score", "protocol"])

    def write_html(self, path: str | Path) -> Path:
        """Write the page: a table for each protocol, and what was published."""
        groups = {
            name: rows.reset_index().to_dict("records")
            for name, rows in self._table.groupby(level=0, sort=False)
        }
        text = pages.render(
            _HERE, "leaderboard.html", title="Leaderboard", groups=groups, unread=self.unread,
            published=self.published.to_dict("records"), pct=percent,
            known=lambda value: value == value,
        )  # fmt: skip
        return pages.write(text, path)

    def _draw(self, ax: "drawing.Axes") -> None:
        table = self._table.reset_index().set_index(["protocol", "run"])
        ScoreDisplay(table, self.title)._draw(ax)


def _facts(run: Run) -> dict[str, Any]:
    """Name what was trained."""
    return {
        "model": run.info["model"]["name"],
        "parameters": run.parameters,
        "augmentation": (run.info.get("augmentation") or {}).get("name", "none"),
        "standardize": run.info.get("standardize", "training"),
    }


def describe(run: Run) -> str:
    """Describe the test data of a run in one line."""
    info = run.info
    return (
        f"{', '.join(info['corpora'])}: {len(info['classes'])} classes ({info['grouping']}); "
        f"{info['protocol']['sentence']}"
    )


def _name(key: tuple[str, ...], keys: Iterable[tuple[str, ...]]) -> str:
    """Name a group; two of the same name with other test speakers get a number."""
    alike = [other for other in keys if other[0] == key[0]]
    return key[0] if len(alike) == 1 else f"{key[0]} (test set {alike.index(key) + 1})"
