"""Normal forms of names: Unicode composition, and keys that ignore spelling variants.

In: a text. Out: its one form, or a key that is equal for names that differ in spelling alone.
"""

import re
import unicodedata


def composed(text: str) -> str:
    r"""Give the composed form (NFC) of a text, without spaces around it.

    macOS writes file names decomposed (NFD); the letters look the same and compare as different.

    Examples:
        >>> composed(" a\u0308 ") == "\u00e4"
        True
    """
    return unicodedata.normalize("NFC", text).strip()


def key(text: str) -> str:
    """Give a key that is equal for names that look like one.

    Upper and lower case, the normal form of letters, invisible characters, zeros before a number
    and `.0` behind it make no difference, nor do spaces, underscores and hyphens but between two
    digits.

    Examples:
        >>> key("Ann 01") == key("ann1") == key("ann_1.0"), key("ann_1") == key("ann_2")
        (True, False)
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    shown = (c for c in unicodedata.normalize("NFKC", folded) if unicodedata.category(c) != "Cf")
    plain = re.sub(r"[\s_-]+", "_", "".join(shown)).strip("_")
    plain = re.sub(r"(?<=\d)\.0+$", "", plain)  # of a table that held numbers and empty cells
    apart = re.sub(r"(?<!\d)_|_(?!\d)", "", plain)
    return re.sub(r"(?<!\d)0+(?=\d)", "", apart)
