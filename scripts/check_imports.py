"""Check the walls: who may import whom, no circles, and what each layer leaves to another.

- A room imports only rooms on floors below its own (:data:`FLOORS`), whether at module level, inside a function, by a string that names a
  module, or for types alone. The ``__init__`` of a folder with floors imports nothing of it.
- No circle, at any height: neither of files, nor of folders and files that stand side by side in a folder.
- ``core`` imports no Airflow; the Airflow surface opens no file or table.

The linter's banned-module-level-imports covers the heavy modules that nothing imports when a DAG is parsed.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

NAME = "airflow_cv_dataops"
PACKAGE = Path(__file__).resolve().parent.parent / NAME
SURFACE = ("operators", "sensors", "triggers", "hooks", "links", "plugins", "notifications", "common")
STORAGE = {"pyiceberg", "obstore", "pyarrow", "PIL", "numpy", "pandas"}

IMPORTING = ("import_module", "__import__")
MODULE = re.compile(rf"{NAME}(\.\w+)+")
WHERE_TO_READ = "docs/architecture.md, Layers and their walls"

# By folder, its rooms from the ground up. Rooms of one floor do not know each other. What is not listed has no place yet: give it one.
FLOORS: Mapping[str, Sequence[Sequence[str]]] = {
    "": (
        ("version",),
        ("core",),
        ("get_provider_info",),
        ("common",),
        ("hooks",),
        ("links", "triggers"),
        ("operators", "sensors", "notifications"),
        ("plugins", "preload"),
        ("__init__", "expectations"),
        ("__main__",),
    ),
    # The steps stand in the order in which data flows: a later one may read what an earlier one defines, never the other way round.
    "core": (
        ("wording",),
        ("errors", "intervals", "step_lineage", "image_places"),
        ("ahead", "arguments", "progress", "summary"),
        ("store",),
        ("findings", "metrics", "summary_words"),
        ("imaging",),
        ("report",),
        ("lineage",),
        ("labels",),
        ("predictions",),
        ("embeddings",),
        ("audit",),
        ("trends",),
        ("duplicates", "annotators", "drift", "health", "evaluation"),
        ("sampling",),
        ("labelling",),
        ("release",),
        ("dataset",),
        ("diff", "export"),
        ("deletion",),
        ("contracts",),
        ("catalogue",),
    ),
    "core.imaging": (("decoding",), ("measures",), ("sources",), ("ingest",)),
}


@dataclass(frozen=True)
class Import:
    """One module of the package names another, at a line of its file."""

    importer: str
    imported: str
    path: Path
    line: int

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}"


def main() -> int:
    paths = sorted(PACKAGE.rglob("*.py"))
    problems = [problem for path in paths for problem in check(path)]
    inside = list(imports_inside(paths))
    # Where an import goes up, so does the circle that it makes: one thing to mend, said once.
    problems += [*homeless(paths), *(list(upward(inside)) or circles(inside))]
    print("\n".join(problems) or f"imports of {PACKAGE.name}: as they should be")
    return 1 if problems else 0


def check(path: Path) -> Iterator[str]:
    """Yield what a file imports or opens that its layer leaves to another."""
    place = path.relative_to(PACKAGE)
    nodes = nodes_of(path.read_text())
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.level:
            yield f"{path}:{node.lineno}: name modules from {NAME} on, not from where they are imported"
    for line, module in sorted(imports(nodes)):
        root = module.split(".")[0]
        if place.parts[0] == "core" and root == "airflow":
            yield f"{path}:{line}: core must not import Airflow ({module})"
        if place.parts[0] in SURFACE and root in STORAGE:
            yield f"{path}:{line}: the Airflow surface leaves {root} to core"
    if place.parts[0] in SURFACE:
        for node in nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
                yield f"{path}:{node.lineno}: the Airflow surface opens no files"


def homeless(paths: Sequence[Path]) -> Iterator[str]:
    """Yield each room that is on disk and on no floor."""
    rooms = {
        (folder, room): path for path in reversed(paths) for folder in FLOORS if (room := room_of(module_of(path), folder)) is not None
    }
    for (folder, room), path in sorted(rooms.items()):
        if not is_face(room, folder) and not any(room in floor for floor in FLOORS[folder]):
            yield f"{path}: {shown(folder, room)} has no floor yet: give it one in FLOORS of scripts/check_imports.py ({WHERE_TO_READ})"


def upward(inside: Sequence[Import]) -> Iterator[str]:
    """Yield each import of a room on the same floor or above, and each by the face of a folder, which runs before any of its rooms does."""
    for folder, floors in FLOORS.items():
        floor_of = {room: number for number, rooms in enumerate(floors) for room in rooms}
        for found in inside:
            importer, imported = room_of(found.importer, folder), room_of(found.imported, folder)
            if importer is None or imported is None or importer == imported:
                continue
            if is_face(importer, folder):
                yield f"{found.place}: {shown(folder, importer)} is run before every room of its folder, and imports none of them"
            elif importer in floor_of and floor_of[importer] <= floor_of.get(imported, len(floors)):
                yield (
                    f"{found.place}: {shown(folder, importer)} must not import {shown(folder, imported)}, which does not stand below it, "
                    f"neither inside a function nor for types alone; what both need goes below both ({WHERE_TO_READ})"
                )


def circles(inside: Sequence[Import]) -> Iterator[str]:
    """Yield each circle among what stands side by side in a folder, with an import for each of its arrows."""
    folders = {module.rpartition(".")[0] for found in inside for module in ancestors(found.importer)}
    for folder in sorted(folders):
        arrows: dict[str, dict[str, Import]] = {}
        for found in inside:
            importer, imported = room_of(found.importer, folder), room_of(found.imported, folder)
            if importer is not None and imported is not None and importer != imported:
                arrows.setdefault(importer, {}).setdefault(imported, found)
        circle = a_circle(arrows)
        if circle:
            steps = [arrows[one][other] for one, other in zip(circle, [*circle[1:], circle[0]], strict=True)]
            names = " -> ".join(shown(folder, room) for room in [*circle, circle[0]])
            yield f"a circle: {names}\n" + "\n".join(
                f"    {step.place}: {step.importer or NAME} imports {step.imported or NAME}" for step in steps
            )


def a_circle(arrows: Mapping[str, Mapping[str, Import]]) -> list[str]:
    """Return the rooms of a shortest circle in order, or none."""
    found = (way for room in sorted(arrows) if (way := way_back(room, arrows)))
    return min(found, key=len, default=[])


def way_back(room: str, arrows: Mapping[str, Mapping[str, Import]]) -> list[str]:
    """Return the rooms of a shortest way along the arrows from a room to itself, or none."""
    ways, seen = [[room]], {room}
    for way in ways:  # which grows meanwhile
        for other in sorted(arrows.get(way[-1], ())):
            if other == room:
                return way
            if other not in seen:
                seen.add(other)
                ways.append([*way, other])
    return []


def imports_inside(paths: Sequence[Path]) -> Iterator[Import]:
    """Yield every import of one module of the package by another."""
    modules = {module_of(path): path for path in paths}
    for importer, path in modules.items():
        nodes = nodes_of(path.read_text())
        for line, name in [*imports(nodes), *(named(nodes) if importer.startswith("core.") else ())]:
            if name != NAME and not name.startswith(f"{NAME}."):
                continue
            imported = name.removeprefix(NAME).lstrip(".")
            while imported and imported not in modules:  # a class or function of the module before the last dot
                imported = imported.rpartition(".")[0]
            if imported != importer:
                yield Import(importer, imported, path, line)


@cache
def nodes_of(code: str) -> tuple[ast.AST, ...]:
    """Return everything in the syntax tree of a file, which is looked at more than once."""
    return tuple(ast.walk(ast.parse(code)))


def imports(nodes: Sequence[ast.AST]) -> Iterator[tuple[int, str]]:
    """Yield line and name of all that is imported; ``from a import b`` is ``a.b``, which may be a module or lie in one."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant) and called(node) in IMPORTING:
            yield node.lineno, str(node.args[0].value)


