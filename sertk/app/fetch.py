"""Download the page's JavaScript runtime with npm: `make app`, or `python -m sertk.app.fetch`.

In: npm. Out: the pinned files where the page looks for them. Nothing of the package is run: npm
packs it, and three files are taken out of the archive.
"""

import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from sertk._utils import temporary_names
from sertk.app import runtime
from sertk.errors import ConfigurationError, SertkError


def fetch() -> Path:
    """Fetch the runtime, unless it exists.

    Returns:
        The folder of its files.

    Raises:
        ConfigurationError: If npm is missing or fails, or brings something else.
    """
    with suppress(ConfigurationError):
        runtime.read()
        return runtime.FOLDER
    npm = shutil.which("npm")
    package = f"{runtime.PACKAGE}@{runtime.VERSION}"
    if npm is None:
        raise ConfigurationError(
            "npm is not installed.",
            f"The page's runtime is {package}, an npm package.",
            "Install Node.js, which includes npm; or download the package elsewhere, and pass "
            "--runtime.",
            code="npm-not-installed",
        )
    with temporary_names.workspace() as folder:
        words = [npm, "pack", package, "--silent", "--pack-destination", str(folder)]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
        archives = sorted(folder.glob("*.tgz"))
        if done.returncode or not archives:
            raise ConfigurationError(
                f"npm pack {package} failed ({(done.stderr.strip() or 'no archive')[-300:]}).",
                "npm needs access to a package registry.",
                "Try again, or download the package elsewhere, and pass --runtime.",
                code="npm-pack-failed",
            )
        return runtime.keep(archives[0])


def main() -> int:
    """Fetch the runtime, and print its path."""
    try:
        sys.stdout.write(f"Runtime: {fetch()}\n")
    except SertkError as error:
        sys.stderr.write(f"sertk: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
