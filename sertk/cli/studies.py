"""Commands that take several runs: leak-gap."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from sertk.cli import inputs
from sertk.cli.streams import give, tell
from sertk.errors import ConfigurationError

if TYPE_CHECKING:
    from sertk.studies import LeakGap


def leak_gap(args: argparse.Namespace) -> None:
    """Train with a leak and without, and tell the difference."""
    from sertk.cli.runs import start_backend

    words = inputs.training(args)
    if args.protocol in ("random", "by_speaker"):
        raise ConfigurationError(
            f"The protocol {args.protocol!r} was asked for.",
            "The gap lies between files divided at random, which is done anyway, and folds of "
            "speakers.",
            "Name a protocol with folds, such as speaker_folds or loso.",
        )
    utterances = inputs.divide(inputs.utterances(args), args)
    start_backend(args)
    from sertk import studies

    tell_gap(studies.leak_gap(utterances=utterances, folder=args.output, **words), args)


def tell_gap(found: "LeakGap", args: argparse.Namespace) -> None:
    """Print the answer, and write its page beside the two runs."""
    from sertk import _provenance, report

    for run in (found.leaky, found.clean):
        tell(f"Report of one of the two: {report.write_html(run)}")
    page = found.write_html(
        Path(found.clean.folder).parent / "leak_gap.html", _provenance.command()
    )
    if args.json:
        rows = found.frame().reset_index()
        give(
            json.dumps(
                {"gap": found.gap.value, "scores": json.loads(rows.to_json(orient="records"))}
            )
        )
        return
    give(found.sentence)
    give(f"Page: {page}")
