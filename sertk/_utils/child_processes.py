"""Child processes that end with their parent process.

In: the number of the parent. Out: nothing; the child is killed as soon as the parent is gone.
What is written is written whole, so that the next process goes on with it.
"""

import ctypes
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from functools import cache

_LOOK_SECONDS = 1.0  # between looks at whether the parent lives, where the system does not tell
_PR_SET_PDEATHSIG = 1


@cache
def end_with(parent: int) -> None:
    """Let this process end with its parent."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # a C library without it
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we asked
        os._exit(1)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def command(module: str, *words: str) -> list[str]:
    """Write the command that runs a module of ours as a child of this process."""
    code = (
        "from sertk._utils.child_processes import end_with; import runpy; "
        f"end_with({os.getpid()}); "
        f"runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    )
    return [sys.executable, "-c", code, *words]
