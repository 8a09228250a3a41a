"""Listen to utterances with their spectrogram: alone, by emotion, by speaker, augmented."""

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sertk import augment
from sertk._display import drawing
from sertk._html import audio_player
from sertk._utils import seeding
from sertk.errors import ConfigurationError
from sertk.explore import selection
from sertk.explore.distributions import TRIM_DB, target_rms_db
from sertk.explore.pitch import median_pitch
from sertk.explore.spectrogram import draw_spectrogram, draw_waveform
from sertk.explore.tables import Table

RATE = audio_player.SAMPLE_RATE
_FACTS = ("utterance_id", "speaker", "gender", "emotion", "intensity", "text")


class SoundDisplay(Table):
    """Utterances to hear and to see, with what can be measured in them.

    Args:
        sounds: Caption -> row of the manifest and waveform at 16 kHz.
        title: Caption of the whole.
        note: One sentence below.
        top: Highest frequency drawn, in Hz.

    Attributes:
        waveforms: Caption -> waveform, shape (samples,), at 16 kHz.
    """

    decimals = 1

    def __init__(
        self,
        sounds: Mapping[str, tuple[pd.Series, np.ndarray]],
        title: str,
        note: str = "",
        top: float = 4000.0,
    ):
        self.waveforms = {name: waveform for name, (_, waveform) in sounds.items()}
        facts = [name for name in _FACTS if any(_known(row, name) for row, _ in sounds.values())]
        table = pd.DataFrame(
            [
                {
                    **{name: row[name] if _known(row, name) else None for name in facts},
                    "seconds": len(waveform) / RATE,
                    "target_rms_db": target_rms_db(waveform),
                    "pitch_hz": median_pitch(waveform, RATE),
                }
                for row, waveform in sounds.values()
            ],
            index=pd.Index(list(sounds), name="sound"),
        )
        super().__init__(table, title, note)
        self.top = top

    def _draw(self, ax: "drawing.Axes") -> None:
        ax.set_axis_off()
        if len(self.waveforms) > 1:
            self._draw_many(ax)
            return
        (waveform,) = self.waveforms.values()
        below, above = ax.inset_axes((0, 0, 1, 0.64)), ax.inset_axes((0, 0.7, 1, 0.3))
        draw_spectrogram(below, waveform, RATE, self.top)
        below.set_xlabel("time, s")
        below.set_ylabel("frequency, kHz")
        draw_waveform(above, waveform, RATE)
        above.tick_params(labelbottom=False)

    def _draw_many(self, ax: "drawing.Axes") -> None:
        """Put small spectrograms of one scale into the axes, row by row."""
        from matplotlib.ticker import MaxNLocator

        count = len(self.waveforms)
        wide = ax.get_window_extent().width > 500
        columns = min(count, math.ceil(count / 2) if count > 4 else count) if wide else 2
        rows = math.ceil(count / columns)
        gap = 0.02 if wide else 0.06
        width, height = (1 + gap) / columns - gap, (1 + 0.34 / rows) / rows - 0.34 / rows
        seconds = max(len(w) for w in self.waveforms.values()) / RATE
        # a number close to the right edge would touch the zero of the next panel
        ticks = MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(0, seconds)
        ticks = [tick for tick in ticks if 0 <= tick < 0.85 * seconds]
        for place, (name, waveform) in enumerate(self.waveforms.items()):
            row, column = divmod(place, columns)
            bottom = 1 - height - row * (height + 0.34 / rows)
            panel = ax.inset_axes((column * (width + gap), bottom, width, height))
            draw_spectrogram(
                panel, waveform, RATE, self.top, seconds=seconds,
                most_frames=220 if count < 4 else 130,
            )  # fmt: skip
            panel.set_title(self._heading(name), loc="left", fontsize=9, pad=3)
            panel.set_xticks(ticks)
            panel.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
            if column:
                panel.tick_params(labelleft=False)
            else:
                panel.set_ylabel("kHz")
            if place + columns < count:
                panel.tick_params(labelbottom=False)
            else:
                panel.set_xlabel("time, s")
        ax.set_title(ax.get_title("left"), loc="left", pad=20)

    def _heading(self, name: str) -> str:
        pitch = float(self._table["pitch_hz"][name])
        return name if np.isnan(pitch) else f"{name}, {pitch:.0f} Hz"

    def players(self) -> list[tuple[str, str, str]]:
        """Encode every sound: caption, what is known of it, and the source of its player."""
        return [
            (name, self._words(name), audio_player.source(waveform, RATE))
            for name, waveform in self.waveforms.items()
        ]

    def _words(self, name: str) -> str:
        row = {column: self._table[column][name] for column in self._table}
        words = [str(row["speaker"])] if "speaker" in row else []
        words += [f"{row['seconds']:.1f} s", f"{row['target_rms_db']:.0f} dB"]
        if not np.isnan(row["pitch_hz"]):
            words.append(f"{row['pitch_hz']:.0f} Hz")
        return ", ".join(words)

    def _body(self) -> str:
        cells = "".join(
            "<figure style='margin:0 1.2em .8em 0;width:17em'>"
            f"<figcaption><b>{html.escape(name)}</b><br><small>{html.escape(words)}</small>"
            f"</figcaption><audio controls preload='none' src='{source}' "
            "style='width:100%;height:36px'></audio></figure>"
            for name, words, source in self.players()
        )
        return f"<div style='display:flex;flex-wrap:wrap'>{cells}</div>"


