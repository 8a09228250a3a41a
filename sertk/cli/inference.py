"""Commands that use a trained model: predict, export, app."""

import argparse
import csv
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from sertk.cli import inputs
from sertk.cli.output import give, tell
from sertk.cli.stopping import take_as_the_end
from sertk.errors import AudioError, ConfigurationError, UnknownNameError
from sertk.predict import Predictor
from sertk.predict.displays import require_picture
from sertk.run import Run

_FORMATS = ("table", "json", "csv")
_CARDED = ("bundle", "pretrained")  # formats with a model card


def predict(args: argparse.Namespace) -> int:
    """Predict the emotion of recordings; return 1 if one of several cannot be read."""
    if args.format not in _FORMATS:
        raise UnknownNameError("format", args.format, _FORMATS)
    from sertk import predict

    if args.plot:
        require_picture(args.plot)
    if args.speaker_normalization and args.timeline:
        raise ConfigurationError(
            "Received both --speaker-normalization and --timeline.",
            "Speaker normalization subtracts the mean over several recordings of one speaker.",
            "Omit one of them.",
            code="normalization-with-timeline",
        )
    searched = predict.search(args.paths)
    paths = searched.files
    for line in searched.summary():
        tell(f"skipped: {line}")
    predictor = _opened(args)
    if args.turns and not args.timeline:
        raise ConfigurationError(
            f"Received --turns {args.turns} without --timeline.",
            "Turns say who speaks when along a recording.",
            "Add --timeline, or omit --turns.",
            code="turns-without-timeline",
        )
    if args.speaker:
        enrolled = predictor.enrol(args.speaker)
        tell(f"The speaker is enrolled with {_recordings(enrolled)}.")
    if args.timeline:
        return _timelines(predictor, paths, args)
    if args.window is not None or args.hop is not None:
        raise ConfigurationError(
            "Received --window or --hop without --timeline.",
            "They set the window and the hop of a timeline.",
            "Add --timeline, or omit them.",
            code="window-without-timeline",
        )
    predictions = predictor.files(paths, speaker_normalization=args.speaker_normalization)
    _give(predictions.text(), predictions.frame().to_dict("records"), args.format)
    if args.plot:
        tell(f"Plot: {predictions.save(args.plot)}")
    for path, error in predictions.unreadable:
        tell(f"unreadable: {_of(path, error)}")
    sound = float(predictions.frame()["seconds"].sum())
    _tell_speed(len(predictions.frame()), sound, predictions.seconds)
    return int(bool(predictions.unreadable))


def enrol(args: argparse.Namespace) -> None:
    """Write the profile of a speaker."""
    from sertk import predict
    from sertk.predict.enrolment import SUFFIX

    if Path(args.output).suffix != SUFFIX:
        raise ConfigurationError(
            f"Received the output file {args.output}.",
            f"The profile of a speaker has the suffix {SUFFIX}.",
            f"Use {Path(args.output).stem or 'speaker'}{SUFFIX}.",
            code="wrong-file-ending",
        )
    searched = predict.search(args.paths)
    for line in searched.summary():
        tell(f"skipped: {line}")
    profile = _opened(args).enrol(searched.files)
    if profile is not None:
        profile.write(args.output)
        give(f"{args.output}: {_recordings(profile)}")


def _recordings(profile: Any) -> str:
    count = profile.count
    return f"{count} recording{'s' * (count != 1)}, long ones in pieces"


def _of(path: Path, error: AudioError) -> str:
    """Describe the error of a file, with its name once."""
    return str(error) if str(path) in str(error) else f"{path}: {error}"


def _opened(args: argparse.Namespace) -> Predictor:
    """Open the requested model, or the pretrained one, and print its name and terms."""
    from sertk import predict, use_backend

    if args.run is not None or str(args.model).endswith(".keras"):
        use_backend(args.backend, args.device)
    silence = None if args.silence_db == "none" else _number(args.silence_db, "--silence-db")
    source = inputs.model(args, "run", "model", "bundle", "model_name")
    source, name = (None, source) if args.model_name else (source, "encoder")
    with inputs.terms_printed():
        predictor = predict.load(
            source, model_name=str(name), fold=args.fold, seed=args.seed, threads=args.threads,
            silence_db=silence, channel=args.channel,
        )  # fmt: skip
    _tell_which(args, predictor)
    return predictor


def _tell_which(args: argparse.Namespace, predictor: Predictor) -> None:
    """Name the model of a run that is used by default."""
    if args.run is None or (args.fold is not None and args.seed is not None):
        return
    spec = predictor.spec
    count = len(list(Path(args.run).expanduser().glob("fold_*/seed_*/model.keras")))
    if count > 1:
        tell(
            f"The run has {count} models; this prediction uses fold {spec.fold}, seed {spec.seed} "
            "(choose another with --fold and --seed)."
        )


