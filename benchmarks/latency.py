"""B5: one clip from waveform to probabilities on one thread, and whether labels stay as they were.

In: a trained run that the user names. Out: for the ONNX file and for OpenVINO in INT8, how much
faster they are than Keras, the agreement of labels, and what they lose of the UAR.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import processes, sound
from benchmarks.record import Missing, Record, Setting, faster
from benchmarks.timing import Timing, spread
from sertk import evaluation, export
from sertk import manifest as manifests
from sertk.errors import ConfigurationError, SertkError
from sertk.predict import spec as specs
from sertk.run import Run

_SECONDS = 3.0  # of the clip
CLIPS = 240  # that an agreement is worth writing down of
LEARNT = 0.5  # of a network that has learned enough to disagree with itself
_FILES: dict[str, tuple[str, str, dict[str, Any], float]] = {
    "B5": ("ONNX on onnxruntime", "onnx", {}, 0.995),
    "B5.int8": ("OpenVINO in INT8", "openvino", {"precision": "int8"}, 0.98),
}
_GOALS = {"predict": 10, "compiled": 1.5}
_PEERS = {"predict": "Keras predict", "compiled": "the compiled call"}
_CALLS = {"tensorflow": "tf.function", "jax": "jax.jit"}
_HOW = (
    "it takes a trained run, whose UAR lies above 50, and its corpus below SERTK_CORPORA: `sertk "
    "cv --corpus ravdess --model compact --protocol dev4 -o runs/ravdess_compact` makes one in "
    "some three quarters of an hour, and `make bench RUN=runs/ravdess_compact` measures on it"
)


def chosen(folder: Path | None) -> Run | None:
    """Open the run to measure on, if one was named.

    Raises:
        RunError: If it is no finished run.
        ConfigurationError: If nobody was tested in it, or its model cannot be used outside.
    """
    if folder is None:
        return None
    run = Run(folder)
    evaluation.evaluate(run)
    specs.of_run(run)
    return run


def measure(setting: Setting) -> Sequence[Record | Missing]:
    """Export the run as both files, and compare each with Keras."""
    if setting.run is None:
        return [_missing("B5", _FILES["B5"][0], "no run was named (--run RUN); " + _HOW)]
    found: list[Record | Missing] = []
    for id, (words, to, options, agreement) in _FILES.items():
        try:
            found += _file(setting, setting.run, id, words, to, options, agreement)
        except SertkError as error:
            why = without_folder(error, setting.run)
            found.append(_missing(id, words, why.rstrip(".")))
    return found


def without_folder(error: Exception, run: Run) -> str:
    """Say what went wrong as a report may: it names no folder of the machine it was made on."""
    return str(error).replace(str(run.folder), run.folder.name)


def _missing(id: str, words: str, why: str) -> Missing:
    peers = f"{_PEERS['predict']}, and {_PEERS['compiled']}"
    return Missing(id, f"one clip of {_SECONDS:g} s, one thread: {words}", peers, ">= 10", why)


def _file(
    setting: Setting, run: Run, id: str, words: str, to: str, options: dict[str, Any],
    agreement: float,
) -> list[Record | Missing]:  # fmt: skip
    backend = _backend()
    spec, model = specs.of_run(run)
    calls = setting.pick(20, 1)
    target = setting.work / ("model.onnx" if to == "onnx" else "model.xml")
    # tested voices before others: UAR is that of the first
    made = export.export(run, to, path=target, splits=("test", "val", "train"), **options)
    given = (target, model.resolve(), _clip(setting, spec), setting.repeats, calls)
    turns = processes.run("one_thread", *map(str, given), **processes.ONE_THREAD)
    network = f"{spec.model}, clips of {spec.prep.clip_seconds:g} s, trained on "
    network += f"{run.info.get('environment', {}).get('backend', 'a backend not known')}"
    found: list[Record | Missing] = []
    for way, seconds in turns.items():
        peer = f"{_PEERS[way]} ({backend if way == 'predict' else _CALLS[backend]})"
        timing = Timing(tuple(seconds["ours"]), tuple(seconds["peer"]))
        found.append(
            faster(
                timing, id if way == "predict" else f"{id}.{way}",
                f"one clip of {_SECONDS:g} s, waveform to probabilities, one thread: {words}",
                f"{peer}, the same network and front end", unit="s per clip", goal=_GOALS[way],
                notes=f"{network}; each turn is the mean of {calls} calls",
            )
        )  # fmt: skip
    return found + _answers(setting, run, id, words, made.parity.iloc[0], agreement)


def _backend() -> str:
    import sertk

    backend = sertk.use_backend()
    if backend not in _CALLS:
        raise ConfigurationError(
            f"The benchmarks received the backend {backend}.",
            f"The compiled call needs {' or '.join(_CALLS.values())}.",
            f"Set KERAS_BACKEND to {' or '.join(_CALLS)}.",
            code="backend-without-compiled-call",
        )
    return backend


def _clip(setting: Setting, spec: specs.Spec) -> Path:
    """Write a real voice, repeated or cut to the length of the clip, at the network's rate."""
    rows, _ = sound.recordings(setting, 1)
    waveform = spec.prep.load(manifests.paths(rows)[0])
    path = setting.work / "clip.npy"
    np.save(path, np.resize(waveform, round(_SECONDS * spec.prep.sample_rate)))
    return path


def _answers(
    setting: Setting, run: Run, id: str, words: str, row: Any, agreement: float
) -> list[Record | Missing]:
    """Compare labels, and UAR on the test speakers of the model that was exported."""
    uar = evaluation.evaluate(run).interval("uar")
    doubt = "" if uar.value > LEARNT else (
        f", of a network whose UAR of {100 * uar.value:.1f} is not above {100 * LEARNT:.0f}: this "
        "proves little"
    )  # fmt: skip
    heard, labeled = int(row["utterances"]), int(row["labeled"])
    labels, lost = f"labels of {words}{doubt}", f"UAR of {words}{doubt}"
    if heard < setting.pick(CLIPS, 1) or not labeled:
        why = (
            f"{heard} recordings of the run could be read, {labeled} of them of test speakers, "
            f"and {CLIPS} are needed: set SERTK_CORPORA to the folder above the corpus, or name a "
            "run of more utterances"
        )
        return [
            Missing(f"{id}.labels", labels, "Keras", f">= {agreement}", why),
            Missing(f"{id}.uar", lost, "Keras", "<= 1", why),
        ]
    of_the_run = f"the run's UAR is {uar}; this is the model of its first fold and seed"
    points = [100 * float(row[name]) for name in ("uar", "uar_keras")]
    return [
        Record(
            f"{id}.labels", labels, "Keras", "share that agrees",
            spread([float(row["label_agreement"])]), spread([1.0]), float(row["label_agreement"]),
            "share that agrees", None, f">= {agreement}", heard,
            f"{heard} recordings, {labeled} of them of test speakers; {of_the_run}; largest "
            f"difference between probabilities {row['max_difference']:.2g}",
        ),
        Record(
            f"{id}.uar", lost, "Keras", "% UAR", spread(points[:1]), spread(points[1:]),
            points[1] - points[0], "points lost", None, "<= 1", labeled,
            f"on recordings of test speakers; {of_the_run}",
        ),
    ]  # fmt: skip
