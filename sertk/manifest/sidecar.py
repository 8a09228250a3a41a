"""The metadata file beside a manifest's CSV: the order of its classes.

In: a manifest and the path of its CSV file. Out: NAME.csv-metadata.json, the place that the W3C
recommendation on CSV names for metadata, or a manifest that took its classes from there.
"""

from pathlib import Path

import pandas as pd

from sertk._utils import atomic, json_records, plain_files, schemas
from sertk.errors import ManifestError, listing

_VERSION = 1


def path_of(table: Path) -> Path:
    """Name the file beside a table.

    Examples:
        >>> path_of(Path("ravdess.csv")).name
        'ravdess.csv-metadata.json'
    """
    return table.with_name(f"{table.name}-metadata.json")


def write(manifest: pd.DataFrame, table: Path) -> None:
    """Write the classes of a labeled manifest; remove what an earlier manifest left there."""
    target = path_of(table)
    label = manifest.get("label")
    if label is None or not isinstance(label.dtype, pd.CategoricalDtype):
        target.unlink(missing_ok=True)
        return
    classes = [str(name) for name in label.cat.categories]
    atomic.write_json(target, {"schema_version": _VERSION, "classes": classes})


def read(manifest: pd.DataFrame, table: Path) -> pd.DataFrame:
    """Order the labels of a manifest as the file beside it says, if there is one.

    Raises:
        ManifestError: If the file is damaged, or the manifest has other labels.
    """
    source = path_of(table)
    if "label" not in manifest or not plain_files.is_file(source):
        return manifest
    remedy = f"Delete {source.name}; labels are then in the order of their grouping, or sorted."
    try:
        classes = json_records.read(source, schemas.TableMetadata)["classes"]
    except json_records.DamagedError as error:
        raise ManifestError(
            f"Cannot read {source} ({error}).",
            "It lists the classes of the manifest.",
            remedy,
            code="unreadable-sidecar",
        ) from error
    other = sorted(set(manifest["label"].dropna()) - set(classes))
    if other:
        raise ManifestError(
            f"{table} has the labels {listing(other)}, which {source.name} does not list.",
            f"It lists {listing(classes, 20)}.",
            remedy,
            code="labels-outside-sidecar",
        )
    label = pd.Categorical(manifest["label"], categories=classes, ordered=True)
    return manifest.assign(label=label)
