"""Read the options that several commands share: utterances, protocol, configuration, model."""

import argparse
import json
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

import sertk
from sertk import corpora, features, labels, manifest, splits
from sertk.augment import Augmentation
from sertk.cli.output import tell
from sertk.errors import ConfigurationError, UnknownNameError, listing
from sertk.manifest import remarks
from sertk.preprocessing import Preprocessing
from sertk.run import Run
from sertk.training.config import Config


def tell_about(utterances: pd.DataFrame) -> None:
    """Print what a scan found, and what it skipped."""
    tell(manifest.describe(utterances).to_string(index=False))
    scan_remarks = remarks.of(utterances)
    for reason, count in scan_remarks.skipped.items():
        tell(f"skipped: {count} {reason}")
    for note in (*scan_remarks.notes, *scan_remarks.division):
        tell(f"note: {note}")
    _tell_files(utterances)


def _tell_files(utterances: pd.DataFrame) -> None:
    """Name the files that cannot be read."""
    for path, reason in remarks.of(utterances).unreadable:
        tell(f"unreadable: {path}: {reason}")


def tell_unreadable(runs: Iterable[Run], printed: Iterable[str] = ()) -> None:
    """Print the files that runs could not read, except for reasons already printed."""
    seen = set(printed)
    for run in runs:
        for row in run.info["unreadable"]:
            if row["reason"] not in seen:
                seen.add(row["reason"])
                tell(f"unreadable: {row['path']}: {row['reason']}")


def read(args: argparse.Namespace) -> pd.DataFrame:
    """Read the manifest of the arguments, and print how its division was interpreted."""
    rows = manifest.read(args.manifest, root=args.root)
    for note in remarks.of(rows).division:
        tell(f"note: {note}")
    return rows


def utterances(args: argparse.Namespace) -> pd.DataFrame:
    """Find the utterances, select the requested ones, and label them."""
    if (args.corpus is None) == (args.manifest is None):
        raise ConfigurationError(
            f"Received {'both' if args.corpus else 'neither'} of --corpus and --manifest.",
            "Exactly one of them is needed to select the utterances.",
            "For example: --corpus ravdess --root ~/corpora/ravdess",
            code="corpus-or-manifest",
        )
    if args.corpus:
        rows = corpora.scan(args.corpus, root=args.root, **options(args.option, "--option"))
        tell_about(rows)
    else:
        rows = read(args)
    selection = where(args.where)
    if args.gender != "all":
        selection["gender"] = [args.gender]
    if args.style:
        selection["style"] = [args.style]
    rows = manifest.select(rows, **selection)
    if args.manifest:
        rows = corpora.check_files(rows)  # a scan has checked them
        _tell_files(rows)
    rows = labels.apply(rows, args.grouping)
    dropped = remarks.of(rows).dropped
    for emotion, count in dropped.items():
        tell(f"excluded by the grouping {args.grouping}: {count} {emotion}")
    missing = set(labels.classes(rows)) - set(rows["label"])
    if missing:
        raise ConfigurationError(
            f"No utterance is labeled {listing(sorted(missing), 12)}.",
            f"Every class of the grouping {args.grouping} needs utterances.",
            _groupings_for({*rows["emotion"], *dropped}),
            code="classes-without-utterances",
        )
    return rows


def where(words: Sequence[str]) -> dict[str, list[str]]:
    """Parse which rows to keep: column -> values."""
    selection: dict[str, list[str]] = {}
    for column, value in (pair(word, "--where") for word in words):
        selection.setdefault(column, []).append(value)
    return selection


def roots(names: Sequence[str], root: str | None) -> dict[str, Path]:
    """Find the roots of corpora: the folder itself, or subfolders with their names."""
    if not root:
        return {}
    places = {n: Path(place) for n, place in manifest.roots_below(root, list(names)).items()}
    # a generated corpus gets its own folder
    for name in set(names) & set(corpora.names()):
        if len(names) > 1 and corpora.load(name).SYNTHETIC:
            places[name] = Path(root).expanduser() / name
    return places


def _groupings_for(emotions: set[str]) -> str:
    """List the groupings without empty classes; those with most emotions come first."""
    fitting = []
    for name, group in labels.GROUPINGS.items():
        used = {group.mapping[emotion] for emotion in emotions if emotion in group.mapping}
        if used >= set(group.classes) - group.optional:
            taken = len(emotions & set(group.mapping))
            fitting.append((-taken, -len(used), name, [c for c in group.classes if c in used]))
    fits = [f"{name} ({', '.join(used)})" for _, _, name, used in sorted(fitting)]
    if not fits:
        return (
            f"No grouping fits {', '.join(sorted(emotions))}: pass your own in Python, a dict of "
            "emotion -> label."
        )
    return f"These groupings fit: {'; '.join(fits[:4])}."


