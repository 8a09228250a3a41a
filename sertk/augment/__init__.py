"""Augmented copies of training utterances: noise, pitch, shift, presets of published systems.

In: a divided manifest, or a waveform. Out: rows for the copies, each with its `parent`, or the
changed waveform. A copy's sound depends on nothing but its utterance_id, which carries the
recipe, the seed and a number: it is the same whatever the order and the number of workers.
"""

import itertools
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sertk._utils import seeding
from sertk.augment import folders, noises, presets
from sertk.augment.compose import Compose
from sertk.augment.config import Augmentation
from sertk.augment.fingerprints import named
from sertk.augment.registry import FUNCTIONS as _WORDS
from sertk.augment.registry import TRANSFORMS, Step, pipeline
from sertk.augment.transforms import (
    FROM_FOLDER,
    WAVEFORM_TRANSFORMS,
    background,
    noise_between,
    room,
    speed_between,
)
from sertk.errors import ConfigurationError, UnknownNameError

__all__ = [
    "Augmentation", "apply", "background", "copies", "named", "names", "noise_between",
    "recipe", "resolved", "room", "size", "speed_between", "with_copies",
]  # fmt: skip

FUNCTIONS = {**_WORDS, **WAVEFORM_TRANSFORMS}  # words that are made here
_USUAL_COUNT = 2  # copies of each utterance, where the recipe is no set


def names() -> list[str]:
    """List recipes: words, which are joined by `+` such as `pitch+noise`, and whole recipes.

    Each entry of a set is a recipe too: `r5:pitch`, `mixnoise:park`. Words that take a folder of
    recordings are not among them: `background@FOLDER`, `room@FOLDER`.
    """
    return sorted([*TRANSFORMS, *FUNCTIONS, *presets.NAMED, *presets.PRESETS])


