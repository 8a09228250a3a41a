"""Commands before training: from names to explore; and notebook."""

import argparse
import json

from sertk import (
    augment,
    classical,
    corpora,
    encoders,
    features,
    labels,
    manifest,
    models,
    notebooks,
    splits,
)
from sertk._utils import atomic
from sertk.cli import inputs
from sertk.cli.output import give, tell
from sertk.errors import ConfigurationError, NotebookError, UnknownNameError
from sertk.recipes import RECIPES
from sertk.training.config import Config


def names(args: argparse.Namespace) -> None:
    """List what can be named."""
    from sertk.studies import STUDIES

    families = {
        "corpora": corpora.names(), "features": features.names(), "models": models.names(),
        "classical models": classical.names(), "encoders": encoders.published(),
        "groupings": list(labels.GROUPINGS), "protocols": [*splits.PROTOCOLS, *splits.PUBLISHED],
        "augmentations": [*augment.names(), "background@FOLDER", "mixnoise@FOLDER", "room@FOLDER"],
        "recipes": list(RECIPES), "studies": list(STUDIES),
        "config": list(Config.__dataclass_fields__),
    }  # fmt: skip
    if args.family is None:
        for family, entries in families.items():
            give(f"{family}: {' '.join(entries)}")
    elif args.family == "groupings":
        for name, group in labels.GROUPINGS.items():
            give(f"{name}: {', '.join(group.classes)}")
    elif args.family in families:
        give("\n".join(families[args.family]))
    else:
        raise UnknownNameError("family", args.family, families)


def download(args: argparse.Namespace) -> None:
    """Fetch a corpus and print the folder to scan, or fetch an encoder and print its file."""
    if args.name in encoders.published():
        give(str(encoders.download(args.name, args.to, args.base_url)))
        return
    if args.name not in corpora.names():
        raise UnknownNameError(
            "corpus or encoder", args.name, [*corpora.names(), *encoders.published()]
        )
    if args.to is None:
        raise ConfigurationError(
            f"`sertk download {args.name}` received no folder.",
            "A corpus is unpacked into a folder of your choice.",
            f"Pass one: sertk download {args.name} --to corpora/{args.name}",
            code="missing-download-folder",
        )
    give(str(corpora.download(args.name, args.to, base_url=args.base_url)))


def scan(args: argparse.Namespace) -> None:
    """Write the manifest of a folder of recordings."""
    utterances = corpora.scan(
        args.corpus, root=args.root, hash_files=args.hash, **inputs.options(args.option, "--option")
    )
    inputs.tell_about(utterances)
    if args.output:
        manifest.write(utterances, args.output)
        tell(f"{len(utterances)} rows written to {args.output}")
    else:
        give(str(atomic.to_csv(utterances)).removesuffix("\n"))


def verify(args: argparse.Namespace) -> int:
    """Print how a folder differs from a manifest; 1 if it lacks or changes anything."""
    table = corpora.verify(inputs.read(args))
    wrong = table[table["status"] != "ok"]
    if args.json:
        give(wrong.to_json(orient="records"))
    else:
        give("\n".join(f"{n} {status}" for status, n in table["status"].value_counts().items()))
        for row in wrong.itertuples():
            give(f"{row.status}: {row.path} {row.detail}".rstrip())
    return int(wrong["status"].isin(["missing", "changed", "unreadable"]).any())


def audit(args: argparse.Namespace) -> int:
    """Print the findings of an audit; 1 if there is a leak."""
    from sertk import audit

    rows = inputs.read(args)
    if args.protocol:
        rows = inputs.divide(rows, args)
    result = audit.audit(rows, compare_audio=args.compare_audio)
    give(result.frame().to_json(orient="records") if args.json else str(result))
    return int(not result.ok)


def cache(args: argparse.Namespace) -> None:
    """List what the cache of features holds, or remove what is no longer wanted."""
    from sertk.cache import default_folder, housekeeping

    if args.action not in ("list", "prune"):
        raise UnknownNameError("action", args.action, ("list", "prune"))
    if args.action == "list" and args.older_than is not None:
        raise ConfigurationError(
            f"`sertk cache list` received --older-than {args.older_than:g}.",
            "This option selects what `sertk cache prune` removes.",
            "Omit it, or use `sertk cache prune`.",
            code="unexpected-older-than",
        )
    if args.action == "prune":
        removed = housekeeping.prune(days=args.older_than)
        give(json.dumps([str(path) for path in removed]) if args.json
             else "\n".join([*map(str, removed), f"{len(removed)} removed"]))  # fmt: skip
        return
    table = housekeeping.contents()
    if args.json:
        give(table.to_json(orient="records"))
    else:
        give(table.to_string(index=False) if len(table)
             else f"The cache {default_folder()} is empty.")  # fmt: skip
        tell(f"{len(table)} folders, {table['megabytes'].sum():.1f} MB")


def extract(args: argparse.Namespace) -> None:
    """Compute the features of a manifest into the cache."""
    from sertk import cache

    rows = inputs.read(args)
    features = cache.compute(rows, inputs.preprocessing(args))
    table = features.frame(rows)
    if args.json:
        give(json.dumps({"utterances": len(rows), "unreadable": features.unreadable}))
    else:
        give(f"{(table['frames'] > 0).sum()} of {len(rows)} utterances, "
              f"{table['frames'].sum()} frames, in {cache.default_folder()}")  # fmt: skip
    for row in features.unreadable:
        tell(f"unreadable: {row['reason']}")


def explore(args: argparse.Namespace) -> None:
    """Write the page of a corpus."""
    from sertk import explore

    rows = inputs.read(args)
    limit = args.limit if args.limit > 0 else None
    page = explore.write_html(rows, args.output, limit=limit, sound=not args.no_sound)
    give(f"Page: {page}")
    if not args.no_sound:
        tell("The page contains audio: check the license of the corpus before you share it.")


def notebook(args: argparse.Namespace) -> int:
    """Execute a notebook; 1 if a cell fails."""
    parameters = notebooks.read_words(args.notebook, args.parameter)
    try:
        page = notebooks.run(args.notebook, output=args.output, **parameters)
    except NotebookError as error:
        tell(f"sertk: {error}")
        return 1
    give(f"Notebook: {page.with_suffix('.ipynb')}\nPage: {page}")
    return 0
