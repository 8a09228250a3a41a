"""Parity of an exported file with the trained model: predictions, latency, size.

In: probabilities of both, engines. Out: two small tables.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sertk._utils.timing import seconds_of
from sertk.errors import ModelError
from sertk.export.clips import Clips
from sertk.predict.engines import Engine
from sertk.predict.spec import Spec

LARGEST = {"fp32": 1e-4, "fp16": 2e-2}  # differences between probabilities
LEAST_AGREEMENT = 0.9  # of labels, of an INT8 file


def compare(
    name: str, reference: np.ndarray, found: np.ndarray, sounds: Clips, classes: list[str]
) -> pd.DataFrame:
    """Compare the probabilities of a file with those of Keras.

    Args:
        name: Kind of file, for the table.
        reference: What Keras says, shape (waveforms, classes).
        found: What the file says.
        sounds: The waveforms that both were given.
        classes: list of str, in the order of the columns.

    Returns:
        One row: `max_difference` over all waveforms; `label_agreement` over the recordings among
        them, or all if there are none; `uar_keras, uar, uar_difference` over those with a label;
        and how many: `waveforms, utterances, labeled`.
    """
    num_recorded = sounds.num_recorded or len(found)
    truth = np.array([classes.index(label) for label in sounds.labels], int)
    uars = [_uar(shares[: len(truth)], truth) for shares in (reference, found)]
    row = {
        "max_difference": float(np.abs(reference - found).max()),
        "label_agreement": float((reference.argmax(1) == found.argmax(1))[:num_recorded].mean()),
        "uar_keras": uars[0],
        "uar": uars[1],
        "uar_difference": uars[1] - uars[0],
        "waveforms": len(found),
        "utterances": sounds.num_recorded,
        "labeled": len(truth),
    }
    return pd.DataFrame([row], index=pd.Index([name], name="file"))


def _uar(shares: np.ndarray, truth: np.ndarray) -> float:
    hit = shares.argmax(1) == truth if len(truth) else np.zeros(0, bool)
    return (
        float(np.mean([hit[truth == k].mean() for k in np.unique(truth)])) if len(truth) else np.nan
    )


def require(table: pd.DataFrame, precision: str) -> None:
    """Refuse a file that answers otherwise than the model.

    Raises:
        ModelError: If it differs by more than its precision explains.
    """
    for name, row in table.iterrows():
        if precision == "int8":
            wrong = not row["label_agreement"] >= LEAST_AGREEMENT
            needed = (
                f"INT8 must predict the same label for at least {LEAST_AGREEMENT:.0%} of the clips."
            )
        else:
            wrong = not row["max_difference"] <= LARGEST[precision]
            needed = f"A file in {precision} may differ by at most {LARGEST[precision]:g}."
        if wrong:
            raise ModelError(
                f"The {name} file and Keras give different predictions (largest difference of a "
                f"probability {row['max_difference']:.2g}, equal labels "
                f"{row['label_agreement']:.1%}).",
                needed,
                "The file was deleted. Choose another format or precision.",
                code="export-differs",
            )


def latency(
    keras: dict[str, float], engines: Sequence[tuple[Engine, int, Path]], model: Path
) -> pd.DataFrame:
    """Measure how long one clip takes, waveform to probabilities.

    Args:
        keras: Seconds of a call of Keras, by how it is called.
        engines: What else to measure: engine, its threads (0: every core), its file.
        model: The .keras file, for its size.

    Returns:
        `threads, milliseconds, real_time_factor, megabytes` by engine.
    """
    spec = engines[0][0].spec
    samples = round(spec.preprocessing["clip_seconds"] * spec.preprocessing["sample_rate"])
    clip = np.zeros(samples, np.float32)
    rows = []
    for engine, threads, path in engines:
        seconds = seconds_of(lambda engine=engine: engine([clip]))  # type: ignore[misc]
        weights = path.with_suffix(".bin")
        size = path.stat().st_size
        size += weights.stat().st_size if path.suffix == ".xml" and weights.is_file() else 0
        rows.append((engine.name, str(threads or "all"), seconds, size))
    return table(rows, keras, model, spec)


def table(
    rows: list[tuple[str, str, float, int]], keras: dict[str, float], model: Path, spec: Spec
) -> pd.DataFrame:
    """Put rows of (engine, threads, seconds, bytes) under those of Keras."""
    size = model.stat().st_size
    rows = [*((f"Keras {how}", "all", seconds, size) for how, seconds in keras.items()), *rows]
    return pd.DataFrame(
        {
            "threads": [threads for _, threads, _, _ in rows],
            "milliseconds": [1e3 * seconds for _, _, seconds, _ in rows],
            "real_time_factor": [s / spec.preprocessing["clip_seconds"] for _, _, s, _ in rows],
            "megabytes": [size / 1e6 for *_, size in rows],
        },
        index=pd.Index([name for name, *_ in rows], name="engine"),
    )
