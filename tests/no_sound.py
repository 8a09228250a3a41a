"""Refuse sound files in the repository, by what they hold and not only by their names."""

import subprocess
import sys
from pathlib import Path

_HEADS = (b"RIFF", b"fLaC", b"OggS", b"ID3", b"\xff\xfb", b"\xff\xf3")


def main() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, check=True).stdout
    sound = []
    for name in filter(None, listed.decode().split("\0")):
        path = Path(name)
        if path.is_file():
            with path.open("rb") as file:
                if file.read(4).startswith(_HEADS):
                    sound.append(name)
    if sound:
        sys.exit(f"Sound files do not belong in the repository: {', '.join(sound)}")


if __name__ == "__main__":
    main()
