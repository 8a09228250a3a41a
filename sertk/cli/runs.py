"""Commands that train, score and report: demo, train, cv, evaluate, report, robustness."""

import argparse
import importlib
import json
from pathlib import Path
from typing import Any

import sertk
from sertk import corpora, evaluation, labels, recipes, splits
from sertk import report as reports
from sertk._utils.keras_backend import without_native_messages
from sertk.cli import inputs
from sertk.cli.output import give, tell
from sertk.errors import ConfigurationError
from sertk.manifest import remarks
from sertk.run import Run

# protocols that make one division; the others make folds
_DIVISIONS = ("by_speaker", "random", "manifest")


def demo(args: argparse.Namespace) -> None:
    """Run the toy corpus from sound to report."""
    start_backend(args)
    from sertk import training

    utterances = corpora.scan("toy", root=args.root)
    tell(f"{len(utterances)} utterances of synthetic speech, without human speakers.")
    utterances = labels.apply(utterances, "emotion8")
    utterances = splits.speaker_folds(utterances, folds=4, val=2)
    run = training.cross_validate(
        "compact", utterances, sertk.Preprocessing(clip_seconds=2.0),
        folder=args.output, augment="light", copies=1, epochs=args.epochs, batch_size=16,
    )  # fmt: skip
    give(_summary(_scores(run)))
    give(f"Report: {reports.write_html(run)}")


def train(args: argparse.Namespace) -> None:
    """Train on one division."""
    if args.protocol not in _DIVISIONS:
        raise ConfigurationError(
            f"The protocol {args.protocol!r} has folds.",
            f"`sertk train` uses a single split: {', '.join(_DIVISIONS)}.",
            "Use `sertk cv` for cross-validation.",
            code="protocol-with-folds",
        )
    _train(args)


def cv(args: argparse.Namespace) -> None:
    """Cross-validate."""
    if args.protocol == "by_speaker":
        raise ConfigurationError(
            "The protocol 'by_speaker' has no folds.",
            "`sertk cv` needs a protocol with folds, such as loso or speaker_folds.",
            "Use `sertk train` for a single split.",
            code="protocol-without-folds",
        )
    if args.protocol == "random" and args.folds is None:
        args.folds = 5
    _train(args)


def _train(args: argparse.Namespace) -> None:
    training_words = inputs.training(args)
    utterances = inputs.divide(inputs.utterances(args), args)
    start_backend(args)
    from sertk import training

    run = training.cross_validate(manifest=utterances, folder=args.output, **training_words)
    inputs.tell_unreadable([run], [why for _, why in remarks.of(utterances).unreadable])
    report_run(run, args)


def reproduce(args: argparse.Namespace) -> None:
    """Train and test a published system again, or sertk's own."""
    from sertk.cli.studies import tell_gap

    text = recipes.describe(args.recipe, as_published=args.as_published)
    if args.describe:
        give(text)
        return
    tell(text)
    restored = args.as_published or args.leak_gap
    usual = recipes.get(args.recipe, as_published=restored, everyone=args.everyone).usual_corpora
    names = args.corpus.split(",") if args.corpus else usual
    config = inputs.options(args.config, "--config")
    if args.epochs is not None:
        config["epochs"] = args.epochs
    words: dict[str, Any] = {
        "folder": Path(args.output or Path("runs") / args.recipe), "names": names,
        "roots": inputs.roots(names, args.root),
        "arguments": inputs.options(args.model_option, "--model-option"),
        "seeds": inputs.seeds(args.seeds) if args.seeds else [], "fold": args.fold,
        "grouping": args.grouping, "everyone": args.everyone, **config,
    }  # fmt: skip
    start_backend(args)
    if args.leak_gap:
        from sertk import studies

        tell_gap(studies.leak_gap_of_recipe(args.recipe, **words), args)
        return
    run = recipes.reproduce(args.recipe, as_published=args.as_published, **words)
    inputs.tell_unreadable([run])
    report_run(run, args)


def report_run(run: Run, args: argparse.Namespace) -> None:
    """Write the report of a run that has ended, and print its scores."""
    scores = _scores(run)
    page = reports.write_html(run) if scores["split"] == "test" else None
    where = f"Report: {page}" if page else f"Run: {run.folder}"
    give(json.dumps(scores) if args.json else f"{_summary(scores)}\n{where}")


