"""Commands that take several runs: study, compare, leak-gap, leaderboard."""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sertk import evaluation, report, studies
from sertk._utils import atomic, provenance
from sertk.cli import inputs
from sertk.cli.output import give, tell
from sertk.cli.runs import report_run, start_backend
from sertk.errors import ConfigurationError, UnknownNameError
from sertk.manifest import remarks
from sertk.studies import space
from sertk.studies.levels import FACTORS


def study(args: argparse.Namespace) -> int:
    """Train a grid of choices, and compare them; 1 if one could not be trained."""
    if args.name is not None and args.name not in studies.STUDIES:
        raise UnknownNameError("study", args.name, studies.STUDIES)
    given: dict[str, Any] = {
        factor: tuple(word.strip() for word in getattr(args, factor).split(","))
        for factor in FACTORS
        if getattr(args, factor)
    }
    given |= {
        name: getattr(args, name)
        for name in ("question", "compare", "folds", "val", "copies")
        if getattr(args, name) is not None
    }
    given |= {"where": inputs.where(args.where)} if args.where else {}
    given |= {"seed": tuple(inputs.seeds(args.seeds))} if args.seeds else {}
    start = studies.STUDIES.get(args.name, studies.Study("What differs?"))
    config = {**start.config, **inputs.options(args.config, "--config")}
    if args.epochs is not None:
        config["epochs"] = args.epochs
    chosen = start.changed(**given, config=config)
    count = len(chosen.trials())
    tell(f"{count} run{'s' * (count > 1)}")
    start_backend(args)
    result = studies.run(
        chosen, args.output, roots=inputs.roots(chosen.corpus, args.root), n_jobs=args.jobs
    )
    inputs.tell_unreadable(result.runs.values())
    for name, reason in result.missing.items():
        tell(f"not trained: {name}: {reason}")
    if result.others:
        tell(f"The folder contains {result.others} more trials, which are not part of this study.")
    give(result.answer)
    give(f"Page: {studies.write_html(result)}")
    return int(bool(result.missing))


def search(args: argparse.Namespace) -> None:
    """Search settings on validation speakers, and confirm them on test speakers."""
    words = inputs.training(args)
    (seed,) = _one(words.pop("seeds"))
    model, prep = words.pop("model"), words.pop("prep")
    chosen = None
    if args.space:
        pairs = (inputs.pair(word, "--space") for word in args.space)
        chosen = {name: space.read(name, text, inputs.read_value) for name, text in pairs}
    utterances = inputs.divide(inputs.utterances(args), args)
    start_backend(args)
    result = studies.search(
        model, utterances, prep, folder=args.output, space=chosen, trials=args.trials, seed=seed,
        n_jobs=args.parallel, **words,
    )  # fmt: skip
    if args.json:
        give(json.dumps({"best": result.best, **result.worth()["uar"].to_dict()}))
        return
    give(result.answer)
    give(f"Run with the best settings: {result.confirmed['best'].folder}")
    give(f"Page: {studies.write_search_html(result)}")


def _one(seeds: list[int]) -> list[int]:
    if len(seeds) != 1:
        raise ConfigurationError(
            f"Received {len(seeds)} seeds.",
            "A search has one seed.",
            "Pass one, such as --seeds 0.",
            code="several-search-seeds",
        )
    return seeds


def fuse(args: argparse.Namespace) -> None:
    """Fuse finished runs into one, and report it."""
    report_run(studies.fuse(args.run, args.output, method=args.method), args)


def compare(args: argparse.Namespace) -> None:
    """Say whether one run is better than another."""
    first, second = map(evaluation.evaluate, args.run)
    if args.grouping:
        first, second = first.regroup(args.grouping), second.regroup(args.grouping)
    found = evaluation.compare(first, second, names=args.run)
    table = found.frame()
    if args.json:
        give(table.reset_index().to_json(orient="records", double_precision=15))
        return
    give(f"{args.run[0]} minus {args.run[1]}. {found.note}")
    for metric, row in table.iterrows():
        known = row["low"] == row["low"]
        ends = f" ({100 * row['low']:+.1f} to {100 * row['high']:+.1f})" if known else ""
        give(
            f"{str(metric).upper()} {row['first']:.1%} and {row['second']:.1%}: "
            f"{100 * row['difference']:+.1f} points{ends}, p {row['p']:.3g}"
        )


def leak_gap(args: argparse.Namespace) -> None:
    """Train with a leak and without, and tell the difference."""
    words = inputs.training(args)
    if args.protocol in ("random", "by_speaker"):
        raise ConfigurationError(
            f"Received the protocol {args.protocol!r}.",
            "The leak gap compares random folds, which are always trained, with "
            "speaker-independent folds.",
            "Choose a protocol with folds, such as speaker_folds or loso.",
            code="invalid-gap-protocol",
        )
    utterances = inputs.divide(inputs.utterances(args), args)
    start_backend(args)
    reasons = [why for _, why in remarks.of(utterances).unreadable]
    tell_gap(studies.leak_gap(utterances=utterances, folder=args.output, **words), args, reasons)


def leaderboard(args: argparse.Namespace) -> None:
    """Rank runs, each protocol by itself."""
    board = studies.Leaderboard(args.folder)
    for name, reason in board.unread.items():
        tell(f"not ranked: {name}: {reason}")
    table = board.frame()
    if args.json:
        give(table.reset_index().to_json(orient="records"))
    else:
        for protocol, rows in table.reset_index("rank").groupby(level=0, sort=False):
            give(f"{protocol}.")
            for row in rows.to_dict("records"):
                known = row["low"] == row["low"]
                ends = f" ({row['low']:.1%} to {row['high']:.1%})" if known else ""
                name = f"{row['run']}  {row['model']}" + "  LEAKY" * (not row["holds"])
                give(f"  {row['rank']}. UAR {row['uar']:.1%}{ends}  {name}")
        if board.published_lines:
            give("Published scores, each with its own protocol, not ranked:")
        for line in board.published_lines:
            give(f"  {line}")
    if args.output:
        give(f"Page: {board.write_html(args.output)}")


def tell_gap(found: studies.LeakGap, args: argparse.Namespace, known: Iterable[str] = ()) -> None:
    """Print the answer, and write its page beside the two runs."""
    inputs.tell_unreadable((found.leaky, found.clean), known)
    for run in (found.leaky, found.clean):
        tell(f"Report of one of the two: {report.write_html(run)}")
    home = Path(found.clean.folder).parent
    page = found.write_html(home / "leak_gap.html", provenance.command())
    atomic.write_json(home / "leak_gap.json", found.record())
    give(json.dumps(found.record()) if args.json else f"{found.sentence}\nPage: {page}")
