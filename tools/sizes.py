"""Refuse files over 420 lines and functions over 70: each should hold one thing.

Lists of shapes and operations are the exception: they are long because the service is.
"""

import ast
import sys
from pathlib import Path

FILE_LINES_MAX = 420
FUNCTION_LINES_MAX = 70
LISTS = {Path("src/keepstep/wire/sync.py")}


def long_functions(path: Path, tree: ast.Module) -> list[str]:
    """Name the functions of a file that are too long."""
    return [
        f"{path}:{node.lineno}: {node.name} has {lines} lines"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]


def main() -> int:
    """Look at every Python file of the project."""
    problems: list[str] = []
    for folder in ("src", "tests", "bench", "demo", "tools"):
        for path in sorted(Path(folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if path not in LISTS and len(text.splitlines()) > FILE_LINES_MAX:
                problems.append(f"{path}: {len(text.splitlines())} lines")
            problems += long_functions(path, ast.parse(text))
    print("\n".join(problems) or "No file or function is too long.")  # noqa: T201
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
