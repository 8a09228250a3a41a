"""Leakage audit: what test, validation and training sets share.

In: a manifest with `split`, or with `fold` and `val_folds`. Out: an `Audit`, whose findings name
the rows. A finding of severity `leak` invalidates the score as an estimate for new speakers; a
`note` is for information.
"""

import html
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sertk import manifest as manifests
from sertk import splits
from sertk.audit import duplicates
from sertk.errors import listing
from sertk.manifest import locations, remarks

_MOST_LISTED = 20  # findings of one kind, each of a fold, before the rest are counted together


@dataclass(frozen=True)
class Finding:
    """One leak or note, with the utterances it is about.

    Args:
        kind: str. Kind of finding, such as `"shared speakers"`.
        severity: `"leak"` or `"note"`.
        message: What was found.
        rows: list of the utterance_ids concerned.
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
        checked: What was compared, in words.
    """

    findings: list[Finding]
    checked: str

    @property
    def ok(self) -> bool:
        """Whether there is no leak."""
        return all(f.severity != "leak" for f in self.findings)

    def frame(self) -> pd.DataFrame:
        """One row per finding and utterance: `kind, severity, message, utterance_id`."""
        rows = [(f.kind, f.severity, f.message, row) for f in self.findings for row in f.rows]
        return pd.DataFrame(rows, columns=["kind", "severity", "message", "utterance_id"])

    def records(self) -> list[dict[str, object]]:
        """The findings for run.json: `kind, severity, message, rows` (a count), `reaches_test`."""
        return [{**vars(f), "rows": len(f.rows)} for f in self.findings]

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
            another name, header or format. `None` does so for the available files, `True`
            requires all files, `False` compares names and `sha256` only.

    Returns:
        The findings; `audit(...).ok` is True if there is no leak.

    Raises:
        ManifestError: If `split`, `fold` or `val_folds` holds a value without meaning, or sound
            is required and no folder is known for a corpus.
        AudioError: If sound is required, and no file can be read.

    Examples:
        >>> frame = pd.DataFrame({"utterance_id": ["a", "b"], "corpus": "x", "path": ["a", "b"],
        ...                       "speaker": ["ann", "ann"], "emotion": "sad",
        ...                       "split": ["train", "test"]})
        >>> print(audit(frame, compare_audio=False))
        Checked 2 utterances, 1 division, by name.
        leak: 1 speaker in both train and test: ann (2 utterances).
    """
    manifest = manifests.divided(remarks.put(manifest.assign(), division=[]))
    manifest = manifest.reset_index(drop=True)  # of several tables
    compared = duplicates.sound(manifest, compare_audio)
    sound = compared.keys
    findings = list(_told(manifest, splits.leaks(manifest, sound, locations.keys(manifest))))
    divisions = splits.folds(manifest) if {"fold", "split"} & set(manifest) else []
    findings += _notes(manifest, sound, divided=bool(divisions))
    if {"fold", "split"} <= set(manifest):
        message = (
            "the columns fold and split both divide the rows: the folds are compared here and used "
            "in training, split is not."
        )
        findings.append(Finding("two divisions", "note", message))
    if compared.missed.any():
        words = "files are missing or unreadable, so their audio is not compared"
        findings.append(_named("sound not compared", words, manifest[compared.missed], "note"))
    division = {0: "no division", 1: "1 division"}.get(len(divisions), f"{len(divisions)} folds")
    findings.sort(key=lambda finding: finding.severity)
    return Audit(findings, f"{len(manifest)} utterances, {division}, {compared.words}")


def _told(manifest: pd.DataFrame, leaks: Iterable[splits.Leak]) -> Iterator[Finding]:
    """Make findings of leaks; those of one kind in many folds are summarized."""
    ids = manifest["utterance_id"].to_numpy(object)
    counts: Counter[tuple[str, str, bool]] = Counter()
    rest: dict[tuple[str, str, bool], np.ndarray] = {}
    for leak in leaks:
        kind = (leak.kind, leak.severity, leak.reaches_test)
        counts[kind] += 1
        if counts[kind] > _MOST_LISTED:
            rest.setdefault(kind, np.zeros(len(ids), bool))[leak.rows] = True
            continue
        rows = ids[leak.rows].tolist()
        count = "" if leak.complete else f": {listing(rows)} ({len(rows)} rows)."
        yield Finding(leak.kind, leak.severity, f"{leak.message}{count}", rows, leak.reaches_test)
    for kind, chosen in rest.items():
        rows = ids[chosen].tolist()
        more = counts[kind] - _MOST_LISTED
        message = f"{kind[0]} {more} times more, in other folds ({len(rows)} rows)."
        yield Finding(kind[0], kind[1], message, rows, kind[2])


def _notes(manifest: pd.DataFrame, sound: pd.Series, *, divided: bool) -> Iterator[Finding]:
    if manifest["speaker"].isna().any():
        unknown = manifest[manifest["speaker"].isna()]
        yield Finding(
            "unknown speakers",
            "leak" if divided else "note",
            f"{len(unknown)} utterances have no speaker, so it is unknown whether speakers are "
            "kept apart.",
            unknown["utterance_id"].tolist(),
        )
    for words in remarks.of(manifest).division:
        yield Finding("division", "note", f"{words}.", manifest["utterance_id"].tolist())
    originals = manifest[~manifests.is_copy(manifest)]
    key = sound.reindex(originals.index)
    twice = originals[key.notna() & key.duplicated(keep=False)]
    if len(twice):
        yield _named("repeated sound", "the same audio has several names", twice, "note")
    contradicting = duplicates.contradictions(originals, key)
    if len(contradicting):
        emotions = listing(sorted(contradicting["emotion"].unique()), 12)
        message = f"one recording has several emotions ({emotions})"
        yield _named("contradictory labels", message, contradicting, "note")
    alike = duplicates.speakers(manifest)
    if alike:
        names = listing(["/".join(map(repr, group)) for group in alike])
        spelled = manifest["speaker"].astype(str).isin([name for group in alike for name in group])
        words = f"speakers have similar names, and leak if they are the same person ({names})"
        yield _named("speakers spelled alike", words, manifest[spelled], "note")
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