def utterance(utterances: pd.DataFrame, utterance_id: str | None = None) -> SoundDisplay:
    """Hear one utterance, and see its waveform above its spectrogram.

    Args:
        utterances: A manifest whose files are there.
        utterance_id: Which; the first by default.

    Raises:
        ManifestError: If there is no such utterance, or no root folder is known.
        AudioError: If the file cannot be read.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from sertk import corpora
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     toy = corpora.scan("toy", Path(folder) / "toy", speakers=2, takes=1)
        ...     shown = utterance(toy, "toy_03-01-05-01-01-01-02")
        >>> shown.frame()[["speaker", "emotion"]].values.tolist()
        [['toy_02', 'angry']]
    """
    row = selection.one(utterances, utterance_id)
    words = ", ".join(str(row[n]) for n in ("speaker", "emotion", "text") if _known(row, n))
    sounds = {str(row["utterance_id"]): (row, selection.listen(utterances, row))}
    return SoundDisplay(sounds, words, top=8000.0)


def across_emotions(
    utterances: pd.DataFrame, *, speaker: str | None = None, text: str | None = None
) -> SoundDisplay:
    """Hear one speaker say the same sentence in every emotion.

    Where a corpus does not know its texts, it is one speaker's first utterance of each emotion.

    Args:
        utterances: A manifest whose files are there.
        speaker: Who; by default whoever has the most emotions.
        text: Which sentence, as in the column `text`.

    Raises:
        ManifestError: If no speaker has a sentence in two emotions.
        AudioError: If a file cannot be read.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from sertk import corpora
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     toy = corpora.scan("toy", Path(folder) / "toy", speakers=2, takes=1)
        ...     shown = across_emotions(toy, speaker="toy_01")
        >>> shown.frame().index.tolist()[:3]
        ['neutral', 'calm', 'happy']
    """
    rows = selection.across_emotions(utterances, speaker, text)
    same = _known(rows.iloc[0], "text") and rows["text"].nunique() == 1
    about = f"“{rows['text'].iloc[0]}”" if same else "different sentences"
    sounds = {
        str(r["emotion"]): (r, selection.listen(utterances, r, TRIM_DB)) for _, r in rows.iterrows()
    }
    title = f"{rows['speaker'].iloc[0]}, {about}, with the median pitch"
    return SoundDisplay(sounds, title, "" if same else "The manifest has no sentence in common.")


def across_genders(
    utterances: pd.DataFrame, *, emotion: str | None = None, text: str | None = None
) -> SoundDisplay:
    """Hear a woman beside a man, the same words in the same emotion.

    Args:
        utterances: A manifest whose files are there.
        emotion: Which; neutral by default, where there is any.
        text: Which sentence, as in the column `text`.

    Raises:
        ManifestError: If no woman and man share an emotion and a sentence.
        AudioError: If a file cannot be read.

    Examples:
        `sertk.explore.across_genders(utterances, emotion="sad").plot()`
    """
    rows = selection.across_genders(utterances, emotion, text)
    sounds = {
        str(r["gender"]): (r, selection.listen(utterances, r, TRIM_DB)) for _, r in rows.iterrows()
    }
    text = f", “{rows['text'].iloc[0]}”" if _known(rows.iloc[0], "text") else ""
    title = f"{rows['emotion'].iloc[0]}{text}: the harmonics of the higher voice are further apart"
    return SoundDisplay(sounds, title, top=3000.0)


