"""A bundle: one zip of an ONNX file with everything that belongs to it.

In: a run. Out: model.onnx, spec.json, run.json, MODEL_CARD.md, LICENSE.txt, and bundle.json with
the sha256 of each. `sertk.predict` reads it without unpacking it or running anything from it.
"""

import hashlib
import json
import tempfile
import zipfile
from pathlib import Path

import sertk
from sertk import _output
from sertk.export import converting, writing
from sertk.export.card import model_card
from sertk.export.result import Exported
from sertk.predict import bundle
from sertk.predict import spec as specs
from sertk.run import Run

_LICENCE = """\
The code that made this bundle, sertk, is under the MIT licence. What is in it was learnt from
corpora with licences of their own, which bind whoever passes the model on or uses it:

{licences}

See MODEL_CARD.md for what the model must not be used for.
"""


def to_bundle(
    run: Run | str | Path,
    path: str | Path | None = None,
    *,
    variant: str = "conv",
    fold: int | None = None,
    seed: int | None = None,
    roots: writing.Roots = None,
) -> Exported:
    """Export one model of a run as a bundle, for `sertk predict --bundle` and the page.

    Args:
        run: A finished run, or its folder.
        path: Where to write; `bundle.zip` in the run folder by default.
        variant: Of the ONNX file in it; see `to_onnx`.
        fold: Of a cross-validation; the first by default.
        seed: The first by default.
        roots: Corpus -> folder, for the comparison on validation speakers.

    Raises:
        RunError: If the run is unfinished.
        ConfigurationError: If something is not installed, or the feature cannot be exported.
        ModelError: If the ONNX file would answer otherwise than the model.

    Example:
        `sertk.export.to_bundle("runs/ravdess_compact").path`
    """
    converting.require_variant(variant)
    run = run if isinstance(run, Run) else Run(run)
    spec, _ = specs.of_run(run, fold, seed)
    card = model_card(run, spec)
    target = writing.target_of(run, spec, path, "bundle.zip")
    writing.require_suffix(target, ".zip")
    with tempfile.TemporaryDirectory() as folder, _output.whole(target) as temporary:
        model = Path(folder) / "model.onnx"
        made = writing.to_onnx(
            run, model, variant=variant, fold=spec.fold, seed=spec.seed, roots=roots
        )
        files = {
            "model.onnx": model.read_bytes(),
            "spec.json": _spec_of(model),
            "run.json": json.dumps(run.info, indent=2, ensure_ascii=False).encode(),
            "MODEL_CARD.md": card.encode(),
            "LICENSE.txt": _LICENCE.format(licences=spec.licence).encode(),
        }
        pack(files, temporary)
    return Exported(target, made.parity, made.latency, made.note)


def _spec_of(model: Path) -> bytes:
    """Read the record that stands in the ONNX file, so that there is one."""
    import onnx

    record = onnx.load(str(model)).metadata_props
    return next(entry.value for entry in record if entry.key == specs.KEY).encode()


def pack(files: dict[str, bytes], path: Path) -> None:
    """Write a bundle; the same files give the same bytes."""
    index = {
        "schema_version": bundle.SCHEMA_VERSION,
        "sertk_version": sertk.__version__,
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    every = {bundle.INDEX: json.dumps(index, indent=2).encode(), **files}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in every.items():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
