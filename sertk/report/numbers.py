"""The numbers of a report, as in report.json.

In: a finished run. Out: a dictionary of plain values, fractions at full precision, `None` where a
number does not exist.
"""

import math
from typing import Any

import numpy as np
import pandas as pd

from sertk import evaluation, labels
from sertk.evaluation import Evaluation
from sertk.run import Run

SCHEMA_VERSION = 1
REGROUPINGS = ("valence2", "valence3", "basic5", "merged_negative")
# columns of the manifest that describe the recording of an utterance, not its content
CONDITIONS = ("corpus", "intensity", "style", "language")


def collect(run: Run, result: Evaluation) -> dict[str, Any]:
    """Gather the numbers of the report of a run.

    Args:
        run: The run.
        result: Its evaluation on the test split.
    """
    info = run.info
    summary, calibration = result.summary().frame(), result.calibration()
    return _plain(
        {
            "schema_version": SCHEMA_VERSION,
            "corpora": info["corpora"],
            "synthetic": bool(info.get("synthetic")),
            "grouping": info["grouping"],
            "model": {**info["model"], "parameters": run.parameters},
            "protocol": {
                **info["protocol"],
                "leaks": leaks(info),
                "flattered_selection": leaks(info, reaching_test=False),
            },
            "recipe": info.get("recipe"),
            "classes": list(result.classes),
            "basis": {
                "split": result.split, "utterances": result.num_utterances,
                "speakers": result.num_speakers, "folds": len(result.folds), "seeds": result.seeds,
                "absent_classes": result.absent,
            },
            "chance": result.chance,
            "headline": {
                str(name): {**row, "speakers": result.num_speakers}
                for name, row in summary.to_dict("index").items()
            },
            "spread": _rows(result.over_folds_and_seeds().frame()),
            "per_class": _rows(result.per_class().frame().join(recall_by_gender(result))),
            "confusion": result.confusion_matrix().frame().to_numpy().tolist(),
            "regroupings": regroupings(result),
            "by_gender": _rows(result.by_gender().frame()),
            "gender_gap": vars(result.by_gender().gap),
            "by_speaker": _rows(result.by_speaker().frame()),
            "speaker_normalization": _speaker_normalization(result),
            "by_condition": _conditions(result),
            "calibration": {
                "ece": calibration.ece,
                "bins": _rows(calibration.frame()),
                "aurc": evaluation.selective_prediction(result).aurc,
            },
        }
    )  # fmt: skip


def leaks(info: dict[str, Any], *, reaching_test: bool = True) -> list[str]:
    """List the reasons why test speakers may be in the training set; empty where they are not.

    Args:
        info: What run.json holds.
        reaching_test: Or, if false, why validation flatters while the test does not.
    """
    reasons = [
        sentence(finding["message"])
        for finding in info.get("audit") or []
        if finding.get("severity") == "leak" and finding.get("reaches_test", True) is reaching_test
    ]
    if info["protocol"].get("leaky") and reaching_test:
        reasons.insert(0, "The split does not keep speakers apart.")
    return reasons


def sentence(message: str) -> str:
    """Begin with a capital letter and end with a full stop.

    Examples:
        >>> sentence("two rows are one file")
        'Two rows are one file.'
    """
    return message[:1].upper() + message[1:] + ("" if message.endswith((".", "!", "?")) else ".")


def recall_by_gender(result: Evaluation) -> pd.DataFrame:
    """Compute the recall of each class for women and for men, pooled over seeds.

    Returns:
        `recall_female` and `recall_male` by class, NaN where a gender has no such utterance.
    """
    hit = result.rows["predicted"] == result.rows["label"]
    recalls = {
        f"recall_{gender}": hit[result.rows["gender"] == gender]
        .groupby(result.rows["label"])
        .mean()
        .reindex(list(result.classes))
        for gender in ("female", "male")
    }
    return pd.DataFrame(recalls, dtype=float).rename_axis("class")


def regroupings(result: Evaluation) -> list[dict[str, Any]]:
    """Score the coarser groupings that these classes make in full."""
    regrouped = []
    for name in REGROUPINGS:
        group = labels.grouping(name)
        reached = {group.mapping[c] for c in result.classes if c in group.mapping}
        coarser = len(group.classes) < len(result.classes)
        if reached < set(group.classes) or not coarser:
            continue
        other = result.regroup(name)
        if other.absent:
            continue
        recalls = other.per_class().frame()
        regrouped.append(
            {
                "name": name, "classes": list(other.classes), "chance": other.chance,
                "utterances": other.num_utterances, "speakers": other.num_speakers,
                "dropped": dict(other.dropped),
                "headline": other.summary().frame().to_dict("index"),
                "recall": recalls["recall"].to_dict(),
            }
        )  # fmt: skip
    return regrouped


def _conditions(result: Evaluation) -> dict[str, list[dict[str, Any]]]:
    manifest = result.manifest
    return {
        column: _rows(result.by(column).frame().rename_axis("value"))
        for column in CONDITIONS
        if manifest is not None and column in manifest and 1 < manifest[column].nunique() <= 12
    }


def _speaker_normalization(result: Evaluation) -> dict[str, Any] | None:
    """Score answers normalized by speaker; `None` where no speaker has two recordings."""
    if not result.rows.loc[result.rows["speaker"] != "unknown", "speaker"].duplicated().any():
        return None
    other = evaluation.normalize_speakers(result)
    change = evaluation.compare(other, result).frame().loc["uar"]
    changed = {"change": change["difference"], "change_low": change["low"]}
    headline = other.summary().frame().to_dict("index")
    return {"headline": headline, **changed, "change_high": change["high"]}


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()}
            for row in table.reset_index().to_dict("records")]  # fmt: skip


def _plain(value: Any) -> Any:
    """Convert numpy and pandas values to JSON types; a missing number becomes `None`."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
