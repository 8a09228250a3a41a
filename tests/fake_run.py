"""Write a synthetic run folder: the tables and records of a cross-validation nobody ran."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from sertk import run as runs
from sertk.run import Run

EMOTION8 = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
# who is taken for whom, beside being found: (true, predicted, weight)
_ALIKE = (
    ("neutral", "calm", 1.3), ("calm", "neutral", 0.7), ("calm", "sad", 0.8), ("sad", "calm", 1.2),
    ("sad", "neutral", 1.0), ("sad", "fearful", 0.9), ("happy", "surprised", 1.0),
    ("happy", "angry", 0.6), ("fearful", "sad", 0.8), ("disgust", "angry", 0.5),
    ("surprised", "happy", 0.7),
)  # fmt: skip


def write(
    folder: Path,
    *,
    classes: tuple[str, ...] = EMOTION8,
    speakers: int = 20,
    folds: int = 4,
    seeds: tuple[int, ...] = (0, 1, 2),
    takes: int = 4,
    genders: bool = True,
    skill: float = 1.7,
    corpus: str = "ravdess",
    **info: object,
) -> Run:
    """Write the folder and open it; `info` replaces keys of run.json."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    manifest = _manifest(classes, speakers, takes, genders, corpus, rng)
    names = list(manifest["speaker"].unique())
    parts = [
        {"fold": f, "test": names[f::folds], "val": names[(f + 1) % folds :: folds][:2]}
        for f in range(folds)
    ]
    for part in parts:
        held_out = {*part["test"], *part["val"]} if folds > 1 else set(part["test"])
        part["train"] = [name for name in names if name not in held_out]
    predictions = pd.concat(
        [
            _predictions(manifest, classes, part, seed, split, skill, rng)
            for seed in seeds
            for part in parts
            for split in ("val", "test")
        ]
    )
    history = pd.concat([_history(f, seed, rng) for f in range(folds) for seed in seeds],
                        ignore_index=True)  # fmt: skip
    runs.write_csv(folder / "manifest.csv", manifest)
    runs.write_csv(folder / "predictions.csv", predictions)
    runs.write_csv(folder / "history.csv", history)
    best = history.loc[history.groupby(["fold", "seed"])["val_uar"].idxmax().to_numpy()]
    record = _record(classes, speakers, folds, seeds, corpus, parts)
    record["fits"] = [
        {"fold": int(f), "seed": int(s), "best_epoch": int(e), "epochs": 60, "seconds": 221.4}
        for f, s, e in zip(best["fold"], best["seed"], best["epoch"], strict=True)
    ]
    record.update(info)
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return Run(folder)


def _manifest(classes, speakers, takes, genders, corpus, rng) -> pd.DataFrame:
    rows = []
    for speaker in range(1, speakers + 1):
        for label in classes:
            for take in range(takes):
                code = f"{speaker:02d}_{len(rows):05d}"
                rows.append(
                    {
                        "corpus": corpus,
                        "utterance_id": f"{corpus}_{code}",
                        "path": f"Actor_{speaker:02d}/{code}.wav",
                        "speaker": f"{corpus}_{speaker:02d}",
                        "emotion": label,
                        "gender": ("female", "male")[speaker % 2] if genders else None,
                        "duration": round(float(rng.uniform(2.5, 4.5)), 3),
                        "intensity": ("normal", "strong")[take % 2],
                        "label": label,
                    }
                )
    return pd.DataFrame(rows)