def start_backend(args: argparse.Namespace) -> None:
    """Choose the backend, and load it without its log messages."""
    sertk.use_backend(args.backend, args.device)
    with without_native_messages():
        importlib.import_module("keras")


def _scores(
    run: Run, grouping: str | None = None, *, speaker_normalization: bool = False
) -> dict[str, Any]:
    split = "test" if run.tested else "val"
    result = evaluation.evaluate(run, split)
    if speaker_normalization:
        result = evaluation.normalize_speakers(result)
    if grouping:
        result = result.regroup(grouping)
    interval = result.interval("uar")
    return {
        "run": str(run.folder), "protocol": run.info["protocol"], "split": split,
        "speaker_normalization": speaker_normalization, "synthetic": run.info["synthetic"],
        "uar": result.uar,
        "uar_interval": [interval.low, interval.high] if interval.known else None,
        "interval_note": interval.note, "wa": result.wa, "macro_f1": result.macro_f1,
        "chance": result.chance,
        "recall": {c: None if r != r else float(r) for c, r in result.recall_per_class().items()},
    }  # fmt: skip


def _summary(scores: dict[str, Any]) -> str:
    """Format the scores, preceded by their limitations."""
    lines = {
        "Synthetic speech: these scores show that the pipeline runs, not how well it works.":
            scores["synthetic"],
        "LEAKY: training and test share speakers; this score does not apply to new speakers.":
            scores["protocol"]["leaky"],
        f"Protocol: {scores['protocol']['sentence']}.": True,
        "Validation scores, which selected the epoch and are optimistic; there is no test set.":
            scores["split"] == "val",
        "Speaker normalization (transductive): uses all test recordings of each speaker.":
            scores["speaker_normalization"],
    }  # fmt: skip
    interval = scores["interval_note"].rstrip(".")
    if scores["uar_interval"]:
        interval = "95 % interval over speakers {:.1%} to {:.1%}".format(*scores["uar_interval"])
    recall = (f"{c} {'-' if r is None else format(r, '.0%')}" for c, r in scores["recall"].items())
    scored = (
        f"UAR {scores['uar']:.1%} ({interval}), WA {scores['wa']:.1%}, "
        f"macro-F1 {scores['macro_f1']:.1%}, chance {scores['chance']:.1%}"
    )
    return "\n".join([*(line for line, shown in lines.items() if shown), scored,
                      f"Recall: {', '.join(recall)}"])  # fmt: skip


def evaluate(args: argparse.Namespace) -> None:
    """Print the scores of a run."""
    scores = _scores(Run(args.run), args.grouping, speaker_normalization=args.speaker_normalization)
    give(json.dumps(scores) if args.json else _summary(scores))


def report(args: argparse.Namespace) -> None:
    """Write the HTML report of a run, or the page of a study or search."""
    from sertk import studies

    if (Path(args.run).expanduser() / "search.json").is_file():
        page = studies.write_search_html(studies.SearchResult(args.run), args.output)
        give(f"Page: {page}")
        return
    if (Path(args.run).expanduser() / "study.json").is_file():
        result = studies.StudyResult(args.run)
        result.write_csv()
        give(f"Page: {studies.write_html(result, args.output)}")
        return
    run = Run(args.run)
    roots = inputs.roots(run.info["corpora"], args.root)
    give(f"Report: {reports.write_html(run, args.output, audio=args.audio, roots=roots)}")


def robustness(args: argparse.Namespace) -> None:
    """Measure what disturbed speech costs, and write the page."""
    run = Run(args.run)
    start_backend(args)
    from sertk.analysis import robustness

    shown = robustness.measure(
        run,
        args.conditions and [name.strip() for name in args.conditions.split(",")],
        noises=args.noises,
        roots=inputs.roots(run.info["corpora"], args.root),
    )
    page = robustness.write_html(shown, run, args.output or run.folder / "robustness.html")
    robustness.write_json(shown, page.with_suffix(".json"))
    if args.json:
        give(shown.frame().to_json(orient="records"))
    else:
        give(f"{shown.written().to_string(index=False)}\n{shown.note}\nPage: {page}")
