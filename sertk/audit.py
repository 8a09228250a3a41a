"""Look for leaks: what the test set shares with training or validation.

In: a manifest with `split`, or with `fold` and `val_folds`. Out: an `Audit`, whose findings name
the rows. A finding of severity `leak` makes the score mean something else than it says; a `note`
is worth knowing.
"""

import dataclasses
import html
from collections.abc import Iterator
from dataclasses import dataclass, field

import pandas as pd

from sertk import _alike, _places, splits
from sertk import manifest as manifests
from sertk.errors import listing


@dataclass(frozen=True)
class Finding:
    """One leak or note, with the utterances it is about.

    Args:
        kind: In a word or two.
        severity: `"leak"` or `"note"`.
        message: What was found.
        rows: Of these utterances.
        reaches_test: The test set is part of it; a leak that does not flatters selection alone.
    """

    kind: str
    severity: str
    message: str
    rows: list[str] = field(default_factory=list)
    reaches_test: bool = True


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        findings: Leaks first.
        checked: What was looked at, in words.
    """

    findings: list[Finding]
    checked: str

    @property
    def ok(self) -> bool:
        """Whether there is no leak."""
        return all(f.severity != "leak" for f in self.findings)

    def frame(self) -> pd.DataFrame:
        """One row per finding and utterance: `kind, severity, message, utterance_id`."""
        rows = [
            (f.kind, f.severity, f.message, utterance)
            for f in self.findings
            for utterance in f.rows
        ]
        return pd.DataFrame(rows, columns=["kind", "severity", "message", "utterance_id"])

    def records(self) -> list[dict[str, object]]:
        """The findings for run.json: `kind, severity, message, rows` (a count), `reaches_test`."""
        return [{**dataclasses.asdict(f), "rows": len(f.rows)} for f in self.findings]

    def __str__(self) -> str:
        lines = [f"{f.severity}: {f.message}" for f in self.findings]
        return "\n".join([f"Checked {self.checked}.", *(lines or ["Nothing found."])])

    def _repr_html_(self) -> str:
        items = "".join(
            f"<li><b>{f.severity}</b> {html.escape(f.message)}</li>" for f in self.findings
        )
        listed = items or "<li>Nothing found.</li>"
        return f"<p>Checked {html.escape(self.checked)}.</p><ul>{listed}</ul>"


def audit(manifest: pd.DataFrame, *, compare_audio: bool | None = None) -> Audit:
    """Find shared speakers, identical sound and copies across splits, and val that is test.

    Args:
        manifest: Rows with `split`, or with `fold` and `val_folds`; with neither, only
            duplicates are looked for.
        compare_audio: Decode every file and compare the samples, which finds copies under
            another name, header or format. `None` does so for the files that are at hand,
            `True` requires them, `False` compares names and `sha256` alone.

    Returns:
        The findings; `audit(...).ok` says whether there is no leak.

    Raises:
        ManifestError: If `split`, `fold` or `val_folds` holds a value without meaning, or sound
            is required and no folder is known for a corpus.
        AudioError: If sound is required, and no file can be read.

    Example:
        >>> frame = pd.DataFrame({"utterance_id": ["a", "b"], "corpus": "x", "path": ["a", "b"],
        ...                       "speaker": ["ann", "ann"], "emotion": "sad",
        ...                       "split": ["train", "test"]})
        >>> print(audit(frame, compare_audio=False))
        Checked 2 utterances, 1 division, by name.
        leak: 1 speaker in both train and test: ann (2 utterances).
    """
    manifest = manifests.divided(manifest).reset_index(drop=True)  # of several tables
    compared = _alike.sound(manifest, compare_audio)
    sound = compared.keys
    views: list[tuple[int | None, pd.DataFrame]] = []
    if "fold" in manifest:
        views = [(k, splits.in_fold(manifest, k)) for k in splits.folds(manifest)]
    elif "split" in manifest:
        views = [(None, manifest)]
    found = [
        dataclasses.replace(finding, reaches_test=_any_tested(view, finding))
        for fold, view in views
        for finding in _leaks(view, sound, fold)
    ]
    found += [finding for fold, view in views for finding in _unselected(view, fold)]
    found += _notes(manifest, sound, divided=bool(views))
    if compared.missed.any():
        words = "files are missing or cannot be read, so that their sound is not compared"
        found.append(_named("sound not compared", words, manifest[compared.missed], "note"))
    division = (
        "1 division" if len(views) == 1 else f"{len(views)} folds" if views else "no division"
    )
    found.sort(key=lambda finding: finding.severity)
    return Audit(found, f"{len(manifest)} utterances, {division}, {compared.words}")


def _any_tested(view: pd.DataFrame, finding: Finding) -> bool:
    return bool((view["split"] == "test")[view["utterance_id"].isin(finding.rows)].any())


def _leaks(view: pd.DataFrame, sound: pd.Series, fold: int | None) -> Iterator[Finding]:
    name = "" if fold is None else f"fold {fold}, "
    for (a, b), speakers in splits.shared_speakers(view).items():
        rows = view[view["speaker"].isin(speakers) & view["split"].isin([a, b])]
        noun = "speaker" if len(speakers) == 1 else "speakers"
        yield Finding(
            "shared speakers",
            "leak",
            f"{name}{len(speakers)} {noun} in both {a} and {b}: {listing(speakers)} "
            f"({len(rows)} utterances).",
            rows["utterance_id"].tolist(),
        )
    if "parent" in view:
        home = dict(zip(view["utterance_id"], view["split"], strict=True))
        parent = view["parent"].map(home)
        across = view[view["parent"].notna() & (parent != view["split"])]
        evaluated = view[view["parent"].notna() & (view["split"] != "train")]
        if len(across):
            yield _named("augmented copies", f"{name}augmented copies stand in another split than "
                         "their originals", across)  # fmt: skip
        elif len(evaluated):
            yield _named("augmented copies", f"{name}augmented copies are validated or tested on",
                         evaluated)  # fmt: skip
    alike = {
        "identical sound": sound,
        "identical utterances": _places.keys(view),
    }
    originals = view["parent"].isna() if "parent" in view else pd.Series(True, index=view.index)
    for kind, key in alike.items():
        known = view[key.notna() & originals].assign(key=key)
        spread = known.groupby("key")["split"].transform("nunique") > 1
        if spread.any():
            yield _named(kind, f"{name}{kind} in more than one split", known[spread])
    if fold is not None:
        both = (view["split"] == "test") & splits.validates(view, fold)
        if both.any():
            yield _named(
                "val == test", f"{name}utterances both validate and are tested", view[both]
            )


def _unselected(view: pd.DataFrame, fold: int | None) -> Iterator[Finding]:
    """Name the classes that selection does not see."""
    if "label" not in view:
        return
    of = {split: set(view.loc[view["split"] == split, "label"]) for split in ("train", "val")}
    absent = sorted(of["train"] - of["val"])
    if of["val"] and absent:
        name = "" if fold is None else f"fold {fold}, "
        message = f"{name}no validation speaker has {listing(absent)}: selection does not see it."
        rows = view[(view["split"] == "train") & view["label"].isin(absent)]
        yield Finding("unselected classes", "note", message, rows["utterance_id"].tolist())


def _notes(manifest: pd.DataFrame, sound: pd.Series, *, divided: bool) -> Iterator[Finding]:
    if manifest["speaker"].isna().any():
        unknown = manifest[manifest["speaker"].isna()]
        yield Finding(
            "unknown speakers",
            "leak" if divided else "note",
            f"{len(unknown)} utterances name no speaker, so nobody can tell whether speakers are "
            "kept apart.",
            unknown["utterance_id"].tolist(),
        )
    for words in manifest.attrs.get("division", ()):
        yield Finding("division", "note", f"{words}.", manifest["utterance_id"].tolist())
    originals = manifest[~manifests.is_copy(manifest)]
    key = sound.reindex(originals.index)
    twice = originals[key.notna() & key.duplicated(keep=False)]
    if len(twice):
        yield _named("repeated sound", "the same sound stands under several names", twice, "note")
    contradicting = _alike.contradictions(originals, key)
    if len(contradicting):
        emotions = listing(sorted(contradicting["emotion"].unique()), 12)
        message = f"one recording has several emotions ({emotions})"
        yield _named("contradictory labels", message, contradicting, "note")
    alike = _alike.speakers(manifest)
    if alike:
        names = listing(["/".join(map(repr, group)) for group in alike])
        spelt = manifest["speaker"].astype(str).isin([name for group in alike for name in group])
        words = f"speakers are spelt alike, and leak into each other if they are one ({names})"
        yield _named("speakers spelt alike", words, manifest[spelt], "note")
    scripted = manifest[manifest.get("style", pd.Series("", manifest.index)) == "scripted"]
    if "text" in scripted:
        texts = scripted.dropna(subset=["text"])
        spoken = texts.groupby("text")["speaker"].transform("nunique") > 1
        if spoken.any():
            words = (
                "scripted texts are spoken by several speakers, so words may give the emotion away"
            )
            yield _named("repeated texts", words, texts[spoken], "note")


def _named(kind: str, message: str, rows: pd.DataFrame, severity: str = "leak") -> Finding:
    ids = rows["utterance_id"].tolist()
    return Finding(kind, severity, f"{message}: {listing(ids)} ({len(ids)} rows).", ids)
