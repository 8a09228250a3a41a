"""Read what a notebook declares as its parameters, as Python reads it.

In: a notebook file. Out: name, type, default and help of each parameter. Papermill's own reader
looks for the first `=` and `#` of a line, which may stand inside a default.
"""

import ast
import io
import tokenize
from pathlib import Path
from typing import Any

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
    for cell in _cells(source):
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", ()):
            return of_code(cell.source, source.name)
    return {}


def _cells(source: Path) -> list[Any]:
    import nbformat

    try:
        return list(nbformat.read(source, as_version=4).cells)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, ValueError, AttributeError):
        raise ConfigurationError(
            f"{source} holds no notebook.",
            "A notebook is a JSON file that Jupyter wrote.",
            "Fetch it again, or save it from Jupyter.",
        ) from None


def of_code(code: str, name: str) -> dict[str, dict[str, Any]]:
    """Read the assignments of a cell.

    Args:
        code: Source of the cell.
        name: Of the notebook, for the error.

    Raises:
        ConfigurationError: If the cell is not Python.

    Example:
        >>> found = of_code('layout: str = "{a}=#1"  # path = fields', "x.ipynb")["layout"]
        >>> found["inferred_type_name"], found["default"], found["help"]
        ('str', '"{a}=#1"', 'path = fields')
    """
    # commands of IPython declare nothing
    lines = code.splitlines()
    code = "\n".join("" if line.startswith(("%", "!")) else line for line in lines)
    try:
        body = ast.parse(code).body
        comments = _comments(code)
    except (SyntaxError, tokenize.TokenError) as error:
        raise ConfigurationError(
            f"The cell of parameters of {name} is not Python ({error}).",
            "Each of its lines is `name: type = default  # help`.",
            "Correct the cell.",
        ) from error
    found = {}
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
                found[target.id] = {
                    "name": target.id,
                    "inferred_type_name": kind,
                    "default": ast.get_source_segment(code, statement.value),
                    "help": comments.get(statement.end_lineno or 0, ""),
                }
    return found


def _comments(code: str) -> dict[int, str]:
    """Give the comment of each line that has one."""
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    return {
        token.start[0]: token.string.lstrip("#").strip()
        for token in tokens
        if token.type == tokenize.COMMENT
    }
