"""Check an error by its class and code; `test_error_messages.py` checks the wording."""

from contextlib import contextmanager

import pytest


@contextmanager
def raises(kind, code, *values):
    """Expect an error of a class with a code, whose message holds some values.

    Args:
        kind: Class of the error.
        code: Its code, such as `"shared-speakers"`.
        *values: Parts of the message that the test is about, such as a file name or a count.
    """
    with pytest.raises(kind) as caught:
        yield caught
    assert caught.value.code == code, str(caught.value)
    for value in values:
        assert value in str(caught.value)


class Refusal(str):
    """The line a refused command prints, with the code of its error."""

    def __new__(cls, line, code):
        """Keep the code beside the line."""
        made = super().__new__(cls, line)
        made.code = code
        return made
