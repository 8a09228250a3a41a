"""Names that are written in several ways: what is the same text, and what may be the same name.

In: a text. Out: its one form, or a key that is equal for names that differ in spelling alone.
"""

import re
import unicodedata


def composed(text: str) -> str:
    r"""Give the composed form (NFC) of a text, without spaces around it.

    macOS writes file names decomposed (NFD); the letters look the same and compare as different.

    Example:
        >>> composed(" a\u0308 ") == "\u00e4"
        True
    """
    return unicodedata.normalize("NFC", text).strip()


def key(text: str) -> str:
    """Give a key that is equal for names that look like one.

    Upper and lower case, spaces, underscores and hyphens, the normal form of letters and zeros
    before a number make no difference.

    Example:
        >>> key("Ann 01") == key("ann_1"), key("ann_1") == key("ann_2")
        (True, False)
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    plain = re.sub(r"[\s_-]+", "_", unicodedata.normalize("NFKC", folded)).strip("_")
    return re.sub(r"(?<!\d)0+(?=\d)", "", plain)
