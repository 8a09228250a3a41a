"""The words of the command line: commands, options and their help."""

import argparse

from sertk import __version__
from sertk.cli import groups
from sertk.cli.parsing_errors import Parser


class _InOneColumn(argparse.HelpFormatter):
    """Write the help of every command beside its name; argparse breaks the longest one."""

    def __init__(self, prog: str):
        super().__init__(prog)
        self._action_max_length = 15  # of "    leaderboard"


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
    names.add_argument("family", nargs="?", help="such as models, groupings or config")
    _download_arguments(command("data", "download", "fetch a corpus that anybody may have"))
    _scan_arguments(command("data", "scan", "write the manifest of a folder of recordings"))
    verify = command("data", "verify", "compare a folder with a manifest: missing, extra, changed")
    groups.add_manifest(verify)
    audit = command("data", "audit", "look for leaks between training and test")
    groups.add_manifest(audit)
    audit.add_argument(
        "--compare-audio", "--listen", action=argparse.BooleanOptionalAction,
        help="require the files and compare their samples, or compare names alone (default: "
        "samples of the files at hand)",
    )  # fmt: skip
    groups.add_protocol(audit, default=None)
    extract = command("data", "extract", "compute and cache the features of a manifest")
    groups.add_manifest(extract)
    groups.add_feature(extract)
    cached = command("data", "cache", "list what the cache of features holds, or prune it")
    cached.add_argument("action", nargs="?", default="list", help="list or prune (%(default)s)")
    cached.add_argument(
        "--older-than", type=float, metavar="DAYS",
        help="of prune: remove features not used for so many days, besides what killed runs and "
        "older versions left",
    )  # fmt: skip
    cached.add_argument("--cache", metavar="DIR", help="where features are kept (SERTK_CACHE)")
    cached.add_argument("--json", action="store_true", help="for machines")
    _explore_arguments(
        command("pages", "explore", "write a page to see and hear a corpus, with players")
    )
    train = command("runs", "train", "train on one division by speakers, and report")
    groups.add_training(train, "by_speaker")
    cv = command("runs", "cv", "cross-validate over speakers, and report")
    groups.add_training(cv, "loso")
    _reproduce_arguments(
        command("runs", "reproduce", "train and test a published system again, or sertk's own")
    )
    _study_arguments(command("studies", "study", "train a grid of choices, and compare them"))
    gap = command("studies", "leak-gap", "train with a leak and without, and tell the difference")
    groups.add_training(gap, "speaker_folds")
    board = command("studies", "leaderboard", "rank runs, each protocol by itself")
    board.add_argument("folder", help="folder of runs, to any depth")
    board.add_argument("--json", action="store_true", help="for machines")
    board.add_argument("-o", "--output", metavar="PAGE", help="write a page too")
    compare = command("studies", "compare", "say whether one run is better than another")
    compare.add_argument("run", nargs=2, help="folders of two runs that tested the same utterances")
    compare.add_argument("--grouping", help="regroup both, such as valence2")
    compare.add_argument("--json", action="store_true", help="for machines")
    evaluate = command("runs", "evaluate", "print the scores of a run")
    evaluate.add_argument("run", help="folder of a run")
    evaluate.add_argument("--grouping", help="regroup the probabilities, such as valence2")
    evaluate.add_argument(
        "--speaker-normalization", action="store_true",
        help="count each speaker's answers from the mean of all of them (transductive)",
    )  # fmt: skip
    evaluate.add_argument("--json", action="store_true", help="for machines")
    report = command("runs", "report", "write the HTML report of a run or study")
    report.add_argument("run", help="folder of a run, or of a study, finished or not")
    report.add_argument("--audio", action="store_true", help="embed the worst mistakes as sound")
    report.add_argument("--root", help="folder of the corpus, for --audio")
    report.add_argument("-o", "--output", help="file to write (default: in that folder)")
    _robustness_arguments(
        command("runs", "robustness", "disturb the test speech, and write how much a run loses")
    )
    _predict_arguments(command("inference", "predict", "say which emotion is in recordings"))
    _export_arguments(command("inference", "export", "write a run as one file for use outside"))
    _app_arguments(command("pages", "app", "serve a page that listens, and sends nothing away"))
    _notebook_arguments(command("pages", "notebook", "execute a notebook, and write it as a page"))
    return parser


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", default="runs/demo", help="run folder (default: %(default)s)"
    )
    parser.add_argument("--root", help="where to make the toy corpus (default: the cache folder)")
    parser.add_argument("--epochs", type=int, default=12, help="default: %(default)s")
    groups.add_device(parser)


