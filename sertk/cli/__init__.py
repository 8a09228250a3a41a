"""The command line: the library's functions with the same names and arguments.

In: words. Out: results on standard output, progress and messages on standard error, and a status:
0 done, 1 failed, 2 a mistake of the user, explained in one paragraph. The words are in `parser` and
`groups`, what the commands do in the other modules; each imports what it needs when it runs, so
that `sertk --help` answers at once.
"""

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from sertk.cli.output import plain_warnings, tell
from sertk.cli.parser import make_parser
from sertk.cli.parsing_errors import refused
from sertk.cli.stopping import stoppable
from sertk.errors import ConfigurationError, SertkError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, from the words of the process by default; return the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # names of files that are no text
    try:
        args = make_parser().understand(arguments)
        if getattr(args, "cache", None):
            os.environ["SERTK_CACHE"] = str(Path(args.cache).expanduser())
        module, function = args.function
        with stoppable(), plain_warnings(), _workers(args):
            command = getattr(importlib.import_module(f"sertk.cli.{module}"), function)
            return int(command(args) or 0)
    except SertkError as error:
        return refuse(error)
    except OSError as error:  # of the system, wherever a file or a device was used
        if isinstance(error, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        return refuse(refused(error))
    except MemoryError:
        tell("sertk: out of memory. Use a smaller batch size, fewer jobs or shorter clips.")
        return 2
    except KeyboardInterrupt:
        tell("sertk: stopped. Run the same command again to resume.")
        return 1


def refuse(error: SertkError) -> int:
    """Print what a command refused, and return the exit status for it."""
    tell(f"sertk: {error}")
    return 2


def _workers(args: argparse.Namespace) -> AbstractContextManager[Any]:
    if getattr(args, "jobs", None) is None:
        return nullcontext()
    if args.jobs == 0:
        raise ConfigurationError(
            "--jobs is 0.",
            "At least one worker is needed.",
            "Use -1 for all cores, or omit the option.",
            code="invalid-jobs",
        )
    import joblib

    return joblib.parallel_config(n_jobs=args.jobs)
