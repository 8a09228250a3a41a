"""Robustness: UAR of a run as speech is degraded by noise, rooms, telephones.

In: a finished run whose sound files are there. Out: a Display with `.frame()` and `.plot(ax=)`, and
a page. Every utterance is disturbed as it was recorded, before it is trimmed, and predicted by the
the model of the fold that tested its speaker: the clean point is the score of the run itself.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sertk import audio, evaluation
from sertk._utils import seeding
from sertk.analysis.replay import Replay
from sertk.analysis.robustness.conditions import USUAL, Condition, Utterance, chosen
from sertk.analysis.robustness.curves import RobustnessDisplay
from sertk.analysis.robustness.page import write_html, write_json
from sertk.errors import ConfigurationError
from sertk.evaluation import Evaluation, paired
from sertk.run import Run

__all__ = [
    "Condition", "RobustnessDisplay", "Utterance", "measure", "names", "write_html", "write_json",
]  # fmt: skip


def names() -> list[str]:
    """List the conditions by name.

    Examples:
        >>> names()[:3]
        ['white', 'babble', 'reverberation']
    """
    return list(USUAL)


def measure(
    run: Run | str | Path,
    conditions: str | Condition | Iterable[str | Condition] | None = None,
    *,
    noises: str | Path | None = None,
    roots: Mapping[str, str | Path] | None = None,
) -> RobustnessDisplay:
    """Predict the test utterances of a run again, each disturbed in several ways and degrees.

    Signal-to-noise ratios are those of the speech itself, without silent ends. The random draws
    depend only on the condition and the utterance: all levels of a curve have the same noise, and
    two runs receive the same audio. Nothing is trained, and disturbed
    audio is not cached.

    Args:
        run: A finished run, or its folder, with its models.
        conditions: A name or `Condition`, or several; all of `names()` by default:

            - `white`: white noise at 20 to -5 dB SNR;
            - `babble`: five voices of other speakers of the run, never the tested speaker's own;
            - `reverberation`: rooms that take 0.2 to 1.6 s to fall by 60 dB, synthetic;
            - `gain`: 40 dB too quiet to 30 dB too loud, clipped at full scale;
            - `band`: nothing above 4, 2 or 1 kHz;
            - `telephone`: 8 kHz, 300 to 3,400 Hz, 8 bits by the mu law;
            - `offset`: a constant of 0.003 to 0.05 of full scale;
            - `hum`: a 50 Hz tone of an amplitude of 0.003 to 0.03 of full scale;
            - `length`: the middle 2, 1 or 0.5 s of the speech.
        noises: A folder of recorded noise, which adds one more curve.
        roots: Corpus -> folder of its files; the default is below `SERTK_CORPORA`.

    Returns:
        `condition, level, uar, low, high, n` and `change, change_low, change_high` against the
        clean point, which is the first row; fractions. Intervals are 95 %, from drawing speakers;
        those of changes draw the same speakers and seeds clean and disturbed.

    Raises:
        RunError: If the run is unfinished, or has no test speakers.
        UnknownNameError: If there is no such condition.
        ManifestError: If no root folder is known.
        AudioError: If a file cannot be read.

    Examples:
        `sertk.analysis.robustness.measure("runs/ravdess_compact", ["white", "telephone"]).plot()`
    """
    from tqdm import tqdm

    replay = Replay(run, roots)
    if isinstance(conditions, str | Condition):
        conditions = [conditions]
    selected = chosen(
        USUAL if conditions is None else conditions, replay.sounds(replay.manifest), noises
    )
    steps: list[tuple[Condition | None, float]] = [(None, np.nan)]
    steps += [(condition, level) for condition in selected for level in condition.levels]
    predictions: list[list[pd.DataFrame]] = [[] for _ in steps]
    total = len(steps) * len(replay.folds)
    with tqdm(total=total, desc="robustness", unit="level", delay=2) as bar:
        for fold in replay.folds:
            rows, models = replay.rows(fold), replay.models(fold)
            for tables, (condition, level) in zip(predictions, steps, strict=True):
                dataset = replay.dataset(rows, _spectra(replay, rows, condition, level))
                for seed, model in models.items():
                    tables.append(dataset.predict(model).assign(fold=fold, seed=seed))
                bar.update()
    results = [
        evaluation.evaluate(pd.concat(tables, ignore_index=True), classes=replay.run.classes)
        for tables in predictions
    ]
    return RobustnessDisplay(_table(steps, results), selected, results[0], replay.run.folder.name)


def _spectra(
    replay: Replay, rows: pd.DataFrame, condition: Condition | None, level: float
) -> dict[str, np.ndarray]:
    from joblib import Parallel, delayed

    sounds = replay.sounds(rows)
    work = (delayed(_spectrum)(replay, sound, condition, level) for sound in sounds)
    computed = Parallel(prefer="threads")(work)
    return dict(zip(rows["utterance_id"], computed, strict=True))


def _spectrum(
    replay: Replay, sound: dict[str, Any], condition: Condition | None, level: float
) -> np.ndarray:
    rate = replay.prep.sample_rate
    waveform, _ = audio.read(
        sound["path"], sample_rate=rate, start=sound["start"], end=sound["end"]
    )
    if condition is not None:
        seed = seeding.derive(0, "robustness", condition.name, sound["utterance_id"])
        utterance = Utterance(waveform, rate, str(sound["speaker"]), np.random.default_rng(seed))
        waveform = np.asarray(condition.disturb(utterance, level), np.float32)
        if waveform.ndim != 1 or not len(waveform) or not np.isfinite(waveform).all():
            raise ConfigurationError(
                f"The condition {condition.name!r} returned an array of shape {waveform.shape}, or "
                f"non-finite values, for {sound['utterance_id']!r}.",
                "A condition must return a waveform of shape (samples,) with finite values.",
                "Correct its function `disturb`.",
                code="invalid-condition-output",
            )
    return replay.prep.extract(replay.prep.prepare(waveform))


def _table(steps: list[tuple[Condition | None, float]], results: list[Evaluation]) -> pd.DataFrame:
    rows = []
    for (condition, level), result in zip(steps, results, strict=True):
        interval, change = result.interval("uar"), paired.difference((result, results[0]))
        rows.append(
            {
                "condition": "clean" if condition is None else condition.name, "level": level,
                "uar": interval.value, "low": interval.low, "high": interval.high,
                "n": result.num_utterances,
                "change": change.value, "change_low": change.low, "change_high": change.high,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)
