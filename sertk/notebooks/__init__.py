"""Execute notebooks with parameters, and write them as pages.

In: a notebook with one cell tagged `parameters`, and values for some of them. Out: the executed
notebook and an HTML page that needs nothing else, in the run folder or wherever asked.
Names and types are checked before anything runs.
"""

import ast
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sertk._utils import plain_files, atomic
from sertk.errors import ConfigurationError, NotebookError, UnknownNameError
from sertk.notebooks import declared

__all__ = ["new_folder", "parameters", "read_words", "run"]

_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "list": (list, tuple),
    "dict": (dict,),
}
_NEEDS = ("papermill", "nbconvert", "ipykernel")


def run(path: str | Path, /, *, output: str | Path | None = None, **parameters: Any) -> Path:
    """Execute a notebook with some of its parameters changed.

    Progress of the notebook goes to standard error while it runs. What was executed is written
    even when a cell fails.

    Args:
        path: The notebook.
        output: Folder to write into. By default it is the notebook's own run folder: the value
            of its parameter `folder`; where that is empty, the folder below `runs/` in which
            the same notebook with the same values was stopped or failed, else a new one.
            `runs/notebooks` for a notebook without that parameter.
        **parameters: Values of its parameters, by name.

    Returns:
        The HTML page; the executed notebook is in the same folder.

    Raises:
        ConfigurationError: If there is no such notebook, a value is of the wrong type, or the
            extra `notebooks` is not installed.
        UnknownNameError: If the notebook has no parameter of that name.
        NotebookError: If a cell fails.

    Examples:
        `sertk.notebooks.run("notebooks/03_train.ipynb", corpus="ravdess", epochs=40)`
    """
    source = _found(path)
    schema = _inspect(source)
    _check_names(source, schema, parameters)
    _check_types(source, schema, parameters)
    folder = _folder(source, output, schema, parameters)
    if "folder" in schema:
        parameters = {**parameters, "folder": parameters.get("folder") or str(folder)}
    atomic.folder(folder)
    executed = folder / source.name
    if executed.resolve() == source.resolve():
        raise ConfigurationError(
            f"The output {executed} is the notebook itself.",
            "The executed notebook must not overwrite its source.",
            "Choose another folder (-o).", code="notebook-overwrites-itself",
        )

    from sertk.notebooks import page

    failure = _execute(source, executed, parameters)
    chosen = [(p["name"], parameters.get(p["name"], _value(p)), p["help"]) for p in schema.values()]
    written = page.write(executed, chosen)
    if failure is not None:
        raise failure
    return written


def parameters(path: str | Path) -> dict[str, Any]:
    """Return the parameters of a notebook: name -> default.

    Raises:
        ConfigurationError: If there is no such notebook.

    Examples:
        `sertk.notebooks.parameters("notebooks/03_train.ipynb")["epochs"]`
    """
    return {name: _value(parameter) for name, parameter in _inspect(_found(path)).items()}


