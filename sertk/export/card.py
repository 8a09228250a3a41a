"""The model card: purpose, training data, scores by group, limits.

In: a finished run, and cross-validated runs of the same training, if it has no test speakers.
Out: Markdown, every number of which comes from their predictions.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sertk import __version__, corpora, evaluation
from sertk import run as runs
from sertk._display.display import ends, percent
from sertk._utils import json_records, plain_files, schemas
from sertk.errors import ConfigurationError, RunError, listing
from sertk.predict import spec as specs
from sertk.predict.spec import Spec
from sertk.run import Run

_SCORES = {"uar": "UAR", "wa": "WA", "macro_f1": "macro-F1"}
_NOT_FOR = """\
The model must not be used for decisions about people: not in hiring, schools, policing, border
control, insurance, health or care; not to monitor employees, and not to find out whether a person
lies or is ill. In the European Union, emotion recognition at work and in education is forbidden
except for medical and safety reasons (Regulation 2024/1689, article 5). The model classifies how a
voice sounds, not what a person feels: actors play what listeners expect, and other people,
languages and cultures express emotions differently."""
_FAILS = """\
- Voices, languages, accents, ages and microphones that are not in the training data.
- Spontaneous speech, if the training data are acted: its emotions are weaker and mixed.
- Music, several voices at once, telephone codecs, intermittent noise. Silence, steady noise and hum
  are labeled `no speech`.
