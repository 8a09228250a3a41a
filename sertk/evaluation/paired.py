"""Compare two runs: paired differences on the same utterances, resampled by speaker.

In: two evaluations of the same utterances. Out: the difference of their scores, with an interval
from drawing speakers and seeds, the same in both, and the p-value of a permutation test over
speakers.
"""

from collections.abc import Hashable, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd

from sertk._display import drawing
from sertk._display.display import Display, percent
from sertk.errors import ConfigurationError, listing
from sertk.evaluation import confusion_matrices as matrices
from sertk.evaluation import intervals
from sertk.evaluation.results import Evaluation

_METRICS = ("uar", "wa")
_ALL_SWAPS = 12  # up to so many speakers, every way to swap them is tried
_SWAPS = 10_000
_NAMED = 24  # maximum number of speakers with names in a figure


class PairedDisplay(Display):
    """The difference between two runs, and where it comes from.

    Attributes:
        speakers: UAR of each speaker in both runs: `first, second, difference`.
        names: Names of the two runs in figures and tables.
    """

    def __init__(
        self, table: pd.DataFrame, speakers: pd.DataFrame, names: Sequence[str], note: str
    ):
        super().__init__(table, f"{names[0]} minus {names[1]}, points", note)
        self.speakers = speakers
        self.names = tuple(names)
        self.size = (8.0, 1.4 + 0.18 * min(len(speakers), _NAMED))

    def _draw(self, ax: "drawing.Axes") -> None:
        points = 100 * self.speakers["difference"].sort_values()
        places = np.arange(len(points))
        ax.axvline(0, color=drawing.MUTED, lw=1)
        ax.hlines(places, 0, points, drawing.SOFT, lw=1.5)
        ax.plot(points, places, "o", color=drawing.ACCENT, markersize=5, label="one speaker")
        top = len(points) + 0.8
        row = 100 * self._table.loc["uar"]
        ax.hlines(top, row["low"], row["high"], drawing.SECOND, lw=3)
        ax.plot(row["difference"], top, "D", color=drawing.SECOND, markersize=8)
        named = points.index.map(str) if len(points) <= _NAMED else ()
        ax.set_yticks([*places[: len(named)], top], [*named, "UAR, all"])
        ax.set_ylim(-1, top + 1)
        ax.grid(visible=False, axis="y")
        ax.set_xlabel(f"points of UAR; right of zero, {self.names[0]} is better")

    def _shown(self) -> pd.DataFrame:
        shown = self._table.astype(object)
        for column in ("first", "second", "difference", "low", "high"):
            shown[column] = [percent(value) for value in self._table[column]]
        shown["p"] = [f"{value:.3g}" for value in self._table["p"]]
        return shown.rename(columns=dict(zip(("first", "second"), self.names, strict=True)))


