"""The networks as files for use outside: whether they answer as Keras does, how fast, how large.

In: finished runs. Out: reports/export/exports.json and its README, which
`python -m docs._make.exports RUN...` writes: whatever is in the JSON already is not measured again.
Without a run, the README alone is written anew.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import environment, latency
from docs._make import ROOT
from docs._make.figures import percent
from sertk import evaluation, export
from sertk._utils import atomic
from sertk.cli.parsing_errors import Parser
from sertk.errors import ConfigurationError, ModelError, SertkError
from sertk.export import converting, parity, stft
from sertk.predict import spec as specs
from sertk.run import Run

REPORTS = ROOT / "reports" / "export"
RECORD = "exports.json"
# format -> what to ask for, which goals it has
FORMATS: dict[str, tuple[str, dict[str, Any], str]] = {
    "ONNX": ("onnx", {}, "fp32"),
    "ONNX, STFT": ("onnx", {"variant": "stft"}, "fp32"),
    "OpenVINO FP32": ("openvino", {}, "fp32"),
    "OpenVINO FP16": ("openvino", {"precision": "fp16"}, "fp16"),
    "OpenVINO INT8": ("openvino", {"precision": "int8"}, "int8"),
}
_AGREEMENT = {"fp32": 1.0, "int8": 0.98}  # least share of labels
_LOST = 0.01  # most UAR that rounding may cost
_HEAD = """# Networks as files for use outside

Each network was exported in every format by `python -m docs._make.exports RUN...`, and the files
compared with Keras on recordings of its run, at most 256: those of test speakers first, of others
where they are fewer. UAR and its change are those of the model that was exported, on test speakers
alone; the headline of the run stands beside its name. Time is the median for one clip, waveform to
probabilities, on one thread, on cores that other work may have shared.

Goals, over at least {clips} recordings and for a network whose UAR is above {learnt}: probabilities
differ from Keras's by {fp32:g} at most and every label agrees; by {fp16:g} in FP16; in INT8,
{int8:.0f} % of the labels agree and UAR loses one point at most.