def read_words(path: str | Path, words: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Convert command-line words to the types that the notebook declares.

    Args:
        path: The notebook.
        words: Pairs of name and text.

    Returns:
        Name -> value; text that cannot be read as its type stays text, for `run` to refuse.

    Raises:
        UnknownNameError: If the notebook has no parameter of that name.
    """
    pairs = dict(words)
    source = _found(path)
    schema = _inspect(source)
    _check_names(source, schema, pairs)
    values: dict[str, Any] = {}
    for name, text in pairs.items():
        kind = _declared(schema[name])
        if kind == "str":
            values[name] = text
            continue
        try:
            values[name] = json.loads(text.lower() if kind == "bool" else text)
        except (ValueError, RecursionError):
            values[name] = text
    return values


def new_folder(name: str, parent: str | Path = "runs") -> str:
    """Name a folder that does not exist yet: `runs/NAME`, else `runs/NAME-2` and so on.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as parent:
        ...     (Path(parent) / "train").mkdir()
        ...     Path(new_folder("train", parent)).name
        'train-2'
    """
    number, folder = 1, Path(parent) / name
    while folder.exists():
        number += 1
        folder = Path(parent) / f"{name}-{number}"
    return str(folder)


def _found(path: str | Path) -> Path:
    source = Path(path).expanduser()
    exists = plain_files.is_file(source)
    if not exists or source.suffix != ".ipynb":
        raise ConfigurationError(
            f"{source} is not a notebook." if exists else f"No notebook at {source}.",
            "A notebook is an .ipynb file.",
            "The notebooks of sertk are in the folder notebooks/ of its repository.",
            code="missing-notebook",
        )
    return source


def _check_names(source: Path, schema: Iterable[str], names: Iterable[str]) -> None:
    for name in names:
        if name not in schema:
            raise UnknownNameError(f"{source.stem} parameter", name, schema)


def _check_types(source: Path, schema: dict[str, dict[str, Any]], values: dict[str, Any]) -> None:
    for name, value in values.items():
        kind = _declared(schema[name])
        if kind not in _TYPES:
            continue
        # True is an int in Python, but a mistake here
        if not isinstance(value, _TYPES[kind]) or (kind != "bool" and isinstance(value, bool)):
            raise ConfigurationError(
                f"Received {name}={value!r} for {source.name}.",
                f"The parameter {name} must be of type {kind}, such as {_value(schema[name])!r}.",
                f"Its description: {schema[name]['help'] or 'see the notebook'}.",
                code="wrong-parameter-type",
            )


def _inspect(source: Path) -> dict[str, dict[str, Any]]:
    _require()
    return declared.parameters(source)


def _require() -> None:
    import importlib.util

    missing = [name for name in _NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed.",
            "Running notebooks needs the extra `notebooks`.",
            "In the folder of the repository, run: pip install -c constraints.txt -e "
"'.[notebooks]'", code="notebooks-not-installed",
        )


def _value(parameter: dict[str, Any]) -> Any:
    """Read a default, which is source text."""
    try:
        return ast.literal_eval(parameter["default"])
    except (SyntaxError, ValueError):
        return parameter["default"]


def _declared(parameter: dict[str, Any]) -> str:
    written = str(parameter["inferred_type_name"]).split("[")[0].strip()
    return written if written != "None" else type(_value(parameter)).__name__


def _folder(
    source: Path, output: str | Path | None, schema: dict[str, Any], values: dict[str, Any]
) -> Path:
    if output is not None:
        return Path(output).expanduser()
    if "folder" not in schema:
        return Path("runs/notebooks")
    own = values.get("folder") or _value(schema["folder"])
    return Path(own or _begun(source, schema, values) or new_folder(source.stem)).expanduser()


def _begun(source: Path, schema: dict[str, Any], values: dict[str, Any]) -> Path | None:
    """Find the folder of an unfinished run of this notebook with the same values."""
    effective = _effective(schema, values)
    for folder in sorted(Path("runs").glob(f"{source.stem}*")):
        executed = folder / source.name
        if executed.is_file() and _left_open(executed, effective):
            return folder
    return None


def _left_open(executed: Path, effective: dict[str, Any]) -> bool:
    import nbformat

    try:
        notebook = nbformat.read(executed, as_version=4)
        recorded = notebook.metadata["papermill"]["parameters"]
        same = _effective(_inspect(executed), recorded) == effective
    except Exception:  # incomplete, or not written by sertk
        return False
    ended = [  # after Ctrl-C papermill marks cells that never ran as completed, too
        cell.execution_count and cell.metadata.get("papermill", {}).get("status") == "completed"
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]
    return same and not all(ended)


def _effective(schema: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return the values a notebook runs with, except for its output folder."""
    values = {name: _value(parameter) for name, parameter in schema.items()} | changes
    return {name: value for name, value in values.items() if name != "folder"}


def _execute(source: Path, executed: Path, values: dict[str, Any]) -> NotebookError | None:
    """Run every cell; return the error of a failed cell instead of raising it."""
    import papermill

    try:
        papermill.execute_notebook(
            source, executed, parameters=values, kernel_name="python3", progress_bar=False,
            stderr_file=sys.stderr, extra_arguments=["--IPKernelApp.log_level=50"],
        )  # fmt: skip
    except papermill.PapermillExecutionError as error:
        return NotebookError(
            f"Cell {error.exec_count} of {source.name} failed: {error.ename}: {error.evalue}",
            "",
            f"The notebook up to this cell is in {executed}.", code="notebook-cell-failed",
        )
    return None
