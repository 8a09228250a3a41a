"""The pretrained models of the package.

In: a folder in `sertk/pretrained`, as `sertk export RUN --to pretrained` wrote it. Out: its files,
and the terms of use of its weights. Everything else works without the folders.
"""

from pathlib import Path

from sertk.errors import ModelError, UnknownNameError
from sertk.predict import bundle
from sertk.predict.spec import Spec, is_non_commercial

DEFAULT, NAMES = "encoder", ("encoder", "compact")
FOLDER = Path(__file__).parents[1] / "pretrained" / DEFAULT  # the others lie beside it
NOTICE = "The weights of the pretrained model"  # how every notice begins


def folder(name: str = DEFAULT) -> Path:
    """Name the folder of a pretrained model.

    Raises:
        UnknownNameError: If there is no such model.
    """
    if name not in NAMES:
        raise UnknownNameError("pretrained model", name, NAMES)
    return FOLDER if name == DEFAULT else FOLDER.parent / name


def read(name: str = DEFAULT) -> dict[str, bytes]:
    """Read the files of a pretrained model.

    Args:
        name: `"encoder"`, on the hidden states of Whisper tiny.en, or `"compact"`, a small network
            that was trained from nothing.

    Returns:
        Name -> content, as of a bundle.

    Raises:
        UnknownNameError: If there is no such model.
        ModelError: If its files are not there, or not as they were written.
    """
    home = folder(name)
    if not (home / "model.onnx").is_file():
        raise ModelError(
            f"This installation does not include the pretrained model {name} (no model.onnx in "
            f"sertk/pretrained/{name}).",
            "It is the model of a prediction for which no other is chosen.",
            "Choose a model (--run, --model or --bundle), install sertk from a source with this "
            f"folder, such as its repository, or train the model: sertk reproduce {name} "
            "--everyone -o runs/everyone, then sertk export runs/everyone --to pretrained.",
            code="missing-pretrained-model",
        )
    paths = [home / file for file in (bundle.INDEX, *bundle.NEEDED)]
    paths += sorted(home.glob(f"*{bundle.WEIGHTS}"))
    files = {path.name: path.read_bytes() for path in paths if path.is_file()}
    if why := bundle.fault(files, home):
        raise ModelError(
            f"Cannot use the pretrained model in {home} ({why}).",
            "Its files must match their sha256 in bundle.json.",
            "Install sertk again, or write the folder again: sertk export RUN --to pretrained.",
            code="damaged-pretrained-model",
        )
    return files


def notice(spec: Spec, name: str = DEFAULT) -> str:
    """Describe in a sentence what the weights may be used for."""
    free = not is_non_commercial(spec.license)
    use = "under the licenses of their corpora" if free else "for non-commercial use only"
    return f"{NOTICE} are {use} ({spec.license}): see {folder(name) / 'LICENSE.txt'}."
