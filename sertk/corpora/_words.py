"""Emotion words in several languages and spellings, and their canonical form."""

import unicodedata
from collections.abc import Mapping

from sertk.errors import CorpusError
from sertk.labels import EMOTIONS

_SYNONYMS = {
    "neutral": "neutrality neu",
    "calm": "calmness relaxed",
    "happy": "happiness joy joyful hap",
    "sad": "sadness sorrow",
    "angry": "anger ang",
    "fearful": "fear afraid scared fea",
    "disgust": "disgusted dis",
    "surprised": "surprise surprising sur pleasant_surprise pleasant_surprised ps",
    "bored": "boredom boring",
    "excited": "excitement exc",
    "frustrated": "frustration fru",
    "anxious": "anxiety nervous",
}
CANONICAL = {
    **{word: emotion for emotion, words in _SYNONYMS.items() for word in words.split()},
    **{emotion: emotion for emotion in EMOTIONS},
}


class Words:
    """Translate emotion words; the user's mapping goes before the common synonyms.

    Args:
        own: Word -> canonical word (or a word of the corpus's own), or word -> `None` to leave
            its recordings out. Upper and lower case are the same.

    Examples:
        >>> words = Words({"Tense": "anxious", "other": None})
        >>> [words.known(w) for w in ("Anger", "tense", "other", "hmm")]
        [True, True, True, False]
        >>> words.emotion("Anger"), words.emotion("other")
        ('angry', None)
    """

    def __init__(self, own: Mapping[str, str | None] | None = None):
        self._map: dict[str, str | None] = {
            **CANONICAL,
            **{_plain(word): emotion for word, emotion in (own or {}).items()},
        }

    def known(self, word: str) -> bool:
        """Tell whether a word is an emotion."""
        return _plain(word) in self._map

    def emotion(self, word: str) -> str | None:
        """Give the canonical word; `None` where the user left it out."""
        return self._map[_plain(word)]


def all_excluded(what: str) -> CorpusError:
    """Build the error for a scan that `emotions=` leaves without files or rows."""
    return CorpusError(
        f"No {what} remain.",
        "emotions= excludes all of them.",
        "Keep some of the words.",
        code="all-emotions-excluded",
    )


def _plain(word: str) -> str:
    word = unicodedata.normalize("NFC", word)
    return "_".join(word.strip().lower().replace("-", " ").replace("_", " ").split())
