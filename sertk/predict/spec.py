"""`Spec`: the description of a model that prediction needs beside its weights.

In: a run. Out: a `Spec`, which travels in the metadata of an ONNX file, in an OpenVINO file, in a
bundle. It says in words that a page in another language can follow what is done before the graph
and what the graph does itself.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sertk import __version__, corpora, labels
from sertk._utils import json_records, old_names, plain_files, schemas
from sertk.audio.waveforms import (
    OFFSET_BLOCK_SECONDS,
    OFFSET_SECONDS,
    TRIM_FRAME_SAMPLES,
    TRIM_HOP_SAMPLES,
)
from sertk.errors import ConfigurationError, ModelError, UnknownNameError
from sertk.predict import sound
from sertk.preprocessing import Preprocessing
from sertk.preprocessing.clips import CLIP_AGGREGATIONS
from sertk.run import Run

SCHEMA_VERSION = 2
KEY = "sertk"  # under which the record stands in metadata
_REFERENCES = {
    "clip": "decibels below the maximum of the clip",
    "full_scale": "floor below the maximum of the clip",
    "clip_loud_padding": "decibels below the maximum of the clip; padding is 0",
    "full_scale_zero_padding": "floor below the maximum of the clip; padding is 0",
}


@dataclass(frozen=True)
class Spec:
    """Say what a model takes, what it answers, and where it comes from.

    Args:
        classes: list of str, in the order of the probabilities.
        preprocessing: `Preprocessing.to_dict()`.
        clip_aggregation: How the clips of an utterance vote: `mean`, `geometric_mean` or `max`.
        model: Name of the network.
        corpora: What it was trained on.
        synthetic: Whether that is synthetic speech.
        license: str. License of the training data, which the model inherits.
        weights_sha256: Of the .keras file that it was made from.
        run: Name of the run's folder.
        fold: int. Fold of the run.
        seed: int. Training seed of the run.
        clip_only: The graph takes waveforms of exactly one clip.
    """

    classes: list[str]
    preprocessing: dict[str, Any]
    clip_aggregation: str
    model: str = ""
    corpora: list[str] = field(default_factory=list)
    synthetic: bool = False
    license: str = ""
    weights_sha256: str = ""
    run: str = ""
    fold: int = 0
    seed: int = 0
    clip_only: bool = False

    @property
    def prep(self) -> Preprocessing:
        """The preprocessing itself."""
        return Preprocessing.from_dict(self.preprocessing)

    def to_json(self) -> str:
        """Write the record, with the steps around the graph in words and numbers."""
        record = {
            "schema_version": SCHEMA_VERSION,
            "sertk_version": __version__,
            **dataclasses.asdict(self),
            "sample_rate": self.preprocessing["sample_rate"],
            "clip_seconds": self.preprocessing["clip_seconds"],
            "before_the_graph": _before(self.preprocessing),
            "inside_the_graph": _inside(self),
            "after_the_graph": _after(self.classes),
        }
        return json.dumps(record, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str, source: str) -> "Spec":
        """Read a record.

        Raises:
            ModelError: If it is none, or a newer sertk wrote it.
        """
        try:
            record = json_records.of_model(text, SCHEMA_VERSION, source)
            if record["schema_version"] == 1:
                record = old_names.of_model(record)
            json_records.require(record, schemas.Model)
            names = [f.name for f in dataclasses.fields(cls)]
            spec = cls(**{name: record[name] for name in names if name in record})
            _require_usable(spec)
        except (json_records.DamagedError, ConfigurationError) as error:
            raise ModelError(
                f"The metadata of {source} is damaged ({str(error).rstrip('.')}).",
                "The file must be unchanged since `sertk export` wrote it.",
                "Export the run again.",
                code="damaged-model-description",
            ) from error
        return spec


def _require_usable(spec: Spec) -> None:
    """Refuse what no model could work with, here and not in use."""
    if spec.preprocessing["feature"]["name"] == "embedding":
        # its encoder is a file that the description would have us open
        raise json_records.DamagedError(
            "its feature is 'embedding', which exported models do not support"
        )
    if spec.clip_aggregation not in CLIP_AGGREGATIONS:
        raise UnknownNameError("clip_aggregation", spec.clip_aggregation, CLIP_AGGREGATIONS)
    if len(set(spec.classes)) < len(spec.classes):
        raise json_records.DamagedError("a class is listed twice")
    if not spec.prep.feature.in_graph:
        raise json_records.DamagedError("its feature is computed outside of the graph")


def of_run(run: Run, fold: int | None = None, seed: int | None = None) -> tuple[Spec, Path]:
    """Describe one model of a run, and name its .keras file.

    Args:
        run: A run folder.
        fold: The first by default.
        seed: The first by default.

    Raises:
        ConfigurationError: If the run has no such fold or seed, or its clips are scaled by
            statistics of their speaker, which a new voice lacks.
        RunError: If that fit has not ended.
    """
    info = run.info
    fold = folds(run)[0] if fold is None else fold
    seed = info["seeds"][0] if seed is None else seed
    for word, value, available in (("fold", fold, folds(run)), ("seed", seed, info["seeds"])):
        if value not in available:
            raise ConfigurationError(
                f"The run {run.folder} has no {word} {value}.",
                f"Its {word}s are {', '.join(map(str, available))}.",
                f"Choose one of them (--{word}).",
                code="unknown-fit",
            )
    if info.get("standardize") == "speaker":
        raise ConfigurationError(
            f"The run {run.folder} was trained with standardize='speaker'.",
            "This standardization needs all recordings of a speaker, which are not available for a "
            "new speaker.",
            "Train with standardize='training' (the default) to export or predict.",
            code="standardized-per-speaker",
        )
    path = run.model_path(fold, seed)
    prep = Preprocessing.from_dict(info["preprocessing"])
    spec = Spec(
        classes=run.classes,
        preprocessing=prep.to_dict(),
        clip_aggregation=info.get("training", {}).get("clip_aggregation", "mean"),
        model=info["model"]["name"],
        corpora=list(info["corpora"]),
        synthetic=bool(info.get("synthetic")),
        license="; ".join([licenses(info["corpora"]), *_of_encoder(prep)]),
        weights_sha256=sha256(path),
        run=run.folder.resolve().name,
        fold=fold,
        seed=seed,
    )
    return spec, path


def _of_encoder(prep: Preprocessing) -> list[str]:
    """Name the license of the encoder whose weights are part of a model, if there is one."""
    weights = prep.feature.weights
    return [] if weights is None else [f"{weights.stem}: {prep.feature.license}"]


def folds(run: Run) -> list[int]:
    """Number the folds of a run; one division is fold 0."""
    return [int(part["fold"]) for part in run.info.get("folds", [])] or [0]


def licenses(names: list[str]) -> str:
    """Name the licenses of corpora; that of an unknown corpus is "unknown license".

    Examples:
        >>> licenses(["ravdess", "mine"])
        'RAVDESS: CC BY-NC-SA 4.0; mine: unknown license'
    """
    known = corpora.names()
    named = []
    for name in names:
        module = corpora.load(name) if name in known else None
        license = getattr(module, "LICENSE", "") or "unknown license"
        named.append(f"{getattr(module, 'TITLE', name)}: {license}")
    return "; ".join(named)


def is_non_commercial(license: str) -> bool:
    """Tell whether one of the licenses of `licenses` forbids commercial use.

    Examples:
        >>> is_non_commercial("RAVDESS: CC BY-NC-SA 4.0"), is_non_commercial("EmoDB: CC0")
        (True, False)
    """
    return "-NC" in license


def sha256(path: Path) -> str:
    """Hash a file."""
    with plain_files.opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _before(prep: dict[str, Any]) -> list[dict[str, Any]]:
    """List what is done to a recording before the graph, so that anybody can do the same."""
    steps: list[dict[str, Any]] = [
        {"step": "decode", "to": "float, full scale +-1"},
        {
            "step": "mix_down",
            "how": f"channel {prep['channel']}" if prep.get("channel") else "mean of the channels",
        },
        {"step": "resample", "to_hz": prep["sample_rate"], "how": "soxr HQ or as good"},
        {
            "step": "remove_offset",
            "window_seconds": OFFSET_SECONDS,
            "block_seconds": OFFSET_BLOCK_SECONDS,
            "how": "cut into blocks of block_seconds, the last one shorter; at each edge of a "
            "block average the blocks within half of window_seconds, fewer at the ends; subtract "
            "the straight lines between these means, and then the mean of what is left; of each "
            "window of a timeline by itself, before silence fills it up",
        },
    ]
    if prep.get("trim_db") is not None:
        steps.append(
            {
                "step": "trim",
                "top_db": prep["trim_db"],
                "frame_samples": TRIM_FRAME_SAMPLES,
                "hop_samples": TRIM_HOP_SAMPLES,
                "silent_below_power": 1e-10,
                "how": "frames centered with zero padding; mean square of each; keep from hop * "
                "first to min(hop * (last + 1), samples) of the frames louder than top_db below "
                "the loudest; a waveform whose loudest frame is silent is kept whole",
                "not_for": "windows of a timeline, which are not trimmed",
            }
        )
    return steps


def _after(classes: list[str]) -> dict[str, Any]:
    """Say what prediction makes of probabilities, and when it asks for none."""
    sides = labels.valence(classes)
    return {
        "no_speech": {
            "below_db": sound.SILENCE_DB,
            "frame_seconds": sound.FRAME_SECONDS,
            "how": "of the trimmed waveform, or of a window: root mean square of the loudest whole "
            "frame, frames beside each other, dB re full scale; what stays below gets the answer "
            "and is not given to the graph",
            "steady": {
                "below_modulation_db": sound.STEADY_DB,
                "from_seconds": sound.STEADY_SECONDS,
                "frame_seconds": sound.MODULATION_SECONDS,
                "band_edges_hz": list(sound.BANDS),
                "percentiles": list(sound.PERCENTILES),
                "floor_db": sound.FLOOR_DB,
                "how": "frames of the nearest power of two of samples, every half frame, Hann "
                "window; level in dB of each band (its lower edge belongs to it), no lower than "
                "floor_db below the whole spectrum of the loudest frame; what no band moves by as "
                "much between the percentiles of its levels, linearly interpolated, gets the "
                "answer, too; without the silence that fills a last window up",
            },
            "answer": sound.NO_SPEECH,
        },
        "short_below_seconds": sound.SHORT,
        "valence": None if sides is None else sides.tolist(),
    }


def _inside(spec: Spec) -> list[str]:
    prep = spec.preprocessing
    level = prep.get("target_rms_db")
    scaled = [f"scale to a root mean square of {level} dB re full scale"]
    return [
        "subtract the mean of the waveform",
        *(scaled if level is not None else []),
        "spectrum of the whole waveform, frames centered with zero padding",
        "cut into clips of clip_seconds, evenly spread; a shorter one is centered in silence",
        _REFERENCES[prep.get("db_reference", "clip")],
        "rest of the feature, standardization, network, softmax",
        f"join the clips of an utterance: {spec.clip_aggregation}",
    ]  # fmt: skip
