"""The words of the command line: commands, options and their help."""

import argparse

from sertk import __version__
from sertk.cli.mistakes import Parser
from sertk.settings import Settings

_SETTINGS = {
    "epochs": "at most so many",
    "batch_size": "clips in a batch",
    "optimizer": "adamw, adam, nadam, sgd or rmsprop",
    "learning_rate": "peak of the schedule",
    "weight_decay": "of adamw and sgd",
    "schedule": "cosine, plateau or constant",
    "warmup": "share of all steps over which the rate rises",
    "plateau_patience": "epochs until the rate is lowered",
    "monitor": "what selects the epoch to keep: val_uar, val_wa or val_loss",
    "patience": "stop after so many epochs without a better one",
    "label_smoothing": "share of each target spread over all classes",
}


class _InOneColumn(argparse.HelpFormatter):
    """Write the help of every command beside its name; argparse breaks the longest one."""

    def __init__(self, prog: str):
        super().__init__(prog)
        self._action_max_length = 13  # of "    reproduce"


def make_parser() -> Parser:
    """Build the parser of every command; it sets `function` to where the command is."""
    parser = Parser(
        prog="sertk",
        description="Speech emotion recognition: from a folder of recordings to a result that "
        "holds for new speakers.",
        formatter_class=_InOneColumn,
        epilog="Names of corpora, features, models, groupings, protocols: sertk names.",
    )
    parser.add_argument("--version", action="version", version=f"sertk {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(module: str, name: str, words: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
        made.set_defaults(function=(module, name.replace("-", "_")))
        return made

    _demo_arguments(command("runs", "demo", "run the toy corpus from sound to report"))
    names = command("data", "names", "list what can be named: corpora, features, models, ...")
    names.add_argument("family", nargs="?", help="such as models, groupings or settings")
    _download_arguments(command("data", "download", "fetch a corpus that anybody may have"))
    _scan_arguments(command("data", "scan", "write the manifest of a folder of recordings"))
    verify = command("data", "verify", "compare a folder with a manifest: missing, extra, changed")
    _manifest_arguments(verify)
    audit = command("data", "audit", "look for leaks between training and test")
    _manifest_arguments(audit)
    audit.add_argument("--listen", action="store_true", help="compare decoded samples, not names")
    _protocol_arguments(audit, default=None)
    extract = command("data", "extract", "compute and cache the features of a manifest")
    _manifest_arguments(extract)
    _feature_arguments(extract)
    _explore_arguments(
        command("pages", "explore", "write a page to see and hear a corpus, with players")
    )
    train = command("runs", "train", "train on one division by speakers, and report")
    _training_arguments(train, "by_speaker")
    cv = command("runs", "cv", "cross-validate over speakers, and report")
    _training_arguments(cv, "loso")
    _reproduce_arguments(command("runs", "reproduce", "train and test a published system again"))
    gap = command("studies", "leak-gap", "train with a leak and without, and tell the difference")
    _training_arguments(gap, "speaker_folds")
    evaluate = command("runs", "evaluate", "print the scores of a run")
    evaluate.add_argument("run", help="folder of a run")
    evaluate.add_argument("--grouping", help="regroup the probabilities, such as valence2")
    evaluate.add_argument("--json", action="store_true", help="for machines")
    report = command("runs", "report", "write the HTML report of a run")
    report.add_argument("run", help="folder of a run")
    report.add_argument("--audio", action="store_true", help="embed the worst mistakes as sound")
    report.add_argument("--root", help="folder of the corpus, for --audio")
    report.add_argument("-o", "--output", help="file to write (default: RUN/report.html)")
    _predict_arguments(command("use", "predict", "say which emotion is in recordings"))
    _export_arguments(command("use", "export", "write a run as one file for use outside"))
    _app_arguments(command("pages", "app", "serve a page that listens, and sends nothing away"))
    _run_arguments(command("pages", "run", "execute a notebook, and write it as a page"))
    return parser


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", default="runs/demo", help="run folder (default: %(default)s)"
    )
    parser.add_argument("--root", help="where to make the toy corpus (default: the cache folder)")
    parser.add_argument("--epochs", type=int, default=12, help="default: %(default)s")
    _device_arguments(parser)


