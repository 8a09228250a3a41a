"""The argument parser: commands, options and their help."""

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
    """Build the parser of all commands; each sets `function` to its module and function."""
    parser = Parser(
        prog="sertk",
        description="Speech emotion recognition: from a folder of recordings to "
        "speaker-independent scores.",
        formatter_class=_InOneColumn,
        epilog="Names of corpora, features, models, groupings, protocols: sertk names.",
    )
    parser.add_argument("--version", action="version", version=f"sertk {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(module: str, name: str, words: str) -> Parser:
        child = commands.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
        child.set_defaults(function=(module, name.replace("-", "_")))
        return child

    _demo_arguments(command("runs", "demo", "train on the toy corpus, and write its report"))
    names = command("data", "names", "list the names of corpora, features, models, ...")
    names.add_argument("family", nargs="?", help="such as models, groupings or config")
    _download_arguments(
        command("data", "download", "download a publicly available corpus or encoder")
    )
    _encoder_arguments(command("encoders", "encoder", "list or convert pretrained encoders"))
    _scan_arguments(command("data", "scan", "write the manifest of a folder of recordings"))
    verify = command("data", "verify", "compare a folder with a manifest: missing, extra, changed")
    groups.add_manifest(verify)
    audit = command("data", "audit", "check a manifest for data leakage")
    groups.add_manifest(audit)
    audit.add_argument(
        "--compare-audio", "--listen", action=argparse.BooleanOptionalAction,
        help="require the files and compare their samples, or compare only names (default: "
        "samples of the available files)",
    )  # fmt: skip
    groups.add_protocol(audit, default=None)
    extract = command("data", "extract", "compute and cache the features of a manifest")
    groups.add_manifest(extract)
    groups.add_feature(extract)
    cached = command("data", "cache", "list or prune the feature cache")
    cached.add_argument("action", nargs="?", default="list", help="list or prune (%(default)s)")
    cached.add_argument(
        "--older-than", type=float, metavar="DAYS",
        help="prune: remove features unused for this many days, in addition to the remains of "
        "killed runs and older versions",
    )  # fmt: skip
    cached.add_argument(
        "--cache", metavar="DIR", help="feature cache folder (default: SERTK_CACHE)"
    )
    cached.flag("--json", "print JSON")
    _explore_arguments(
        command("data", "explore", "write a page with figures and audio players of a corpus")
    )
    train = command("runs", "train", "train with one speaker-independent split, and report")
    groups.add_training(train, "by_speaker")
    cv = command("runs", "cv", "cross-validate over speakers, and report")
    groups.add_training(cv, "loso")
    _reproduce_arguments(
        command(
            "runs", "reproduce", "reproduce a published system, or that of the pretrained model"
        )
    )
    _study_arguments(
        command("studies", "study", "train and compare all combinations of some factors")
    )
    _search_arguments(
        command("studies", "search", "search settings on validation speakers, and confirm them")
    )
    gap = command("studies", "leak-gap", "train with and without speaker leakage, and compare")
    groups.add_training(gap, "speaker_folds")
    board = command("studies", "leaderboard", "rank runs within each protocol")
    board.add_argument("folder", help="folder of runs, searched recursively")
    board.flag("--json", "print JSON")
    board.add_argument("-o", "--output", metavar="PAGE", help="also write a page")
    compare = command("studies", "compare", "compare two runs, with a permutation test")
    compare.add_argument("run", nargs=2, help="two run folders with the same test utterances")
    compare.add_argument("--grouping", help="regroup the classes of both, such as valence2")
    compare.flag("--json", "print JSON")
    fuse = command("studies", "fuse", "combine the predictions of runs with the same folds")
    fuse.add_argument("run", nargs="+", help="run folders with the same utterances and folds")
    fuse.add_argument(
        "--method", default="mean", metavar="NAME",
        help="mean; weighted or stacking, fitted on validation speakers (default: %(default)s)",
    )  # fmt: skip
    fuse.add_argument("-o", "--output", required=True, metavar="DIR", help="run folder to write")
    fuse.flag("--json", "print scores as JSON")
    evaluate = command("runs", "evaluate", "print the scores of a run")
    evaluate.add_argument("run", help="run folder")
    evaluate.add_argument("--grouping", help="regroup the classes, such as valence2")
    evaluate.flag(
        "--speaker-normalization", "subtract each speaker's mean log-probabilities (transductive)"
    )
    evaluate.flag("--json", "print JSON")
    report = command("runs", "report", "write the HTML report of a run or study")
    report.add_argument("run", help="run or study folder, finished or not")
    report.flag("--audio", "embed audio of the most confident errors")
    report.add_argument("--root", help="root folder of the corpus, for --audio")
    report.add_argument("-o", "--output", help="output file (default: in that folder)")
    _robustness_arguments(
        command(
            "runs", "robustness", "evaluate a run under noise, reverberation and other conditions"
        )
    )
    _predict_arguments(command("inference", "predict", "predict the emotion of recordings"))
    _enrol_arguments(command("inference", "enrol", "write the profile of a speaker"))
    _export_arguments(command("inference", "export", "export a model of a run"))
    _app_arguments(command("inference", "app", "serve a page that predicts in the browser"))
    _notebook_arguments(command("data", "notebook", "execute a notebook, and write its page"))
    return parser


def _demo_arguments(parser: Parser) -> None:
    parser.add_argument(
        "-o", "--output", default="runs/demo", help="run folder (default: %(default)s)"
    )
    parser.add_argument("--root", help="folder of the toy corpus (default: in the cache folder)")
    parser.add_argument("--epochs", type=int, default=12, help="default: %(default)s")
    groups.add_device(parser)


def _study_arguments(parser: Parser) -> None:
    add = parser.add_argument
    add(
        "name", nargs="?", metavar="STUDY",
        help="predefined study (sertk names studies; default: log_mel and compact)",
    )  # fmt: skip
    add("--question", metavar="TEXT", help="title of the page")
    add(
        "--compare", metavar="FACTOR", help="corpus, gender, grouping, feature, model or augment: "
        "its first level is the baseline",
    )  # fmt: skip
    for factor, words in (
        ("corpus", "corpora"),
        ("gender", "all, male, female, male>female, female>male, classes"),
        ("grouping", "groupings of labels"),
        ("feature", "features; usual is the published feature of a model, or log_mel"),
        ("model", "models"),
        ("augment", "augmentations, or none"),
        ("protocol", "protocols"),
        ("seeds", "random seeds, one run for each"),
    ):
        add(f"--{factor}", metavar="A,B", help=words)
    for number, words in (
        ("folds", "number of folds (speaker_folds, random)"),
        ("val", "validation speakers per fold"),
        ("copies", "augmented copies per training utterance"),
        ("epochs", "maximum number of epochs"),
    ):
        add(f"--{number}", type=int, help=words)
    parser.several("--where", "COLUMN=VALUE", "select these rows, such as style=speech")
    parser.several("--config", "NAME=VALUE", "training setting of all runs")
    add(
        "--root", metavar="DIR",
        help="root folder of the corpus; for several, the folder above them (SERTK_CORPORA)",
    )  # fmt: skip
    add("--jobs", type=int, default=1, help="parallel runs (default: %(default)s)")
    add("-o", "--output", required=True, metavar="DIR", help="folder of the study")
    groups.add_device(parser)


def _search_arguments(parser: Parser) -> None:
    groups.add_training(parser, "speaker_folds")
    add = parser.add_argument_group("search").add_argument
    add(
        "--space", action="append", default=[], metavar="NAME=VALUES",
        help="vary a setting: LOW..HIGH, LOW..HIGH:log or A,B,C, such as model.C=1e-4..1:log, "
        "feature.n_mels=40,64,80 or mixup=0..0.5; repeat for another (default: the penalty of a "
        "linear model, or learning rate, weight decay, label smoothing, mixup and time masks)",
    )  # fmt: skip
    add("--trials", type=int, default=30, help="number of trials (default: %(default)s)")
    add("--parallel", type=int, default=1, metavar="N", help="trials at a time (%(default)s)")


def _reproduce_arguments(parser: Parser) -> None:
    add = parser.add_argument
    add("recipe", metavar="RECIPE", help="one of `sertk names recipes`")
    parser.flag("--describe", "describe the recipe, without training")
    add("--corpus", metavar="A,B", help="corpora (default: those of the recipe)")
    add(
        "--root", metavar="DIR",
        help="root folder of the corpus; for several, the folder above them (SERTK_CORPORA)",
    )  # fmt: skip
    parser.flag(
        "--as-published", "include the defects of the published evaluation; the run is marked"
    )
    parser.flag("--leak-gap", "train as published and speaker-independent, and compare")
    parser.flag(
        "--everyone",
        "train one model on all speakers and corpora of the recipe, without a test set",
    )
    add("--fold", type=int, metavar="N", help="train this fold only (default: all)")
    add("--grouping", metavar="NAME", help="grouping (default: that of the recipe)")
    add("--epochs", type=int, help="maximum number of epochs (default: that of the recipe)")
    add("--seeds", metavar="0,1,2", help="one model per fold and seed")
    parser.several("--config", "NAME=VALUE", "training setting")
    parser.several(
        "--model-option", "NAME=VALUE", "model argument, such as width=0.25 or weights=alexnet.npz"
    )
    add("-o", "--output", metavar="DIR", help="run folder (default: runs/RECIPE)")
    parser.flag("--json", "print scores as JSON")
    groups.add_device(parser)


def _download_arguments(parser: Parser) -> None:
    parser.add_argument(
        "name", help="ravdess, emodb, or an encoder such as whisper-base (sertk encoder list); for "
        "other corpora, where to request them",
    )  # fmt: skip
    parser.add_argument(
        "--to", metavar="DIR",
        help="folder to write to (required for a corpus; default for an encoder: SERTK_ENCODERS)",
    )  # fmt: skip
    parser.add_argument("--base-url", metavar="URL", help="address of a mirror with the same files")


def _encoder_arguments(parser: Parser) -> None:
    add = parser.add_argument
    add("action", nargs="?", default="list", help="list or convert (%(default)s)")
    add(
        "source", nargs="?", help="convert: .pt of OpenAI, folder or .safetensors of Hugging Face, "
        "or model.bin of CTranslate2",
    )  # fmt: skip
    add("target", nargs="?", help="convert: .safetensors file to write")
    add("--name", metavar="NAME", help="convert: name of the published weights")
    add("--license", metavar="TEXT", help="convert: license and holder, for weights without a name")
    add("--blocks", type=int, metavar="N", help="convert: keep the first blocks (default: all)")
    parser.flag("--json", "print JSON")


def _scan_arguments(parser: Parser) -> None:
    add = parser.add_argument
    add("corpus", help="name of a corpus, or table or folders for your own recordings")
    add("--root", help="root folder (default: SERTK_CORPORA/CORPUS)")
    groups.add_option(parser)
    parser.flag("--hash", "fill the column sha256, for `sertk verify`")
    add("-o", "--output", help="CSV file (default: standard output)")


def _explore_arguments(parser: Parser) -> None:
    add = parser.add_argument
    add("manifest", help="CSV file that `sertk scan` wrote")
    add("--root", help="root folder of the corpus (default: SERTK_CORPORA/<corpus>)")
    add(
        "--limit", type=int, default=400, metavar="N",
        help="files to measure durations and levels of, 0 for all (default: %(default)s)",
    )  # fmt: skip
    parser.flag("--no-sound", "omit figures and players that read audio files")
    add("--jobs", type=int, metavar="N", help="workers, -1 for all cores (default: 1)")
    add("-o", "--output", required=True, metavar="PAGE", help="HTML file to write")


def _robustness_arguments(parser: Parser) -> None:
    add = parser.add_argument
    add("run", help="run folder with its models")
    add("--root", metavar="DIR", help="root folder of the corpus (default: SERTK_CORPORA/NAME)")
    add(
        "--conditions", metavar="A,B",
        help="white, babble, reverberation, gain, band, telephone, offset, hum, length (all)",
    )  # fmt: skip
    add("--noises", metavar="FOLDER", help="folder of noise recordings, for one more curve")
    add("--jobs", type=int, metavar="N", help="workers, -1 for all cores (default: 1)")
    parser.flag("--json", "print the table as JSON")
    add("-o", "--output", metavar="PAGE", help="HTML file (default: RUN/robustness.html)")
    groups.add_device(parser)


def _app_arguments(parser: Parser) -> None:
    add = parser.add_argument
    model = parser.add_argument_group("model, one of (default: the pretrained model)")
    model.add_argument("--run", metavar="DIR", help="run folder; exported if needed")
    model.add_argument("--bundle", metavar="ZIP", help="file of `sertk export --to bundle`")
    model.add_argument("--model-name", metavar="NAME", help="pretrained model: encoder or compact")
    groups.add_fold(parser)
    add("--out", metavar="DIR", help="write a static folder instead of serving the page")
    add(
        "--port", type=int, default=8765, metavar="N",
        help="port on 127.0.0.1, 0 for any free port (%(default)s)",
    )  # fmt: skip
    add(
        "--clips", nargs="+", default=[], metavar="FILE",
        help="recordings for a second page that compares the browser with Python",
    )  # fmt: skip
    add("--speaker", metavar="PATH", help="compare the clips with this speaker enrolled as well: "
        "a file of `sertk enrol`, or a folder of recordings")  # fmt: skip
    add(
        "--runtime", metavar="PATH",
        help="folder or .tgz of onnxruntime-web (default: that of `make app`)",
    )  # fmt: skip


def _notebook_arguments(parser: Parser) -> None:
    parser.add_argument("notebook", help="file such as notebooks/03_train.ipynb")
    parser.add_argument(
        "-p", "--parameter", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"),
        help="set a parameter; repeat for another",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", metavar="DIR",
        help="output folder (default: the run folder of the notebook, or runs/notebooks)",
    )  # fmt: skip


def _predict_arguments(parser: Parser) -> None:
    add = parser.add_argument
    add("paths", nargs="+", metavar="PATH", help="files, folders, patterns; - for a list on stdin")
    _model_arguments(parser)
    add("--format", default="table", help="table, json or csv (%(default)s)")
    parser.flag(
        "--speaker-normalization",
        "subtract the mean log-probabilities (all recordings are of one speaker)",
    )
    add(
        "--speaker", metavar="PATH",
        help="enrol the speaker: a folder of other recordings, or a file of `sertk enrol`",
    )  # fmt: skip
    parser.flag("--timeline", "predict windows along each recording, of any length")
    add("--window", type=float, metavar="S", help="window of a timeline (default: the clip length)")
    add("--hop", type=float, metavar="S", help="hop of a timeline (default: half a window)")
    add(
        "--turns", metavar="FILE", help="timeline: who speaks when, CSV (start, end, speaker) or "
        "RTTM, or self for one speaker; each is enrolled by their own windows",
    )  # fmt: skip
    add("--plot", metavar="FILE", help="write a plot, .svg or .png")
    _predictor_arguments(parser)


def _enrol_arguments(parser: Parser) -> None:
    add = parser.add_argument
    add(
        "paths", nargs="+", metavar="PATH",
        help="recordings of one speaker: files, folders, patterns; - for a list on stdin",
    )  # fmt: skip
    _model_arguments(parser)
    add("-o", "--output", required=True, metavar="FILE", help="profile to write, .json")
    _predictor_arguments(parser)


def _model_arguments(parser: Parser) -> None:
    """Add what selects a model for prediction."""
    model = parser.add_argument_group("model, one of (default: the pretrained model)")
    model.add_argument("--run", metavar="DIR", help="run folder")
    model.add_argument("--model", metavar="FILE", help=".onnx, OpenVINO's .xml, or model.keras")
    model.add_argument("--bundle", metavar="ZIP", help="file of `sertk export --to bundle`")
    model.add_argument(
        "--model-name", metavar="NAME",
        help="pretrained model: encoder, or compact, which is smaller (default: encoder)",
    )  # fmt: skip
    groups.add_fold(parser)


def _predictor_arguments(parser: Parser) -> None:
    """Add how recordings are read and gated, and where a model computes."""
    add = parser.add_argument
    add(
        "--silence-db", default="-60", metavar="DB",
        help="level in dB re full scale below which there is no speech (default: %(default)s; "
        "none: predict always, steady noise included)",
    )  # fmt: skip
    add("--channel", type=int, metavar="N", help="channel, from 1 (default: mean of all channels)")
    add("--threads", type=int, default=0, help="threads of ONNX and OpenVINO (default: all cores)")
    groups.add_device(parser.add_argument_group("device of a run folder"))


def _export_arguments(parser: Parser) -> None:
    add = parser.add_argument
    add("run", help="run folder")
    add(
        "--to", default="onnx", metavar="FORMAT",
        help="onnx, openvino, litert, bundle, or pretrained for the model in the package (default: "
        "%(default)s)",
    )  # fmt: skip
    add(
        "--evaluation", action="append", metavar="RUN",
        help="cross-validated run of the same recipe, for the model card (bundle, pretrained); "
        "repeat for another corpus",
    )  # fmt: skip
    parser.flag("--int8", "OpenVINO: post-training quantization")
    parser.flag("--fp16", "OpenVINO, ONNX: half precision")
    groups.add_fold(parser)
    add("--root", metavar="DIR", help="root folder of the corpus (SERTK_CORPORA)")
    add("-o", "--output", metavar="FILE", help="output file (default: in the run folder)")
    parser.flag("--json", "print JSON")
