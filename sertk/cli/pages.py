"""Commands that write pages to look at: explore, run."""

import argparse

from sertk.cli.streams import give, tell
from sertk.errors import NotebookError


def explore(args: argparse.Namespace) -> None:
    """Write the page of a corpus."""
    from sertk import explore, manifest

    rows = manifest.read(args.manifest, root=args.root)
    limit = args.limit if args.limit > 0 else None
    page = explore.write_html(rows, args.output, limit=limit, sound=not args.no_sound)
    give(f"Page: {page}")
    if not args.no_sound:
        tell("It holds sound: mind the licence of the corpus before you pass it on.")


def run(args: argparse.Namespace) -> int:
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