def divide(rows: pd.DataFrame, args: argparse.Namespace) -> pd.DataFrame:
    """Apply the protocol of the arguments."""
    if args.protocol == "manifest":
        return rows
    known = [*splits.PROTOCOLS, *splits.PUBLISHED]
    if args.protocol not in known:
        raise UnknownNameError("protocol", args.protocol, [*known, "manifest"])
    speakers = {"val": _speakers(args.val), "test": _speakers(args.test)}
    options = {**speakers, "folds": args.folds, "seed": args.split_seed}
    passed = {name: value for name, value in options.items() if value is not None}
    return splits.make(rows, args.protocol, **passed)


def _speakers(text: str | None) -> Any:
    """Read a number, a share (of random), or names of speakers."""
    if text is None:
        return None
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ConfigurationError(
            "A list of speakers is empty.",
            "It must be a number of speakers, or names: a,b,c.",
            "Omit the option to use its default.",
            code="empty-speaker-list",
        )
    return names


def preprocessing(args: argparse.Namespace) -> Preprocessing:
    """Build the preprocessing that the words ask for."""
    parameters = options(args.feature_option, "--feature-option")
    if "sample_rate" in parameters:
        raise ConfigurationError(
            f"Received --feature-option sample_rate={parameters['sample_rate']}.",
            "A feature uses the sample rate of the preprocessing.",
            f"Use --sample-rate {parameters['sample_rate']}.",
            code="misplaced-sample-rate",
        )
    feature = features.get(args.feature, **parameters)
    names = ("sample_rate", "clip_seconds", "top_db", "target_rms_db", "db_reference", "channel")
    chosen = {name: value for name in names if (value := getattr(args, name)) is not None}
    if args.trim_db is not None:
        chosen["trim_db"] = None if args.trim_db == "none" else read_value(args.trim_db)
    return Preprocessing(feature, **chosen)


def training(args: argparse.Namespace) -> dict[str, Any]:
    """Read what a training takes besides utterances and a folder, before anything is loaded."""
    sertk.use_backend(args.backend, args.device)
    config = {
        name: read_value(word) if isinstance(word, str) else word
        for name in Config.__dataclass_fields__
        if (word := getattr(args, name, None)) is not None
    }
    return {
        "model": args.model, "prep": preprocessing(args), "seeds": seeds(args.seeds),
        "augment": augmentation(args), "copies": args.copies, "standardize": args.standardize,
        "arguments": options(args.model_option, "--model-option"), "init_from": args.init_from,
        "track": args.track,
        **config,
    }  # fmt: skip


def seeds(text: str) -> list[int]:
    """Read seeds with commas between them."""
    try:
        return [int(word) for word in text.split(",")]
    except ValueError as error:
        raise ConfigurationError(
            f"Received --seeds {text!r}.",
            "Seeds must be whole numbers separated by commas.",
            "For example: --seeds 0,1,2",
            code="malformed-seeds",
        ) from error


def augmentation(args: argparse.Namespace) -> Augmentation | None:
    """Read the augmentation of the arguments."""
    if args.augment is None:
        for flag, value in (("only", args.augment_only), ("on-the-fly", args.augment_on_the_fly)):
            if value:
                raise ConfigurationError(
                    f"Received --augment-{flag} without --augment.",
                    "It changes how the augmentation of --augment is applied.",
                    "Add an augmentation, such as --augment noise+pitch, or omit the option.",
                    code="option-without-augment",
                )
        return None
    only = args.augment_only and tuple(name.strip() for name in args.augment_only.split(","))
    return Augmentation(args.augment, only or None, args.augment_on_the_fly)


def options(words: Sequence[str], flag: str) -> dict[str, Any]:
    """Read NAME=VALUE words; values are numbers, true, false or null where they can be."""
    return {name: read_value(text) for name, text in (pair(word, flag) for word in words)}


def pair(word: str, flag: str) -> tuple[str, str]:
    """Part NAME=VALUE."""
    name, equals, value = word.partition("=")
    if not equals or not name:
        raise ConfigurationError(
            f"Received {flag} {word}.",
            "It must have the form NAME=VALUE.",
            "Add the equals sign.",
            code="malformed-assignment",
        )
    return name, value


def read_value(text: str) -> Any:
    """Read a number, true, false or null where it is one, else the word itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # of numbers too long for Python, and too deep lists
        return text


def model(args: argparse.Namespace, *words: str) -> str | None:
    """Return the one model that the options select; `None` is the pretrained one."""
    values = [value for word in words if (value := getattr(args, word)) is not None]
    if len(values) > 1:
        flags = [f"--{word.replace('_', '-')}" for word in words]
        raise ConfigurationError(
            f"Received {len(values)} of {' and '.join([', '.join(flags[:-1]), flags[-1]])}.",
            "At most one of them selects the model; by default it is the pretrained model.",
            "Omit all but one.",
            code="several-models",
        )
    return str(values[0]) if values else None


@contextmanager
def terms_printed() -> Iterator[None]:
    """Print a warning about the pretrained weights on a separate line."""
    from sertk.predict import pretrained

    with warnings.catch_warnings(record=True) as raised:
        warnings.filterwarnings("always", pretrained.NOTICE)
        yield
    for entry in raised:
        if str(entry.message).startswith(pretrained.NOTICE):
            tell(str(entry.message))
        else:
            warnings.warn_explicit(entry.message, entry.category, entry.filename, entry.lineno)
