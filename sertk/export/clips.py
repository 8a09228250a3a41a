"""Waveforms to compare by, and to quantise on: clips of the run's own utterances.

In: a run, and where its corpora are. Out: waveforms as the graph takes them, with their labels. A
run whose sound is not there is compared on made sounds, which say whether numbers agree and
nothing about voices.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sertk import manifest as manifests
from sertk import splits
from sertk.errors import AudioError, ManifestError, RunError
from sertk.predict.spec import Spec
from sertk.run import Run

MOST = 256  # utterances of a split


@dataclass(frozen=True)
class Clips:
    """Sounds that a graph is tried on.

    Args:
        waveforms: shape (samples,) each, at the model's rate, trimmed.
        labels: Of the first of them; what follows is made sound.
        note: A sentence on what they are.
    """

    waveforms: list[np.ndarray]
    labels: list[str]
    note: str


def of_run(
    run: Run, spec: Spec, split: str, roots: Mapping[str, str | Path] | None = None
) -> Clips:
    """Read utterances of a split, evenly spread over it, and add made sounds of odd lengths."""
    made = _made(spec)
    prep = spec.prep
    try:
        rows = run.manifest
        if roots:
            rows.attrs["roots"] = {name: str(root) for name, root in roots.items()}
        if "fold" in rows:
            rows = splits.in_fold(rows, spec.fold)
        rows = rows[rows["split"] == split].sort_values(["label", "utterance_id"])
        rows = rows.iloc[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MOST)).astype(int))]
        paths = manifests.paths(rows)
    except (ManifestError, RunError) as error:
        return Clips(made, [], f"on {len(made)} made sounds alone: {error}")
    waveforms, labels = [], []
    for row, path in zip(rows.to_dict("records"), paths, strict=True):
        span = (None if value != value else value for value in map(row.get, ("start", "end")))
        try:
            waveforms.append(prep.load(path, *span))
        except AudioError:
            continue  # the run says in `unreadable` what it could not read either
        labels.append(str(row["label"]))
    if not waveforms:
        return Clips(made, [], f"on {len(made)} made sounds alone: no file of the run is there")
    note = f"on {len(waveforms)} utterances of {split} speakers and {len(made)} made sounds"
    return Clips([*waveforms, *made], labels, note)


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
