"""Match paths with a layout pattern in linear time.

In: a layout such as `{emotion}/{speaker}_*.wav`. Out: the fields of a path, or nothing. A regular
expression would try every way to share a name among many wildcards.
"""

import re

_PIECES = re.compile(r"(\{[^{}]*\}|\*)")


class Layout:
    """A layout to match with paths below a root; letters of either case are alike.

    Args:
        text: Folders and file with fields in braces; a field takes as little as it can, one letter
            at least, and `*` takes anything, both within one name.
    """

    def __init__(self, text: str):
        self._names = [_PIECES.split(name) for name in text.strip("/").split("/")]

    @property
    def fields(self) -> list[str]:
        """Name the fields, in their order."""
        return [p[1:-1] for pieces in self._names for p in pieces if p.startswith("{")]

    def match(self, path: str) -> dict[str, str] | None:
        """Read the fields of a path; `None` if it has another form."""
        names = path.split("/")
        if len(names) != len(self._names):
            return None
        found: dict[str, str] = {}
        for pieces, name in zip(self._names, names, strict=True):
            fields = _match(pieces, name)
            if fields is None:
                return None
            found |= fields
        return found


def _match(pieces: list[str], name: str) -> dict[str, str] | None:
    # bit p of rests[k] says whether pieces[k:] match name[p:]
    rests = [1 << len(name)]
    for piece in reversed(pieces):
        after = rests[-1]
        if piece == "*":
            rests.append((1 << after.bit_length()) - 1)
        elif piece.startswith("{"):
            rests.append(((1 << after.bit_length()) - 1) >> 1)
        else:
            rests.append(_places(piece, name) & (after >> len(piece)))
    rests.reverse()
    if not rests[0] & 1:
        return None
    found, place = {}, 0
    for piece, after in zip(pieces, rests[1:], strict=True):
        if piece == "*":
            place = after.bit_length() - 1  # as much as it can
        elif piece.startswith("{"):
            later = after >> (place + 1)
            end = place + (later & -later).bit_length()  # as little as it can
            found[piece[1:-1]] = name[place:end]
            place = end
        else:
            place += len(piece)
    return found


def _places(piece: str, name: str) -> int:
    """Mark where a piece of plain text stands in a name, a bit for each place."""
    if not piece:
        return (1 << (len(name) + 1)) - 1
    starts = re.finditer(f"(?={re.escape(piece)})", name, re.IGNORECASE)
    return sum(1 << found.start() for found in starts)
