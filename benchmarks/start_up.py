"""B6: how long `sertk --help` and `import sertk` take, against `import numpy`."""

import subprocess
import sys
from pathlib import Path

from benchmarks.record import Record, Setting, not_slower
from benchmarks.timing import Timing, alternate


def measure(setting: Setting) -> list[Record]:
    """Start fresh processes."""
    repeats = setting.pick(15, 1)
    script = Path(sys.executable).with_name("sertk")
    command = [str(script)] if script.is_file() else [sys.executable, "-m", "sertk"]
    peer = 'python -c "import numpy"'
    return [
        not_slower(
            _against_numpy([*command, "--help"], repeats), "B6", "sertk --help", peer,
            unit="s", goal=3,
        ),
        not_slower(
            _against_numpy([sys.executable, "-c", "import sertk"], repeats), "B6.import",
            'python -c "import sertk"', peer, unit="s", goal=1.5,
        ),
    ]  # fmt: skip


def _against_numpy(command: list[str], repeats: int) -> Timing:
    return alternate(
        lambda: _run(command), lambda: _run([sys.executable, "-c", "import numpy"]), repeats
    )


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