def recipe(name: str | Sequence[Any] | Compose) -> dict[str, tuple[Step, ...]]:
    """Build what a recipe does: the steps of its one kind of copy, or of each kind of a set.

    Args:
        name: Words, joined by `+` and applied in that order:

            - `noise` (white, 10 to 30 dB SNR), `pitch` (up to two semitones either way), `shift`
              (up to 0.1 s either way, silence moves in), `reverb` (a room that rings 0.2 to 0.8 s,
              the level kept), `strong_noise` (0 to 10 dB), `steady_noise` (0 to 40 dB, from hiss to
              rumble), `stretch` (0.8 to 1.25 times the tempo, the pitch kept), `speed_pitch` (0.9
              to 1.1 times as fast, pitch and all), `speed` (0.87 to 1.15 times), `voice` (0.8 to
              1.25 times: a taller or smaller speaker), `dynamic` (the level wanders by up to 6 dB
              either way), `gain` (by up to 12 dB either way), `trim_shift` (up to 0.1 s cut off
              either end), `part` (0.8 to 2.6 s of what is longer), `excerpt` (0.5 to 1.5 s),
              `telephone` (300 to 3,400 Hz in 8 bits), `colored_noise` (white, pink or brown at 0 to
              25 dB SNR), `band_limit` (to 2.5 to 7 kHz, half of the time without what lies below
              100 to 400 Hz), `time_mask` and `band_mask` (up to a tenth of the time, or of the mel
              scale, silent; what hides parts of the spectrogram itself are the settings `time_mask`
              and `freq_mask`);
            - with recordings, in any format that is read: `background@FOLDER` (noise at 0 to 20 dB
              SNR), `room@FOLDER` (an impulse response, the level kept); joined, such as
              `pitch+background@FOLDER`, the folder stands last;
            - of reference system R3: `r3_noise` (0.005 U(0, 1) of the maximum, white), `r3_shift`
              (rolled up to 57 ms either way), `r3_stretch` (to 1.25 times the length),
              `r3_pitch` (0 to 4 semitones up), `r3_dynamic` (1.5 to 3 times as loud),
              `r3_speed_pitch` (played up to 1.25 times as fast, the end silent).

            Or a whole recipe: `light` (pitch, shift and noise, each to half of the copies),
            `strong` (stretch, pitch, dynamic, reverb, strong_noise and time_mask, likewise),
            `field` (voice, band_limit, part and steady_noise, likewise: recordings as they come
            from elsewhere than a studio), `everyday` (speed to half of the copies, pitch to 30 %,
            excerpt, reverb and telephone to a quarter each, colored_noise to 60 %), or a set, of
            which copy number n gets the n-th entry:

            - `r3`, of reference system R3: `noise` and `pitch`, which are `r3_noise` and
              `r3_pitch`;
            - `r5`, of reference system R5: `noise` (0.01 U(0, 1) of the maximum, white), `pitch`
              (0 to 4 semitones up, the level kept), `shift` (whole fifths of a second, up to
              0.8 s either way, silence moves in), `slow` (0.8 times the tempo), `fast` (1.2
              times, silent ends cut, the level kept), `left_trim` and `right_trim` (silence 40 dB
              below the loudest frame is cut; preprocessing that trims has left none);
            - `mixnoise`, of reference system R1: `cafeteria`, `kitchen`, `river` and `square` at
              0 dB SNR, `park` and `traffic` at 6, `restaurant` at 10, and `reverb`. The noises
              are synthetic, only shaped like each place; `mixnoise@FOLDER` takes recordings:
              `FOLDER/park*.wav` or `FOLDER/park/*.wav`, in any format that is read, under the
              name of the place or its name in DEMAND.

            `SET:ENTRY` is one entry, for every copy: `r5:pitch`, `mixnoise:park@FOLDER`.

            Or a list of transforms: functions `(waveform, sample_rate, generator) -> waveform`,
            objects of audiomentations, or words, applied in that order.

    Returns:
        Entry -> its steps; one entry, named as the recipe, unless it is a set.

    Raises:
        UnknownNameError: If a word names no transform.
        ConfigurationError: If a whole recipe is joined to something else, or a folder of noises
            lacks some.

    Examples:
        >>> list(recipe("noise+pitch")), list(recipe("r5"))[:3]
        (['noise+pitch'], ['noise', 'pitch', 'shift'])
    """
    if not isinstance(name, str):
        chain = name if isinstance(name, Compose) else _composed(name)
        return {chain.name: chain.steps}
    plain, at, folder = name.partition("@")
    whole, colon, entry = plain.partition(":")
    with_folder = [word for word in plain.split("+") if word in FROM_FOLDER]
    if at and (not folder or (whole != "mixnoise" and len(with_folder) != 1)):
        raise ConfigurationError(
            f"The augmentation {name!r} has {'a' if folder else 'no'} folder after @.",
            "Only mixnoise takes a folder after @: one of noise recordings, or one of the words "
            f"{', '.join(FROM_FOLDER)}.",
            "For example: mixnoise@corpora/demand, or pitch+background@corpora/demand.",
            code="unexpected-noise-folder",
        )
    if with_folder and not at:
        raise ConfigurationError(
            f"The augmentation {name!r} has no folder.",
            f"{with_folder[0]} reads recordings from a folder.",
            f"Write {plain}@FOLDER.",
            code="no-noise-folder",
        )
    if whole not in presets.PRESETS:
        return {name: _words(plain, folder)}
    functions = noises.mixed_from(folder) if at else presets.PRESETS[whole]
    if colon and entry not in functions:
        raise UnknownNameError("augmentation", plain, [f"{whole}:{e}" for e in functions])
    return {e: pipeline((f,)) for e, f in functions.items() if entry in ("", e)}


def _words(name: str, folder: str) -> tuple[Step, ...]:
    chances = presets.NAMED.get(name)
    words = tuple(name.split("+") if chances is None else chances)
    joined = [*TRANSFORMS, *FUNCTIONS, *FROM_FOLDER]
    unknown = [word for word in words if word not in joined]
    if not unknown:
        steps = {
            w: FROM_FOLDER[w](folder) if w in FROM_FOLDER else FUNCTIONS.get(w, w) for w in words
        }
        # neighbors with the same chance are drawn together
        alike = itertools.groupby(words, key=lambda word: 1.0 if chances is None else chances[word])
        drawn = [pipeline([steps[w] for w in group], chance) for chance, group in alike]
        return tuple(step for joined in drawn for step in joined)
    whole = unknown[0].partition(":")[0]
    if len(words) > 1 and (whole in presets.NAMED or whole in presets.PRESETS):
        parts = f", or {'+'.join(presets.NAMED[whole])}" if whole in presets.NAMED else ""
        raise ConfigurationError(
            f"The augmentation {name!r} combines {unknown[0]!r} with another transform.",
            f"{whole} is a complete augmentation; + joins only {', '.join(joined)}.",
            f"Use {unknown[0]} alone{parts}.",
            code="unjoinable-recipe",
        )
    raise UnknownNameError("augmentation", unknown[0], names())


