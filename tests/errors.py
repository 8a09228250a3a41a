"""Match errors by class and code; `test_error_messages.py` has the wording."""

from contextlib import contextmanager

import pytest


@contextmanager
def raises(kind, code, *values):
    """Expect an error of a class and code, whose message holds values such as a file or a count."""
    with pytest.raises(kind) as caught:
        yield caught
    Refusal(caught.value, caught.value.code).check(code, *values)


class Refusal(str):
    """What a refused command prints, and the code of its error."""

    def __new__(cls, text, code):
        made = super().__new__(cls, text)
        made.code = code
        return made

    def check(self, code, *values):
        assert self.code == code, self
        for value in values:
            assert value in self
