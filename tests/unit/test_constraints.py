"""The sets of versions: what pyproject.toml declares is what they hold."""

from __future__ import annotations

import re
import tomllib

import pytest
from project import PROJECT_ROOT

SETS = sorted((PROJECT_ROOT / "constraints").glob("airflow-*.txt"))


def versions(name: str) -> dict[str, str]:
    lines = (PROJECT_ROOT / "constraints" / f"airflow-{name}.txt").read_text().splitlines()[1:]
    return dict(line.split("==") for line in lines)


def minima() -> dict[str, str]:
    """Return the declared minimum of every package; of the extra ``huggingface`` none, as it is not installed with the lowest."""
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]
    extras = [named for extra, named in project["optional-dependencies"].items() if extra != "huggingface"]
    requirements = [*project["dependencies"], *(one for named in extras for one in named)]
    found = (re.match(r"([\w.-]+)(?:\[.*\])?>=([\w.]+)$", requirement) for requirement in requirements)
    return {match[1]: match[2] for match in found if match}


def test_the_lowest_set_holds_every_declared_minimum() -> None:
    lowest = versions("lowest")
    differing = {name: (least, lowest.get(name)) for name, least in minima().items() if not _is(lowest.get(name, ""), least)}
    assert not differing, "declared and tested minimum; run `make lowest` after a change of pyproject.toml"


def test_the_lowest_set_has_the_pyiceberg_of_the_others() -> None:
    """Else the tests that are marked ``once`` because of it must run with the lowest set too."""
    assert versions("lowest")["pyiceberg"] == versions("3.3")["pyiceberg"]


def _is(version: str, least: str) -> bool:
    """Tell whether a version is the minimum, or the first of its minor version that exists (1.26.4 of 1.26)."""
    return version == least or version.startswith(f"{least}.")


@pytest.mark.parametrize("name", ["3.1", "3.2", "3.3", "lowest"])
def test_a_set_holds_names_and_versions_only_and_everything_that_is_declared(name: str) -> None:
    lines = (PROJECT_ROOT / "constraints" / f"airflow-{name}.txt").read_text().splitlines()
    assert lines[0].startswith("# ")
    assert [line for line in lines[1:] if not re.fullmatch(r"[a-z0-9._-]+==[\w.]+", line)] == []
    assert set(minima()) <= set(versions(name))
    assert name == "lowest" or versions(name)["apache-airflow"].startswith(f"{name}.")


def test_sets_differ_from_the_newest_in_airflow_and_what_only_airflow_needs() -> None:
    """Else core's tests, which run with the newest set only, would say nothing of the others."""
    newest = versions("3.3")
    named = {name for name in minima() if not name.startswith("apache-airflow")}
    for name in ("3.1", "3.2"):
        assert {package: versions(name)[package] for package in named} == {package: newest[package] for package in named}
