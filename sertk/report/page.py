"""The HTML page of a report.

In: a run, its evaluation and its numbers. Out: one HTML document that needs nothing else.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from sertk import evaluation
from sertk._display.display import DASH, Display, percent
from sertk._html import audio_player, pages
from sertk.errors import ConfigurationError
from sertk.evaluation import Evaluation
from sertk.evaluation.calibration import TemperatureDisplay
from sertk.report import figures, matrix, sentences
from sertk.report.numbers import sentence
from sertk.run import Run

_HERE = Path(__file__).parent
NUM_MISTAKES, NUM_HITS = 12, 6
_SECTIONS = {
    "result": "Result", "original": "Original", "confusions": "Confusion matrix",
    "coarser": "Fewer classes", "speakers": "Speakers", "learning": "Learning curves",
    "enrolment": "Enrolment", "importance": "Importance", "calibration": "Calibration",
    "clips": "Errors",
    "checks": "Checks", "repeat": "Reproduce",
}  # fmt: skip
_DEFAULTS: dict[str, Any] = {  # of runs before 0.1.0 was released
    "unreadable": [], "dropped": {}, "emotions": {}, "grouping_note": "", "command": None,
    "folds": [], "sertk_version": "", "recipe": None,
}  # fmt: skip


def render(
    run: Run,
    result: Evaluation,
    numbers: dict[str, Any],
    *,
    audio: bool,
    roots: Mapping[str, str | Path] | None,
) -> str:
    """Fill the template.

    Args:
        run: A finished run.
        result: Its evaluation on the test split.
        numbers: Result of `sertk.report.numbers.collect`.
        audio: Embed the sound of the clips shown.
        roots: Corpus -> folder, to find that sound.
    """
    info = _DEFAULTS | run.info
    scaled, decided, enrolled = None, None, None
    answered = evaluation.selective_prediction(result)
    with suppress(ConfigurationError):  # a model that cannot enrol
        enrolled = evaluation.enrolment_curve(run)
    with suppress(ConfigurationError):  # a network
        decided = evaluation.feature_importance(run)
    with suppress(ConfigurationError):  # a model without validation speakers to fit it on
        scaled = evaluation.temperature(run)
    sounds = _sounds(run, result, roots) if audio else {}
    # a classical model is solved in one step, and a fusion has no epochs at all
    solved = "members" in info or any("temperature" in fit for fit in info.get("fits", []))
    drawn = _figures(run, result, numbers, scaled)
    shown = {
        "coarser": numbers["regroupings"], "original": (info["recipe"] or {}).get("published"),
        "learning": not solved, "importance": decided is not None,
        "enrolment": enrolled is not None,
    }  # fmt: skip
    parts = [", ".join(info["corpora"]), str(info["grouping"]), str(info["model"]["name"])]
    return pages.render(
        _HERE, "page.html", pct=percent, dash=DASH, n=numbers, info=info,
        title=" / ".join(parts) + ": speech emotion recognition report", title_parts=parts,
        lead=sentence(info["protocol"].get("sentence") or "The protocol of this run is unknown"),
        sections=[(a, s) for a, s in _SECTIONS.items() if shown.get(a, True)],
        solved=solved,
        enrolment=enrolled and _pair("enrolment", enrolled, enrolled.note, 5.6),
        curve=enrolled and enrolled.frame().reset_index().to_dict("records"),
        enrolment_sentence=enrolled and enrolled.note,
        importance=decided and _pair("importance", decided, decided.note, 11.2, decided.size[1]),
        decided=decided and decided.frame().reset_index().to_dict("records"),
        cards=_cards(numbers), basis_sentence=sentences.basis(numbers),
        confusion_sentence=sentences.confusions(numbers), gap_sentence=sentences.gap(numbers),
        normalization_sentence=sentences.speaker_normalization(numbers),
        calibration_sentences=sentences.calibration(numbers, scaled), selective_note=answered.note,
        views=matrix.views(numbers), group_tables=_group_tables(numbers),
        mistakes=_clips(run, result.mistakes(NUM_MISTAKES).frame(), sounds),
        hits=_clips(run, result.hits(NUM_HITS).frame(), sounds), facts=sentences.facts(run),
        settings=_settings(info), selective=_pair("selective", answered, answered.note),
        **drawn,
    )  # fmt: skip


def _cards(numbers: dict[str, Any]) -> list[dict[str, Any]]:
    names = {"uar": "UAR, unweighted average recall", "wa": "WA, accuracy", "macro_f1": "Macro-F1"}
    cards = [
        {
            "name": names[metric],
            "track": True,
            "chance": numbers["chance"] if metric == "uar" else None,
            **numbers["headline"][metric],
        }
        for metric in names
    ]
    under = f"UAR of random guessing among {len(numbers['classes'])} classes"
    chance = {"value": numbers["chance"], "chance": numbers["chance"]}
    return [*cards, {"name": "Chance", "track": False, **chance, "under": under}]


def _group_tables(numbers: dict[str, Any]) -> list[dict[str, Any]]:
    genders = [{"value": row["gender"], **row} for row in numbers["by_gender"]]
    tables = [("gender", genders), *numbers["by_condition"].items()]
    if [row["value"] for row in genders] == ["unknown"]:
        tables = tables[1:]  # one row, already in the result above
    return [{"column": column, "rows": rows} for column, rows in tables]


def _figures(
    run: Run, result: Evaluation, numbers: dict[str, Any], scaled: TemperatureDisplay | None
) -> dict[str, Any]:
    """Draw each figure twice, for wide and for narrow pages, with its description."""
    rows = 1 + (len({row["gender"] for row in numbers["by_speaker"]}) > 1)
    speakers = sentences.speakers(numbers)
    history = run.history if (run.folder / "history.csv").is_file() else pd.DataFrame()
    error = percent(numbers["calibration"]["ece"])
    drawn: dict[str, Any] = {
        "strip": _pair("strip", result.by_speaker(), speakers, 11.2, 1.5 + 0.75 * rows),
        "strip_caption": f"Each mark is one speaker; bars are means. {speakers}",
        "calibration": _pair(
            "reliability", scaled or result.calibration(),
            f"Reliability diagram; expected calibration error {error} %.",
        ),
        "curves": None,
    }  # fmt: skip
    if len(history):
        monitor = run.info.get("training", {}).get("monitor", "val_uar")
        fits = run.info.get("fits", [])
        learned = sentences.learning(fits, monitor, run.info["training"].get("checkpoint", "best"))
        drawn["curves"] = pages.pair(
            "curves",
            lambda wide: figures.learning_curves(history, fits, monitor, wide=wide),
            learned,
        )
        drawn["curves_caption"] = learned
    return drawn


def _pair(
    name: str, display: Display, words: str, width: float = 4.6, height: float = 3.9
) -> dict[str, Any]:
    return pages.pair(name, lambda wide: figures.of(display, width if wide else 3.9, height), words)


def _clips(run: Run, table: Any, sounds: dict[str, tuple[str, str]]) -> list[dict[str, Any]]:
    texts = run.manifest.set_index("utterance_id")
    spoken = texts["text"].dropna().to_dict() if "text" in texts else {}
    clips = []
    for name, row in table.iterrows():
        sound, picture = sounds.get(str(name), ("", ""))
        clip = {key: row[key] for key in ("label", "predicted", "confidence")}
        clip |= {"name": name, "text": spoken.get(name, ""), "sound": sound, "picture": picture}
        clips.append({**clip, "truth_share": row[f"p_{row['label']}"]})
    return clips


def _sounds(
    run: Run, result: Evaluation, roots: Mapping[str, str | Path] | None
) -> dict[str, tuple[str, str]]:
    from sertk import manifest as manifests

    names = [*result.mistakes(NUM_MISTAKES).frame().index, *result.hits(NUM_HITS).frame().index]
    manifest = manifests.with_roots(run.manifest, roots or {})
    rows = manifest[manifest["utterance_id"].isin(names)]
    players = {}
    for path, (_, row) in zip(manifests.paths(rows), rows.iterrows(), strict=True):
        start, end = (None if pd.isna(row.get(n)) else float(row[n]) for n in ("start", "end"))
        players[str(row["utterance_id"])] = audio_player.embed(path, start, end)
    return players


def _settings(info: dict[str, Any]) -> list[tuple[str, str]]:
    """Flatten the arguments of the run into rows of dotted names."""
    flat: list[tuple[str, str]] = []

    def walk(name: str, value: Any) -> None:
        if isinstance(value, dict) and value:
            for key, inner in value.items():
                walk(f"{name}.{key}", inner)
        elif value is not None and value != {}:
            flat.append((name, value if isinstance(value, str) else json.dumps(value)))

    shown = "model preprocessing standardize augmentation training init_from protocol"
    if "members" in info:  # a fusion, whose members have settings of their own
        shown = "model members protocol"
    for name in shown.split():
        walk(name, info.get(name))
    return [row for row in flat if row[0] != "protocol.sentence"]
