"""Suites of a project that Great Expectations keeps in files: found by what its configuration says, without opening the project.

Opening one would write into it where something is missing, and would connect to its data sources.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow_cv_dataops.core.errors import ConfigurationError

_CONFIGURATION = "great_expectations.yml"
_BELOW_A_PROJECT = ("gx", "great_expectations")
_DEFAULT_FOLDER = "expectations"


def suite_file(root: str, name: str) -> str:
    """Return the path of a suite's file.

    :param root: the folder with ``great_expectations.yml``, or the one above it, which ``gx.get_context(project_root_dir=…)`` is given.
    :param name: of the suite; with dots or slashes it may lie in folders.
    :raises ConfigurationError: there is no such project or suite.
    """
    home = _home(Path(root))
    folder = _expectations_folder(home)
    parts = [part for part in name.replace("\\", "/").split("/") if part]
    if any(part == ".." for part in parts):
        raise ConfigurationError(f"suite={name!r} leads out of the project.")
    for path in (folder.joinpath(*parts[:-1], f"{parts[-1]}.json"), folder.joinpath(*name.split(".")).with_suffix(".json")):
        if path.is_file():
            return str(path)
    there = sorted(str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.json"))[:20] if folder.is_dir() else []
    raise ConfigurationError(f"Project {home} has no suite {name!r} in {folder}; it has {', '.join(there) or 'none'}.")


def _home(root: Path) -> Path:
    for folder in (root, *(root / below for below in _BELOW_A_PROJECT)):
        if (folder / _CONFIGURATION).is_file():
            return folder
    raise ConfigurationError(
        f"context_root_dir={str(root)!r} is no project of Great Expectations: there is no {_CONFIGURATION} in it, nor in gx/ below it."
    )


def _expectations_folder(home: Path) -> Path:
    import yaml

    try:
        settings = yaml.safe_load((home / _CONFIGURATION).read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{home / _CONFIGURATION} cannot be read: {' '.join(str(error).split())[:300]}") from error
    store = _at(settings, "stores", str(_at(settings, "expectations_store_name") or "expectations_store"), "store_backend") or {}
    kind = _at(store, "class_name")
    if kind not in (None, "TupleFilesystemStoreBackend"):
        why = "give a function that returns one as suite"
        raise ConfigurationError(f"The suites of project {home} are kept by {kind}, not in files: {why}.")
    return home / str(_at(store, "base_directory") or _DEFAULT_FOLDER)


def _at(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
