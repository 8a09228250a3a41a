"""Groups of options that several commands share: corpus, protocol, feature, device, training.

In: a command's parser. Out: nothing; each function adds its words. `sertk.cli.inputs` reads them.
"""

import argparse

from sertk._utils import call_arguments
from sertk.cli.parsing_errors import Parser
from sertk.training.config import Config


def add_option(parser: Parser) -> None:
    """Add options of a corpus."""
    parser.several(
        "--option",
        "NAME=VALUE",
        "option of the corpus, such as style=speech or layout={emotion}/{speaker}_*.wav",
    )


def add_manifest(parser: Parser) -> None:
    """Add a manifest and the folder of its files."""
    parser.add_argument("manifest", help="CSV file that `sertk scan` wrote")
    parser.add_argument(
        "--root", help="root folder of the corpus; for several, the folder above them (default: "
        "SERTK_CORPORA/<corpus>)",
    )  # fmt: skip
    parser.flag("--json", "print JSON")


def add_fold(parser: Parser) -> None:
    """Add which model of a run."""
    parser.add_argument(
        "--fold", type=int, metavar="N", help="model of this fold (default: the first)"
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="model of this seed (default: the first)"
    )


def add_protocol(parser: Parser, default: str | None) -> None:
    """Add how speakers are divided."""
    add = parser.add_argument_group("protocol").add_argument
    add(
        "--protocol", "--split", default=default, metavar="NAME",
        help="by_speaker, loso, speaker_folds, by_session, ravdess5, emobox6, dev4; manifest, "
        "to use its columns split or fold; or random, which leaks speakers"
        + (f" (default: {default})" if default else ""),
    )  # fmt: skip
    add("--val", metavar="N|SPEAKERS", help="validation speakers: a number, or a,b,c")
    add("--test", metavar="N|SPEAKERS", help="test speakers: a number, or a,b,c")
    add("--folds", type=int, help="number of folds (speaker_folds, random)")
    add("--split-seed", type=int, help="random seed of the split (default: 0)")


def add_feature(parser: Parser) -> None:
    """Add what recordings become."""
    add = parser.add_argument_group("preprocessing").add_argument
    add("--feature", default="log_mel", metavar="NAME", help="default: %(default)s")
    add(
        "--feature-option", action="append", default=[], metavar="NAME=VALUE",
        help="feature parameter, such as n_mels=40",
    )  # fmt: skip
    add("--sample-rate", type=int, help="sample rate in Hz (default: 16000)")
    add("--clip-seconds", type=float, help="clip length in seconds (default: 3.0)")
    add("--trim-db", help="trim ends this many dB below the loudest frame, or none (40)")
    add("--top-db", type=float, help="clip values this many dB below the maximum (default: 80)")
    add("--target-rms-db", type=float, help="normalize each recording to this RMS level")
    add("--db-reference", metavar="NAME", help="0 dB is the maximum of the clip, or full_scale")
    add("--channel", type=int, metavar="N", help="channel, from 1 (default: mean of all channels)")
    add("--cache", metavar="DIR", help="feature cache folder (default: SERTK_CACHE)")
    add("--jobs", type=int, metavar="N", help="workers, -1 for all cores (default: 1)")


def add_device(parser: argparse._ActionsContainer) -> None:
    """Add where Keras computes."""
    parser.add_argument("--backend", default="auto", help="auto, jax, tensorflow or torch")
    parser.add_argument("--device", default="auto", help="auto, cpu or gpu")


def add_training(parser: Parser, protocol: str) -> None:
    """Add the options of a training."""
    add = parser.add_argument_group("utterances").add_argument
    add("--corpus", metavar="NAME", help="scan this corpus")
    add("--manifest", metavar="FILE", help="or read this manifest")
    add("--root", metavar="DIR", help="root folder of the corpus (default: SERTK_CORPORA/NAME)")
    add_option(parser)
    add("--grouping", default="emotion8", metavar="NAME", help="default: %(default)s")
    add("--gender", default="all", help="all, male or female")
    add("--style", metavar="NAME", help="speech, song, improvised or scripted")
    add(
        "--where", action="append", default=[], metavar="COLUMN=VALUE",
        help="select these rows; repeat for another value",
    )  # fmt: skip
    add_protocol(parser, protocol)
    add_feature(parser)
    fit = parser.add_argument_group("training")
    add = fit.add_argument
    add("--model", default="compact", metavar="NAME", help="default: %(default)s")
    add(
        "--model-option", action="append", default=[], metavar="NAME=VALUE",
        help="model argument, such as variant=original",
    )  # fmt: skip
    add(
        "--augment", metavar="NAME",
        help="augmentation: noise, pitch, noise+pitch, light, strong, background@FOLDER ... (sertk "
        "names augmentations)",
    )  # fmt: skip
    add("--augment-only", metavar="A,B", help="augment these labels only")
    add(
        "--augment-on-the-fly", action="store_true",
        help="augment on the fly, with new random draws in every epoch",
    )  # fmt: skip
    add(
        "--copies", type=int, default=2,
        help="augmented copies per training utterance (default: %(default)s)",
    )  # fmt: skip
    add(
        "--standardize", default="training",
        help="training, enrolment, minmax, none, or speaker (transductive)",
    )  # fmt: skip
    add("--seeds", default="0", metavar="0,1,2", help="one model per fold and seed")
    add("--init-from", metavar="RUN", help="initialize with the weights of this run")
    add("--track", metavar="NAME", help="also log every epoch to tensorboard or mlflow")
    for name, description in call_arguments.described(Config).items():
        default, words = getattr(Config, name), description.replace("`", "").replace("%", "%%")
        add(
            f"--{name.replace('_', '-')}", metavar="VALUE",
            type=type(default) if type(default) in (int, float) else str,
            help=f"{words} Default: {default}.".replace("None", "null"),
        )  # fmt: skip
    add_device(fit)
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="run folder")
    parser.flag("--json", "print scores as JSON")
