"""B3: noise, pitch and shift on clips, and what a training epoch with copies costs."""

import os
from unittest import mock

import librosa
import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import sound
from benchmarks.record import Record, Setting, faster, not_slower
from benchmarks.timing import alternate
from sertk import augment, labels, splits
from sertk import manifest as manifests
from sertk.preprocessing import Preprocessing

_RATE = 16_000
_RECIPE = "noise+pitch+shift"


def measure(setting: Setting) -> list[Record]:
    """Compare the augmentation itself, then epochs with and without its copies."""
    return [*_transforms(setting), _training(setting)]


def _transforms(setting: Setting) -> list[Record]:
    count = setting.pick(1000, 4)
    rows, words = sound.recordings(setting, setting.pick(100, 4))
    prep = Preprocessing("log_mel", sample_rate=_RATE, trim_db=None)
    loaded = [prep.load(p) for p in manifests.paths(rows)]
    clips = [np.resize(loaded[k % len(loaded)], 3 * _RATE) for k in range(count)]

    def ours() -> None:
        for seed, clip in enumerate(clips):
            augment.apply(_RECIPE, clip, _RATE, seed)

    def published() -> None:
        generator = np.random.default_rng(0)
        for clip in clips:
            _published(clip.astype(np.float64), generator)

    def single() -> None:
        generator = np.random.default_rng(0)
        for clip in clips:
            _published(clip, generator)

    what = f"{_RECIPE} on {count:,} clips of 3 s at 16 kHz, one thread"
    with threadpool_limits(1):
        double_precision = alternate(ours, published, setting.repeats)
        single_precision = alternate(ours, single, setting.repeats)
    return [
        faster(
            double_precision.per(count), "B3", what,
            "R3's functions with librosa and numpy, in float64 as published", unit="s per clip",
            goal=1.3,
            notes=f"{words}, repeated or cut to 3 s; nine tenths of our time are Signalsmith "
            "Stretch moving the pitch; copies are made once and cached",
        ),
        faster(
            single_precision.per(count), "B3.single", what, "the same functions kept in float32",
            unit="s per clip", goal=1.3,
            notes="not as published: how far a rewrite of R3's functions would come",
        ),
    ]  # fmt: skip


def _published(clip: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """R3's noise, pitch and shift, with its ranges."""
    amplitude = 0.005 * generator.uniform() * clip.max()
    noise = generator.normal(size=len(clip)).astype(clip.dtype)
    noisy = clip + clip.dtype.type(amplitude) * noise
    moved = librosa.effects.pitch_shift(
        noisy, sr=_RATE, n_steps=4 * generator.uniform(), bins_per_octave=12
    )
    return np.roll(moved, int(generator.uniform(-5, 5) * 500))


def _training(setting: Setting) -> Record:
    """Time epochs of two fits, equal but for the copies, which were cached before."""
    import sertk

    backend = sertk.use_backend()
    import keras

    from sertk import datasets, models

    toy = splits.by_speaker(labels.apply(sound.toy(setting), "emotion8"), val=1, test=1)
    prep = Preprocessing("log_mel", clip_seconds=2.0)
    name, width = ("mlp", 0.1) if setting.quick else ("compact", 1.0)
    fits = []
    for recipe in (_RECIPE, None):
        with mock.patch.dict(os.environ, SERTK_CACHE=str(setting.work / "copies")):
            part = datasets.make(toy, prep, augment=recipe, copies=2).train
        net = models.build(name, part.input_shape, part.num_classes, width=width, seed=0)
        clip = keras.Input(part.item_shape)
        finished = clip
        for layer in prep.layers():
            finished = layer(finished)
        model = keras.Model(clip, net(finished))
        model.compile(optimizer="adam", loss="categorical_crossentropy")
        fits.append((model, part))

    def epoch(model: object, part: object) -> None:
        part.epoch += 1  # type: ignore[attr-defined]
        model.fit(part, epochs=1, verbose=0, shuffle=False)  # type: ignore[attr-defined]

    timing = alternate(lambda: epoch(*fits[0]), lambda: epoch(*fits[1]), setting.repeats)
    return not_slower(
        timing, "B3.epoch",
        f"an epoch of {name} on {len(fits[0][1].manifest)} utterances, each as itself or as one of "
        "two cached copies", "the same epoch without augmentation", unit="s per epoch", goal=1.15,
        notes=f"toy corpus, backend {backend}; an epoch visits every utterance once, as a copy or "
        "as itself",
    )  # fmt: skip
