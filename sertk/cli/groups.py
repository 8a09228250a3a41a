"""Groups of options that several commands share: corpus, protocol, feature, device, training.

In: a command's parser. Out: nothing; each function adds its words. `sertk.cli.inputs` reads them.
"""

import argparse

from sertk._utils import call_arguments
from sertk.training.config import Config


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add options of a corpus."""
    parser.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE",
        help="option of the corpus, such as style=speech or layout={emotion}/{speaker}_*.wav",
    )  # fmt: skip


def add_manifest(parser: argparse.ArgumentParser) -> None:
    """Add a manifest and the folder of its files."""
    parser.add_argument("manifest", help="CSV file that `sertk scan` wrote")
    parser.add_argument(
        "--root",
        help="root folder of the corpus; for several, the folder above them (default: "
        "SERTK_CORPORA/<corpus>)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_fold(parser: argparse.ArgumentParser) -> None:
    """Add which model of a run."""
    parser.add_argument(
        "--fold", type=int, metavar="N", help="model of this fold (default: the first)"
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="model of this seed (default: the first)"
    )


def add_protocol(parser: argparse.ArgumentParser, default: str | None) -> None:
    """Add how speakers are divided."""
    group = parser.add_argument_group("protocol")
    group.add_argument(
        "--protocol", "--split", default=default, metavar="NAME",
        help="by_speaker, loso, speaker_folds, by_session, ravdess5, emobox6, dev4; manifest, "
        "to use its columns split or fold; or random, which leaks speakers"
        + (f" (default: {default})" if default else ""),
    )  # fmt: skip
    group.add_argument(
        "--val", metavar="N|SPEAKERS", help="validation speakers: a number, or a,b,c"
    )
    group.add_argument("--test", metavar="N|SPEAKERS", help="test speakers: a number, or a,b,c")
    group.add_argument("--folds", type=int, help="number of folds (speaker_folds, random)")
    group.add_argument("--split-seed", type=int, help="random seed of the split (default: 0)")


def add_feature(parser: argparse.ArgumentParser) -> None:
    """Add what recordings become."""
    group = parser.add_argument_group("preprocessing")
    group.add_argument("--feature", default="log_mel", metavar="NAME", help="default: %(default)s")
    group.add_argument(
        "--feature-option", action="append", default=[], metavar="NAME=VALUE",
        help="feature parameter, such as n_mels=40",
    )  # fmt: skip
    group.add_argument("--sample-rate", type=int, help="sample rate in Hz (default: 16000)")
    group.add_argument("--clip-seconds", type=float, help="clip length in seconds (default: 3.0)")
    group.add_argument(
        "--trim-db", help="trim ends this many dB below the loudest frame, or none (40)"
    )
    group.add_argument(
        "--top-db", type=float, help="clip values this many dB below the maximum (default: 80)"
    )
    group.add_argument(
        "--target-rms-db", type=float, help="normalize each recording to this RMS level"
    )
    group.add_argument(
        "--db-reference", metavar="NAME", help="0 dB is the maximum of the clip, or full_scale"
    )
    group.add_argument(
        "--channel", type=int, metavar="N", help="channel, from 1 (default: mean of all channels)"
    )
    group.add_argument("--cache", metavar="DIR", help="feature cache folder (default: SERTK_CACHE)")
    group.add_argument(
        "--jobs", type=int, metavar="N", help="workers, -1 for all cores (default: 1)"
    )


def add_device(parser: argparse._ActionsContainer) -> None:
    """Add where Keras computes."""
    parser.add_argument("--backend", default="auto", help="auto, jax, tensorflow or torch")
    parser.add_argument("--device", default="auto", help="auto, cpu or gpu")


def add_training(parser: argparse.ArgumentParser, protocol: str) -> None:
    """Add the options of a training."""
    data = parser.add_argument_group("utterances")
    data.add_argument("--corpus", metavar="NAME", help="scan this corpus")
    data.add_argument("--manifest", metavar="FILE", help="or read this manifest")
    data.add_argument(
        "--root", metavar="DIR", help="root folder of the corpus (default: SERTK_CORPORA/NAME)"
    )
    add_option(parser)
    data.add_argument("--grouping", default="emotion8", metavar="NAME", help="default: %(default)s")
    data.add_argument("--gender", default="all", help="all, male or female")
    data.add_argument("--style", metavar="NAME", help="speech, song, improvised or scripted")
    data.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="COLUMN=VALUE",
        help="select these rows; repeat for another value",
    )
    add_protocol(parser, protocol)
    add_feature(parser)
    fit = parser.add_argument_group("training")
    fit.add_argument("--model", default="compact", metavar="NAME", help="default: %(default)s")
    fit.add_argument(
        "--model-option", action="append", default=[], metavar="NAME=VALUE",
        help="model argument, such as variant=original",
    )  # fmt: skip
    fit.add_argument(
        "--augment", metavar="NAME",
        help="augmentation: noise, pitch, noise+pitch, light, strong, background@FOLDER ... (sertk "
        "names augmentations)",
    )  # fmt: skip
    fit.add_argument("--augment-only", metavar="A,B", help="augment these labels only")
    fit.add_argument(
        "--augment-on-the-fly",
        action="store_true",
        help="augment on the fly, with new random draws in every epoch",
    )
    fit.add_argument(
        "--copies",
        type=int,
        default=2,
        help="augmented copies per training utterance (default: %(default)s)",
    )
    fit.add_argument(
        "--standardize",
        default="training",
        help="training, minmax, none, or speaker (transductive)",
    )
    fit.add_argument("--seeds", default="0", metavar="0,1,2", help="one model per fold and seed")
    fit.add_argument("--init-from", metavar="RUN", help="initialize with the weights of this run")
    for name, description in call_arguments.described(Config).items():
        default = getattr(Config, name)
        fit.add_argument(
            f"--{name.replace('_', '-')}", metavar="VALUE",
            type=type(default) if isinstance(default, int | float) else str,
            help=f"{_plain(description)} Default: {default}.".replace("None", "null"),
        )  # fmt: skip
    add_device(fit)
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="run folder")
    parser.add_argument("--json", action="store_true", help="print scores as JSON")


def _plain(description: str) -> str:
    """Write a docstring's description as help text."""
    return description.replace("`", "").replace("%", "%%")