"""


def read() -> list[dict[str, Any]]:
    """Read what was measured: a record per network."""
    path = REPORTS / RECORD
    return list(json.loads(path.read_text(encoding="utf-8"))["networks"]) if path.is_file() else []


def measure(run: Run, known: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """Export a run in every format that its record lacks; hand the record out after each.

    Raises:
        ConfigurationError: If something is not installed, or no recording of the run is there.
    """
    spec, _ = specs.of_run(run)
    record = known or _described(run, spec)
    for name in FORMATS:
        if name not in record["files"]:
            sys.stderr.write(f"{record['name']}: {name} ...\n")
            record["files"][name] = _tried(run, spec, name)
            yield record


def _tried(run: Run, spec: specs.Spec, name: str) -> dict[str, Any]:
    """Export a run in one format; what cannot be is told."""
    to, options, _ = FORMATS[name]
    if options.get("variant") == "stft" and not stft.fits(spec.prep):
        return {"refused": "its feature is more than one short-time Fourier transform"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("model.onnx" if to == "onnx" else "model.xml")
        # tested voices before others: UAR is that of the first
        asked = {"path": path, "splits": ("test", "val", "train"), **options}
        try:
            return _figures(export.export(run, to, **asked).to_dict(), run)
        except ModelError as error:
            return {"refused": latency.without_folder(error, run)}


def _described(run: Run, spec: specs.Spec) -> dict[str, Any]:
    uar = evaluation.evaluate(run).interval("uar")
    known = uar.known
    return {
        "name": run.folder.resolve().name,
        "model": spec.model,
        "parameters": run.info["model"]["parameters"],
        "corpora": spec.corpora,
        "classes": spec.classes,
        "protocol": run.info["protocol"]["sentence"],
        "backend": run.info["environment"]["backend"],
        "fold": spec.fold,
        "seed": spec.seed,
        "clip_seconds": spec.prep.clip_seconds,
        "weights_sha256": spec.weights_sha256,
        "uar": {
            "value": uar.value, "low": uar.low if known else None,
            "high": uar.high if known else None,
        },
        "measured_with": environment.describe(),
        "files": {},
    }  # fmt: skip


def _figures(made: dict[str, Any], run: Run) -> dict[str, Any]:
    """Take the row of the comparison, and of the times that of the file on one thread."""
    (found,) = made["parity"]
    if not found["utterances"]:
        raise ConfigurationError(
            f"No recording of the run {run.folder} could be read.",
            "A file is compared with Keras on the run's own recordings.",
            "Set SERTK_CORPORA to the folder above the corpus.",
        )
    engine = "openvino" if made["path"].endswith(".xml") else "onnxruntime"
    (time,) = (r for r in made["latency"] if (r["engine"], r["threads"]) == (engine, "1"))
    return {
        **{key: value for key, value in found.items() if key != "file"},
        "milliseconds": time["milliseconds"],
        "megabytes": time["megabytes"],
    }


def missed(name: str, file: dict[str, Any]) -> list[str]:
    """Say which goals a file misses."""
    if "refused" in file:
        return [f"was not written: {file['refused']}"]
    precision = FORMATS[name][2]
    found = []
    largest, agreement = parity.LARGEST.get(precision), _AGREEMENT.get(precision)
    if largest is not None and not file["max_difference"] <= largest:
        found.append(f"probabilities differ by {file['max_difference']:.2g}, more than {largest:g}")
    if agreement is not None and not file["label_agreement"] >= agreement:
        found.append(
            f"{percent(file['label_agreement'])} % of the labels agree, less than "
            f"{percent(agreement)}"
        )
    if precision == "int8" and file["labelled"] and not -file["uar_difference"] <= _LOST:
        found.append(f"UAR loses {percent(-file['uar_difference'])} points, more than one")
    if file["utterances"] < latency.CLIPS:
        found.append(f"{file['utterances']} recordings are fewer than {latency.CLIPS}")
    return found


def doubted(network: dict[str, Any]) -> bool:
    """Say whether a network has learnt too little for its agreement to prove much."""
    return not network["uar"]["value"] > latency.LEARNT


def table(networks: Sequence[dict[str, Any]]) -> str:
    """Write one row per network and format."""
    rows = [
        "| network | trained on | UAR of the run | file | largest difference | labels agree | "
        "recordings | UAR, change | MB | one clip, ms | goals |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for network in networks:
        uar = network["uar"]
        ends = "" if uar["low"] is None else f" ({percent(uar['low'])} to {percent(uar['high'])})"
        shown = f"{percent(uar['value'])}{ends}" + ", **not above 50**" * doubted(network)
        head = (
            f"{network['name']}: {network['model']}, {' and '.join(network['corpora'])}, "
            f"{len(network['classes'])} classes"
        )
        head = f"| {head} | {network['backend']} | {shown}"
        rows += [f"{head} | {n} | {_cells(n, file)} |" for n, file in network["files"].items()]
    return "\n".join(rows)


def summary(networks: Sequence[dict[str, Any]]) -> str:
    """Write one row per network, of the two formats that most people take."""
    rows = [
        "| network | UAR | ONNX: differs by | INT8: labels agree | UAR changes | ms: ONNX, INT8 |",
        "|---|---|---|---|---|---|",
    ]
    for network in networks:
        onnx, int8 = (network["files"][name] for name in ("ONNX", "OpenVINO INT8"))
        cells = (
            f"{network['model']}, {network['backend']}", percent(network["uar"]["value"]),
            f"{onnx['max_difference']:.1g}", f"{percent(int8['label_agreement'])} %",
            f"{100 * int8['uar_difference']:+.1f}",
            f"{onnx['milliseconds']:.1f}, {int8['milliseconds']:.1f}",
        )  # fmt: skip
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _cells(name: str, file: dict[str, Any]) -> str:
    goals = "**missed**" if missed(name, file) else "met"
    if "refused" in file:
        return " | ".join(["-"] * 6 + [goals])
    uar = "-"
    if file["labelled"]:
        uar = f"{percent(file['uar'])}, {100 * file['uar_difference']:+.1f}"
    cells = (
        f"{file['max_difference']:.1g}", f"{percent(file['label_agreement'])} %",
        f"{file['utterances']}, {file['labelled']} of test speakers", uar,
        f"{file['megabytes']:.2f}", f"{file['milliseconds']:.2f}", goals,
    )  # fmt: skip
    return " | ".join(cells)


def shortfalls(networks: Sequence[dict[str, Any]]) -> str:
    """List every goal that is missed, and every network that has learnt little."""
    lines = []
    for network in networks:
        if doubted(network):
            lines.append(
                f"- **{network['name']}**: its UAR of {percent(network['uar']['value'])} is not "
                "above 50, so that the agreement of its labels proves little."
            )
        for name, file in network["files"].items():
            lines += [
                f"- **{network['name']}**, {name}: {what.rstrip('.')}."
                for what in missed(name, file)
            ]
    return "\n".join(lines) or "Every network has a UAR above 50, and every file meets its goals."


def readme(networks: Sequence[dict[str, Any]]) -> str:
    """Write the README of the reports."""
    head = _HEAD.format(
        clips=latency.CLIPS, learnt=f"{100 * latency.LEARNT:.0f}", **parity.LARGEST,
        int8=100 * _AGREEMENT["int8"],
    )  # fmt: skip
    clips = "\n".join(
        f"- **{n['name']}**: {n['parameters']:,} parameters, clips of {n['clip_seconds']:g} s, "
        f"fold {n['fold']}, seed {n['seed']}. Protocol: {n['protocol'].rstrip('.')}. sertk at "
        f"{n['measured_with']['commit']}, {n['measured_with']['cores']} cores, {_versions(n)}."
        for n in networks
    )
    return (
        f"{head}{table(networks)}\n\n## What falls short\n\n{shortfalls(networks)}\n\n"
        f"## The networks\n\n{clips}\n"
    )


def _versions(network: dict[str, Any]) -> str:
    packages = network["measured_with"]["packages"]
    named = ("keras", "onnxruntime", "openvino")
    return ", ".join(f"{name} {packages[name]}" for name in named if name in packages)


def write(networks: Sequence[dict[str, Any]]) -> None:
    """Write both files, each whole or not at all."""
    atomic.folder(REPORTS)
    atomic.write_json(REPORTS / RECORD, {"networks": list(networks)})
    with atomic.whole(REPORTS / "README.md") as temporary:
        temporary.write_text(readme(networks), encoding="utf-8")


def main(words: Sequence[str] | None = None) -> int:
    """Measure runs; 0 when it is done, 2 if one of them cannot be measured."""
    parser = Parser(prog="python -m docs._make.exports", description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="a finished run")
    try:
        chosen = [latency.chosen(folder) for folder in parser.understand(words).runs]
        if chosen:
            converting.require_onnx()
        networks = {network["name"]: network for network in read()}
        for run in chosen:
            spec, _ = specs.of_run(run)
            known = networks.get(spec.run)
            same = known is not None and known["weights_sha256"] == spec.weights_sha256
            for record in measure(run, known if same else None):
                networks[spec.run] = record
                write(list(networks.values()))
        write(list(networks.values()))
    except SertkError as error:
        sys.stderr.write(f"exports: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
