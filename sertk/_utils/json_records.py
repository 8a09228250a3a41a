"""Read and validate JSON records that may be damaged, truncated or written by others.

In: JSON, and the schema of `sertk._utils.schemas` that it must fit. Out: plain dictionaries, lists
and numbers, or a `DamagedError` that says in a few words what is wrong and where. The reader says
of which file, and what to do.
"""

from pathlib import Path
from typing import Any

from sertk._utils import plain_files, schemas
from sertk.errors import ModelError

_DEEPEST = 50  # levels of nesting; records of ours have five
_TOO_DEEP = "it is nested too deeply"


class DamagedError(ValueError):
    """What is wrong with a record, in a few words."""


def read(path: Path, schema: Any, defaults: dict[str, Any] | None = None) -> Any:
    """Read a record from a file; `defaults` are entries that older versions did not write."""
    try:
        text = plain_files.content(path)
    except (OSError, ValueError) as error:
        raise DamagedError(getattr(error, "strerror", None) or str(error)) from error
    return parse(text, schema, defaults)


def parse(
    text: bytes | str,
    schema: Any,
    defaults: dict[str, Any] | None = None,
    *,
    deepest: int = _DEEPEST,
) -> Any:
    """Read a record from its text; see `read`.

    Examples:
        >>> parse('{"seed": 3}', dict[str, int])
        {'seed': 3}
        >>> parse('{"seed": NaN}', dict[str, int])
        Traceback (most recent call last):
        sertk._utils.json_records.DamagedError: JSON is malformed: invalid character (byte 9)
    """
    import msgspec

    try:
        record = msgspec.json.decode(text)
        if defaults and isinstance(record, dict):
            record = {**defaults, **record}
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise DamagedError(str(error).rstrip(".")) from error
    except RecursionError as error:
        raise DamagedError(_TOO_DEEP) from error
    require(record, schema, deepest)
    return record


def of_model(text: bytes | str, newest: int, source: object) -> dict[str, Any]:
    """Read a record that belongs to an exported model; refuse one that a newer sertk wrote."""
    record: dict[str, Any] = parse(text, schemas.Versioned)
    version = record["schema_version"]
    if version > newest:
        raise ModelError(
            f"{source} was written by sertk {record.get('sertk_version')} (schema {version}).",
            f"This version of sertk reads schemas up to {newest}.",
            "Upgrade sertk.",
            code="newer-model-schema",
        )
    return record


def require(record: Any, schema: Any, deepest: int = _DEEPEST) -> None:
    """Hold a record against a schema; raise a `DamagedError` if it does not fit."""
    import msgspec

    _require_shallow(record, deepest)
    try:
        msgspec.convert(record, schema)
    except msgspec.ValidationError as error:
        raise DamagedError(str(error).rstrip(".")) from error


def _require_shallow(record: Any, deepest: int) -> None:
    level, depth = [record], 0
    while level:
        depth += 1
        if depth > deepest:
            raise DamagedError(_TOO_DEEP)
        inside = [v for v in level if isinstance(v, dict | list)]
        level = [item for v in inside for item in (v.values() if isinstance(v, dict) else v)]