def _reproduce_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", metavar="RECIPE", help="one of `sertk names recipes`")
    parser.add_argument("--describe", action="store_true", help="say what it is, train nothing")
    parser.add_argument("--corpus", metavar="A,B", help="corpora (default: those of the recipe)")
    parser.add_argument(
        "--root", metavar="DIR",
        help="folder of the corpus; of several, the folder above them (SERTK_CORPORA)",
    )  # fmt: skip
    parser.add_argument(
        "--as-published", action="store_true",
        help="with the defects that published numbers rest on; the run is marked",
    )  # fmt: skip
    parser.add_argument(
        "--leak-gap", action="store_true",
        help="both as published and with speakers apart, and tell the difference",
    )  # fmt: skip
    parser.add_argument("--fold", type=int, metavar="N", help="this fold alone (all)")
    parser.add_argument("--grouping", metavar="NAME", help="instead of the recipe's")
    parser.add_argument("--epochs", type=int, help="at most so many (the recipe's)")
    parser.add_argument("--seeds", metavar="0,1,2", help="one model per fold and seed")
    parser.add_argument(
        "--setting", action="append", default=[], metavar="NAME=VALUE", help="of training"
    )
    parser.add_argument(
        "--model-option", action="append", default=[], metavar="NAME=VALUE",
        help="argument of the model, such as width=0.25 or weights=alexnet.npz",
    )  # fmt: skip
    parser.add_argument("-o", "--output", metavar="DIR", help="run folder (runs/RECIPE)")
    parser.add_argument("--json", action="store_true", help="scores for machines")
    _device_arguments(parser)


def _download_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("corpus", help="ravdess or emodb; savee and iemocap say where to ask")
    parser.add_argument("--to", required=True, metavar="DIR", help="folder to unpack into")


def _scan_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("corpus", help="name of a corpus, or table, or folders")
    parser.add_argument("--root", help="its folder (default: SERTK_CORPORA/CORPUS)")
    _option_arguments(parser)
    parser.add_argument("--hash", action="store_true", help="fill sha256, to find what changes")
    parser.add_argument("-o", "--output", help="CSV file (default: standard output)")


def _option_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE",
        help="option of the corpus, such as style=speech or layout={emotion}/{speaker}_*.wav",
    )  # fmt: skip


def _manifest_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("manifest", help="CSV file that `sertk scan` wrote")
    parser.add_argument("--root", help="folder of the corpus (default: SERTK_CORPORA/<corpus>)")
    parser.add_argument("--json", action="store_true", help="for machines")


def _explore_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("manifest", help="CSV file that `sertk scan` wrote")
    parser.add_argument("--root", help="folder of the corpus (default: SERTK_CORPORA/<corpus>)")
    parser.add_argument(
        "--limit", type=int, default=400, metavar="N",
        help="files to read for lengths and levels, 0 for all (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--no-sound", action="store_true", help="numbers only: read no file")
    parser.add_argument("--jobs", type=int, metavar="N", help="workers, -1 for every core (1)")
    parser.add_argument("-o", "--output", required=True, metavar="PAGE", help="HTML file to write")


def _app_arguments(parser: argparse.ArgumentParser) -> None:
    model = parser.add_argument_group("model, one of")
    model.add_argument("--run", metavar="DIR", help="folder of a run; exported if it is not yet")
    model.add_argument("--bundle", metavar="ZIP", help="what `sertk export --to bundle` wrote")
    _fold_arguments(parser)
    parser.add_argument("--out", metavar="DIR", help="write a static folder, and serve nothing")
    parser.add_argument(
        "--port", type=int, default=8765, metavar="N", help="of 127.0.0.1; 0: any (%(default)s)"
    )
    parser.add_argument(
        "--clips", nargs="+", default=[], metavar="FILE",
        help="recordings on which a second page compares the browser with Python",
    )  # fmt: skip
    parser.add_argument(
        "--runtime", metavar="PATH",
        help="folder or .tgz of onnxruntime-web (what `make app` fetched)",
    )  # fmt: skip


def _run_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("notebook", help="file such as notebooks/03_train.ipynb")
    parser.add_argument(
        "-p", "--parameter", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"),
        help="set one of its parameters; again for another",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", metavar="DIR",
        help="folder of the results (default: the notebook's own run folder, or runs/notebooks)",
    )  # fmt: skip


def _predict_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="files, folders, patterns; - for a list on stdin"
    )
    model = parser.add_argument_group("model, one of")
    model.add_argument("--run", metavar="DIR", help="folder of a run")
    model.add_argument("--model", metavar="FILE", help=".onnx, OpenVINO's .xml, or model.keras")
    model.add_argument("--bundle", metavar="ZIP", help="what `sertk export --to bundle` wrote")
    _fold_arguments(parser)
    parser.add_argument("--format", default="table", help="table, json or csv (%(default)s)")
    parser.add_argument(
        "--timeline", action="store_true", help="answers along each recording, however long"
    )
    parser.add_argument("--window", type=float, metavar="S", help="of a timeline (a clip's length)")
    parser.add_argument("--hop", type=float, metavar="S", help="of a timeline (half a window)")
    parser.add_argument("--plot", metavar="FILE", help="write a picture, .svg or .png")
    parser.add_argument(
        "--silence-db", default="-60", metavar="DB",
        help="what stays below it is no speech (%(default)s dB re full scale; none: answer always)",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, default=0, help="of ONNX and OpenVINO (every core)")
    _device_arguments(parser.add_argument_group("where a run folder is computed"))


