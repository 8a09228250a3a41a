"""Open a model for prediction: run folder, .keras, ONNX, OpenVINO, or bundle.

In: a path, or nothing for the pretrained model. Out: an engine, and with it the record of what
belongs to it.
"""

from pathlib import Path

from sertk._utils import json_records, plain_files
from sertk.errors import ConfigurationError, ModelError, RunError
from sertk.predict import bundle, fused, pretrained
from sertk.predict import spec as specs
from sertk.predict.engines import Engine, KerasEngine, OnnxEngine, OpenVinoEngine
from sertk.run import Run

_MOST_THREADS = 1024
KINDS = "a run folder, its model.keras, an .onnx, an .xml of OpenVINO, or a bundle (.zip)"


def open_engine(
    source: str | Path | Run | None,
    fold: int | None = None,
    seed: int | None = None,
    threads: int = 0,
    model_name: str = pretrained.DEFAULT,
) -> Engine:
    """Open whatever a source is.

    Args:
        source: A run or its folder, model.keras in it, .onnx, .xml or .zip; `None` is the
            pretrained model.
        fold: int >= 0. Fold whose model is used; the first by default.
        seed: int. Training seed whose model is used; the first by default.
        threads: int >= 0. Threads of onnxruntime or OpenVINO; 0 uses every core.
        model_name: Which pretrained model, where there is no source.

    Raises:
        UnknownNameError: If there is no such pretrained model.
        ConfigurationError: If it is none of these, or a fold was asked of a single model.
        RunError: If a folder holds no run, or a .keras file lies outside one.
        ModelError: If the file is damaged, or not of sertk.
    """
    if not 0 <= threads <= _MOST_THREADS:
        raise ConfigurationError(
            f"Received threads={threads}.",
            f"It must be 1 to {_MOST_THREADS}, or 0 for all cores.",
            "Omit it to use all cores.",
            code="invalid-threads",
        )
    if isinstance(source, Run) or (source is not None and Path(source).expanduser().is_dir()):
        run = Run.open(source)
        if fused.is_fused(run):
            return fused.FusedEngine(fused.of_run(run, fold, seed))
        spec, path = specs.of_run(run, fold, seed)
        return KerasEngine(path, spec)
    if source is None:
        require_whole("the pretrained model", fold, seed)
        return of_files(pretrained.read(model_name), "The pretrained model", threads)
    path = Path(source).expanduser()
    if not plain_files.is_file(path):
        raise ConfigurationError(
            f"No model at {path}.",
            f"A model is {KINDS}.",
            "Check the path.",
            code="missing-model-file",
        )
    if path.suffix == ".keras":
        return _of_keras(path)
    require_whole(str(path), fold, seed)
    if path.suffix == ".onnx":
        return OnnxEngine(path, str(path), threads)
    if path.suffix == ".xml":
        return OpenVinoEngine(path, threads)
    if path.suffix == ".zip":
        return _of_bundle(path, threads)
    raise ConfigurationError(
        f"{path} is not a known kind of model ({path.suffix or 'no suffix'}).",
        f"A model is {KINDS}.",
        "Pass one of these.",
        code="unknown-model-kind",
    )


def of_files(files: dict[str, bytes], source: str, threads: int = 0) -> OnnxEngine:
    """Open the model of a bundle, with the weights of its encoder where they lie beside it."""
    beside = {name: files[name] for name in files if name.endswith(bundle.WEIGHTS)}
    return OnnxEngine(files["model.onnx"], source, threads, beside)


def require_whole(source: str, fold: int | None, seed: int | None) -> None:
    """Refuse a fold or a seed of what is one model."""
    if fold is not None or seed is not None:
        raise ConfigurationError(
            f"A fold or seed was requested of {source}.",
            "It is a single model; only a run folder has several.",
            "Omit the fold and seed, or pass the run folder (--run).",
            code="fold-of-single-model",
        )


def _of_bundle(path: Path, threads: int) -> OnnxEngine:
    """Open the ONNX file of a bundle, which must match the record of the bundle."""
    files = bundle.read(path)
    engine = of_files(files, str(path), threads)
    if not _same_record(files["spec.json"], engine.record):
        raise ModelError(
            f"spec.json of {path} differs from the metadata of its model.",
            "Both must describe the same model.",
            "Export the run again.",
            code="bundle-record-mismatch",
        )
    return engine


def _same_record(here: bytes, there: str) -> bool:
    try:
        return bool(json_records.parse(here, dict) == json_records.parse(there, dict))
    except json_records.DamagedError:
        return False


def _numbered(name: str) -> int:
    """Read the number in `fold_3`; -1, which no run has, where there is none."""
    digits = name.partition("_")[2]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 20 else -1


def _of_keras(path: Path) -> KerasEngine:
    """Open fold_K/seed_S/model.keras with the record of its run."""
    home = path.resolve().parent
    names = home.parent.name, home.name
    if names[0].startswith("fold_") and names[1].startswith("seed_"):
        fold, seed = _numbered(names[0]), _numbered(names[1])
        spec, model_path = specs.of_run(Run(home.parents[1]), fold, seed)
        if model_path.resolve() == path.resolve():
            return KerasEngine(path, spec)
    raise RunError(
        f"{path} is not in a run folder.",
        "A .keras file does not include the preprocessing; the run.json of its run does.",
        "Pass the run folder (--run), or an exported .onnx file, which includes it.",
        code="model-outside-run",
    )
