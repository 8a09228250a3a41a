"""Read the parameters that a notebook declares.

In: a notebook file. Out: name, type, default and help of each parameter. Papermill's own reader
looks for the first `=` and `#` of a line, which may be inside a default.
"""

import ast
import io
import tokenize
from pathlib import Path
from typing import Any

from sertk._utils import plain_files
from sertk.errors import ConfigurationError


def parameters(source: Path) -> dict[str, dict[str, Any]]:
    """Read the cell tagged `parameters`.

    Args:
        source: The notebook.

    Returns:
        Name -> `name`, `inferred_type_name` (the annotation, or "None"), `default` (as source
        text) and `help` (the comment behind it); empty without such a cell.

    Raises:
        ConfigurationError: If the file is no notebook, or the cell is not Python.
    """
    code = _parameters_cell(source)
    return {} if code is None else of_code(code, source.name)


def _parameters_cell(source: Path) -> str | None:
    import nbformat

    try:
        text = plain_files.content(source).decode("utf-8")
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
        tagged = (
            str(cell.source)
            for cell in notebook.cells
            if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", ())
        )
        return next(tagged, None)
    except Exception as error:  # each kind of damage is another exception of nbformat
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ConfigurationError(
            f"Cannot read {source} as a notebook ({lines[0][:200].rstrip('.')}).",
            "A notebook is a JSON file that Jupyter writes.",
            "Download it again, or save it from Jupyter.", code="unreadable-notebook",
        ) from error


def of_code(code: str, name: str) -> dict[str, dict[str, Any]]:
    """Read the assignments of a cell.

    Args:
        code: Source of the cell.
        name: Name of the notebook, for the error.

    Raises:
        ConfigurationError: If the cell is not Python.

    Examples:
        >>> found = of_code('layout: str = "{a}=#1"  # path = fields', "x.ipynb")["layout"]
        >>> found["inferred_type_name"], found["default"], found["help"]
        ('str', '"{a}=#1"', 'path = fields')
    """
    # commands of IPython declare nothing; a string may hold other line ends
    lines = code.replace("\r\n", "\n").split("\n")
    code = "\n".join("" if line.startswith(("%", "!")) else line for line in lines)
    try:
        body = ast.parse(code).body
        comments = _comments(code)
    except (SyntaxError, tokenize.TokenError, RecursionError, MemoryError) as error:
        raise ConfigurationError(
            f"The parameters cell of {name} is not valid Python ({error}).",
            "Each of its lines must be `name: type = default  # help`.",
            "Correct the cell.", code="invalid-parameters-cell",
        ) from error
    assignments = {}
    for statement in body:
        if isinstance(statement, ast.AnnAssign):
            targets: list[ast.expr] = [statement.target]
            kind = ast.unparse(statement.annotation)
        elif isinstance(statement, ast.Assign):
            targets, kind = statement.targets, "None"
        else:
            continue
        if statement.value is None:
            continue
        for target in targets:
            if isinstance(target, ast.Name):
                assignments[target.id] = {
                    "name": target.id,
                    "inferred_type_name": kind,
                    "default": ast.get_source_segment(code, statement.value),
                    "help": comments.get(statement.end_lineno or 0, ""),
                }
    return assignments


def _comments(code: str) -> dict[int, str]:
    """Give the comment of each line that has one."""
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    return {
        token.start[0]: token.string.lstrip("#").strip()
        for token in tokens
        if token.type == tokenize.COMMENT
    }
