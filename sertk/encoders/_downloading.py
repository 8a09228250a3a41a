"""Download the weights of an encoder: resumable, with a checksum, and converted at the end.

In: the name of published weights. Out: a file of safetensors. What an interrupted download has
received stays beside it, under a name that ends with .part, and is continued by the next one.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from sertk import encoders
from sertk._utils import atomic
from sertk.encoders import _converting, _published, _weights
from sertk.errors import ModelError, OutputError

if TYPE_CHECKING:
    import filelock

_OFFICIAL = "https://openaipublic.azureedge.net/main/whisper/models"
_CHUNK = 2**14  # bytes; a broken connection loses what it received of one
_TIMEOUT = 60  # seconds without a byte


def download(name: str, to: Path, *, base_url: str | None, progress: bool) -> Path:
    """Fetch, check and convert; see `sertk.encoders.download`."""
    module = _published.module_of(name)
    if name not in module.DOWNLOADS:
        raise ModelError(
            f"There is no single file of {name} to download.",
            f"Its license is: {module.LICENSES[name]}.",
            "Download its folder from Hugging Face, and convert it: sertk encoder convert FOLDER "
            f"{name}{encoders.SUFFIX} --name {name}",
            code="encoder-not-downloadable",
        )
    target = to / f"{name}{encoders.SUFFIX}"
    if _is_whole(target):
        return target
    file, sha256 = module.DOWNLOADS[name]
    url = f"{base_url.rstrip('/')}/{file}" if base_url else f"{_OFFICIAL}/{sha256}/{file}"
    atomic.folder(to)
    partial = to / f".{file}.part"
    with _only_one(partial, name):
        _fetch(url, partial, progress)
        _check(url, partial, sha256)
        _converting.convert(partial, target, name=name, blocks=None, license=None, origin=url)
        partial.unlink()
    return target


def _is_whole(target: Path) -> bool:
    """Return whether a file of weights has every block."""
    if not target.is_file():
        return False
    try:
        record = _weights.read_metadata(target)
    except ModelError:
        return False
    return bool(record["blocks"] == record["config"]["blocks"])


def _only_one(partial: Path, name: str) -> "filelock.BaseFileLock":
    """Hold the lock of a download, which two processes must not write at once."""
    import filelock

    with atomic.into(partial):
        lock = filelock.FileLock(partial.with_suffix(".lock"), timeout=0)
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise ModelError(
                f"Another process downloads {name} into {partial.parent}.",
                "Only one process at a time can write the file.",
                "Wait for it to finish.",
                code="encoder-download-in-use",
            ) from error
    return lock


def _fetch(url: str, partial: Path, progress: bool) -> None:
    """Request what is missing of a file, and append it."""
    import requests

    try:
        with atomic.into(partial):
            _append(url, partial, progress)
    except (requests.RequestException, OSError) as error:
        if isinstance(error, OutputError):
            raise
        received = partial.stat().st_size if partial.is_file() else 0
        raise ModelError(
            f"Cannot download {url} ({type(error).__name__}: {error}).",
            f"{received / 1e6:.1f} MB of it are kept in {partial.parent}.",
            "Run the same command again to resume, or pass a mirror: base_url=.",
            code="encoder-download-failed",
        ) from error


def _append(url: str, partial: Path, progress: bool) -> None:
    import requests
    from tqdm import tqdm

    have = partial.stat().st_size if partial.is_file() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
        if have and answer.status_code == requests.codes.requested_range_not_satisfiable:
            return  # it is complete; its checksum decides
        answer.raise_for_status()
        if answer.status_code != requests.codes.partial_content:
            have = 0  # the server sends the whole file again
        rest = answer.headers.get("Content-Length")
        total = have + int(rest) if rest else None
        bar = tqdm(total=total, initial=have, unit="B", unit_scale=True, disable=not progress)
        with bar, partial.open("ab" if have else "wb") as file:
            for chunk in answer.iter_content(_CHUNK):
                file.write(chunk)
                bar.update(len(chunk))


def _check(url: str, partial: Path, sha256: str) -> None:
    """Remove a file that is not the published one."""
    with partial.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        partial.unlink()
        raise ModelError(
            f"{url} has the sha256 {found}.",
            f"The published file has {sha256}.",
            "The download was deleted. Try again, or use another mirror.",
            code="wrong-encoder-checksum",
        )
