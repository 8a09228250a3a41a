"""Commands that write pages: explore, app, notebook."""

import argparse
import sys
from contextlib import suppress

from sertk.cli import inputs
from sertk.cli.output import give, tell
from sertk.cli.stopping import take_as_the_end
from sertk.errors import NotebookError


def explore(args: argparse.Namespace) -> None:
    """Write the page of a corpus."""
    from sertk import explore

    rows = inputs.read(args)
    limit = args.limit if args.limit > 0 else None
    page = explore.write_html(rows, args.output, limit=limit, sound=not args.no_sound)
    give(f"Page: {page}")
    if not args.no_sound:
        tell("The page contains audio: check the license of the corpus before you share it.")


def app(args: argparse.Namespace) -> None:
    """Serve the listening page until Ctrl-C, or write it."""
    from sertk import app

    source = inputs.model(args, "run", "bundle")
    options = {"fold": args.fold, "seed": args.seed, "clips": args.clips, "runtime": args.runtime}
    if args.clips:
        tell("The page contains these clips: check their license before you share it.")
    if args.out is not None:
        with inputs.terms_printed():
            page = app.write(source, args.out, **options)
        give(f"Page: {page}")
        tell("Serve the folder with a web server; the microphone needs https, or 127.0.0.1.")
        return
    with inputs.terms_printed():
        files = app.files(source, **options)
    with app.Server(files, args.port) as server:
        give(f"Listening page: {server.address} (Ctrl-C ends it)")
        if args.clips:
            give(f"Browser and Python: {server.address}debug.html")
        sys.stdout.flush()
        take_as_the_end()
        with suppress(KeyboardInterrupt):
            app.wait()


def notebook(args: argparse.Namespace) -> int:
    """Execute a notebook; 1 if a cell fails."""
    from sertk import notebooks

    parameters = notebooks.read_words(args.notebook, args.parameter)
    try:
        page = notebooks.run(args.notebook, output=args.output, **parameters)
    except NotebookError as error:
        tell(f"sertk: {error}")
        return 1
    give(f"Notebook: {page.with_suffix('.ipynb')}\nPage: {page}")
    return 0
