"""Suppress messages that libmpg123 prints about damaged MP3 frames.

libsndfile gives no way to silence its decoder, which writes to file descriptor 2. For the time of a
block the descriptor is a pipe, of which a thread passes on every line that is not the decoder's.
"""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# what it writes: "[src/libmpg123/layer3.c:...] error: ..." and, after an empty line, "Note: ..."
_DECODER = re.compile(rb"(Note|Warning|Hint): |\[.*libmpg123")
_lock = threading.Lock()
_users = 0
_restore: list[tuple[int, threading.Thread]] = []


@contextmanager
def mpeg_decoder() -> Iterator[None]:
    """Filter standard error while MP3 is decoded; threads share one filter."""
    global _users
    with _lock:
        _users += 1
        if _users == 1:
            with suppress(OSError):  # there is no standard error to filter
                _restore.append(_start())
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users and _restore:
                terminal, forwarder = _restore.pop()
                os.dup2(terminal, 2)  # closes the pipe's last writing end, which ends the thread
                forwarder.join()
                os.close(terminal)


def _start() -> tuple[int, threading.Thread]:
    terminal = os.dup(2)
    reading, writing = os.pipe()
    os.dup2(writing, 2)
    os.close(writing)
    forwarder = threading.Thread(target=_forward, args=(reading, terminal), daemon=True)
    forwarder.start()
    return terminal, forwarder


def _forward(reading: int, terminal: int) -> None:
    held, empty, begins = b"", b"", True  # part of a line; empty lines; whether a line begins
    while chunk := os.read(reading, 65536):
        passed = b""
        *lines, held = re.split(rb"(?<=\n)", held + chunk)
        for line in lines:
            if begins and line == b"\n":
                empty += line
            elif begins and _DECODER.match(line):
                empty = b""
            else:
                passed, empty = passed + empty + line, b""
            begins = True
        # what is no whole line and may not become one of the decoder's, such as a bar, passes
        if held and not (begins and held.startswith((b"[", b"N", b"W", b"H"))):
            passed, empty, held, begins = passed + empty + held, b"", b"", False
        _write(terminal, passed)
    _write(terminal, empty + (b"" if _DECODER.match(held) else held))
    os.close(reading)


def _write(terminal: int, content: bytes) -> None:
    with suppress(OSError):
        os.write(terminal, content)