def _study_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", nargs="?", metavar="STUDY",
        help="a study to start from (sertk names studies); without one, log-mel and compact",
    )  # fmt: skip
    parser.add_argument("--question", metavar="TEXT", help="title of the page")
    parser.add_argument(
        "--compare", metavar="FACTOR", help="corpus, gender, grouping, feature, model or augment: "
        "its first level is the baseline",
    )  # fmt: skip
    for factor, words in (
        ("corpus", "corpora"),
        ("gender", "all, male, female, male>female, female>male, classes"),
        ("grouping", "groupings of labels"),
        ("feature", "features; usual is what a model was published with, or log_mel"),
        ("model", "models"),
        ("augment", "recipes of copies, or none"),
        ("protocol", "divisions"),
        ("seeds", "one run for each"),
    ):
        parser.add_argument(f"--{factor}", metavar="A,B", help=words)
    for number, words in (
        ("folds", "of speaker_folds and random"),
        ("val", "validation speakers of a fold"),
        ("copies", "of each training utterance"),
        ("epochs", "at most so many"),
    ):
        parser.add_argument(f"--{number}", type=int, help=words)
    parser.add_argument(
        "--where", action="append", default=[], metavar="COLUMN=VALUE",
        help="keep these rows only, such as style=speech",
    )  # fmt: skip
    parser.add_argument(
        "--config", action="append", default=[], metavar="NAME=VALUE", help="of training, for all"
    )
    parser.add_argument(
        "--root", metavar="DIR",
        help="folder of the corpus; of several, the folder above them (SERTK_CORPORA)",
    )  # fmt: skip
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time (%(default)s)")
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="folder of the study")
    groups.add_device(parser)


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
    parser.add_argument(
        "--everyone", action="store_true",
        help="all corpora of the recipe together, nobody tested: a model to hand on",
    )  # fmt: skip
    parser.add_argument("--fold", type=int, metavar="N", help="this fold alone (all)")
    parser.add_argument("--grouping", metavar="NAME", help="instead of the recipe's")
    parser.add_argument("--epochs", type=int, help="at most so many (the recipe's)")
    parser.add_argument("--seeds", metavar="0,1,2", help="one model per fold and seed")
    parser.add_argument(
        "--config", action="append", default=[], metavar="NAME=VALUE", help="of training"
    )
    parser.add_argument(
        "--model-option", action="append", default=[], metavar="NAME=VALUE",
        help="argument of the model, such as width=0.25 or weights=alexnet.npz",
    )  # fmt: skip
    parser.add_argument("-o", "--output", metavar="DIR", help="run folder (runs/RECIPE)")
    parser.add_argument("--json", action="store_true", help="scores for machines")
    groups.add_device(parser)


def _download_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("corpus", help="ravdess or emodb; savee and iemocap say where to ask")
    parser.add_argument("--to", required=True, metavar="DIR", help="folder to unpack into")


def _scan_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("corpus", help="name of a corpus, or table, or folders")
    parser.add_argument("--root", help="its folder (default: SERTK_CORPORA/CORPUS)")
    groups.add_option(parser)
    parser.add_argument("--hash", action="store_true", help="fill sha256, to find what changes")
    parser.add_argument("-o", "--output", help="CSV file (default: standard output)")


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


def _robustness_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="folder of a run, with its models")
    parser.add_argument("--root", metavar="DIR", help="folder of the corpus (SERTK_CORPORA/NAME)")
    parser.add_argument(
        "--conditions", metavar="A,B",
        help="white, babble, reverberation, gain, band, telephone, offset, hum, length (all)",
    )  # fmt: skip
    parser.add_argument("--noises", metavar="FOLDER", help="add a curve with recorded noise")
    parser.add_argument("--jobs", type=int, metavar="N", help="workers, -1 for every core (1)")
    parser.add_argument("--json", action="store_true", help="the table for machines")
    parser.add_argument(
        "-o", "--output", metavar="PAGE", help="HTML file (default: RUN/robustness.html)"
    )
    groups.add_device(parser)


def _app_arguments(parser: argparse.ArgumentParser) -> None:
    model = parser.add_argument_group("model, one of (default: the pretrained one)")
    model.add_argument("--run", metavar="DIR", help="folder of a run; exported if it is not yet")
    model.add_argument("--bundle", metavar="ZIP", help="what `sertk export --to bundle` wrote")
    groups.add_fold(parser)
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


def _notebook_arguments(parser: argparse.ArgumentParser) -> None:
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
    model = parser.add_argument_group("model, the pretrained one or one of")
    model.add_argument("--run", metavar="DIR", help="folder of a run")
    model.add_argument("--model", metavar="FILE", help=".onnx, OpenVINO's .xml, or model.keras")
    model.add_argument("--bundle", metavar="ZIP", help="what `sertk export --to bundle` wrote")
    groups.add_fold(parser)
    parser.add_argument("--format", default="table", help="table, json or csv (%(default)s)")
    parser.add_argument(
        "--speaker-normalization", action="store_true",
        help="all are of one speaker, in several emotions: answers are counted from their mean",
    )  # fmt: skip
    parser.add_argument(
        "--timeline", action="store_true", help="answers along each recording, however long"
    )
    parser.add_argument("--window", type=float, metavar="S", help="of a timeline (a clip's length)")
    parser.add_argument("--hop", type=float, metavar="S", help="of a timeline (half a window)")
    parser.add_argument("--plot", metavar="FILE", help="write a picture, .svg or .png")
    parser.add_argument(
        "--silence-db", default="-60", metavar="DB",
        help="what stays below it is no speech (%(default)s dB re full scale; none: answer always, "
        "to steady noise, too)",
    )  # fmt: skip
    parser.add_argument(
        "--channel", type=int, metavar="N", help="take channel N, from 1 (the mean of all channels)"
    )
    parser.add_argument("--threads", type=int, default=0, help="of ONNX and OpenVINO (every core)")
    groups.add_device(parser.add_argument_group("where a run folder is computed"))


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="folder of a run")
    parser.add_argument(
        "--to", default="onnx", metavar="FORMAT",
        help="onnx, openvino, litert, bundle, or pretrained: the package's own model (default: "
        "%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--variant", default="conv", metavar="NAME",
        help="of ONNX: conv (fast everywhere) or stft (smaller) (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--evaluation", action="append", metavar="RUN",
        help="of bundle and pretrained: a cross-validated run of the same training, for the model "
        "card; again for another corpus",
    )  # fmt: skip
    parser.add_argument("--int8", action="store_true", help="of OpenVINO: quantized after training")
    parser.add_argument("--fp16", action="store_true", help="of OpenVINO: half the size")
    groups.add_fold(parser)
    parser.add_argument("--root", metavar="DIR", help="folder of the corpus (SERTK_CORPORA)")
    parser.add_argument("-o", "--output", metavar="FILE", help="where to write (in the run folder)")
    parser.add_argument("--json", action="store_true", help="for machines")