def compare(first: Evaluation, second: Evaluation, names: Sequence[str] = ()) -> PairedDisplay:
    """Compare two runs on the utterances that both were tested on.

    The interval draws speakers with replacement, the same in both runs, and the seeds of a run
    that has several, the same in both if their seeds are: it covers the variance over speakers and
    over trainings.
    The test swaps the two runs' predictions of whole speakers, which changes nothing if the runs
    are alike: p is the share of swaps whose difference is at least as large. It is conditional
    on these trained models: seeds are averaged, not resampled.

    Args:
        first: `Evaluation` of the first run.
        second: `Evaluation` of the same utterances, classes and labels; folds and seeds may differ.
        names: What to call them; `("first", "second")` by default.

    Returns:
        `first, second, difference, low, high, p, speakers, utterances` by metric (`uar`, `wa`),
        fractions.

    Raises:
        ConfigurationError: If classes or labels differ, no utterance is common, or there are not
            two names.

    References:
        Good 2005, Permutation, Parametric and Bootstrap Tests of Hypotheses, chapter 3.
        Owen 2007, The pigeonhole bootstrap, Annals of Applied Statistics 1(2).

    Examples:
        >>> from sertk.evaluation import evaluate
        >>> speakers = [s for s in "abcdef" for _ in range(4)]
        >>> table = pd.DataFrame({"utterance_id": range(24), "speaker": speakers,
        ...                       "label": ["x", "y"] * 12, "predicted": ["x", "y"] * 12})
        >>> guess = table.assign(predicted="x")
        >>> shown = compare(*(evaluate(t, classes=["x", "y"]) for t in (table, guess)))
        >>> shown.frame().loc["uar", ["difference", "p"]].tolist()  # 2 of 64 ways to swap
        [0.5, 0.03125]
    """
    names = tuple(names) or ("first", "second")
    if len(names) != 2:
        raise ConfigurationError(
            f"Received {len(names)} names, {listing(names)}, for two runs.",
            "Each run needs one name.",
            'Pass both, such as names=("compact", "mlp"), or omit them.',
            code="wrong-number-of-names",
        )
    utterances, *pair = _aligned(first, second)
    speakers = pair[0].speakers
    one, other = (side.counts.mean(1) for side in pair)
    rows = {}
    for metric in _METRICS:
        score = matrices.METRICS[metric]
        values = [float(score(matrix.sum(0))) for matrix in (one, other)]
        interval = _interval([(pair[0], pair[1])], metric)
        rows[metric] = {
            "first": values[0], "second": values[1], "difference": interval.value,
            "low": interval.low, "high": interval.high, "p": _permutation(one, other, metric),
            "speakers": len(speakers), "utterances": utterances,
        }  # fmt: skip
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric")
    scores = [matrices.uar_present(matrix) for matrix in (one, other)]
    of_speakers = pd.DataFrame(
        {"first": scores[0], "second": scores[1], "difference": scores[0] - scores[1]},
        index=pd.Index(speakers, name="speaker"),
    )
    several = [name for name, side in zip(names, pair, strict=True) if len(side.seeds) > 1]
    seeds = f" and the seeds of {' and '.join(several)}" * bool(several)
    note = (
        f"{utterances} utterances of {len(speakers)} speakers; 95 % confidence interval over "
        f"speakers{seeds}{f' (none: {interval.note})' * (not interval.known)}, p-value from a "
        "permutation test over speakers"
        + ("." if several else "; one seed each: another training may give another result.")
    )
    return PairedDisplay(table, of_speakers, names, note)


def difference(*pairs: tuple[Evaluation, Evaluation]) -> intervals.Interval:
    """Subtract the UAR of each second from that of its first, and take the mean over pairs.

    Speakers are drawn once for all pairs, each with all of its results, and so are the seeds of
    runs that have the same ones.

    Args:
        *pairs: Both of one pair have the same classes and labels; several may differ in them.

    Returns:
        The mean difference, a fraction; without an interval where fewer than three speakers are
        common.

    Raises:
        ConfigurationError: As `compare` does.
    """
    return _interval([_aligned(first, second)[1:] for first, second in pairs], "uar")


class _Side(NamedTuple):
    """Confusions of the common utterances in one of two runs."""

    speakers: list[Hashable]
    seeds: tuple[Hashable, ...]
    counts: np.ndarray  # (speakers, seeds, classes, classes)


def _aligned(first: Evaluation, second: Evaluation) -> tuple[int, _Side, _Side]:
    """Count the utterances that two runs share, and their confusions by speaker and seed."""
    if set(first.classes) != set(second.classes):
        raise ConfigurationError(
            f"The first run has the classes {', '.join(first.classes)}, the second "
            f"{', '.join(second.classes)}.",
            "A paired comparison needs the same classes in both.",
            "Call .regroup(...) on both with one grouping first.",
            code="different-classes",
        )
    labels = [
        e.rows.drop_duplicates("utterance_id").set_index("utterance_id") for e in (first, second)
    ]
    common = labels[0].index.intersection(labels[1].index).sort_values()
    if not len(common):
        raise ConfigurationError(
            "The two runs have different test utterances.",
            "A paired comparison needs the same utterances in both.",
            "Run both on the same corpus and protocol.",
            code="different-utterances",
        )
    one, other = (part.loc[common] for part in labels)
    differing = common[(one["label"] != other["label"]) | (one["speaker"] != other["speaker"])]
    if len(differing):
        raise ConfigurationError(
            f"{len(differing)} utterances have a different label or speaker in the second run "
            f"({listing(list(differing), 3)}).",
            "A paired comparison needs the same true labels and speakers in both.",
            "Train both with the same manifest and grouping.",
            code="different-true-labels",
        )
    speakers = sorted(one["speaker"].unique(), key=str)
    classes = list(first.classes)
    sides = [_side(e, common, speakers, classes) for e in (first, second)]
    return len(common), sides[0], sides[1]


