"""Every test runs in ``make test`` or in ``make test-real``."""

from __future__ import annotations

import re

import pytest
from project import PROJECT_ROOT
from targets import REAL, pytest_collection_modifyitems

MAKEFILE = (PROJECT_ROOT / "Makefile").read_text()


def recipe(target: str) -> tuple[list[str], str]:
    """Return what a target of the Makefile depends on, and its commands."""
    found = re.search(rf"^{target}:([^#\n]*)(?:##.*)?\n((?:\t.*\n)*)", MAKEFILE, re.MULTILINE)
    assert found, target
    return found[1].split(), found[2]


def test_make_test_runs_whatever_has_no_kind_and_make_test_real_every_kind() -> None:
    assert recipe("test")[1] == '\t$(PYTEST) -m "not real" $(SELECT)\n'
    kinds = re.search(r"^REAL = (.*)$", MAKEFILE, re.MULTILINE)
    assert kinds
    assert sorted(kinds[1].split()) == sorted(REAL)
    assert "$(addprefix" in recipe("test-real")[0]
    for kind in REAL:
        assert f"-m {kind} $(SELECT)" in recipe(f"test-{kind}")[1]


class Item:
    nodeid = "tests/test_it.py::test_it"

    def __init__(self, *markers: str) -> None:
        self.markers = list(markers)

    def get_closest_marker(self, name: str) -> str | None:
        return name if name in self.markers else None

    def add_marker(self, name: str) -> None:
        self.markers.append(name)


@pytest.mark.parametrize("kind", REAL)
def test_a_test_of_any_kind_is_no_part_of_make_test(kind: str) -> None:
    item = Item(kind)
    pytest_collection_modifyitems([item])  # type: ignore[list-item]
    assert "real" in item.markers


def test_a_test_without_a_kind_is() -> None:
    item = Item("integration")
    pytest_collection_modifyitems([item])  # type: ignore[list-item]
    assert item.markers == ["integration"]


def test_a_test_of_two_kinds_is_refused() -> None:
    with pytest.raises(pytest.UsageError, match="test_it is marked servers and browser"):
        pytest_collection_modifyitems([Item("servers", "browser")])  # type: ignore[list-item]