def _composed(transforms: Sequence[Any]) -> Compose:
    def named(word: str) -> tuple[str, tuple[Step, ...]]:
        entries = recipe(word)
        if len(entries) > 1:
            raise ConfigurationError(
                f"The list of transforms contains the set {word!r}.",
                "A set makes each copy with a different transform; a list applies all its "
                "transforms to every copy.",
                "Use one entry of the set, such as "
                f"{presets.entry_name(word, next(iter(entries)))}.",
                code="set-in-transforms",
            )
        return _label(word), next(iter(entries.values()))

    return Compose(transforms, named)


def resolved(
    augment: str | Sequence[Any] | Augmentation, classes: Collection[str] = ()
) -> Augmentation:
    """Make an `Augmentation` from any accepted form of the argument `augment`.

    Args:
        augment: Name of a recipe, a list of transforms, or an `Augmentation`.
        classes: The labels there are, of which an `Augmentation` may choose.

    Raises:
        UnknownNameError: If there is no such recipe, or no such label.
        ConfigurationError: As for `recipe`.

    Examples:
        >>> resolved("noise").recipe
        'noise'
    """
    result = augment if isinstance(augment, Augmentation) else Augmentation(augment)
    for label in result.only or ():
        if label not in classes:
            raise UnknownNameError("label", label, classes)
    if not isinstance(result.recipe, (str, Compose)):
        return Augmentation(_composed(result.recipe), result.only, result.on_the_fly)
    recipe(result.recipe)
    return result


def apply(
    name: str | Sequence[Any] | Compose,
    waveform: np.ndarray,
    sample_rate: int,
    seed: int,
    number: int | None = None,
) -> np.ndarray:
    """Augment a waveform.

    Args:
        name: Name of an augmentation, or a list of transforms.
        waveform: shape (samples,), float32.
        sample_rate: int, Hz.
        seed: The same seed gives the same samples, in any process and thread.
        number: Which entry of a set; `None` lets the seed draw one. It changes nothing else.

    Returns:
        A waveform, float32; of the same length unless the recipe stretches or trims.

    Raises:
        UnknownNameError: If there is no such recipe.
        ConfigurationError: If the set has no such entry, or a recording of noise is unreadable.

    Examples:
        >>> wave = np.sin(np.arange(8000, dtype="float32") / 9)
        >>> noisy = apply("noise", wave, 16_000, seed=1)
        >>> bool((noisy == apply("noise", wave, 16_000, seed=1)).all()), noisy.shape
        (True, (8000,))
        >>> apply("r5", wave, 16_000, seed=1, number=3).shape  # the fourth entry: slow
        (10000,)
    """
    entries = recipe(name)
    kinds = list(entries)
    if len(kinds) > 1:
        chosen = seeding.derive(seed, "entry") % len(kinds) if number is None else number
        _check_count(str(name), kinds, chosen + 1)
    else:
        chosen = 0
    for place, step in enumerate(entries[kinds[chosen]]):
        waveform = step(waveform, sample_rate, seeding.derive(seed, place) if place else seed)
    return waveform


def is_of_recordings(name: object) -> bool:
    """Tell whether a recipe changes recordings as they are, before silent ends are trimmed.

    What it changes is then prepared as any other recording: offset, ends and level.

    Examples:
        >>> is_of_recordings("everyday"), is_of_recordings("noise")
        (True, False)
    """
    return name in presets.OF_RECORDINGS


def size(name: str | Sequence[Any] | Compose) -> int:
    """Return a recipe's default number of copies of each utterance: for a set, one of each entry.

    Examples:
        >>> size("r5"), size("mixnoise"), size("noise")
        (7, 8, 2)
    """
    kinds = len(recipe(name))
    return kinds if kinds > 1 else _USUAL_COUNT