def augmentations(
    utterances: pd.DataFrame,
    utterance_id: str | None = None,
    *,
    recipes: Sequence[Any] = ("noise", "pitch", "shift"),
    seed: int = 0,
) -> SoundDisplay:
    """Hear an utterance before and after augmentation.

    Args:
        utterances: A manifest whose files are there.
        utterance_id: Which; the first by default.
        recipes: Each as `sertk.augment.recipe` takes it, such as `"pitch+noise"`.
        seed: int. Seed of the copies; another seed draws other noise and another pitch.

    Raises:
        UnknownNameError: If there is no such recipe.
        ConfigurationError: If no recipe is named.
        AudioError: If the file cannot be read.

    Examples:
        `sertk.explore.augmentations(utterances, recipes=["pitch+noise"]).plot()`
    """
    if not recipes or isinstance(recipes, str):
        raise ConfigurationError(
            f"Received recipes={recipes!r}.",
            "It must be a list of at least one augmentation.",
            "For example: recipes=['noise', 'pitch'].",
            code="no-recipes",
        )
    row = selection.one(utterances, utterance_id)
    waveform = selection.listen(utterances, row, TRIM_DB)
    sounds = {"before": (row, waveform)}
    for recipe in recipes:
        name = str(augment.resolved(recipe).recipe)
        drawn = seeding.derive(seed, row["utterance_id"], name)
        sounds[name] = (row, augment.apply(recipe, waveform, RATE, drawn))
    return SoundDisplay(sounds, f"{row['utterance_id']}, before and after augmentation")


class PreviewDisplay(SoundDisplay):
    """An utterance before and after: waveforms of one scale above spectrograms of one length."""

    size = (8.0, 4.2)

    def _draw(self, ax: "drawing.Axes") -> None:
        ax.set_axis_off()
        top = 1.05 * max(float(np.abs(w).max()) for w in self.waveforms.values())
        seconds = max(len(w) for w in self.waveforms.values()) / RATE
        for column, (name, waveform) in enumerate(self.waveforms.items()):
            left = 0.52 * column
            above = ax.inset_axes((left, 0.7, 0.48, 0.3))
            below = ax.inset_axes((left, 0, 0.48, 0.62))
            draw_waveform(above, waveform, RATE)
            above.set_ylim(-max(top, 1e-3), max(top, 1e-3))
            above.set_xlim(0, seconds)
            above.set_title(self._heading(name), loc="left", fontsize=9, pad=3)
            above.tick_params(labelbottom=False)
            draw_spectrogram(below, waveform, RATE, self.top, seconds=seconds)
            below.set_xlabel("time, s")
            if column:
                above.set_ylabel("")
                above.tick_params(labelleft=False)
                below.tick_params(labelleft=False)
            else:
                below.set_ylabel("frequency, kHz")
        ax.set_title(ax.get_title("left"), loc="left", pad=20)


def preview(
    utterances: pd.DataFrame,
    recipe: Any,
    utterance_id: str | None = None,
    *,
    number: int | None = None,
    seed: int = 0,
) -> PreviewDisplay:
    """Hear and see what an augmentation does: waveform and spectrogram, before and after.

    Args:
        utterances: A manifest whose files are there.
        recipe: Name of a recipe or list of transforms; see `sertk.augment.recipe`.
        utterance_id: Which utterance; the first by default.
        number: Which entry of a set; `None` lets the seed draw one.
        seed: int. Seed of the copy; another seed draws other noise and another pitch.

    Raises:
        UnknownNameError: If there is no such recipe.
        AudioError: If the file cannot be read.

    Examples:
        `sertk.explore.preview(utterances, "pitch+noise").plot()`
    """
    row = selection.one(utterances, utterance_id)
    waveform = selection.listen(utterances, row, TRIM_DB)
    name = str(augment.resolved(recipe).recipe)
    drawn = seeding.derive(seed, row["utterance_id"], name)
    changed = augment.apply(recipe, waveform, RATE, drawn, number)
    sounds = {"before": (row, waveform), "after": (row, changed)}
    return PreviewDisplay(sounds, f"{row['utterance_id']}, {name}", top=8000.0)


def _known(row: pd.Series, name: str) -> bool:
    return name in row.index and not pd.isna(row[name])
