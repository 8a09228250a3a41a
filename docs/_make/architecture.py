"""A drawing of the network `compact`, from the network itself, and what was tried for it.

In: the recipe, `models.build`, reports/compact/*.csv and the reports. Out: an SVG whose boxes are
its layers, from top to bottom, with the shape that each leaves and its parameters, what acts in
training alone dashed; numbers; what was tried, and what others reach, as tables.
"""

import csv
import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from docs._make import ROOT, figures, html_parts
from sertk import models, recipes

_WIDTH, _ROW, _GAP = 400, 52, 14  # of the drawing, of a box, between boxes
_CLASSES = 8
_REPORTS = ("ravdess_dev4", "emodb_loso")  # in the order of anchors.csv
_IN_TRAINING = {
    "SpecAugment": "stretches of time and of frequency hidden",
    "Dropout": "units left out",
}
# layers that are told with the one before them
_ADDED = {"BatchNormalization": "batch norm", "SpatialDropout2D": "", "Reshape": ""}


@dataclass
class _Box:
    words: str
    shape: tuple[int, ...]
    parameters: int
    training: bool


def drawing_svg() -> str:
    """Draw the network of the recipe `compact`, for eight classes."""
    boxes = _boxes()
    total = sum(box.parameters for box in boxes)
    height = len(boxes) * (_ROW + _GAP) + 8
    lines = [line for place, box in enumerate(boxes) for line in _drawn(place, box)]
    words = "; ".join(f"{box.words}, to {_shape(box)}" for box in boxes)
    label = html.escape(f"compact, {total:,} parameters: {words}.", quote=True)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{label}" '
        f'font-family="inherit" font-size="14">{"".join(lines)}</svg>'
    )


def words() -> dict[str, str]:
    """Collect what the page on `compact` names."""
    prep = recipes.get("compact").prep
    feature = prep.feature
    return {
        "compact.drawing": html_parts.placed(
            "compact",
            f'<figure class="made narrow" data-search-exclude>{drawing_svg()}</figure>',
        ),
        "compact.parameters": f"{sum(box.parameters for box in _boxes()):,}",
        "compact.seconds": f"{prep.clip_seconds:g}",
        "compact.bins": str(feature.n_mels),
        "compact.hop": f"{1000 * feature.hop_length / prep.sample_rate:g}",
        "compact.log": log(),
        "compact.beside": beside(),
        "compact.robustness": robustness(),
        "compact.leak": leak(),
    }


def log() -> str:
    """Write reports/compact/log.csv as a table."""
    return _table(_rows("log"), ("what", "why", "where", "validation_uar", "uar", "kept"))


def beside() -> str:
    """Write what this network and others reach, corpus by corpus, protocol by protocol."""
    others = _rows("anchors")
    parts = []
    for corpus, report in zip(dict.fromkeys(r["corpus"] for r in others), _REPORTS, strict=True):
        record = figures.report(report)
        own = {
            "system": f"**compact**, {record['model']['parameters']:,} parameters",
            "uar": f"**{figures.spanned(record['headline']['uar'])}**",
            "protocol": record["protocol"]["sentence"],
            "remark": f"[report](reports/{report}.html)",
        }
        known = {
            "system": "compact, each speaker's answers counted from their mean",
            "uar": f"**{figures.spanned(record['known_voices']['headline']['uar'])}**",
            "protocol": "the same, known voices",
            "remark": "takes other recordings of the tested voice; no training of its own",
        }
        rows = [own, known, *(row for row in others if row["corpus"] == corpus)]
        parts.append(f"### {corpus}\n\n{_table(rows, tuple(own))}")
    return "\n\n".join(parts)


def robustness() -> str:
    """Write what the network makes of disturbed speech: a row per disturbance."""
    path = ROOT / "reports" / "ravdess_dev4" / "robustness.json"
    found: dict[str, list[str]] = {}
    for row in json.loads(path.read_text(encoding="utf-8"))["rows"]:
        scores = found.setdefault(f"{row['title']}, {row['unit']}", [])
        scores.append(f"{row['level']:g}: {figures.percent(row['uar'])}")
    rows = [{"disturbed by": name, "uar": ", ".join(scores)} for name, scores in found.items()]
    return _table(rows, ("disturbed by", "uar"))


def leak() -> str:
    """Say what a random split would have promised."""
    path = ROOT / "reports" / "studies" / "leak_gap.json"
    return str(json.loads(path.read_text(encoding="utf-8"))["sentence"])


def _rows(name: str) -> list[dict[str, str]]:
    text = (ROOT / "reports" / "compact" / f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _table(rows: list[dict[str, str]], shown: Sequence[str]) -> str:
    heads = [name.replace("_", " ").replace("uar", "UAR") for name in shown]
    table = [[row[name] for name in shown] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(shown), *table))


def _boxes() -> list[_Box]:
    shape = recipes.get("compact").prep.input_shape
    net = models.build("compact", shape, _CLASSES)
    boxes = [_Box("clip: log-mel, frames x bins", shape, 0, training=False)]
    for layer in net.layers[1:]:
        kind, size = type(layer).__name__, tuple(layer.output.shape[1:])
        told = _ADDED.get(kind, _activation(layer) if kind == "Activation" else _pool(layer))
        if told is None:
            words = _IN_TRAINING.get(kind) or _words(layer)
            boxes.append(_Box(words, size, layer.count_params(), kind in _IN_TRAINING))
            continue
        last = boxes[-1]
        last.words += f", {told}" if told else ""
        last.parameters += layer.count_params()
        if kind == "MaxPooling2D":
            last.shape = size
    return boxes


def _activation(layer: Any) -> str:
    return {"silu": "SiLU", "relu": "ReLU"}[layer.activation.__name__]


def _pool(layer: Any) -> str | None:
    if type(layer).__name__ != "MaxPooling2D":
        return None
    frames, bins = layer.pool_size
    return f"max pool {frames} x {bins}"


def _words(layer: Any) -> str:
    """Name a layer that has a box of its own.

    Raises:
        KeyError: If the drawing does not know its kind.
    """
    words = {
        "Conv2D": lambda: f"conv {layer.kernel_size[0]} x {layer.kernel_size[1]}",
        "Bidirectional": lambda: f"GRU, {layer.forward_layer.units} units each way",
        "AttentionPooling": lambda: "attention over time: mean and deviation",
        "Dense": lambda: "softmax: probabilities",
    }
    return words[type(layer).__name__]()


def _shape(box: _Box) -> str:
    return " x ".join(map(str, box.shape))


def _drawn(place: int, box: _Box) -> list[str]:
    """Draw one box, with what it does and what it leaves, and the line from the one before."""
    y = place * (_ROW + _GAP) + 4
    dashed = ' stroke-dasharray="5 4"' if box.training else ""
    fill = "none" if box.training else "color-mix(in srgb, var(--soft) 22%, transparent)"
    counted = f"{box.parameters:,} parameters" if box.parameters else ""
    told = [_shape(box), "in training only" if box.training else counted]
    middle = _WIDTH // 2
    line = f'<path d="M{middle} {y - _GAP}v{_GAP}" stroke="var(--muted)"/>' if place else ""
    return [
        line,
        f'<rect x="1" y="{y}" width="{_WIDTH - 2}" height="{_ROW}" rx="7" fill="{fill}" '
        f'stroke="var(--soft)"{dashed}/>',
        f'<text x="16" y="{y + 22}" fill="var(--ink)">{html.escape(box.words)}</text>',
        f'<text x="16" y="{y + 41}" fill="var(--muted)" font-size="12">'
        f"{' · '.join(filter(None, told))}</text>",
    ]
