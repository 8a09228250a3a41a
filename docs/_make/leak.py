"""Measure what a random split adds to a score, on RAVDESS, and keep it in figures/leak.json.

In: RAVDESS speech below SERTK_CORPORA. Out: scores of two simple classifiers under three
divisions of the same recordings. No hyperparameter is chosen, so no validation is needed: what
is not tested is trained on. Minutes on two cores:

    SERTK_CORPORA=~/corpora python -m docs._make.leak
"""

import json
from typing import Any

import numpy as np
import pandas as pd
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import sertk
from docs._make import ROOT
from sertk import augment, cache, corpora, evaluation, features, labels, splits

SEEDS = (0, 1, 2)
COPIES = ("noise", "pitch")
CLASSIFIERS = {
    "svm": "support vector machine (RBF, C = 10)",
    "neighbor": "nearest neighbor (k = 1)",
}


def vectors(rows: pd.DataFrame, prep: sertk.Preprocessing) -> np.ndarray:
    """Describe each row by mean and standard deviation of its coefficients over time."""
    found = cache.compute(rows, prep)
    spectra = (found[name] for name in rows["utterance_id"])
    floored = (np.maximum(x, x.max() - np.float32(80.0)) for x in spectra)
    kept = [prep.feature.finish(x) for x in floored]
    return np.array([np.concatenate([x.mean(0), x.std(0)]) for x in kept])


def predictions(rows: pd.DataFrame, described: np.ndarray, name: str, seed: int) -> pd.DataFrame:
    """Predict every row by a classifier that was trained on the other folds."""
    parts = []
    for fold in splits.folds(rows):
        test = (rows["fold"] == fold).to_numpy()
        last = SVC(C=10.0) if name == "svm" else KNeighborsClassifier(1)
        fitted = make_pipeline(StandardScaler(), last).fit(described[~test], rows["label"][~test])
        columns = rows.loc[test, ["utterance_id", "speaker", "gender", "label"]]
        predicted = fitted.predict(described[test])
        parts.append(columns.assign(predicted=predicted, fold=fold, seed=seed))
    return pd.concat(parts, ignore_index=True)


def score(tables: list[pd.DataFrame], classes: list[str]) -> dict[str, Any]:
    """Score the predictions of all seeds together, and of each."""
    result = evaluation.evaluate(pd.concat(tables), classes=classes)
    interval = result.interval("uar")
    each = [evaluation.evaluate(table, classes=classes).uar for table in tables]
    return {
        "uar": round(result.uar, 4), "low": round(interval.low, 4), "high": round(interval.high, 4),
        "wa": round(result.wa, 4), "uar_of_each_seed": [round(uar, 4) for uar in each],
    }  # fmt: skip


def main() -> None:
    """Measure, and write the file."""
    rows = labels.apply(corpora.scan("ravdess", style="speech"), "emotion8")
    speakers, classes = int(rows["speaker"].nunique()), labels.classes(rows)
    changed = pd.concat([augment.copies(rows.assign(split="train"), n, count=1) for n in COPIES])
    more = pd.concat([rows, changed.drop(columns="split")], ignore_index=True)
    described = vectors(more, sertk.Preprocessing(features.Mfcc(n_mfcc=20, deltas=2)))
    divided = {
        "loso": {0: splits.leave_one_speaker_out(rows)},
        "random": {seed: splits.random(rows, folds=speakers, seed=seed) for seed in SEEDS},
        "copies": {seed: splits.random(more, folds=speakers, seed=seed) for seed in SEEDS},
    }
    scores = []
    for division, by_seed in divided.items():
        for name in CLASSIFIERS:
            tables = [predictions(t, described[: len(t)], name, s) for s, t in by_seed.items()]
            scores.append({"division": division, "classifier": name, **score(tables, classes)})
    record = {
        "corpus": "RAVDESS speech", "utterances": len(rows), "speakers": speakers,
        "classes": classes, "folds": speakers, "seeds_of_random_divisions": list(SEEDS),
        "feature": "20 MFCC with two deltas, mean and standard deviation over time",
        "copies": list(COPIES), "classifiers": CLASSIFIERS, "scores": scores,
    }  # fmt: skip
    target = ROOT / "docs" / "figures" / "leak.json"
    target.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
