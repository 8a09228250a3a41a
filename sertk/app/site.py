"""Collect the files of the page: scripts, runtime, bundle, and clips to compare with.

In: a run, a bundle, or nothing for the pretrained model. Out: address -> content, the
same whether served or written.
"""

import hashlib
import json
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sertk._html import pages
from sertk.app import runtime as runtimes
from sertk.errors import ConfigurationError, ModelError
from sertk.predict import NO_SPEECH, Predictor, bundle, pretrained
from sertk.predict import spec as specs
from sertk.predict.enrolling import Speaker
from sertk.predict.sources import of_files, require_whole
from sertk.run import Run

# what the page may load: its own files, WebAssembly, and nothing from anybody else
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; media-src 'self' blob:; worker-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)
_PAGE = Path(__file__).parent / "page"
# .js and not .mjs: there are servers that do not know the latter, whose files browsers then refuse
_WASM = "ort-wasm-simd-threaded.wasm"
_RUNTIME = {
    "ort.wasm.min.mjs": "runtime/ort.js",
    "ort-wasm-simd-threaded.mjs": "runtime/ort-wasm.js",
    _WASM: "runtime/ort-wasm.wasm",
}


def files(
    source: str | Path | Run | None = None,
    *,
    model_name: str = pretrained.DEFAULT,
    fold: int | None = None,
    seed: int | None = None,
    clips: Iterable[str | Path] = (),
    speaker: Speaker = None,
    runtime: str | Path | None = None,
) -> dict[str, bytes]:
    """Gather everything the page is made of.

    Args:
        source: A run or its folder, which is exported as a bundle unless it holds one that is
            its own; or a bundle (.zip). Without one it is the pretrained model of the package,
            whose weights are for non-commercial use, of which a warning reminds.
        model_name: Which pretrained model, where there is no source: `"encoder"` or `"compact"`.
        fold: int >= 0. Fold whose model is used; the first by default.
        seed: int. Training seed whose model is used; the first by default.
        clips: Recordings for the view that compares the browser with Python. They become part of
            the page: mind their license.
        speaker: A profile of `sertk enrol`, or recordings, as in `Predictor.enrol`. The clips are
            compared with this speaker enrolled as well; the profile becomes part of the page.
        runtime: A folder or .tgz of onnxruntime-web; what `make app` fetched by default.

    Returns:
        Address, relative to the page -> content.

    Raises:
        ConfigurationError: If the runtime is missing, a fold was asked of a single model, or the
            speaker cannot be enrolled.
        ModelError: If the bundle is damaged or was changed, or the pretrained model is not in this
            installation.
        RunError: If the folder holds no run, or an unfinished one.
        AudioError: If a clip cannot be read.

    Examples:
        `sertk.app.files("bundle.zip")["index.html"]`
    """
    ready = runtimes.read(runtime)
    if source is None:
        require_whole("the pretrained model", fold, seed)
        model = pretrained.read(model_name)
        packed = bundle.packed(model)
        warnings.warn(pretrained.notice(_spec_of(model), model_name), stacklevel=2)
    else:
        path = _bundle_of(source, fold, seed)
        model, packed = bundle.read(path), path.read_bytes()
    style = pages.style() + (_PAGE / "app.css").read_text(encoding="utf-8")
    large = {"bundle.zip": packed, _RUNTIME[_WASM]: ready[_WASM]}
    return {
        **{path.name: path.read_bytes() for path in _PAGE.iterdir() if path.suffix != ".css"},
        "style.css": style.encode(),
        **{_RUNTIME[name]: content for name, content in ready.items()},
        **large,
        "downloads.json": _listed(large),
        **_compared(model, [Path(clip) for clip in clips], speaker),
    }


def write(source: str | Path | Run | None, folder: str | Path, **options: Any) -> Path:
    """Write the page as a folder of static files.

    Args:
        source: A run or its folder, a bundle, or `None` for the pretrained model.
        folder: Where; files of other names in it stay.
        **options: Of `files`.

    Returns:
        Its index.html. Browsers open it from a web server, not from the disk.

    Examples:
        `sertk.app.write("runs/ravdess_compact", "site")`
    """
    contents = files(source, **options)
    return runtimes._write(Path(folder).expanduser(), contents) / "index.html"


def _bundle_of(source: str | Path | Run, fold: int | None, seed: int | None) -> Path:
    """Find the bundle of a run, or make it; make it again if the run has been retrained."""
    if not isinstance(source, Run) and not Path(source).expanduser().is_dir():
        path = Path(source).expanduser()
        require_whole(str(path), fold, seed)
        if not path.is_file():
            raise ConfigurationError(
                f"No bundle at {path}.",
                "The page needs a run folder, or a bundle written by `sertk export --to bundle`.",
                "Check the path.",
                code="missing-bundle",
            )
        return path
    from sertk.export import bundling, writing

    run = Run.open(source)
    spec, _ = specs.of_run(run, fold, seed)
    target = writing.target_of(run, spec, None, "bundle.zip")
    if _is_of(target, spec):
        return target
    return bundling.to_bundle(run, fold=fold, seed=seed).path


def _is_of(path: Path, spec: specs.Spec) -> bool:
    if not path.is_file():
        return False
    try:
        return _spec_of(bundle.read(path)).weights_sha256 == spec.weights_sha256
    except ModelError:
        return False  # it is about to be written again


def _spec_of(model: dict[str, bytes]) -> specs.Spec:
    return specs.Spec.from_json(model["spec.json"].decode("utf-8"), "The model of the page")


def _listed(files: dict[str, bytes]) -> bytes:
    """List the files that the page loads with a progress bar, and keeps under their sha256."""
    about = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    }
    return json.dumps(about).encode()


def _compared(
    model: dict[str, bytes],
    clips: list[Path],
    speaker: Speaker,
) -> dict[str, bytes]:
    """Add clips to the page, with Python's predictions for them."""
    if not clips:
        if speaker is not None:
            raise ConfigurationError(
                "Received a speaker without clips.",
                "The speaker is enrolled for the view that compares the browser with Python.",
                "Pass clips, or omit the speaker; a visitor enrols on the page itself.",
                code="speaker-without-clips",
            )
        return {"clips.json": b'{"clips": []}'}
    predictor = Predictor(of_files(model, "The model of the page"))
    contents, listed = {}, []
    for number, path in enumerate(clips):
        answer = _predicted(predictor, path)
        address = f"clips/{number}{path.suffix.lower()}"
        contents[address] = path.read_bytes()
        listed.append({"name": path.name, "file": address, **answer})
    about: dict[str, Any] = {"clips": listed}
    if speaker is not None:
        profile = predictor.enrol(speaker)
        about["speaker"] = None if profile is None else profile.to_dict()
        for clip, path in zip(listed, clips, strict=True):
            clip["enrolled"] = _predicted(predictor, path)
    return {**contents, "clips.json": json.dumps(about).encode()}


def _predicted(predictor: Predictor, path: Path) -> dict[str, Any]:
    row = predictor.file(path)
    shares = [row[f"p_{name}"] for name in predictor.classes]
    return {"label": row["label"], "probabilities": None if row["label"] == NO_SPEECH else shares}
