"""What sertk says to a mistake: make the mistake, and keep the three sentences apart.

In: words of the command line, or a function that raises. Out: `Said`, with what was received,
what is needed and what to do. The troubleshooting page is made of them, so it cannot go stale.
"""

import contextlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest import mock

from sertk.cli import main
from sertk.errors import SertkError


@dataclass(frozen=True)
class Said:
    """One mistake and its message: what was done, and the parts of the answer."""

    did: str
    kind: str
    received: str
    needed: str = ""
    remedy: str = ""

    @property
    def whole(self) -> str:
        return " ".join(part for part in (self.received, self.needed, self.remedy) if part)


@dataclass
class Listener:
    """Make mistakes, and note what is said to them.

    Args:
        folder: Where the mistakes are made; it is left out of what is noted.
    """

    folder: Path
    heard: dict[str, Said] = field(default_factory=dict)

    @contextlib.contextmanager
    def listening(self) -> Iterator["Listener"]:
        """Keep the parts of every error that is made meanwhile."""
        made = SertkError.__init__

        def keep(error: SertkError, received: str, needed: str = "", remedy: str = "") -> None:
            made(error, received, needed, remedy)
            kind = type(error).__name__
            self.heard[str(error)] = Said("", kind, received, needed, remedy)

        with mock.patch.object(SertkError, "__init__", keep), contextlib.chdir(self.folder):
            yield self

    def run(self, words: object, show: object = None) -> Said:
        """Give words to the command line, which must refuse them.

        Args:
            words: After `sertk`, as one text or as a sequence.
            show: What the page shows instead of them.
        """
        split = words.split() if isinstance(words, str) else [str(w) for w in words]  # type: ignore[attr-defined]
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(split)
        last = err.getvalue().rstrip("\n").split("\n")[-1]
        if status == 0 or not last.startswith("sertk: "):
            raise RuntimeError(f"sertk {split} was not refused: {err.getvalue()}")
        return self._noted(last.removeprefix("sertk: "), f"sertk {show or _quoted(split)}")

    def call(self, function: Callable[[], object], show: str) -> Said:
        """Call a function, which must raise."""
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                function()
        except SertkError as error:
            return self._noted(str(error), show)
        raise RuntimeError(f"{show} did not raise")

    def within(self, line: str, show: str) -> Said:
        """Find the error that a line of output repeats."""
        whole = max((text for text in self.heard if text in line), key=len)
        return self._noted(whole, show)

    def _noted(self, whole: str, did: str) -> Said:
        said = self.heard[whole]
        parts = [self._without_folder(t) for t in (did, said.received, said.needed, said.remedy)]
        return replace(said, did=parts[0], received=parts[1], needed=parts[2], remedy=parts[3])

    def _without_folder(self, text: str) -> str:
        for folder in (self.folder, self.folder.resolve()):
            text = text.replace(f"{folder}/", "").replace(str(folder), ".")
        return text


def _quoted(words: list[str]) -> str:
    return " ".join(f"'{word}'" if not word or set(word) & set(" *{}|;\"") else word
                    for word in words)  # fmt: skip