def _fold_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fold", type=int, metavar="N", help="model of this fold (the first)")
    parser.add_argument("--seed", type=int, metavar="N", help="model of this seed (the first)")


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="folder of a run")
    parser.add_argument(
        "--to", default="onnx", metavar="FORMAT",
        help="onnx, openvino, litert or bundle (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--variant", default="conv", metavar="NAME",
        help="of ONNX: conv (fast everywhere) or stft (smaller) (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--int8", action="store_true", help="of OpenVINO: quantised after training")
    parser.add_argument("--fp16", action="store_true", help="of OpenVINO: half the size")
    _fold_arguments(parser)
    parser.add_argument("--root", metavar="DIR", help="folder of the corpus (SERTK_CORPORA)")
    parser.add_argument("-o", "--output", metavar="FILE", help="where to write (in the run folder)")
    parser.add_argument("--json", action="store_true", help="for machines")


def _protocol_arguments(parser: argparse.ArgumentParser, default: str | None) -> None:
    group = parser.add_argument_group("protocol")
    group.add_argument(
        "--protocol", "--split", default=default, metavar="NAME",
        help="by_speaker, loso, speaker_folds, by_session, ravdess5, emobox6, dev4; manifest, "
        "to take its own columns split or fold; or random, which leaks and says so"
        + (f" (default: {default})" if default else ""),
    )  # fmt: skip
    group.add_argument(
        "--val", metavar="N|SPEAKERS", help="validation speakers: how many, or a,b,c"
    )
    group.add_argument("--test", metavar="N|SPEAKERS", help="test speakers: how many, or a,b,c")
    group.add_argument("--folds", type=int, help="folds of speaker_folds and random")
    group.add_argument("--split-seed", type=int, help="seed of drawn divisions (default: 0)")


def _feature_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("sound to clips")
    group.add_argument("--feature", default="log_mel", metavar="NAME", help="default: %(default)s")
    group.add_argument(
        "--feature-option", action="append", default=[], metavar="NAME=VALUE",
        help="parameter of the feature, such as n_mels=40",
    )  # fmt: skip
    group.add_argument("--sample-rate", type=int, help="Hz everything is resampled to (16000)")
    group.add_argument("--clip-seconds", type=float, help="length of a clip (3.0)")
    group.add_argument("--trim-db", help="cut ends so far below the loudest frame (40; none: keep)")
    group.add_argument("--cache", metavar="DIR", help="where features are kept (SERTK_CACHE)")
    group.add_argument("--jobs", type=int, metavar="N", help="workers, -1 for every core (1)")


def _device_arguments(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--backend", default="auto", help="auto, jax, tensorflow or torch")
    parser.add_argument("--device", default="auto", help="auto, cpu or gpu")


def _training_arguments(parser: argparse.ArgumentParser, protocol: str) -> None:
    data = parser.add_argument_group("utterances")
    data.add_argument("--corpus", metavar="NAME", help="scan this corpus")
    data.add_argument("--manifest", metavar="FILE", help="or read this manifest")
    data.add_argument("--root", metavar="DIR", help="folder of the corpus (SERTK_CORPORA/NAME)")
    _option_arguments(parser)
    data.add_argument("--grouping", default="emotion8", metavar="NAME", help="default: %(default)s")
    data.add_argument("--gender", default="all", help="all, male or female")
    data.add_argument("--style", metavar="NAME", help="speech, song, improvised or scripted")
    data.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="COLUMN=VALUE",
        help="keep these rows only; again for another value",
    )
    _protocol_arguments(parser, protocol)
    _feature_arguments(parser)
    fit = parser.add_argument_group("training")
    fit.add_argument("--model", default="compact", metavar="NAME", help="default: %(default)s")
    fit.add_argument(
        "--model-option", action="append", default=[], metavar="NAME=VALUE",
        help="argument of the model, such as variant=original",
    )  # fmt: skip
    fit.add_argument(
        "--augment", metavar="NAME", help="copies: noise, pitch, shift, noise+pitch ..."
    )
    fit.add_argument(
        "--copies", type=int, default=2, help="of each training utterance (%(default)s)"
    )
    fit.add_argument(
        "--standardize",
        default="training",
        help="training, minmax, none, or speaker (transductive)",
    )
    fit.add_argument("--seeds", default="0", metavar="0,1,2", help="one model per fold and seed")
    fit.add_argument("--init-from", metavar="RUN", help="start from another run's weights")
    for name, words in _SETTINGS.items():
        default = getattr(Settings, name)
        flag = f"--{name.replace('_', '-')}"
        fit.add_argument(flag, type=type(default), help=f"{words} ({default})")
    fit.add_argument(
        "--setting", action="append", default=[], metavar="NAME=VALUE",
        help="any other of training, such as mixup=0.3 or class_weight=inverse (sertk names "
        "settings)",
    )  # fmt: skip
    _device_arguments(fit)
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="run folder")
    parser.add_argument("--json", action="store_true", help="scores for machines")
