"""Handle Ctrl-C, also during compiled code.

In: a command in a block. Out: a `KeyboardInterrupt` out of it, though a backend called us back from
where exceptions cannot leave, and an end without the crash that its threads may make of it.
"""

import atexit
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

_AGAIN_SECONDS = 1.0


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise `KeyboardInterrupt` on Ctrl-C, and again until it has left the block."""
    plain = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not plain or threading.current_thread() is not threading.main_thread():
        yield  # whoever set another handler knows why: nohup, a notebook, a test
        return
    asked = False
    hook = sys.unraisablehook

    def stop(*_: Any) -> NoReturn:
        nonlocal asked
        asked = True
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
        raise KeyboardInterrupt

    def dropped(unraisable: Any) -> None:
        if not isinstance(unraisable.exc_value, KeyboardInterrupt):
            hook(unraisable)

    # Python drops an exception in a callback of compiled code, or while garbage is collected
    signal.signal(signal.SIGINT, stop)
    alarm = signal.signal(signal.SIGALRM, stop)
    sys.unraisablehook = dropped
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, alarm)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.unraisablehook = hook
        if asked:
            # a backend stopped in the middle may crash when its threads are taken apart
            atexit.register(_leave)


def take_as_the_end() -> None:
    """Let Ctrl-C in the rest of a `stoppable` block be how it ends, and no failure."""
    if callable(signal.getsignal(signal.SIGINT)):  # it is not ignored
        with suppress(ValueError):  # only the main thread receives it
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)
