"""Fixtures that all tests share."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import airflow_surface
import hypothesis
import pytest
import skips_in_ci
import sqlalchemy
import targets
from browser import chromium, look
from hypothesis.internal.conjecture import providers
from project import SHARED_DATA
from services import service

from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.release import promote
from airflow_cv_dataops.core.release.card.card import write_card_if_possible

__all__ = ["chromium", "look", "service"]


SLOW = [hypothesis.HealthCheck.too_slow]  # a busy machine, not a bad strategy

# `make test` tries the same examples each time; `make test-random` others.
hypothesis.settings.register_profile("steady", max_examples=50, derandomize=True, deadline=None, suppress_health_check=SLOW)
hypothesis.settings.register_profile("random", derandomize=False, deadline=None, suppress_health_check=SLOW)
hypothesis.settings.load_profile("steady")
# Else examples hold constants of whatever modules earlier tests have imported.
providers._get_local_constants = lambda: providers._local_constants  # type: ignore[assignment]


@sqlalchemy.event.listens_for(sqlalchemy.engine.Engine, "connect")
def _leave_it_to_the_operating_system(connection: Any, _: object) -> None:
    """SQLite waits for the disk with each commit: a fifth of what small datasets take. A killed process loses nothing without."""
    if type(connection).__module__.startswith("sqlite3"):
        connection.execute("PRAGMA synchronous = OFF")


def pytest_configure(config: pytest.Config) -> None:
    """Begin without the settings and the Airflow home of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith("AIRFLOW") or name in ("CV_DATAOPS_HOME", "CV_DATAOPS_LANDING"):
            del os.environ[name]
    home = tempfile.mkdtemp(prefix="cv-dataops-tests-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ["AIRFLOW_HOME"] = home
    for plugin in (airflow_surface, skips_in_ci, targets):
        config.pluginmanager.register(plugin)


def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of each later garbage collection: it stays to the end."""
    gc.freeze()


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Return the folder of one shared data set; skip the test, saying why, on a machine that lacks it."""

    def folder(name: str) -> Path:
        found = SHARED_DATA / name
        if not found.is_dir():
            pytest.skip(f"this machine lacks the shared data set {name!r} (expected at {found}; set CV_DATAOPS_SHARED_DATA)")
        return found

    return folder


@pytest.fixture(scope="session", autouse=True)
def _no_cards() -> Iterator[None]:
    """Promotions of most tests write no card: it takes as long as the promotion, and is what few are about. They take ``cards``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(promote, "write_card_if_possible", lambda release: None)
        yield


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let promotions write cards."""
    monkeypatch.setattr(promote, "write_card_if_possible", write_card_if_possible)


@pytest.fixture
def make_dataset(tmp_path: Path) -> Callable[..., Dataset]:
    """Return datasets in an embedded catalog of the test's own; ``made``: it is there already, with an empty table of images."""

    def make(name: str = "digits", *, made: bool = False) -> Dataset:
        dataset = open_dataset(name, home=str(tmp_path / "cv_dataops"))
        if made:
            dataset.ensure_table("images")
        return dataset

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
