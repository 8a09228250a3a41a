"""Read and write bundles in memory, with checks.

In: a zip that `sertk export --to bundle` wrote, or that somebody says it did. Out: its files. Names
that lead anywhere, files that are larger than a model, and contents that are not as they were
written are refused; nothing in it is run.
"""

import hashlib
import io
import zipfile
from pathlib import Path

from sertk._utils import json_records, plain_files, schemas, zip_archives
from sertk.errors import ModelError

SCHEMA_VERSION = 1
INDEX = "bundle.json"
WEIGHTS = ".safetensors"  # suffix of an encoder's file, where the model keeps none of its own
NEEDED = ("model.onnx", "spec.json", "MODEL_CARD.md", "LICENSE.txt")
# a bundle is inflated into memory: what unfolds to more is no model of this toolkit
_LIMITS = zip_archives.Limits(files=100, size=2**30)


def read(path: str | Path) -> dict[str, bytes]:
    """Read every file of a bundle.

    Returns:
        Name -> content.

    Raises:
        ModelError: If it is no bundle, lacks a file, was changed, or was written by a newer sertk.
    """
    path = Path(path).expanduser()
    try:
        with plain_files.opened(path) as file, zipfile.ZipFile(file) as archive:
            entries = zip_archives.entries(archive, _LIMITS, safe=_stays_inside)
            files = {entry.filename: archive.read(entry) for entry in entries}
    except zip_archives.UNREADABLE as error:
        raise _refused(path, str(error).rstrip(".") or type(error).__name__) from error
    if why := fault(files, path):
        raise _refused(path, why)
    return files


def fault(files: dict[str, bytes], path: Path) -> str:
    """Say why files are no bundle; nothing if they are one.

    Args:
        files: Name -> content.
        path: What to call it in messages.

    Raises:
        ModelError: If a newer sertk wrote them.
    """
    if INDEX not in files:
        return f"its {INDEX} is missing"
    try:
        index = json_records.of_model(files[INDEX], SCHEMA_VERSION, path)
        json_records.require(index, schemas.Bundle)
    except json_records.DamagedError as error:
        return f"its {INDEX} is damaged: {error}"
    sums = index["sha256"]
    missing = [name for name in NEEDED if name not in files]
    if missing:
        return f"missing files: {', '.join(missing)}"
    strange = sorted(set(files) - set(sums) - {INDEX})
    if strange:
        return f"{strange[0]} is not in its index"
    for name, expected in sums.items():
        if name not in files or hashlib.sha256(files[name]).hexdigest() != expected:
            return f"{name} was changed"
    return ""


def packed(files: dict[str, bytes]) -> bytes:
    """Make one zip of files, its index among them; the same files give the same bytes."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return sink.getvalue()


def _stays_inside(name: str) -> bool:
    return not ("/" in name or "\\" in name or name.startswith(".") or ":" in name)


def _refused(path: Path, why: str) -> ModelError:
    return ModelError(
        f"Cannot use {path} as a bundle ({why}).",
        "A bundle is an unchanged zip file written by `sertk export RUN --to bundle`.",
        "Copy it again, or export the run again.",
        code="damaged-bundle",
    )
