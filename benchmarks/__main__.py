"""Measure, print a table, and write it down: `python -m benchmarks [--quick] [--only B1,B6]`."""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import (
    augmentation,
    environment,
    epoch,
    front_end,
    growth,
    latency,
    sound,
    start_up,
    table,
    throughput,
)
from benchmarks.record import Missing, Record, Setting
from sertk.cli.parsing_errors import Parser
from sertk.errors import ConfigurationError, SertkError, UnknownNameError
from sertk.run import Run

BENCHMARKS: dict[str, Callable[[Setting], Sequence[Record | Missing]]] = {
    "B1": front_end.measure,
    "B1p": front_end.measure_parallel,
    "B2": epoch.measure,
    "B3": augmentation.measure,
    "B4": throughput.measure,
    "B5": latency.measure,
    "B6": start_up.measure,
    "B7": growth.measure,
}
_FEWEST = 5  # turns whose median is worth writing down
REPORT = Path(__file__).resolve().parents[1] / "reports" / "benchmarks.json"
QUICK_REPORT = Path("runs") / "benchmarks_quick.json"


def main(words: Sequence[str] | None = None) -> int:
    """Run the benchmarks; 0 when they ran, whether goals were met or not."""
    try:
        args = _parser().understand(words)
        chosen = _chosen(args.only)
        if not args.quick and args.repeats < _FEWEST:
            raise ConfigurationError(
                f"Received --repeats {args.repeats}.",
                f"A median needs at least {_FEWEST} repeats.",
                "Omit it, or use --quick for a trial.",
                code="too-few-repeats",
            )
        root = sound.ravdess_root(args.root)
        trained = latency.chosen(args.run)
        output = Path(args.output).expanduser() if args.output else _default(args.quick, chosen)
        measured = run(chosen, quick=args.quick, root=root, repeats=args.repeats, trained=trained)
        table.write(measured, output)
        sys.stdout.write(table.text(measured))
        sys.stderr.write(f"written to {output.name} and {output.with_suffix('.md').name}\n")
    except SertkError as error:
        sys.stderr.write(f"benchmarks: {error}\n")
        return 2
    return 0


def run(
    chosen: Sequence[str],
    *,
    quick: bool = False,
    root: Path | None = None,
    repeats: int = 7,
    trained: Run | None = None,
) -> dict[str, object]:
    """Measure, and describe what with: `environment`, `quick`, `minutes`, `records`."""
    start = time.perf_counter()
    where = environment.describe()
    records: list[Record | Missing] = []
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        for name in chosen:
            sys.stderr.write(f"{name} ...\n")
            # a folder for each: what one leaves behind is no advantage to another
            work = Path(folder) / name
            work.mkdir()
            setting = Setting(work, Path(folder), quick, root, 1 if quick else repeats, trained)
            records += BENCHMARKS[name](setting)
            shutil.rmtree(work)
    return {
        "quick": quick,
        "environment": where,
        "minutes": round((time.perf_counter() - start) / 60, 1),
        "records": [record.to_dict() for record in records],
    }


def _parser() -> Parser:
    parser = Parser(
        prog="python -m benchmarks", description="Measure sertk against what a user would write."
    )
    parser.add_argument("--quick", action="store_true", help="only see whether everything runs")
    parser.add_argument(
        "--only", metavar="IDS", help=f"some of {','.join(BENCHMARKS)} (default: all)"
    )
    parser.add_argument(
        "--root", type=Path, metavar="DIR",
        help="folder of RAVDESS (default: SERTK_CORPORA/ravdess, else synthetic speech)",
    )  # fmt: skip
    parser.add_argument(
        "--run", type=Path, metavar="RUN",
        help="folder of a trained run, for B5 (default: none, and B5 is not measured)",
    )  # fmt: skip
    parser.add_argument(
        "--repeats", type=int, default=7, help="turns of each (default: %(default)s)"
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE",
        help="JSON file to write, with the table as .md beside it (default: "
        "reports/benchmarks.json; in runs/ for a part of them or with --quick)",
    )  # fmt: skip
    return parser


def _default(quick: bool, chosen: Sequence[str]) -> Path:
    if quick:
        return QUICK_REPORT
    return REPORT if list(chosen) == list(BENCHMARKS) else Path("runs") / "benchmarks_part.json"


def _chosen(only: str | None) -> list[str]:
    """Read `B1,B6`, in the order of the list.

    Raises:
        UnknownNameError: If there is no benchmark of a name.
    """
    wanted = [name.strip() for name in only.split(",")] if only else list(BENCHMARKS)
    for name in wanted:
        if name not in BENCHMARKS:
            raise UnknownNameError("benchmark", name, BENCHMARKS)
    return [name for name in BENCHMARKS if name in wanted]


if __name__ == "__main__":
    sys.exit(main())