def _timelines(predictor: Predictor, paths: list[Path], args: argparse.Namespace) -> int:
    """Print the timeline of each file, one after the other."""
    if args.plot and len(paths) > 1:
        raise ConfigurationError(
            f"Received --plot {args.plot} for {len(paths)} timelines.",
            "A plot shows one recording.",
            "Pass one file, or omit --plot.",
            code="plot-of-several-timelines",
        )
    failed, sound, seconds = 0, 0.0, 0.0
    for number, path in enumerate(paths):
        try:
            timeline = predictor.timeline(path, window=args.window, hop=args.hop, turns=args.turns)
        except AudioError as error:
            if len(paths) == 1:
                raise
            tell(f"unreadable: {_of(path, error)}")
            failed += 1
            continue
        rows = [{"path": str(path), **row} for row in timeline.frame().to_dict("records")]
        if args.format == "table":
            give(("\n" if number else "") + f"{path}\n{timeline.text()}")
        else:
            _give("", rows, args.format, head=number == failed, lines=True)
        if args.plot:
            tell(f"Plot: {timeline.save(args.plot)}")
        sound += float(timeline.frame()["end"].max())
        seconds += timeline.seconds
    _tell_speed(len(paths) - failed, sound, seconds)
    return int(failed > 0)


def _give(
    text: str, rows: list[dict[Any, Any]], kind: str, *, head: bool = True, lines: bool = False
) -> None:
    """Print rows as text, CSV or JSON; JSON of a timeline is one object per line."""
    if kind == "table":
        give(text)
        return
    plain = [{key: _plain(value) for key, value in row.items()} for row in rows]
    if kind == "json":
        give("\n".join(map(json.dumps, plain)) if lines else json.dumps(plain, indent=1))
        return
    # a lone carriage return, as a file name may hold it, is a line end to readers of CSV
    odd = any("\r" in str(value) for row in plain for value in row.values())
    writer = csv.DictWriter(
        sys.stdout, list(plain[0]) if plain else [], lineterminator="\n",
        quoting=csv.QUOTE_ALL if odd else csv.QUOTE_MINIMAL,
    )  # fmt: skip
    if head:
        writer.writeheader()
    writer.writerows(plain)


def _plain(value: Any) -> Any:
    """Turn numpy's numbers into Python's, and what is no number into null."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return None if value != value else round(value, 6)
    return value


def _tell_speed(files: int, sound: float, seconds: float) -> None:
    if files:
        tell(
            f"{files} file{'s' * (files != 1)}, {sound:.1f} s of audio in {seconds:.1f} s "
            f"(real-time factor {seconds / max(sound, 1e-9):.4f})"
        )


def _number(text: str, flag: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ConfigurationError(
            f"Received {flag} {text}.",
            "It must be a number, or none.",
            "Omit it to use the default, which suits speech.",
            code="invalid-number",
        ) from error


def export(args: argparse.Namespace) -> None:
    """Write a run as a file for use outside."""
    from sertk import export

    run = Run(args.run)
    options: dict[str, Any] = {"fold": args.fold, "seed": args.seed}
    options["roots"] = inputs.roots(run.info["corpora"], args.root)
    if args.evaluation:
        if args.to not in _CARDED:
            raise ConfigurationError(
                f"Received --evaluation {args.evaluation[0]} with --to {args.to}.",
                "The evaluation is for the model card, which this format does not have.",
                f"Use --to {' or '.join(_CARDED)}, or omit --evaluation.",
                code="unexpected-evaluation",
            )
        options["evaluations"] = args.evaluation
    if args.int8 or args.fp16:
        half = args.to == "onnx" and not args.int8
        if (args.to != "openvino" and not half) or (args.int8 and args.fp16):
            raise ConfigurationError(
                f"Received {' '.join(['--int8'] * args.int8 + ['--fp16'] * args.fp16)} with --to "
                f"{args.to}.",
                "OpenVINO takes one of them, ONNX --fp16.",
                "Use --to openvino --int8, --to openvino --fp16 or --to onnx --fp16, or omit both.",
                code="unexpected-precision",
            )
        options["precision"] = "int8" if args.int8 else "fp16"
    exported = export.export(run, args.to, path=args.output, **options)
    give(json.dumps(exported.to_dict()) if args.json else str(exported))


def app(args: argparse.Namespace) -> None:
    """Serve the listening page until Ctrl-C, or write it."""
    from sertk import app

    source = inputs.model(args, "run", "bundle", "model_name")
    source, name = (None, source) if args.model_name else (source, "encoder")
    options = {
        "model_name": name,
        "fold": args.fold, "seed": args.seed, "clips": args.clips, "speaker": args.speaker,
        "runtime": args.runtime,
    }  # fmt: skip
    if args.speaker:
        tell("The page contains the profile of the speaker.")
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
