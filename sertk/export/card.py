"""The model card: what a model is for, what it learnt from, how well it does and for whom.

In: a finished run. Out: Markdown, every number of which comes from the run's predictions.
"""

from typing import Any

from sertk import __version__, corpora, evaluation
from sertk.errors import ConfigurationError, listing
from sertk.evaluation import Evaluation
from sertk.evaluation.displays import ends, percent
from sertk.predict import spec as specs
from sertk.predict.spec import Spec
from sertk.run import Run

_SCORES = {"uar": "UAR", "wa": "WA", "macro_f1": "macro-F1"}
_NOT_FOR = """\
It must not be used to decide about people: not in hiring, schools, policing, border control,
insurance, health or care; not to watch employees, and not to find out whether somebody lies or is
ill. In the European Union, inferring emotions at work and in education is forbidden but for medical
and safety reasons (Regulation 2024/1689, article 5). What it hears is how a voice sounds, not what
a person feels: actors play what listeners expect, and other people, languages and cultures sound
otherwise."""
_FAILS = """\
- Voices, languages, accents, ages and microphones that the corpus does not have.
- Spontaneous speech, where the corpus is acted: emotions there are weaker and mixed.
- Music, several voices at once, telephone codecs, noise that comes and goes. A gate keeps out
  silence, and noise and hum that do not change.
- Children, and voices changed by illness or by age: none were measured.
- Its probabilities say how sure the network is, not how sure you can be (see calibration in the
  report)."""


def model_card(run: Run, spec: Spec | None = None) -> str:
    """Write the model card of one model of a run.

    Args:
        run: A finished run.
        spec: Which of its models; the first fold and seed by default.

    Raises:
        RunError: If the run is unfinished.

    Example:
        `print(sertk.export.model_card(sertk.run.Run("runs/ravdess_compact")))`
    """
    spec = specs.of_run(run)[0] if spec is None else spec
    info = run.info
    try:
        result = evaluation.evaluate(run)
    except ConfigurationError:  # a run of one division without test speakers
        result = None
    parts = [
        f"# Model card: {spec.model} on {', '.join(spec.corpora)}",
        _warning(info),
        "## What it is",
        f"A network ({info['model'].get('parameters', 0):,} parameters) that takes speech and "
        f"answers with probabilities of {len(spec.classes)} classes: {', '.join(spec.classes)}. "
        f"Trained by sertk {info.get('sertk_version', __version__)}; fold {spec.fold}, seed "
        f"{spec.seed} of the run `{spec.run}`; sha256 of the weights `{spec.weights_sha256}`.",
        "## Intended use",
        "Research on, and teaching of, speech emotion recognition; demonstrations in which those "
        "who speak know of it and agree.",
        "## What it should not be used for",
        _NOT_FOR,
        "## Data and licence",
        _data(spec),
        "## How it was measured",
        f"{info['protocol']['sentence']}.".replace("..", "."),
        *_numbers(result),
        "## Known failures",
        *([_weakest(result)] if result is not None else []),
        _FAILS,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _warning(info: dict[str, Any]) -> str:
    found = []
    if info.get("synthetic"):
        found.append("It learnt from synthetic speech: it says nothing about voices.")
    if info["protocol"].get("leaky"):
        found.append("Its split leaks: speakers were trained on and tested. Its numbers do not "
                     "hold for new voices.")  # fmt: skip
    return "\n".join(f"> **{sentence}**" for sentence in found)


def _data(spec: Spec) -> str:
    known = corpora.names()
    lines = []
    for name in spec.corpora:
        module = corpora.load(name) if name in known else None
        if module is None or not getattr(module, "LICENCE", ""):
            lines.append(f"- {name}: a corpus of your own; its licence is not known to sertk.")
            continue
        where = f" {module.URL}" if module.URL else ""
        lines.append(f"- {module.TITLE}, {module.LICENCE}. {module.CITATION}{where}".rstrip())
    return "\n".join(lines) + (
        "\n\nA model is no freer than what it learnt from: where a corpus forbids commercial use, "
        "so does this model. Add the licence of a corpus that is not known here before you pass "
        "the model on."
    )


def _numbers(result: Evaluation | None) -> list[str]:
    if result is None:
        return ["No test speaker was predicted, so that there is no number to give."]
    basis = (
        f"{result.num_utterances:,} utterances of {result.num_speakers} test speakers, "
        f"{len(result.folds)} fold{'s' * (len(result.folds) != 1)}, {len(result.seeds)} "
        f"seed{'s' * (len(result.seeds) != 1)}. Intervals cover 95 %, from resampling speakers. "
        f"UAR by chance: {percent(result.chance)} %."
    )
    several = len(result.folds) * len(result.seeds) > 1
    if several:
        basis += " The numbers are those of all models of the run; this is one of them."
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
    ]


def _weakest(result: Evaluation) -> str:
    """Name the classes that are missed most, and what they are taken for."""
    matrix = result.confusion_matrix(normalize="true").frame().to_dict("index")
    lines = []
    recalls = result.per_class().frame()["recall"].dropna().sort_values()
    for name, recall in recalls.head(3).items():
        shares = matrix[name]
        row = {str(other): float(share) for other, share in shares.items() if other != name}
        others = sorted(row.items(), key=lambda one: -one[1])
        taken = [f"{other} ({percent(share)} %)" for other, share in others[:2] if share]
        heard = f", heard as {listing(taken)}" if taken else ""
        lines.append(f"- {name} is found in {percent(recall)} % of cases{heard}.")
    return "\n".join(lines)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *([c.replace("|", r"\|") for c in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
