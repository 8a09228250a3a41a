"""The pretrained model of the package.

In: the folder `sertk/pretrained`, as `sertk export RUN --to pretrained` wrote it. Out: its files,
and the terms of use of its weights. Everything else works without the folder.
"""

from pathlib import Path

from sertk.errors import ModelError
from sertk.predict import bundle
from sertk.predict.spec import Spec, is_non_commercial

FOLDER = Path(__file__).parents[1] / "pretrained"
NOTICE = "The weights of the pretrained model"  # how every notice begins


def read() -> dict[str, bytes]:
    """Read the files of the pretrained model.

    Returns:
        Name -> content, as of a bundle.

    Raises:
        ModelError: If they are not there, or not as they were written.
    """
    paths = [FOLDER / name for name in (bundle.INDEX, *bundle.NEEDED)]
    if not (FOLDER / "model.onnx").is_file():
        raise ModelError(
            "This installation does not include the pretrained model (no model.onnx in "
            "sertk/pretrained).",
            "It is the default model of a prediction.",
            "Choose a model (--run, --model or --bundle), install sertk from a source with this "
            "folder, such as its repository, or train the model from RAVDESS and EmoDB: sertk "
            "reproduce compact --everyone -o runs/everyone, then sertk export runs/everyone --to "
            "pretrained.",
            code="missing-pretrained-model",
        )
    files = {path.name: path.read_bytes() for path in paths if path.is_file()}
    if why := bundle.fault(files, FOLDER):
        raise ModelError(
            f"Cannot use the pretrained model in {FOLDER} ({why}).",
            "Its files must match their sha256 in bundle.json.",
            "Install sertk again, or write the folder again: sertk export RUN --to pretrained.",
            code="damaged-pretrained-model",
        )
    return files


def notice(spec: Spec) -> str:
    """Describe in a sentence what the weights may be used for."""
    free = not is_non_commercial(spec.license)
    use = "under the licenses of their corpora" if free else "for non-commercial use only"
    return f"{NOTICE} are {use} ({spec.license}): see {FOLDER / 'LICENSE.txt'}."