def _side(
    result: Evaluation, common: pd.Index, speakers: list[Hashable], classes: list[str]
) -> _Side:
    """Count the confusions of the common utterances, classes and speakers in the given order."""
    rows = result.rows[result.rows["utterance_id"].isin(common)]
    truth, predicted, speaker = (
        pd.Index(names).get_indexer(pd.Index(rows[column]))
        for column, names in (("label", classes), ("predicted", classes), ("speaker", speakers))
    )
    seed, seeds = pd.factorize(rows["seed"], sort=True)
    sizes = [len(speakers), len(seeds)]
    counts = matrices.count(truth, predicted, len(classes), [speaker, seed], sizes)
    return _Side(speakers, tuple(seeds), counts)


def _interval(pairs: Sequence[tuple[_Side, _Side]], metric: str) -> intervals.Interval:
    """Draw speakers, and seeds crossed with them (Owen 2007); equal seeds are drawn together."""
    sides = [side for pair in pairs for side in pair]
    scores = [matrices.of_resamples(metric, side.counts.sum((0, 1))) for side in sides]
    everybody = pd.Index(list(dict.fromkeys(name for side in sides for name in side.speakers)))
    blocks = []
    for side in sides:
        block = np.zeros((len(everybody), *side.counts.shape[1:]))
        block[everybody.get_indexer(pd.Index(side.speakers))] = side.counts
        blocks.append(block.reshape(len(everybody), -1))
    ends = np.cumsum([block.shape[1] for block in blocks])[:-1]
    rng = np.random.default_rng([0, 1])  # apart from that of the speakers

    def gap(cells: np.ndarray, often: dict[tuple[Hashable, ...], np.ndarray]) -> np.ndarray:
        values = []
        for side, score, part in zip(sides, scores, np.split(cells, ends, axis=1), strict=True):
            of_seeds = part.reshape(len(cells), *side.counts.shape[1:])
            values.append(score(np.einsum("rs,rsij->rij", often[side.seeds], of_seeds)))
        return np.mean(values[::2], axis=0) - np.mean(values[1::2], axis=0)

    def drawn_gap(cells: np.ndarray) -> np.ndarray:  # (resamples, cells of all sides)
        often = {}
        for seeds in dict.fromkeys(side.seeds for side in sides):
            count = len(seeds)  # with as many draws, the variance of their mean were too small
            draws = rng.multinomial(max(count - 1, 1), np.full(count, 1 / count), len(cells))
            often[seeds] = draws.astype(float)
        return gap(cells, often)

    together = np.concatenate(blocks, axis=1)
    all_once = {side.seeds: np.ones((1, len(side.seeds))) for side in sides}
    value = float(gap(together.sum(0, keepdims=True), all_once)[0])
    return intervals.interval(value, drawn_gap, together, bounds=intervals.DIFFERENCE)


def _permutation(one: np.ndarray, other: np.ndarray, metric: str) -> float:
    """Compute the two-sided p-value of swapping whole speakers; exact for few speakers."""
    score = matrices.METRICS[metric]
    middle, half = (one + other).sum(0) / 2, (one - other) / 2
    count = len(one)
    exact = count <= _ALL_SWAPS
    signs = (
        np.array(list(product((1.0, -1.0), repeat=count)))
        if exact
        else np.random.default_rng(0).choice([1.0, -1.0], (_SWAPS, count))
    )
    moved = np.tensordot(signs, half, axes=1)  # (swaps, classes, classes)
    differences = np.abs(score(middle + moved) - score(middle - moved))
    observed = abs(float(score(one.sum(0)) - score(other.sum(0))))
    extreme = int((differences >= observed - 1e-12).sum())
    return extreme / len(signs) if exact else (extreme + 1) / (len(signs) + 1)