def _predictions(manifest, classes, part, seed, split, skill, rng) -> pd.DataFrame:
    rows = manifest[manifest["speaker"].isin(part[split])].reset_index(drop=True)
    truth = np.array([classes.index(name) for name in rows["label"]], dtype=int)
    # what is hard about a recording is hard for every seed, and so is a voice
    hard = np.random.default_rng(part["fold"]).normal(0, 0.8, (len(rows), len(classes)))
    logits = hard + rng.normal(0, 0.5, hard.shape)
    voice = {name: np.random.default_rng(ord(name[-1]) + i).normal(0, 0.4)
             for i, name in enumerate(part[split])}  # fmt: skip
    strength = skill + rows["speaker"].map(voice).to_numpy(float)
    strength += 0.35 * (rows["gender"] == "female") + 0.35 * (rows["intensity"] == "strong")
    logits[np.arange(len(rows)), truth] += strength
    for true, predicted, weight in _ALIKE:
        if true in classes and predicted in classes:
            logits[truth == classes.index(true), classes.index(predicted)] += weight
    shares = np.exp(1.8 * logits)
    shares /= shares.sum(1, keepdims=True)
    table = rows[["utterance_id", "speaker", "gender", "label"]].assign(
        predicted=np.array(classes, dtype=object)[shares.argmax(1)],
        split=split,
        fold=part["fold"],
        seed=seed,
    )
    table[[f"p_{name}" for name in classes]] = shares
    return table


def _history(fold, seed, rng) -> pd.DataFrame:
    epochs = np.arange(1, 61)
    rise = 1 - np.exp(-epochs / rng.uniform(9, 15))
    uar = 0.13 + rng.uniform(0.42, 0.6) * rise + rng.normal(0, 0.02, 60)
    return pd.DataFrame(
        {
            "fold": fold,
            "seed": seed,
            "epoch": epochs,
            "loss": 2.05 - 1.6 * rise + rng.normal(0, 0.02, 60),
            "val_loss": 2.05 - 0.95 * rise + 0.004 * epochs + rng.normal(0, 0.05, 60),
            "val_uar": uar,
            "val_wa": uar + 0.01,
            "learning_rate": 1e-3 * 0.5 * (1 + np.cos(np.pi * epochs / 60)),
        }
    )


def _record(classes, speakers, folds, seeds, corpus, parts) -> dict[str, object]:
    return {
        "schema_version": 1,
        "sertk_version": "0.1.0",
        "status": "finished",
        "corpora": [corpus],
        "synthetic": False,
        "grouping": "emotion8" if classes == EMOTION8 else "own mapping",
        "grouping_note": "",
        "classes": list(classes),
        "dropped": {},
        "model": {"name": "compact", "arguments": {"width": 1.0}, "parameters": 166_213},
        "preprocessing": {
            "feature": {"name": "log_mel", "n_fft": 512, "hop_length": 320, "n_mels": 64},
            "sample_rate": 16_000,
            "clip_seconds": 3.0,
            "trim_db": 40.0,
        },
        "augmentation": {"name": "noise+pitch", "copies": 1},
        "standardize": "training",
        "training": {
            "epochs": 60,
            "batch_size": 32,
            "optimizer": "adamw",
            "learning_rate": 0.001,
            "label_smoothing": 0.1,
            "mixup": 0.3,
            "monitor": "val_uar",
        },
        "protocol": {
            "name": "dev4",
            "sentence": f"{speakers} speakers, folds: {folds}; no test speaker is heard in "
            "training or selection; each model is chosen on two validation speakers; "
            f"seeds: {len(seeds)}.",
            "leaky": False,
        },
        "folds": parts,
        "seeds": list(seeds),
        "audit": [],
        "unreadable": [],
        "environment": {
            "python": "3.11.7",
            "backend": "tensorflow",
            "device": "cpu",
            "platform": "Linux x86_64",
            "cpu_count": 2,
            "packages": {"keras": "3.15.1", "tensorflow": "2.21.0", "numpy": "2.4.6"},
        },
        "command": "sertk cv --corpus ravdess --root corpora/ravdess --model compact "
        "--feature log_mel --protocol dev4 --epochs 60 --seeds 0,1,2 -o runs/ravdess_compact",
        "git_commit": "d35e5000000000000000000000000000000000aa",
        "data_sha256": "9f2c" * 16,
        "started": "2026-11-20T10:00:00Z",
        "finished": "2026-11-20T10:44:00Z",
        "wall_seconds": 2640.5,
        "peak_memory_mb": 2100.0,
    }
