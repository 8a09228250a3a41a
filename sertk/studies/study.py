"""`Study`: a question, a grid of choices, and what is the same in all trials.

In: nothing. Out: frozen records; `sertk.studies.runner` trains them. Every factor is a tuple of
levels (`sertk.studies.levels`); a trial is one of each. Seeds are repetitions, not a factor.
"""

import dataclasses
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sertk.errors import ConfigurationError, UnknownNameError, listing
from sertk.studies import levels
from sertk.studies.levels import FACTORS
from sertk.training.config import Config


@dataclass(frozen=True)
class Trial:
    """One level of each factor, and a seed."""

    corpus: str
    gender: str
    grouping: str
    feature: str
    model: str
    augment: str
    protocol: str
    seed: int

    @property
    def name(self) -> str:
        """A folder name that no other trial has.

        Examples:
            >>> Trial("ravdess", "male>female", "valence2", "usual", "mlp", "r5:pitch",
            ...       "speaker_folds", 0).name
            'ravdess-male_female-valence2-usual-mlp-r5_pitch_c8ba2454-speaker_folds-0'
        """
        words = (levels.folder_name(getattr(self, factor)) for factor in FACTORS)
        return "-".join([*words, str(self.seed)])

    def without(self, *factors: str) -> tuple[str, ...]:
        """Name the levels of all factors but these, seeds aside: a context to compare in."""
        return tuple(getattr(self, factor) for factor in FACTORS if factor not in factors)


@dataclass(frozen=True)
class Study:
    """A question, and the grid of runs that answers it.

    Args:
        question: The title of its page.
        compare: The factor whose levels are compared; the first of them is the baseline. Where
            one factor alone has several levels, or the copies do, it need not be named.
        corpus: Names of corpora.
        gender: `"all"`, `"male"` or `"female"` speakers only; `"male>female"` trains on men and
            tests women, `"female>male"` the reverse; `"classes"` multiplies emotions by gender.
        grouping: Names of groupings of the labels.
        feature: Names of features, with their defaults; `"usual"` is what a model was published
            with (`sertk.recipes`), or log-mel.
        model: Names of models.
        augment: Recipes of copies, or `"none"`.
        protocol: Names of protocols; runs are compared within one protocol only.
        seed: One run for each.
        folds: int >= 2. Number of folds of `speaker_folds` and `random`.
        val: Validation speakers of a fold.
        copies: Augmented copies of each training utterance.
        standardize: As in `sertk.training.cross_validate`.
        where: Rows of the manifest to keep, column -> value, such as `{"style": "speech"}`.
        config: Changes to `sertk.training.config.Config`, the same for all.
        note: What a reader must know besides, such as how an original did it.
        own: Objects behind levels, factor -> name -> object; filled by the study itself.

    A level alone stands for a tuple of one: `model="mlp"`. Where a level is an object, a mapping
    names it: `augment={"none": "none", "noise for happy": Augmentation("noise", ("happy",))}`. A
    corpus may be a manifest or a function, a grouping a mapping, a feature a `Preprocessing`, a
    model a function, an augmentation a list of transforms.

    Raises:
        UnknownNameError: If a level, the factor or a setting has no such name.
        ConfigurationError: If a factor has no levels, one twice, or one that is neither a name nor
            a named object that fits, or it is unclear which of several is compared.

    Examples:
        >>> study = Study("Does noise help?", augment=("none", "noise"), model=("mlp",), seed=(0,))
        >>> [trial.augment for trial in study.trials()]
        ['none', 'noise']
    """

    question: str
    compare: str = ""
    corpus: tuple[str, ...] = ("ravdess",)
    gender: tuple[str, ...] = ("all",)
    grouping: tuple[str, ...] = ("emotion8",)
    feature: tuple[str, ...] = ("usual",)
    model: tuple[str, ...] = ("compact",)
    augment: tuple[str, ...] = ("none",)
    protocol: tuple[str, ...] = ("speaker_folds",)
    seed: tuple[int, ...] = (0, 1, 2)
    folds: int = 5
    val: int = 2
    copies: int = 1
    standardize: str = "training"
    where: Mapping[str, str | list[str]] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    own: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        own = {}
        for factor in (*FACTORS, "seed"):
            names, objects = levels.names_and_objects(
                factor, getattr(self, factor), self.own.get(factor, {})
            )
            object.__setattr__(self, factor, names)
            if objects:
                own[factor] = objects
        object.__setattr__(self, "own", own)
        if not self.compare:
            object.__setattr__(self, "compare", self._compared())
        if self.compare not in FACTORS:
            raise UnknownNameError("factor", self.compare, FACTORS)
        if self.compare == "protocol":
            raise ConfigurationError(
                "A study received compare='protocol'.",
                "Scores of different protocols are not comparable.",
                "Use sertk leak-gap, or compare another factor.",
                code="protocols-compared",
            )
        if len(self.protocol) > 1 and any(">" in gender for gender in self.gender):
            raise ConfigurationError(
                f"A study received the protocols {', '.join(self.protocol)} and training across "
                "genders.",
                "Across genders, the test set is always all speakers of the other gender.",
                "Omit one of them.",
                code="protocols-across-genders",
            )
        for name in ("where", "config"):
            if not isinstance(getattr(self, name), Mapping):
                raise ConfigurationError(
                    f"A study received {name}={getattr(self, name)!r}.",
                    "It must be a mapping from names to values.",
                    "For example: where={'style': 'speech'}, or config={'epochs': 40}.",
                    code="wrong-setting-type",
                )
        Config().changed(dict(self.config))

    def _compared(self) -> str:
        """Find the factor to compare: the copies, if there are several, or the only one."""
        several = [f for f in FACTORS if len(getattr(self, f)) > 1 and f != "protocol"]
        if "augment" in several or not several:
            return "augment"
        if len(several) > 1:
            raise ConfigurationError(
                f"A study received several levels of {listing(several)}, and no factor to compare.",
                "A study compares the levels of one factor; several levels of other factors repeat "
                "the comparison.",
                f"Add a factor, such as compare={several[-1]!r} (--compare {several[-1]}).",
                code="no-compared-factor",
            )
        return several[0]

    def trials(self) -> list[Trial]:
        """List every run, the baseline of the compared factor first."""
        grid = itertools.product(*(getattr(self, factor) for factor in FACTORS), self.seed)
        return [Trial(*levels) for levels in grid]

    def changed(self, **changes: Any) -> "Study":
        """Replace fields by name, such as `seed=(0,)`.

        The compared factor is determined again where only one level of it is left.
        """
        left = changes.get(self.compare, getattr(self, self.compare))
        if not isinstance(left, list | tuple | Mapping) or len(left) == 1:
            changes = {"compare": "", **changes}
        return dataclasses.replace(self, **changes)

    def level(self, factor: str, trial: Trial) -> Any:
        """Hand out what a trial's level stands for: an object, or the name itself."""
        name = getattr(trial, factor)
        return self.own.get(factor, {}).get(name, name)

    def record(self) -> dict[str, Any]:
        """Record the study for study.json: its levels by name, and what its objects are."""
        own = {
            factor: {name: levels.describe(factor, thing) for name, thing in objects.items()}
            for factor, objects in self.own.items()
        }
        record = vars(self) | {"where": dict(self.where), "config": dict(self.config), "own": own}
        return json.loads(json.dumps(record))  # as it will be read again

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Study":
        """Rebuild what `record` wrote, for reading: of objects there are only descriptions."""
        own: dict[str, dict[str, Any]] = {}
        for factor in FACTORS:
            lost = levels.unknown(factor, record[factor])
            own[factor] = {name: levels.Described(name=name) for name in lost}
            for name, kept in record["own"].get(factor, {}).items():
                own[factor][name] = levels.read(factor, kept)
        return cls(**{f.name: record[f.name] for f in dataclasses.fields(cls)} | {"own": own})

    def varied(self) -> list[str]:
        """Name the factors that have several levels, the compared one last."""
        several = [f for f in FACTORS if len(getattr(self, f)) > 1 and f != self.compare]
        return [*several, self.compare]


