"""Every public path of the package: a change of the list is a change of the API."""

import ast
from pathlib import Path

import sertk

HOME = Path(sertk.__file__).parent
LIST = Path(__file__).with_name("public_paths.txt")
PRIVATE_ROOMS = ("cli", "_utils", "_display", "_html")


def paths():
    """List modules without underscore, and the functions, classes and constants they define."""
    found = []
    for file in sorted(HOME.rglob("*.py")):
        parts = file.relative_to(HOME).with_suffix("").parts
        if parts[0] in PRIVATE_ROOMS or any(p.startswith("_") and p != "__init__" for p in parts):
            continue
        module = ".".join(["sertk", *(p for p in parts if p != "__init__")])
        found.append(module)
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_":
                found.append(f"{module}.{node.name}")
    return sorted(found)


def test_public_paths_are_those_of_the_list():
    """After a wanted change: `python -m tests.test_public_paths` writes the list again."""
    assert paths() == LIST.read_text(encoding="utf-8").split()


if __name__ == "__main__":
    LIST.write_text("\n".join(paths()) + "\n", encoding="utf-8")
