"""The table of baselines: classical models and the network `compact` on real corpora.

In: a folder with RAVDESS and EmoDB. Out: reports/baselines/: baselines.json, which the page "Choose
a baseline" shows, and the report of the best classical model of each corpus, without sound. Runs
are kept in a folder of your own, and are not trained twice:

    python -m docs._make.baselines CORPORA RUNS
"""

import json
import sys
from pathlib import Path
from typing import Any

import sertk
from docs._make import ROOT
from sertk import corpora, evaluation, labels, report, splits, training
from sertk.run import Run

TARGET = ROOT / "reports" / "baselines"
FEATURES, MODELS = ("functionals", "egemaps", "compare"), ("svm", "logreg")
# folder of the report -> corpus, its options, grouping, protocol
JOBS: dict[str, tuple[str, dict[str, str], str, dict[str, Any]]] = {
    "ravdess_dev4": ("ravdess", {"style": "speech"}, "emotion8", {"protocol": "dev4"}),
    "emodb_loso": ("emodb", {}, "emotion6", {"protocol": "loso", "val": 1}),
}


def row(run: Run, feature: str, model: str) -> dict[str, Any]:
    """Score a run for the table; fractions and seconds."""
    result = evaluation.evaluate(run)
    interval = result.interval()
    return {
        "feature": feature, "model": model, "uar": result.uar, "low": interval.low,
        "high": interval.high, "normalized": evaluation.normalize_speakers(result).uar,
        "seconds": run.info["wall_seconds"],
    }  # fmt: skip


def main(roots: Path, runs: Path) -> None:
    """Train what is missing, and write the table and the reports."""
    sertk.use_backend("auto")
    tables: dict[str, list[dict[str, Any]]] = {}
    for name, (corpus, options, grouping, protocol) in JOBS.items():
        rows = corpora.scan(corpus, root=roots / corpus, **options)
        rows = splits.make(labels.apply(rows, grouping), **protocol)
        done = {}
        for feature in FEATURES:
            for model in MODELS:
                for standardize in ("training", "speaker"):
                    title = feature + ", standardized by speaker" * (standardize == "speaker")
                    done[title, model] = training.cross_validate(
                        model, rows, sertk.Preprocessing(feature), standardize=standardize,
                        folder=runs / name / f"{feature}-{model}-{standardize}",
                    )  # fmt: skip
        tables[name] = [row(run, *key) for key, run in done.items()]
        plain = [entry for entry in tables[name] if "speaker" not in entry["feature"]]
        best = max(plain, key=lambda entry: entry["uar"])
        run = done[best["feature"], best["model"]]
        report.write_html(run, TARGET / name / "report.html")
        report.write_json(run, TARGET / name / "report.json")
        compact = json.loads((ROOT / "reports" / name / "report.json").read_text("utf-8"))
        headline = compact["headline"]["uar"]
        tables[name].append(
            {"feature": "log_mel", "model": "compact, three seeds", "uar": headline["value"],
             "low": headline["low"], "high": headline["high"],
             "normalized": compact["speaker_normalization"]["headline"]["uar"]["value"],
             "seconds": None}
        )  # fmt: skip
    (TARGET / "baselines.json").write_text(json.dumps(tables, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
