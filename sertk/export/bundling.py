"""Bundles: an ONNX file with its description, model card and license.

In: a run. Out: model.onnx, spec.json, run.json, MODEL_CARD.md, LICENSE.txt, and bundle.json with
the sha256 of each, in one zip. `sertk.predict` reads it without unpacking it or running anything
from it. The pretrained model is the same, without run.json, in the folder `sertk/pretrained`.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import sertk
from sertk._utils import atomic, temporary_names
from sertk.errors import ModelError
from sertk.export import card, converting, writing
from sertk.export.result import Exported
from sertk.predict import bundle, pretrained
from sertk.predict import spec as specs
from sertk.predict.spec import Spec
from sertk.run import Run

Evaluations = Sequence[Run | str | Path]
LARGEST = 12_000_000  # bytes of the pretrained model, which everybody installs
_LICENSE = """\
License of the weights (model.onnx)

The weights were learned from recordings with licenses of their own, which bind whoever uses the
weights or passes them on:

{corpora}

{terms}The code that made them, sertk, is under the MIT license. See MODEL_CARD.md for what the
model must not be used for.
"""
_ENCODER = """\
License of the encoder ({file}): {license}

"""
_MIT = """\
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial
portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES
OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""
_NON_COMMERCIAL = """\
The weights are for NON-COMMERCIAL use. Where a corpus above is under CC BY-NC-SA 4.0, they are
under the same license, Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International
(SPDX: CC-BY-NC-SA-4.0): name the corpora as above, make no commercial use, and share what you make
of the weights alike. Its text: https://creativecommons.org/licenses/by-nc-sa/4.0/legalcode

"""


def to_bundle(
    run: Run | str | Path,
    path: str | Path | None = None,
    *,
    fold: int | None = None,
    seed: int | None = None,
    roots: writing.Roots = None,
    evaluations: Evaluations = (),
) -> Exported:
    """Export one model of a run as a bundle, for `sertk predict --bundle` and the page.

    Args:
        run: A finished run, or its folder.
        path: Where to write; `bundle.zip` in the run folder by default.
        fold: int >= 0. Fold whose model is exported; the first by default.
        seed: The first by default.
        roots: Corpus -> folder, for the comparison on validation speakers.
        evaluations: Cross-validated runs of the same training, whose scores its card shall tell.

    Raises:
        RunError: If the run is unfinished.
        ConfigurationError: If something is not installed, the feature cannot be exported, or an
            evaluation is of another system.
        ModelError: If the ONNX file would answer otherwise than the model.

    Examples:
        `sertk.export.to_bundle("runs/ravdess_compact").path`
    """
    run = Run.open(run)
    spec, _ = specs.of_run(run, fold, seed)
    target = writing.target_of(run, spec, path, "bundle.zip")
    writing.require_suffix(target, ".zip")
    files, made = _made(run, spec, roots, evaluations)
    files["run.json"] = json.dumps(run.info, indent=2, ensure_ascii=False).encode()
    with atomic.whole(target) as temporary:
        pack(files, temporary)
    return Exported(target, made.parity, made.latency, made.note)


def to_pretrained(
    run: Run | str | Path,
    path: str | Path | None = None,
    *,
    fold: int | None = None,
    seed: int | None = None,
    roots: writing.Roots = None,
    evaluations: Evaluations = (),
) -> Exported:
    """Make one model of a run the pretrained one, which `sertk predict` takes unasked.

    Args:
        run: A finished run, or its folder, such as `sertk reproduce compact --everyone` writes.
        path: Folder to write; by default that of the package for a model with an encoder, or for
            one without (`compact`).
        fold: int >= 0. Fold whose model is exported; the first by default.
        seed: The first by default.
        roots: Corpus -> folder, for the comparison on validation speakers.
        evaluations: Cross-validated runs of the same training, whose scores its card shall tell.

    Raises:
        RunError: If the run is unfinished.
        ConfigurationError: If something is not installed, the feature cannot be exported, or an
            evaluation is of another system.
        ModelError: If the ONNX file would answer otherwise than the model, or is too large.
        OutputError: If the package's folder cannot be written.

    Examples:
        `sertk.export.to_pretrained("runs/everyone", evaluations=["runs/compact"])`
    """
    run = Run.open(run)
    spec, _ = specs.of_run(run, fold, seed)
    name = "compact" if spec.prep.feature.weights is None else pretrained.DEFAULT
    target = atomic.folder(pretrained.folder(name) if path is None else Path(path).expanduser())
    files, made = _made(run, spec, roots, evaluations)
    size = sum(map(len, files.values()))
    if size > LARGEST:
        raise ModelError(
            f"The model has {size / 1e6:.1f} MB.",
            f"The model in the package must have at most {LARGEST / 1e6:.0f} MB.",
            "Nothing was written. Export it as a bundle (--to bundle), or train a smaller model.",
            code="model-too-large",
        )
    for name, content in indexed(files).items():
        with atomic.whole(target / name) as temporary:
            temporary.write_bytes(content)
    return Exported(target, made.parity, made.latency, made.note)


def _made(
    run: Run, spec: Spec, roots: writing.Roots, evaluations: Evaluations
) -> tuple[dict[str, bytes], Exported]:
    """Convert the model, and write all that belongs to it."""
    onnx = converting.require_onnx()
    written_card = card.model_card(run, spec, evaluations)
    terms = _NON_COMMERCIAL if specs.is_non_commercial(spec.license) else ""
    license = _LICENSE.format(corpora=card.data(spec), terms=terms)
    encoder = spec.prep.feature.weights
    if encoder is not None:
        of_encoder = spec.prep.feature.license
        license += "\n" + _ENCODER.format(file=encoder.name, license=of_encoder)
        license += _MIT if of_encoder.startswith("MIT") else ""
    with temporary_names.workspace() as folder:
        model = folder / "model.onnx"
        made = writing.to_onnx(
            run, model, fold=spec.fold, seed=spec.seed, roots=roots, beside=encoder,
            precision="fp32" if encoder is None else "fp16",
        )  # fmt: skip
        # the record that stands in the ONNX file, so that there is one
        metadata = onnx.load(str(model), load_external_data=False).metadata_props
        record = next(entry.value for entry in metadata if entry.key == specs.KEY)
        files = {
            **({} if encoder is None else {encoder.name: encoder.read_bytes()}),
            "model.onnx": model.read_bytes(),
            "spec.json": record.encode(),
            "MODEL_CARD.md": written_card.encode(),
            "LICENSE.txt": license.encode(),
        }
    return files, made


def indexed(files: dict[str, bytes]) -> dict[str, bytes]:
    """Put the index before files: the sha256 of each."""
    index = {
        "schema_version": bundle.SCHEMA_VERSION,
        "sertk_version": sertk.__version__,
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    return {bundle.INDEX: json.dumps(index, indent=2).encode() + b"\n", **files}


def pack(files: dict[str, bytes], path: Path) -> None:
    """Write a bundle: the files and their index."""
    path.write_bytes(bundle.packed(indexed(files)))
