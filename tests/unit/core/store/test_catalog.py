"""Opening a catalog that others open for the first time as well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyiceberg.catalog
import pytest
from sqlalchemy.exc import OperationalError

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.catalog import embedded_catalog, load


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """As many times as there are numbers in it, another process makes a table first."""
    left: list[int] = []
    really = pyiceberg.catalog.load_catalog

    def load_catalog(*arguments: Any, **properties: Any) -> Any:
        if left:
            left.pop()
            raise OperationalError("CREATE TABLE iceberg_tables", {}, Exception("table iceberg_tables already exists"))
        return really(*arguments, **properties)

    monkeypatch.setattr(pyiceberg.catalog, "load_catalog", load_catalog)
    return left


@pytest.mark.parametrize("times", [0, 1, 2])
def test_who_loses_the_race_for_each_of_the_tables_opens_the_catalog_all_the_same(tmp_path: Path, losses: list[int], times: int) -> None:
    losses += range(times)
    assert load(embedded_catalog(str(tmp_path))).list_namespaces() == []


def test_what_fails_again_and_again_is_no_race(tmp_path: Path, losses: list[int]) -> None:
    losses += range(3)
    with pytest.raises(ConfigurationError, match=r"Cannot open catalog 'cv_dataops' .*already exists"):
        load(embedded_catalog(str(tmp_path)))
