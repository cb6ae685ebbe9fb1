"""Which catalog it is, and opening one that others open for the first time as well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyiceberg.catalog
import pytest
from sqlalchemy.exc import OperationalError

from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.catalog import CatalogConfig, embedded_catalog, load


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


def test_the_embedded_catalog_needs_a_local_folder() -> None:
    with pytest.raises(ConfigurationError, match="needs a local folder"):
        embedded_catalog("s3://bucket/home")


def test_the_embedded_catalog_refuses_a_folder_that_its_address_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="question mark"):
        embedded_catalog(str(tmp_path / "what?"))


@pytest.mark.parametrize("folder", ["with space", "100%", "my%20home", "a#b", "ünicode", "it's"])
def test_the_embedded_catalog_works_in_a_folder_of_any_name(tmp_path: Path, folder: str) -> None:
    home = tmp_path / folder
    dataset = open_dataset("digits", home=str(home))
    dataset.ensure_table("rejects")
    assert open_dataset("digits", home=str(home)).table_names() == {"rejects"}
    assert {path.name for path in tmp_path.iterdir()} == {folder}
    assert {path.name for path in home.iterdir()} == {"catalog.db", "warehouse"}


def test_the_warehouse_is_known_only_where_it_is_a_uri() -> None:
    glue = CatalogConfig("glue", {"type": "rest", "warehouse": "my_warehouse"})
    assert (glue.warehouse, glue.table_location("digits", "images")) == (None, None)
    with pytest.raises(ConfigurationError, match="names no warehouse URI"):
        _ = Dataset("digits", glue).root_uri
    s3 = CatalogConfig("s3", {"type": "sql", "warehouse": "s3://bucket/warehouse/"})
    assert s3.table_location("digits", "images") == "s3://bucket/warehouse/digits/images"


def test_what_lineage_says_of_a_catalog_holds_no_secret() -> None:
    config = CatalogConfig(
        "prod",
        {
            "type": "sql",
            "uri": "postgresql+psycopg2://iceberg:hunter2@db/iceberg?password=hunter2",
            "warehouse": "s3://key:hunter2@bucket/w",
            "s3.secret-access-key": "hunter2",
        },
    )
    assert config.for_lineage() == {
        "name": "prod",
        "type": "sql",
        "uri": "postgresql+psycopg2://db/iceberg",
        "warehouse": "s3://bucket/w",
    }
