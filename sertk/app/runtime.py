"""The JavaScript runtime of the page: three files of the npm package onnxruntime-web, pinned.

In: the package as npm fetched it, a folder or a .tgz. Out: the files, each checked against the
sha256 below, so that no other code gets onto the page. They are 14 MB, and not in the
repository: `make app` fetches them once.
"""

import hashlib
import tarfile
import zlib
from pathlib import Path

from sertk._utils import atomic, plain_files
from sertk.errors import ConfigurationError

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
FOLDER = Path(__file__).parent / "vendor"
_WASM = "ort-wasm-simd-threaded"
SHA256 = {
    "ort.wasm.min.mjs": "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b",
    f"{_WASM}.mjs": "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
    f"{_WASM}.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}

_LARGEST = 2**27  # bytes of one file of the runtime; it has 13 MB


def read(source: str | Path | None = None) -> dict[str, bytes]:
    """Read the runtime, and check that it is the pinned one.

    Args:
        source: A folder that holds the files (`dist` of the npm package, say), or the .tgz that
            `npm pack` fetched; where `make app` put them by default.

    Returns:
        Name -> content.

    Raises:
        ConfigurationError: If a file is missing, or is not of the pinned version.
    """
    place = FOLDER if source is None else Path(source).expanduser()
    files = _unpacked(place) if place.is_file() else _inside(place)
    missing = [name for name in SHA256 if name not in files]
    if missing:
        raise ConfigurationError(
            f"The page's runtime is missing: {', '.join(missing)} in "
            f"{'the installed package' if source is None else place}.",
            f"The runtime is {PACKAGE} {VERSION} from npm (14 MB); the Python package does not "
            "include it.",
            f"Run `make app` in the repository, or `npm pack {PACKAGE}@{VERSION}` anywhere and "
            f"pass --runtime {PACKAGE}-{VERSION}.tgz.",
            code="missing-runtime",
        )
    for name, expected in SHA256.items():
        if hashlib.sha256(files[name]).hexdigest() != expected:
            raise ConfigurationError(
                f"{name} in {place} does not belong to {PACKAGE} {VERSION}.",
                "The page requires the published files of exactly this version; their sha256 is "
                "pinned.",
                f"Download it again: `make app`, or `npm pack {PACKAGE}@{VERSION}`.",
                code="wrong-runtime-version",
            )
    return files


def _inside(folder: Path) -> dict[str, bytes]:
    places = (folder, folder / "dist", folder / "package" / "dist")
    files = [place / name for place in places for name in SHA256]
    return {file.name: file.read_bytes() for file in files if file.is_file()}


def _unpacked(archive: Path) -> dict[str, bytes]:
    """Read the runtime's files from npm's archive into memory; ignore its other entries."""
    files = {}
    try:
        with plain_files.opened(archive) as opened, tarfile.open(fileobj=opened) as tar:
            for name in SHA256:
                file = tar.extractfile(f"package/dist/{name}")
                if file is not None:
                    files[name] = file.read(_LARGEST)
    except (tarfile.TarError, OSError, EOFError, KeyError, zlib.error) as error:
        raise ConfigurationError(
            f"{archive} does not contain the runtime ({str(error) or type(error).__name__}).",
            f"It must be the archive that `npm pack {PACKAGE}@{VERSION}` downloads.",
            "Download it again.",
            code="damaged-runtime-archive",
        ) from error
    return files


def keep(source: str | Path) -> Path:
    """Put the runtime where the page looks for it; `make app` calls this."""
    return _write(FOLDER, read(source))


def _write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        atomic.folder((folder / name).parent)
        with atomic.whole(folder / name) as temporary:
            temporary.write_bytes(content)
    return folder
