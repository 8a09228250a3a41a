"""Measure what a random split adds to a score, on RAVDESS, and keep it in figures/leak.json.

In: RAVDESS speech below SERTK_CORPORA. Out: scores of two simple classifiers under three
divisions of the same recordings. No hyper-parameter is chosen, so no validation is needed: what
does not test, trains. Minutes on two cores:

    SERTK_CORPORA=~/corpora python -m docs._make.leak
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import sertk
from sertk import augment, cache, corpora, evaluation, features, labels, splits

TARGET = Path(__file__).parents[1] / "figures" / "leak.json"
SEEDS = (0, 1, 2)
COPIES = ("noise", "pitch")
CLASSIFIERS = {
    "svm": "support vector machine (RBF, C = 10)",
    "neighbour": "nearest neighbour (k = 1)",
}


def classifier(name: str) -> Pipeline:
    """Build one of `CLASSIFIERS`, scaled by what it is trained on."""
    last = SVC(C=10.0) if name == "svm" else KNeighborsClassifier(1)
    return make_pipeline(StandardScaler(), last)


def described(rows: pd.DataFrame, prep: sertk.Preprocessing) -> np.ndarray:
    """Describe each row by mean and standard deviation of its coefficients over time."""
    found = cache.compute(rows, prep)
    kept = [prep.feature.finish(_floored(found[name])) for name in rows["utterance_id"]]
    return np.array([np.concatenate([x.mean(0), x.std(0)]) for x in kept])


def _floored(log_mel: np.ndarray) -> np.ndarray:
    return np.maximum(log_mel, log_mel.max() - np.float32(80.0))


def tested(rows: pd.DataFrame, vectors: np.ndarray, name: str, seed: int) -> pd.DataFrame:
    """Predict every row by a classifier that was trained on the other folds."""
    parts = []
    for fold in splits.folds(rows):
        test = (rows["fold"] == fold).to_numpy()
        fitted = classifier(name).fit(vectors[~test], rows["label"][~test])
        columns = rows.loc[test, ["utterance_id", "speaker", "gender", "label"]]
        parts.append(columns.assign(predicted=fitted.predict(vectors[test]), fold=fold, seed=seed))
    return pd.concat(parts, ignore_index=True)


def divided(rows: pd.DataFrame, way: str, folds: int) -> list[tuple[int, pd.DataFrame]]:
    """Divide by speaker, once, or at random, once for each seed."""
    if way == "loso":
        return [(0, splits.leave_one_speaker_out(rows))]
    return [(seed, splits.random(rows, folds=folds, seed=seed)) for seed in SEEDS]


def main() -> None:
    """Measure, and write the file."""
    rows = labels.apply(corpora.scan("ravdess", style="speech"), "emotion8")
    speakers = int(rows["speaker"].nunique())
    changed = pd.concat([augment.copies(rows.assign(split="train"), n, count=1) for n in COPIES])
    more = pd.concat([rows, changed.drop(columns="split")], ignore_index=True)
    prep = sertk.Preprocessing(features.Mfcc(n_mfcc=20, deltas=2))
    vectors = described(more, prep)
    scores = []
    for way, table in (("loso", rows), ("random", rows), ("copies", more)):
        for name in CLASSIFIERS:
            tables = [
                tested(part, vectors[: len(table)], name, seed)
                for seed, part in divided(table, way, speakers)
            ]
            result = evaluation.evaluate(pd.concat(tables), classes=labels.classes(rows))
            scores.append(_score(way, name, result, [t for t in tables]))
            print(scores[-1])  # noqa: T201
    record = {
        "corpus": "RAVDESS speech",
        "utterances": len(rows),
        "speakers": speakers,
        "classes": list(labels.classes(rows)),
        "folds": speakers,
        "seeds_of_random_divisions": list(SEEDS),
        "feature": "20 MFCC with two deltas, mean and standard deviation over time",
        "copies": list(COPIES),
        "classifiers": CLASSIFIERS,
        "scores": scores,
    }
    TARGET.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _score(
    way: str, name: str, result: evaluation.Evaluation, tables: list[pd.DataFrame]
) -> dict[str, object]:
    interval = result.interval("uar")
    classes = result.classes
    each = [evaluation.evaluate(table, classes=classes).uar for table in tables]
    return {
        "division": way, "classifier": name, "uar": round(result.uar, 4),
        "low": round(interval.low, 4), "high": round(interval.high, 4),
        "wa": round(result.wa, 4), "uar_of_each_seed": [round(u, 4) for u in each],
    }  # fmt: skip


if __name__ == "__main__":
    main()
