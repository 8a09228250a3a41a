"""Schemas of the JSON records: run.json, study.json, fit.json, bundles, exported models.

In: nothing. Out: types that `sertk._utils.json_records` holds a record against when it is read. An
entry that is not named here may be there, and nothing relies on it.
"""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from msgspec import Meta

# what stands in names of columns and on terminals: no control characters, and not a page of it
Name = Annotated[str, Meta(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Seed = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Fold = Annotated[int, Meta(ge=0, lt=2**31)]
Number = Annotated[float, Meta(ge=-1e100, le=1e100)]
Seconds = Annotated[float, Meta(ge=0, le=1e12)]
Plain = str | bool | Number | int | None


class Versioned(TypedDict):
    """The entry that every record has, read first: the others depend on it."""

    schema_version: Count


class TableMetadata(Versioned):
    """NAME.csv-metadata.json, beside a labeled manifest."""

    classes: Annotated[list[Name], Meta(min_length=1)]


class Protocol(TypedDict):
    """How speakers were divided."""

    name: Name
    leaky: bool
    sentence: str


class Network(TypedDict):
    """What was trained."""

    name: Name
    arguments: NotRequired[dict[str, Any]]
    parameters: Count


class Feature(TypedDict):
    """A feature and its parameters."""

    name: Name


class Sound(TypedDict):
    """How a recording becomes a clip; `sertk.preprocessing` checks the values."""

    feature: Feature
    sample_rate: NotRequired[Count]
    clip_seconds: NotRequired[Number]
    trim_db: NotRequired[Number | None]
    target_rms_db: NotRequired[Number | None]
    db_reference: NotRequired[Name]


class ExportedSound(Sound):
    """The same in an exported model, whose readers in other languages know no defaults."""

    sample_rate: Count  # type: ignore[misc]
    clip_seconds: Number  # type: ignore[misc]


class FoldSpeakers(TypedDict):
    """Who was in which split of a fold."""

    fold: Fold
    train: list[str]
    val: list[str]
    test: list[str]


class Fit(TypedDict):
    """How one fit went: fit.json, and an entry of run.json."""

    fold: Fold
    seed: Seed
    best_epoch: Count
    epochs: Count
    seconds: Seconds


class Finding(TypedDict):
    """One finding of the audit."""

    kind: str
    severity: Literal["leak", "note"]
    message: str
    rows: NotRequired[Count]
    reaches_test: NotRequired[bool]


class Unreadable(TypedDict):
    """A file that was left out."""

    utterance_id: str
    path: str
    reason: str


class Environment(TypedDict):
    """The software and the machine."""

    python: NotRequired[str | None]
    backend: NotRequired[str | None]
    device: NotRequired[str | None]
    platform: NotRequired[str | None]
    cpu_count: NotRequired[Count | None]
    packages: NotRequired[dict[str, str]]


class Figure(TypedDict):
    """A published score."""

    score: str
    protocol: str


class Difference(TypedDict):
    """Where a recipe and its original differ."""

    what: str
    original: str
    here: str
    why: str


class Repeated(TypedDict):
    """Which published system a run repeats."""

    title: str
    stamps: list[str]
    stopped: str
    published: list[Figure]
    differences: list[Difference]
    changed: dict[str, Any]


class Copies(TypedDict):
    """How training utterances were augmented."""

    name: NotRequired[str]
    copies: NotRequired[Count]


class Run(Versioned):
    """run.json."""

    sertk_version: NotRequired[str]
    status: Name
    corpora: Annotated[list[Name], Meta(min_length=1)]
    synthetic: bool
    grouping: str
    grouping_note: NotRequired[str]
    classes: Annotated[list[Name], Meta(min_length=1)]
    dropped: NotRequired[dict[str, Count]]
    model: Network
    preprocessing: Sound
    training: dict[str, Plain]
    augmentation: NotRequired[Copies | None]
    standardize: Name
    protocol: Protocol
    folds: NotRequired[list[FoldSpeakers]]
    seeds: Annotated[list[Seed], Meta(min_length=1)]
    fits: NotRequired[list[Fit]]
    audit: NotRequired[list[Finding]]
    unreadable: NotRequired[list[Unreadable]]
    environment: NotRequired[Environment | None]
    recipe: NotRequired[Repeated | None]
    init_from: NotRequired[str | None]
    command: NotRequired[str | None]
    git_commit: NotRequired[str | None]
    data_sha256: NotRequired[str | None]
    started: NotRequired[str | None]
    finished: NotRequired[str | None]
    wall_seconds: NotRequired[Seconds | None]
    peak_memory_mb: NotRequired[Number | None]


class Study(TypedDict):
    """study.json; the levels of each factor are checked by `sertk.studies`."""

    question: str
    compare: str
    corpus: list[str]
    gender: list[str]
    grouping: list[str]
    feature: list[str]
    model: list[str]
    augment: list[str]
    protocol: list[str]
    seed: list[Seed]
    folds: Count
    val: Count
    copies: Count
    standardize: str
    where: dict[str, str | list[str]]
    config: dict[str, Plain]
    note: str
    own: dict[str, dict[str, dict[str, Any]]]
    data: dict[str, Plain]
    command: str | None
    environment: Environment
    git_commit: str | None


class Grouping(TypedDict):
    """A grouping of a study's own."""

    mapping: dict[str, str]
    optional: list[str]
    note: str


class Model(Versioned):
    """What an exported model says of itself: spec.json, and metadata of ONNX and OpenVINO."""

    sertk_version: NotRequired[str]
    classes: Annotated[list[Name], Meta(min_length=1, max_length=10_000)]
    preprocessing: ExportedSound
    clip_aggregation: Name
    model: NotRequired[str]
    corpora: NotRequired[list[Name]]
    synthetic: NotRequired[bool]
    license: NotRequired[str]
    weights_sha256: NotRequired[str]
    run: NotRequired[str]
    fold: NotRequired[Fold]
    seed: NotRequired[Seed]
    clip_only: NotRequired[bool]


class Bundle(Versioned):
    """bundle.json: the files of a bundle and their sums."""

    sertk_version: NotRequired[str]
    sha256: dict[str, str]


class Shard(TypedDict):
    """index.json of a shard of the cache, and the record of a part of one.

    Spectra are `[key, frames, crc32]` in their order, unreadable files `[key, reason, whether
    ffmpeg was installed]`.
    """

    rows: list[tuple[str, Count, Count]]
    unreadable: list[tuple[str, str, bool]]


class Profile(TypedDict):
    """The file of an enrolled speaker."""

    model: str
    count: Annotated[int, Meta(ge=1)]
    shape: list[Count]
    mean: list[float]


class Curve(TypedDict):
    """A row of robustness.json."""

    title: str
    level: Number
    unit: str
    uar: Number | None
    change: Number | None


class Robustness(TypedDict):
    """robustness.json."""

    note: str
    rows: list[Curve]


class Progress(TypedDict):
    """How far a fit has come, in its state."""

    history: list[dict[str, Number]]
    best: list[float]
    best_epoch: Count
    seconds: Seconds