STUDIES: dict[str, Study] = {
    "r3-augmentation": Study(
        "Which augmentation helps male voices, in two and in five classes?",
        gender=("male",),
        grouping=("valence2", "basic5"),
        model=("conv1d", "compact"),
        augment=(
            "none", "r3_noise", "r3_pitch", "r3_shift", "r3_dynamic", "r3_stretch",
            "r3_noise+r3_shift", "r3_pitch+r3_noise",
        ),
        config={"optimizer": "adamw", "epochs": 40, "patience": 10},
        note="The reference system R3 trained for 700 epochs with SGD. This study uses AdamW with "
        "early stopping on validation speakers: the network is the same, the training is not. R3 "
        "added copies to the recordings; here an epoch visits each utterance once, as the original "
        "or as its copy, so that all recipes train for the same number of steps. A + combines both "
        "changes in one copy.",
    ),
    "gender": Study(
        "Does the gender of the training speakers matter?",
        compare="gender",
        gender=("all", "male", "female", "male>female", "female>male", "classes"),
        config={"epochs": 40, "patience": 10},
        note="male and female train and test on one gender, and thus on fewer speakers; "
        "male>female trains on men and tests women, female>male the reverse; classes predicts "
        "gender too, and is scored by emotion. Each is compared with all on the same test "
        "speakers. The table of scores lists the number of training speakers.",
    ),
    "grouping": Study(
        "Is it better to train in fewer classes, or to regroup?",
        compare="grouping",
        grouping=("emotion8", "merged_negative", "basic5", "valence3", "valence2"),
        config={"epochs": 40, "patience": 10},
    ),
}  # fmt: skip