- Children, and voices changed by illness or age: none were evaluated.
- A probability is the confidence of the model, not the chance that it is right (see calibration
  above)."""
_NO_FREER = """\
A model inherits the license of its training data: if a corpus forbids commercial use, so does this
model. Add the license of a corpus that is unknown to sertk before you distribute the model."""
# what makes a cross-validated run one of the same training
_SAME = ("preprocessing", "augmentation", "standardize")


def model_card(
    run: Run, spec: Spec | None = None, evaluations: Sequence[Run | str | Path] = ()
) -> str:
    """Write the model card of one model of a run.

    Args:
        run: A finished run.
        spec: Which of its models; the first fold and seed by default.
        evaluations: Cross-validated runs of the same network and preprocessing, whose scores,
            calibration and, where `sertk robustness` measured it, robustness.

    Raises:
        RunError: If a run is unfinished.
        ConfigurationError: If an evaluation is of another network or preprocessing.

    Examples:
        `print(sertk.export.model_card(sertk.run.Run("runs/ravdess_compact")))`
    """
    spec = specs.of_run(run)[0] if spec is None else spec
    info = run.info
    beside = [Run.open(other) for other in evaluations]
    for other in beside:
        _require_same(run, other)
    measured = [*([run] if run.tested else []), *beside]
    parts = [
        f"# Model card: {spec.model} on {', '.join(spec.corpora)}",
        _warning(info),
        "## Description",
        f"A speech emotion classifier with {run.parameters:,} parameters and "
        f"{len(spec.classes)} classes: {', '.join(spec.classes)}. "
        f"Trained by sertk {info.get('sertk_version', __version__)}; fold {spec.fold}, seed "
        f"{spec.seed} of the run `{spec.run}`; sha256 of the weights `{spec.weights_sha256}`."
        + _encoder(spec)
        + (f" The training command was `{info['command']}`." if info.get("command") else ""),
        "## Intended use",
        "Research on and teaching of speech emotion recognition; demonstrations with the consent "
        "of all speakers.",
        "## Out-of-scope use",
        _NOT_FOR,
        "## Training data and license",
        data(spec),
        _NO_FREER,
        "## Evaluation",
        f"{info['protocol']['sentence']}.".replace("..", "."),
        *(_numbers(run) if run in measured else []),
        "" if measured else "The model has no test speakers, and therefore no scores.",
        *(part for other in beside for part in _cross_validated(run, other)),
        "## Limitations",
        *map(_weakest, measured),
        _FAILS,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _warning(info: dict[str, Any]) -> str:
    found = []
    if info.get("synthetic"):
        found.append(
            "It was trained on synthetic speech: its predictions mean nothing for real voices."
        )
    if stopped := (info.get("recipe") or {}).get("stopped"):
        found.append(f"Mechanics only: {stopped}.")
    if info["protocol"].get("leaky"):
        found.append(
            "Its split leaks test data: test speakers are in the training set. Its scores do not "
            "hold for new speakers."
        )
    return "\n".join(f"> **{sentence}**" for sentence in found)


def _encoder(spec: Spec) -> str:
    """Name the encoder that the classifier stands on, if there is one."""
    weights = spec.prep.feature.weights
    if weights is None:
        return ""
    return (
        f" It classifies the hidden states of the encoder {weights.stem} "
        f"({spec.prep.feature.license}), which was not trained further and is part of the model."
    )


def data(spec: Spec) -> str:
    """List the corpora that a model was trained on, with their licenses and citations."""
    known = corpora.names()
    lines = []
    for name in spec.corpora:
        module = corpora.load(name) if name in known else None
        if module is None or not getattr(module, "LICENSE", ""):
            lines.append(f"- {name}: your own corpus; its license is unknown to sertk.")
            continue
        where = f" {module.URL}" if module.URL else ""
        lines.append(f"- {module.TITLE}, {module.LICENSE}. {module.CITATION}{where}".rstrip())
    return "\n".join(lines)


def _require_same(run: Run, other: Run) -> None:
    """Refuse the figures of another system."""
    if not other.tested:
        raise RunError(
            f"The run {other.folder} has no test speakers.",
            "The scores of a model card come from speakers that the model was not trained on.",
            "Pass a cross-validated run, such as `sertk reproduce compact` writes.",
            code="untested-run",
        )
    here, there = (
        {"model": {k: one.info["model"][k] for k in ("name", "arguments")},
         **{key: one.info.get(key) for key in _SAME}}
        for one in (run, other)
    )  # fmt: skip
    differing = [d for key in here for d in runs.differences(key, there[key], here[key])]
    if differing:
        raise ConfigurationError(
            f"The run {other.folder} was trained with other settings (it differs in: "
            f"{listing(differing)}).",
            "The scores of a model card must come from the same system.",
            "Pass a cross-validated run of the same recipe.",
            code="different-system",
        )


def _cross_validated(run: Run, other: Run) -> list[str]:
    """Write the scores of a cross-validation of the same training."""
    usual = run.info["training"]
    changed = [
        f"{name} {value} instead of {usual.get(name)}"
        for name, value in other.info["training"].items() if value != usual.get(name)
    ]  # fmt: skip
    training = f" Its training differs in {listing(changed, 8)}." if changed else ""
    return [
        f"### {' and '.join(other.info['corpora'])}, cross-validated",
        "The same architecture and preprocessing, trained for each fold and tested on held-out "
        "speakers. These speakers are in the training set of the model of this card, so that it "
        f"cannot be tested on them. {other.info['protocol']['sentence']}.".replace("..", ".")
        + training,
        *_numbers(other),
    ]


def _calibration(run: Run) -> list[str]:
    try:
        return [f"Calibration: {evaluation.temperature(run).note}"]
    except ConfigurationError:  # a model without validation speakers
        return []


def _robustness(run: Run) -> list[str]:
    """Write the robustness scores that `sertk robustness` measured."""
    path = run.folder / "robustness.json"
    if not plain_files.is_file(path):
        return []
    try:
        record = json_records.read(path, schemas.Robustness)
    except json_records.DamagedError as error:
        raise RunError(
            f"{path} is damaged ({error}).",
            "It must be unchanged since `sertk robustness` wrote it.",
            "Delete it, or run `sertk robustness RUN` again.",
            code="damaged-robustness-file",
        ) from error
    rows = [
        [row["title"], f"{row['level']:g} {row['unit']}", percent(row["uar"]),
         f"{100 * row['change']:+.1f}"]
        for row in record["rows"]
        if row["uar"] is not None and row["change"] is not None
    ]  # fmt: skip
    head = ["condition", "level", "UAR, %", "change, points"]
    return [f"Robustness: {record['note']}", _table(head, rows)]


def _numbers(run: Run) -> list[str]:
    result = evaluation.evaluate(run)
    basis = (
        f"{result.num_utterances:,} utterances of {result.num_speakers} test speakers, "
        f"{len(result.folds)} fold{'s' * (len(result.folds) != 1)}, {len(result.seeds)} "
        f"seed{'s' * (len(result.seeds) != 1)}. 95 % confidence intervals over speakers. "
        f"Chance: {percent(result.chance)} % UAR."
    )
    several = len(result.folds) * len(result.seeds) > 1
    if several:
        basis += " The scores are those of all models of the run."
    summary = [
        [_SCORES.get(str(name), str(name)), percent(row["value"]), ends(row["low"], row["high"])]
        for name, row in result.summary().frame().iterrows()
    ]
    genders = [
        [str(name), str(int(row["speakers"])), percent(row["uar"]), ends(row["low"], row["high"])]
        for name, row in result.by_gender().frame().iterrows()
    ]
    speakers = [
        [str(name), str(row["gender"] or "unknown"), str(row["utterances"]), percent(row["uar"])]
        for name, row in result.by_speaker().frame().astype(object).iterrows()
    ]
    classes = [
        [str(name), percent(row["recall"]), percent(row["precision"]), str(int(row["support"]))]
        for name, row in result.per_class().frame().iterrows()
    ]
    return [
        basis,
        _table(["score", "%", "interval"], summary),
        "By class:",
        _table(["class", "recall, %", "precision, %", "utterances"], classes),
        "By gender:",
        _table(["gender", "speakers", "UAR, %", "interval"], genders),
        "By speaker:",
        _table(["speaker", "gender", "utterances", "UAR, %"], speakers),
        *_calibration(run),
        *_robustness(run),
    ]


def _weakest(run: Run) -> str:
    """Name the classes with the lowest recall and their most frequent confusions."""
    result = evaluation.evaluate(run)
    matrix = result.confusion_matrix(normalize="true").frame().to_dict("index")
    lines = [f"On {' and '.join(run.info['corpora'])}:", ""]
    recalls = result.per_class().frame()["recall"].dropna().sort_values()
    for name, recall in recalls.head(3).items():
        shares = matrix[name]
        row = {str(other): float(share) for other, share in shares.items() if other != name}
        others = sorted(row.items(), key=lambda one: -one[1])
        taken = [f"{other} ({percent(share)} %)" for other, share in others[:2] if share]
        confused = f"; predicted instead: {listing(taken)}" if taken else ""
        lines.append(f"- {name}: recall {percent(recall)} %{confused}.")
    return "\n".join(lines)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *([c.replace("|", r"\|") for c in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
