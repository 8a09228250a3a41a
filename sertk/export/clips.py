"""Waveforms of a run's utterances, for parity checks and quantization.

In: a run, and where its corpora are. Out: waveforms as the graph takes them, with their labels. A
run whose sound is not there is compared on made sounds, which say whether numbers agree and
nothing about voices.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from sertk import manifest as manifests
from sertk import splits
from sertk.errors import AudioError, ManifestError, RunError, UnknownNameError
from sertk.predict.spec import Spec
from sertk.run import Run

MOST = 256  # utterances
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Clips:
    """Sounds that a graph is tried on.

    Args:
        waveforms: shape (samples,) each, at the model's rate, trimmed.
        labels: Labels of the first waveforms, those of the first split asked for.
        num_recorded: int. How many of them are recordings; synthetic sounds follow.
        note: A sentence on what they are.
    """

    waveforms: list[np.ndarray]
    labels: list[str]
    num_recorded: int
    note: str


def of_run(
    run: Run, spec: Spec, wanted: Sequence[str], roots: Mapping[str, str | Path] | None = None
) -> Clips:
    """Read utterances, and add made sounds of odd lengths.

    Args:
        run: Whose utterances.
        spec: Which of its models, and with it the fold.
        wanted: Splits; those of the second are taken where the first has fewer than `MOST`.
        roots: Corpus -> folder.

    Raises:
        UnknownNameError: If there is no such split.
    """
    for split in wanted:
        if split not in SPLITS:
            raise UnknownNameError("split", split, SPLITS)
    made = _made(spec)
    prep = spec.prep
    try:
        rows = manifests.with_roots(run.manifest, roots or {})
        if "fold" in rows:
            rows = splits.in_fold(rows, spec.fold)
        rows = _chosen(rows, wanted)
        paths = manifests.paths(rows)
    except (ManifestError, RunError) as error:
        return Clips(made, [], 0, f"on {len(made)} made sounds alone: {error}")
    waveforms, labels = [], []
    counts = dict.fromkeys(wanted, 0)
    for row, path in zip(rows.to_dict("records"), paths, strict=True):
        span = (None if value != value else value for value in map(row.get, ("start", "end")))
        try:
            waveforms.append(prep.load(path, *span))
        except AudioError:
            continue  # the run says in `unreadable` what it could not read either
        counts[row["split"]] += 1
        if row["split"] == wanted[0]:
            labels.append(str(row["label"]))
    num_recorded = len(waveforms)
    if not num_recorded:
        return Clips(made, [], 0, f"on {len(made)} made sounds alone: no file of the run is there")
    counted = [
        f"{count} utterances of {split} speakers" for split, count in counts.items() if count
    ]
    note = f"on {', '.join(counted)} and {len(made)} made sounds"
    return Clips([*waveforms, *made], labels, num_recorded, note)


def _chosen(rows: pd.DataFrame, wanted: Sequence[str]) -> pd.DataFrame:
    """Take `MOST` utterances, as many as there are of the first split, evenly spread over each."""
    taken: list[pd.DataFrame] = []
    for split in wanted:
        part = rows[rows["split"] == split].sort_values(["label", "utterance_id"])
        count = min(len(part), MOST - sum(map(len, taken)))
        taken.append(part.iloc[np.unique(np.linspace(0, len(part) - 1, count).astype(int))])
    return pd.concat(taken)


def _made(spec: Spec) -> list[np.ndarray]:
    """Make sounds shorter and longer than a clip, loud and quiet, and silence."""
    rate = spec.preprocessing["sample_rate"]
    clip = round(spec.preprocessing["clip_seconds"] * rate)
    generator = np.random.default_rng(0)
    lengths = (clip,) if spec.clip_only else (rate // 8, clip // 2, clip, clip + 77, 5 * clip // 2)
    sounds = [np.zeros(clip, np.float32)]
    for number, length in enumerate(lengths):
        pitch = 110 * 2 ** (number / 2) * (1 + 0.1 * np.sin(np.arange(length) * 30 / rate))
        voice = np.sin(2 * np.pi * np.cumsum(pitch) / rate) ** 9
        noise = generator.normal(0, 0.02, length)
        sounds.append((0.5 ** (2 * number) * (voice + noise)).astype(np.float32))
    return sounds