def called(node: ast.Call) -> str:
    """Return the last name of what is called."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def named(nodes: Sequence[ast.AST]) -> Iterator[tuple[int, str]]:
    """Yield line and text of every string that names a module of the package: somebody will import it."""
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and MODULE.fullmatch(node.value):
            yield node.lineno, node.value


def module_of(path: Path) -> str:
    """Return a file's module below the package, e.g. ``core.store.dataset``; of the package itself it is empty."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def ancestors(module: str) -> Iterator[str]:
    """Yield the module and every package around it, but for the outermost."""
    while module:
        yield module
        module = module.rpartition(".")[0]


def room_of(module: str, folder: str) -> str | None:
    """Return which file or folder of a folder the module is or lies in; ``__init__`` for the folder's own face; ``None``: elsewhere."""
    if module == folder:
        return "__init__"
    inside = module.removeprefix(f"{folder}.") if folder else module
    return None if folder and inside == module else inside.partition(".")[0]


def is_face(room: str, folder: str) -> bool:
    """Say whether the room is the ``__init__`` of an inner folder."""
    return room == "__init__" and folder != ""


def shown(folder: str, room: str) -> str:
    return "/".join([NAME, *folder.split("."), room] if folder else [NAME, room])


if __name__ == "__main__":
    sys.exit(main())
