"""Fixtures that all tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import airflow_surface
import hypothesis
import pytest
import skips_in_ci
import targets
from browser import chromium, look
from project import SHARED_DATA
from services import service

from airflow_cv_dataops.core.store.dataset import Dataset, open_dataset

__all__ = ["chromium", "look", "service"]


# `make test` tries the same examples each time; `make test-random` others.
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None)
hypothesis.settings.register_profile("random", derandomize=False, deadline=None)
hypothesis.settings.load_profile("steady")


def pytest_configure(config: pytest.Config) -> None:
    for plugin in (airflow_surface, skips_in_ci, targets):
        config.pluginmanager.register(plugin)


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Return the folder of one shared data set; skip the test, saying why, on a machine that lacks it."""

    def folder(name: str) -> Path:
        found = SHARED_DATA / name
        if not found.is_dir():
            pytest.skip(f"this machine lacks the shared data set {name!r} (expected at {found}; set CV_DATAOPS_SHARED_DATA)")
        return found

    return folder


@pytest.fixture
def make_dataset(tmp_path: Path) -> Callable[..., Dataset]:
    """Return datasets in an embedded catalog of the test's own."""

    def make(name: str = "digits") -> Dataset:
        return open_dataset(name, home=str(tmp_path / "cv_dataops"))

    return make


@pytest.fixture
def validate_events(shared_data: Callable[[str], Path]) -> Callable[[list[dict[str, Any]]], None]:
    """Validate OpenLineage events and all their facets against the JSON schemas."""
    shared_data("openlineage_spec")
    from lineage_schemas import validate_event

    def validate(events: list[dict[str, Any]]) -> None:
        assert events, "no event was emitted"
        for event in events:
            validate_event(event)

    return validate
