"""Check the walls: ``core`` imports no Airflow, the Airflow surface opens no file or table, and nothing heavy is imported at module level.

The linter's banned-module-level-imports covers the heavy modules where they are named; this covers the first two.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "airflow_cv_dataops"
SURFACE = ("operators", "sensors", "triggers", "hooks", "links", "plugins", "notifications", "common")
STORAGE = {"pyiceberg", "obstore", "pyarrow", "PIL", "numpy", "pandas"}


def main() -> int:
    problems = [problem for path in sorted(PACKAGE.rglob("*.py")) for problem in check(path)]
    print("\n".join(problems) or f"imports of {PACKAGE.name}: as they should be")
    return 1 if problems else 0


def check(path: Path) -> Iterator[str]:
    place = path.relative_to(PACKAGE)
    tree = ast.parse(path.read_text())
    for line, module in imports(tree):
        root = module.split(".")[0]
        if place.parts[0] == "core" and root == "airflow":
            yield f"{path}:{line}: core must not import Airflow ({module})"
        if place.parts[0] in SURFACE and root in STORAGE:
            yield f"{path}:{line}: the Airflow surface leaves {root} to core"
    if place.parts[0] in SURFACE:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
                yield f"{path}:{node.lineno}: the Airflow surface opens no files"


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module


if __name__ == "__main__":
    sys.exit(main())
