"""Tables that a SQL catalog keeps under a former catalog name: found, said, and brought under today's."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from pyiceberg.catalog import load_catalog

from airflow_cv_dataops import rename_catalog
from airflow_cv_dataops.core.dataset import open_dataset
from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.store.catalog import CatalogConfig, s3_options


@pytest.fixture
def properties(tmp_path: Path) -> dict[str, str]:
    return {"type": "sql", "uri": f"sqlite:///{tmp_path}/catalog.db", "warehouse": str(tmp_path / "warehouse")}


@pytest.fixture
def former(properties: dict[str, str]) -> str:
    """The name under which there are tables of a dataset."""
    name = "cv_catalog_default"
    for table in ("images", "rejects"):
        open_dataset("digits", {**properties, "name": name}).ensure_table(table)
    return name


@pytest.mark.usefixtures("former")
def test_tables_under_a_former_name_are_neither_overlooked_nor_made_a_second_time(properties: dict[str, str], tmp_path: Path) -> None:
    dataset = open_dataset("digits", properties)
    before = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    for use in (dataset.images, lambda: dataset.ensure_table("images"), lambda: dataset.ensure_table("metrics"), dataset.check_there):
        with pytest.raises(ConfigurationError, match=r"belongs to the catalog name 'cv_catalog_default'.*rename_catalog\('cv_cat"):
            use()
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == before


def test_tables_are_brought_under_todays_name_once(properties: dict[str, str], former: str) -> None:
    assert rename_catalog(former, properties) == ("digits.images", "digits.rejects")
    assert open_dataset("digits", properties).images().num_rows == 0
    assert load_catalog("cv_dataops", **properties).list_tables("digits") == [("digits", "images"), ("digits", "rejects")]
    assert rename_catalog(former, properties) == ()
    with pytest.raises(ConfigurationError, match="belongs to the catalog name 'cv_dataops'"):
        open_dataset("digits", {**properties, "name": former}).images()


def test_a_table_that_is_there_under_both_names_is_not_overwritten(properties: dict[str, str], former: str) -> None:
    with sqlite3.connect(properties["uri"].removeprefix("sqlite:///")) as catalog:
        catalog.execute(
            "INSERT INTO iceberg_tables SELECT 'cv_dataops', table_namespace, table_name, metadata_location, previous_metadata_location, "
            "iceberg_type FROM iceberg_tables WHERE table_name = 'images'"
        )
    with pytest.raises(ConfigurationError, match=r"Tables digits\.images are there under both names"):
        rename_catalog(former, properties)
    assert load_catalog(former, **properties).list_tables("digits") == [("digits", "images"), ("digits", "rejects")]


def test_a_dataset_of_the_same_name_at_another_place_is_another_dataset(properties: dict[str, str], former: str, tmp_path: Path) -> None:
    elsewhere = open_dataset("digits", {**properties, "warehouse": str(tmp_path / "other")})
    elsewhere.ensure_table("images")
    assert elsewhere.images().num_rows == 0


def test_what_cannot_be_renamed_says_so(properties: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="no catalog 'cv_dataops' to rename anything in"):
        rename_catalog("former", properties)
    assert not (tmp_path / "catalog.db").exists()
    open_dataset("digits", {**properties, "name": "former"}).ensure_table("images")
    with pytest.raises(DatasetNotFoundError, match="under the catalog name 'formr', nor under 'cv_dataops'; there are: former"):
        rename_catalog("formr", properties)
    with pytest.raises(ConfigurationError, match="is the catalog's name already"):
        rename_catalog("cv_dataops", properties)


def test_pyicebergs_properties_say_how_images_on_s3_are_reached_too() -> None:
    properties = {
        "type": "rest",
        "s3.endpoint": "http://minio:9000",
        "s3.access-key-id": "key",
        "s3.secret-access-key": "secret",
        "client.region": "eu-central-1",
        "name": "lake",
    }
    config = CatalogConfig.of(properties)
    assert config.name == "lake"
    assert "name" not in config.properties
    assert dict(config.object_options) == {
        "access_key_id": "key",
        "secret_access_key": "secret",
        "region": "eu-central-1",
        "endpoint": "http://minio:9000",
        "virtual_hosted_style_request": "false",
    }
    assert s3_options({"s3.endpoint": "https://s3", "s3.force-virtual-addressing": "true"})["virtual_hosted_style_request"] == "true"
    assert s3_options({"type": "sql"}) == {}
    assert open_dataset("digits", properties).config.object_options["secret_access_key"] == "secret"
    assert CatalogConfig.of(config) is config
