"""Write ONNX, OpenVINO and LiteRT files: convert, compare, measure, keep.

In: a run. Out: `Exported`. A file appears under its name when it is whole and answers as the
trained model does, or not at all.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sertk._utils import atomic, temporary_names
from sertk.errors import ConfigurationError, UnknownNameError
from sertk.export import clips, converting, fusing, half, parity, quantizing
from sertk.export.result import Exported
from sertk.predict import fused
from sertk.predict import spec as specs
from sertk.predict.engines import OnnxEngine, OpenVinoEngine, require_openvino
from sertk.predict.spec import KEY, Spec
from sertk.run import Run

Roots = Mapping[str, str | Path] | None
PRECISIONS = ("fp32", "fp16", "int8")


def to_onnx(
    run: Run | str | Path,
    path: str | Path | None = None,
    *,
    precision: str = "fp32",
    beside: Path | None = None,
    fold: int | None = None,
    seed: int | None = None,
    roots: Roots = None,
    splits: Sequence[str] = ("val",),
) -> Exported:
    """Export one model of a run as ONNX: raw waveform in, probabilities out.

    The input `waveform` is (batch, samples), at the model's rate, mono, trimmed as the metadata
    says; any length, and any number of waveforms of one length. Level, spectrum, cutting into
    clips, reference, standardization, network, softmax and the vote of the clips are inside.

    Args:
        run: A finished run, or its folder.
        path: Where to write; `model.onnx` in the run folder by default.
        precision: `"fp32"`, or `"fp16"`, which stores large weights in half and computes as before.
        beside: With `"fp16"`: the file of an encoder that will lie beside the model, whose weights
            are not stored again.
        fold: int >= 0. Fold whose model is exported; the first by default.
        seed: The first by default.
        roots: Corpus -> folder, for the comparison; `SERTK_CORPORA` is looked at otherwise.
        splits: Whose utterances the file is compared on, at most 256: those of a later split where
            the earlier ones have fewer. UAR is that of the first.

    Raises:
        RunError: If the run has no such model.
        UnknownNameError: If there is no such precision or split.
        ConfigurationError: If something is not installed, or the feature cannot be exported.
        ModelError: If the file would answer otherwise than the model.

    Examples:
        `sertk.export.to_onnx("runs/ravdess_compact").parity`
    """
    if precision not in PRECISIONS[:2]:
        raise UnknownNameError("precision", precision, PRECISIONS[:2])
    run = Run.open(run)
    parts = fused.of_run(run, fold, seed) if fused.is_fused(run) else None
    if parts is None:
        run, spec, model, target = _chosen(run, fold, seed, path, "model.onnx")
    else:
        spec, model = parts.spec, parts.members[0][0][1]
        target = target_of(run, spec, path, "model.onnx")
        require_suffix(target, ".onnx")
    sounds = clips.of_run(run, spec, splits, roots)
    with temporary_names.workspace() as folder, atomic.whole(target) as temporary:
        if parts is None:
            made = converting.to_onnx(model, spec, sounds.waveforms, folder)
        else:
            made = fusing.to_onnx(parts, sounds.waveforms, folder)
        if precision == "fp16":
            half.halve_file(made.path, beside)
        files = {} if beside is None else {beside.name: beside.read_bytes()}
        engines = [(OnnxEngine(made.path, target.name, n, files), n, made.path) for n in (1, 0)]
        table = _compared("ONNX", made.reference, engines[0][0], sounds, spec, precision)
        times = parity.latency(made.seconds, engines, model)
        temporary.write_bytes(made.path.read_bytes())
    return Exported(target, table, times, sounds.note)


def to_openvino(
    run: Run | str | Path,
    path: str | Path | None = None,
    *,
    precision: str = "fp32",
    fold: int | None = None,
    seed: int | None = None,
    roots: Roots = None,
    splits: Sequence[str] = ("val",),
) -> Exported:
    """Export one model of a run as OpenVINO IR, an .xml with a .bin beside it.

    Args:
        run: A finished run, or its folder.
        path: Where to write; `model.xml` in the run folder by default.
        precision: `"fp32"`; `"fp16"`, which halves the file; or `"int8"`, quantized after training
            on utterances of the training split, all but the front end.
        fold: int >= 0. Fold whose model is exported; the first by default.
        seed: The first by default.
        roots: Corpus -> folder; `SERTK_CORPORA` is looked at otherwise.
        splits: Whose utterances the file is compared on; see `to_onnx`.

    Raises:
        RunError: If the run has no such model.
        UnknownNameError: If there is no such precision or split.
        ConfigurationError: If something is not installed, or cannot be quantized.
        ModelError: If the file would answer otherwise than the model.

    Examples:
        `sertk.export.to_openvino("runs/ravdess_compact", precision="int8").latency`
    """
    if precision not in PRECISIONS:
        raise UnknownNameError("precision", precision, PRECISIONS)
    openvino = require_openvino()
    name = "model.xml" if precision == "fp32" else f"model_{precision}.xml"
    run, spec, model, target = _chosen(run, fold, seed, path, name)
    sounds = clips.of_run(run, spec, splits, roots)
    learned = clips.of_run(run, spec, ("train",), roots) if precision == "int8" else None
    with temporary_names.workspace() as folder:
        made = converting.to_onnx(model, spec, sounds.waveforms, folder)
        converted = openvino.convert_model(str(made.path))
        if learned is not None:
            converted = quantizing.quantize(converted, learned)
        converted.set_rt_info(spec.to_json(), [KEY])
        ready = folder / target.name
        openvino.save_model(converted, str(ready), compress_to_fp16=precision == "fp16")
        engines: list[Any] = [(OpenVinoEngine(ready, n), n, ready) for n in (1, 0)]
        table = _compared(
            f"OpenVINO {precision}", made.reference, engines[0][0], sounds, spec, precision
        )
        engines += [(OnnxEngine(made.path, made.path.name, n), n, made.path) for n in (1, 0)]
        times = parity.latency(made.seconds, engines, model)
        # the weights first: a description without them would be half a file
        for suffix in (".bin", ".xml"):
            with atomic.whole(target.with_suffix(suffix)) as temporary:
                temporary.write_bytes(ready.with_suffix(suffix).read_bytes())
    return Exported(target, table, times, sounds.note)


def to_litert(
    run: Run | str | Path,
    path: str | Path | None = None,
    *,
    fold: int | None = None,
    seed: int | None = None,
    roots: Roots = None,
) -> Exported:
    """Export one model of a run as LiteRT, for a waveform of exactly one clip.

    Args:
        run: A finished run, or its folder.
        path: Where to write; `model.tflite` in the run folder by default. A record of the same
            name with `.json` stands beside it.
        fold: int >= 0. Fold whose model is exported; the first by default.
        seed: The first by default.
        roots: Corpus -> folder; `SERTK_CORPORA` is looked at otherwise.

    Raises:
        RunError: If the run has no such model.
        ModelError: If LiteRT has no operator for the network, or the file answers otherwise.
    """
    run, spec, model, target = _chosen(run, fold, seed, path, "model.tflite")
    spec = dataclasses.replace(spec, clip_only=True)
    sounds = clips.of_run(run, spec, ("val",), roots)
    converting.require_onnx()
    with temporary_names.workspace() as folder, atomic.whole(target) as temporary:
        ready = folder / "model.tflite"
        _, seconds = converting.ask(
            {"litert": str(ready)}, model, spec, sounds.waveforms, folder, times=True
        )
        with np.load(f"{ready}.npz") as answers:
            found, wanted, per_clip = (answers[name] for name in ("found", "wanted", "seconds"))
        table = parity.compare("LiteRT", wanted, found, sounds, spec.classes)
        parity.require(table, "fp32")
        times = parity.table(
            [("LiteRT", "1", float(per_clip), ready.stat().st_size)], seconds, model, spec
        )
        temporary.write_bytes(ready.read_bytes())
        with atomic.whole(target.with_suffix(".json")) as record:
            record.write_text(spec.to_json() + "\n", encoding="utf-8")
    return Exported(target, table, times, f"{sounds.note}, the first clip of each")


def _chosen(
    run: Run | str | Path, fold: int | None, seed: int | None, path: str | Path | None, name: str
) -> tuple[Run, Spec, Path, Path]:
    """Open a run, describe one model of it, and say where its files are and go."""
    run = Run.open(run)
    spec, model = specs.of_run(run, fold, seed)
    target = target_of(run, spec, path, name)
    require_suffix(target, Path(name).suffix)
    return run, spec, model, target


def target_of(run: Run, spec: Spec, path: str | Path | None, name: str) -> Path:
    """Say where to write: in the run folder; a later fold or seed, beside its .keras file."""
    home = run.folder
    if (spec.fold, spec.seed) != (specs.folds(run)[0], run.info["seeds"][0]):
        home = home / f"fold_{spec.fold}" / f"seed_{spec.seed}"
    target = home / name if path is None else Path(path).expanduser()
    atomic.folder(target.parent)
    return target


def require_suffix(target: Path, suffix: str) -> None:
    """Refuse a file name whose ending is not that of the format.

    Raises:
        ConfigurationError: If it does not end in the suffix.
    """
    if target.suffix != suffix:
        raise ConfigurationError(
            f"Received the output file {target}.",
            f"Files of this format have the suffix {suffix}.",
            f"Use {target.stem or 'model'}{suffix}.",
            code="wrong-file-ending",
        )


def _compared(
    name: str, reference: np.ndarray, engine: Any, sounds: clips.Clips, spec: Spec, precision: str
) -> Any:
    table = parity.compare(name, reference, engine(sounds.waveforms), sounds, spec.classes)
    parity.require(table, precision)
    return table