def copies(
    manifest: pd.DataFrame,
    augment: str | Sequence[Any] | Augmentation,
    *,
    count: int | None = None,
    seed: int = 0,
    splits: Collection[str] = ("train",),
) -> pd.DataFrame:
    """List the augmented copies of the training rows; their audio is not computed yet.

    Args:
        manifest: Originals with `split`.
        augment: Name of a recipe, a list of transforms, or an `Augmentation`, which may be for
            some labels only.
        count: Copies of each row; `None` is one of each entry of a set, and 2 of another recipe.
            A set takes its first so many entries.
        seed: int. Seed of the copies' random draws.
        splits: Splits whose rows are copied; those of validation too, where a model is fitted on
            them in the end.

    Returns:
        Rows of the copies alone, with `parent`, `augmentation`, `copy` and `seed`. Their
        utterance_id is opaque: nothing parses it. It holds a fingerprint of recordings or of a
        list of transforms, so that others are other copies.

    Raises:
        UnknownNameError: If there is no such recipe, or no such label.
        ConfigurationError: If the manifest is not divided, `count` is not positive or larger
            than the set, or a folder of noises lacks some or holds unreadable ones.

    Examples:
        >>> frame = pd.DataFrame({"utterance_id": ["a", "b"], "split": ["train", "test"]})
        >>> copies(frame, "noise", count=1)[["utterance_id", "parent"]].values.tolist()
        [['a~noise.0.0', 'a']]
        >>> len(copies(frame, "r5"))
        7
    """
    augmentation = resolved(augment, manifest["label"].unique() if "label" in manifest else ())
    name: Any = augmentation.recipe
    kinds = list(recipe(name))
    count = size(name) if count is None else count
    if count < 1:
        raise ConfigurationError(
            f"{count} copies of each utterance were requested.",
            "An augmentation makes at least one copy.",
            "Omit the augmentation (augment=None, no --augment) to train on the originals only.",
            code="invalid-copy-count",
        )
    if len(kinds) > 1:
        _check_count(str(name), kinds, count)
    if "split" not in manifest:
        raise ConfigurationError(
            "Augmentation of a manifest without splits was requested.",
            "Only training rows are augmented, so the manifest must be split first.",
            "Call sertk.splits.by_speaker(manifest) first.",
            code="undivided-manifest",
        )
    originals = manifest[manifest["split"].isin(list(splits))]
    if augmentation.only is not None:
        originals = originals[originals["label"].isin(augmentation.only)]
    label = _free(f"~{_label(name)}.{seed}", originals["utterance_id"], manifest, count)
    tables = []
    for n in range(count):
        names = originals["utterance_id"] + f"{label}.{n}"
        drawn = [seeding.derive(0, utterance) for utterance in names]
        tables.append(
            originals.assign(
                utterance_id=names, parent=originals["utterance_id"], augmentation=name, copy=n,
                seed=pd.array(drawn, "Int64"),
            )
        )  # fmt: skip
    return pd.concat(tables, ignore_index=True)


def with_copies(
    manifest: pd.DataFrame, augment: str | list[Any] | Augmentation | None, count: int, seed: int,
    *, splits: Collection[str] = ("train",),
) -> pd.DataFrame:  # fmt: skip
    """Append the copies of the rows of some splits; none for on-the-fly augmentation."""
    if augment is None or (isinstance(augment, Augmentation) and augment.on_the_fly):
        return manifest
    augmented = copies(manifest, augment, count=count, seed=seed, splits=splits)
    return pd.concat([manifest, augmented], ignore_index=True)


def _free(label: str, originals: pd.Series, manifest: pd.DataFrame, count: int) -> str:
    """Lengthen a label until no copy gets the name of an utterance of the manifest."""
    taken = set(manifest["utterance_id"])
    while any(f"{name}{label}.{n}" in taken for name in originals for n in range(count)):
        label = f"~{label}"
    return label


def _label(name: str | Compose) -> str:
    """Name a recipe inside an utterance_id, wherever its folder of recordings is."""
    plain, _, folder = str(name).partition("@")
    if not folder:
        return plain
    if plain.partition(":")[0] == "mixnoise":
        return f"{plain}@{noises.fingerprint(folder)}"
    files = [("", file) for file in folders.sounds(folder)]
    return f"{plain}@{folders.fingerprint(Path(folder).expanduser(), files)}"


def _check_count(name: str, kinds: list[str], count: int) -> None:
    if count > len(kinds):
        raise ConfigurationError(
            f"{count} copies of each utterance with {name!r} were requested.",
            f"This set makes {len(kinds)}: one each of {', '.join(kinds)}.",
            f"Request at most {len(kinds)} copies, or use a single entry, such as "
            f"{presets.entry_name(name, kinds[0])}.",
            code="too-many-copies",
        )
