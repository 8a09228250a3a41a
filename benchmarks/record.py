"""One measured figure beside its goal, and the setting in which it was measured.

In: a `Timing`. Out: a `Record`, a line of the table and of the JSON file.
"""

import dataclasses
import operator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.timing import Timing, spread
from sertk.run import Run

_HOLDS = {">=": operator.ge, "<=": operator.le}


@dataclass(frozen=True)
class Setting:
    """How much to measure, and where to find sound.

    Args:
        work: An empty folder for what is written on the way.
        shared: A folder that all benchmarks of a run share, for the toy corpus.
        quick: Measure next to nothing: only that everything runs.
        root: Folder of RAVDESS; `None` takes synthetic speech.
        repeats: Turns of each measurement.
        run: A trained run, for what needs one.
    """

    work: Path
    shared: Path
    quick: bool = False
    root: Path | None = None
    repeats: int = 7
    run: Run | None = None

    def pick(self, full: int, quick: int) -> int:
        """Choose a size."""
        return quick if self.quick else full


@dataclass(frozen=True)
class Record:
    """One figure.

    Attributes:
        id: As in the list of benchmarks; a point sets off what belongs to it.
        what: Was measured.
        peer: What it is compared with.
        unit: Of `ours` and `theirs`.
        ours: Median, min, max.
        theirs: The same of the peer.
        ratio: What the goal is about; `ratio_is` says which ratio.
        paired: The same ratio, as the median over the turns; `None` where there are no turns.
        goal: Such as `">= 1.6"`.
        n: Turns.
        notes: What a reader must know.
    """

    id: str
    what: str
    peer: str
    unit: str
    ours: dict[str, float]
    theirs: dict[str, float]
    ratio: float
    ratio_is: str
    paired: float | None
    goal: str
    n: int
    notes: str = ""

    @property
    def met(self) -> bool:
        """Whether the ratio reaches the goal."""
        sign, value = self.goal.split()
        return bool(_HOLDS[sign](self.ratio, float(value)))

    def to_dict(self) -> dict[str, object]:
        """Record everything, for JSON, where `theirs` stands beside the words about the peer."""
        flat = dataclasses.asdict(self)
        return {
            "id": flat["id"], "what": flat["what"], "peer": {"what": flat["peer"], **self.theirs},
            "unit": flat["unit"], "ours": flat["ours"], "ratio": flat["ratio"],
            "ratio_is": flat["ratio_is"], "paired_ratio": flat["paired"], "goal": flat["goal"],
            "met": self.met, "n": flat["n"], "notes": flat["notes"],
        }  # fmt: skip


@dataclass(frozen=True)
class Missing:
    """A figure that could not be taken here.

    Attributes:
        id: As of a `Record`, and so are `what`, `peer` and `goal`.
        what: Was to be measured.
        peer: What it was to be compared with.
        goal: Such as `">= 1.6"`.
        why: It was not measured, and what to do about it.
    """

    id: str
    what: str
    peer: str
    goal: str
    why: str

    def to_dict(self) -> dict[str, object]:
        """Record the same keys as a figure has, for JSON; those of numbers are `None`."""
        figures = ("unit", "ours", "ratio", "ratio_is", "paired_ratio", "met", "n")
        return {
            "id": self.id, "what": self.what, "peer": {"what": self.peer}, "goal": self.goal,
            **dict.fromkeys(figures), "notes": f"not measured: {self.why}",
        }  # fmt: skip


def faster(
    timing: Timing, id: str, what: str, peer: str, *, unit: str, goal: float, notes: str = ""
) -> Record:
    """Record how many times faster ours is than its peer; the goal is a minimum."""
    return Record(
        id, what, peer, unit, spread(timing.ours), spread(timing.peer), timing.speed_up,
        "peer / ours", timing.paired_speed_up, f">= {goal}", len(timing.ours), notes,
    )  # fmt: skip


def not_slower(
    timing: Timing, id: str, what: str, peer: str, *, unit: str, goal: float, notes: str = ""
) -> Record:
    """Record how many times as long ours takes as its peer; the goal is a maximum."""
    return Record(
        id, what, peer, unit, spread(timing.ours), spread(timing.peer), timing.slow_down,
        "ours / peer", timing.paired_slow_down, f"<= {goal}", len(timing.ours), notes,
    )  # fmt: skip
