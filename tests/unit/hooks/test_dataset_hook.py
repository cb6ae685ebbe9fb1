"""The hook: from an Airflow connection to a catalog, a warehouse and credentials."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowNotFoundException
from unit.hooks.fake_connections import ACCESS_KEY, SECRET_KEY, AddConnection, add_aws, add_connection

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.catalog import CatalogConfig, load, open_existing
from airflow_cv_dataops.hooks.dataset import DatasetHook

__all__ = ["add_connection"]


def config_of(hook: DatasetHook, *, asynchronous: bool) -> CatalogConfig:
    return asyncio.run(hook.acatalog_config()) if asynchronous else hook.catalog_config()


def storage_of(hook: DatasetHook, uri: str, *, asynchronous: bool) -> tuple[str, dict[str, Any]]:
    return asyncio.run(hook.astorage(uri)) if asynchronous else hook.storage(uri)


both = pytest.mark.parametrize("asynchronous", [False, True], ids=["in a task", "in a trigger"])


@both
def test_without_the_default_connection_the_embedded_catalog_is_used(
    add_connection: AddConnection, asynchronous: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CV_DATAOPS__HOME", str(tmp_path / "home"))
    config = config_of(DatasetHook(), asynchronous=asynchronous)
    assert config.properties["uri"].startswith(f"sqlite:///{tmp_path}/home/catalog.db")
    assert config.warehouse == f"file://{tmp_path}/home/warehouse"


@both
def test_any_other_connection_must_exist(add_connection: AddConnection, asynchronous: bool) -> None:
    with pytest.raises(AirflowNotFoundException, match="my_catalog"):
        config_of(DatasetHook("my_catalog"), asynchronous=asynchronous)


@both
def test_login_and_password_are_put_into_a_sql_uri_quoted(add_connection: AddConnection, asynchronous: bool) -> None:
    add_connection(
        "pg",
        "cv_catalog",
        host="postgresql+psycopg2://db:5432/iceberg",
        login="ice berg@corp",
        password="p@ss/w:rd#?",
        extra={"warehouse": "/w"},
    )
    config = config_of(DatasetHook("pg"), asynchronous=asynchronous)
    assert config.properties["uri"] == "postgresql+psycopg2://ice%20berg%40corp:p%40ss%2Fw%3Ard%23%3F@db:5432/iceberg"
    from sqlalchemy.engine import make_url

    url = make_url(config.properties["uri"])
    assert (url.username, url.password, url.host, url.port, url.database) == ("ice berg@corp", "p@ss/w:rd#?", "db", 5432, "iceberg")


@pytest.mark.parametrize(
    ("host", "login", "password", "expected"),
    [
        ("postgresql://db/x", None, None, "postgresql://db/x"),
        ("postgresql://db/x", "me", None, "postgresql://me@db/x"),
        ("postgresql://other:pw@db/x", "me", "secret", "postgresql://other:pw@db/x"),
        ("sqlite:////data/c.db", "me", "secret", "sqlite:////data/c.db"),
    ],
)
def test_a_sql_uri_keeps_the_login_that_it_has(
    add_connection: AddConnection, host: str, login: str | None, password: str | None, expected: str
) -> None:
    add_connection("c", "cv_catalog", host=host, login=login, password=password)
    assert DatasetHook("c").catalog_config().properties["uri"] == expected


@pytest.mark.parametrize(
    ("login", "password", "expected"), [(None, "t0ken", {"token": "t0ken"}), ("id", "pw", {"credential": "id:pw"}), (None, None, {})]
)
def test_a_rest_catalog_gets_a_token_or_a_credential(
    add_connection: AddConnection, login: str | None, password: str | None, expected: dict[str, str]
) -> None:
    add_connection(
        "r", "cv_catalog", host="https://catalog.example.com", login=login, password=password, extra={"type": "rest", "warehouse": "wh"}
    )
    assert DatasetHook("r").catalog_config().properties == {
        "type": "rest",
        "uri": "https://catalog.example.com",
        "warehouse": "wh",
        **expected,
    }


@pytest.mark.parametrize("given", ['{"pool_size": 5, "echo": "false"}', {"pool_size": 5, "echo": "false"}])
def test_further_properties_are_a_json_object_or_its_text(add_connection: AddConnection, given: Any) -> None:
    add_connection("c", "cv_catalog", host="sqlite:////data/c.db", extra={"properties": given})
    assert DatasetHook("c").catalog_config().properties == {"type": "sql", "uri": "sqlite:////data/c.db", "pool_size": "5", "echo": "false"}


@pytest.mark.parametrize("given", ["{not json", "[1, 2]", '"text"', "5"])
def test_further_properties_that_are_no_json_object_are_refused(add_connection: AddConnection, given: str) -> None:
    add_connection("c", "cv_catalog", host="sqlite:////data/c.db", extra={"properties": given})
    with pytest.raises(ConfigurationError, match="properties of the cv_catalog connection is not a JSON object"):
        DatasetHook("c").catalog_config()


@pytest.mark.parametrize("given", ['{"s3.secret-access-key": "hunter2-secret",}', '["hunter2-secret"]'])
def test_further_properties_that_are_refused_are_not_shown(add_connection: AddConnection, given: str) -> None:
    add_connection("c", "cv_catalog", host="sqlite:////data/c.db", extra={"properties": given})
    with pytest.raises(ConfigurationError) as raised:
        DatasetHook("c").catalog_config()
    assert "hunter2" not in "".join(traceback.format_exception(raised.value))
    assert "at line 1, column 4" in str(raised.value) or "but a list" in str(raised.value)


def test_a_catalog_that_cannot_be_opened_shows_no_secret(add_connection: AddConnection) -> None:
    properties = {"py-catalog-impl": "no.such.Catalog", "s3.secret-access-key": "hunter2-secret", "token": "hunter2-token"}
    add_connection("c", "cv_catalog", host="postgresql://me:hunter2-pw@db/x", extra={"properties": json.dumps(properties)})
    with pytest.raises(ConfigurationError, match="Cannot open catalog 'cv_dataops'") as raised:
        load(DatasetHook("c").catalog_config())
    assert "hunter2" not in "".join(traceback.format_exception(raised.value))


@both
def test_a_warehouse_or_a_type_among_the_further_properties_counts(add_connection: AddConnection, asynchronous: bool) -> None:
    add_aws(add_connection, "minio")
    for properties in ({"warehouse": "s3://lake/w"}, {"type": "glue"}):
        extra = {"aws_conn_id": "minio", "properties": properties}
        add_connection("c", "cv_catalog", host="sqlite:////data/c.db", extra=extra)
        config = config_of(DatasetHook("c"), asynchronous=asynchronous)
        assert config.properties["s3.secret-access-key"] == SECRET_KEY
        assert config.object_options["secret_access_key"] == SECRET_KEY


def test_an_endpoint_among_the_further_properties_gets_what_such_servers_need(
    add_connection: AddConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION")
    for name in names:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    add_aws(add_connection, "plain")
    extra = {"aws_conn_id": "plain", "warehouse": "s3://lake/w", "properties": '{"s3.endpoint": "http://minio:9000"}'}
    add_connection("c", "cv_catalog", host="sqlite:////data/c.db", extra=extra)
    config = DatasetHook("c").catalog_config()
    assert config.object_options["endpoint"] == "http://minio:9000"
    open_existing(replace(config, properties={**config.properties, "uri": "sqlite:///:memory:"}))
    assert [os.environ.get(name) for name in names] == ["when_required", "when_required"]


def test_a_sql_catalog_without_a_uri_is_refused_by_the_field_to_fill_in(add_connection: AddConnection) -> None:
    add_connection("c", "cv_catalog", extra={"warehouse": "/w"})
    with pytest.raises(ConfigurationError, match="Connection 'c' of type cv_catalog names no catalog URI \\(field host\\)"):
        DatasetHook("c").catalog_config()


@both
def test_a_warehouse_on_s3_takes_its_credentials_from_the_aws_connection(add_connection: AddConnection, asynchronous: bool) -> None:
    add_aws(add_connection, "minio", endpoint_url="http://minio:9000")
    add_connection("c", "cv_catalog", host="sqlite:////data/c.db", extra={"warehouse": "s3://lake/w", "aws_conn_id": "minio"})
    config = config_of(DatasetHook("c"), asynchronous=asynchronous)
    assert config.warehouse == "s3://lake/w"
    assert dict(config.object_options) == {
        "access_key_id": ACCESS_KEY,
        "secret_access_key": SECRET_KEY,
        "region": "eu-central-1",
        "endpoint": "http://minio:9000",
        "virtual_hosted_style_request": "false",
    }
    s3 = {name: value for name, value in config.properties.items() if name.startswith("s3.")}
    assert s3 == {
        "s3.access-key-id": ACCESS_KEY,
        "s3.secret-access-key": SECRET_KEY,
        "s3.region": "eu-central-1",
        "s3.endpoint": "http://minio:9000",
        "s3.force-virtual-addressing": "false",
    }


def test_virtual_hosts_are_used_where_the_aws_connection_says_so(add_connection: AddConnection) -> None:
    add_aws(add_connection, "aws", endpoint_url="https://s3.example.com", config_kwargs={"s3": {"addressing_style": "virtual"}})
    _, options = DatasetHook(aws_conn_id="aws").storage("s3://bucket/prefix")
    assert options["virtual_hosted_style_request"] == "true"


def test_amazons_own_s3_needs_no_endpoint(add_connection: AddConnection) -> None:
    add_aws(add_connection, "aws")
    _, options = DatasetHook(aws_conn_id="aws").storage("s3://bucket/prefix")
    assert options == {"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY, "region": "eu-central-1"}


@both
def test_a_uri_may_name_its_connection_and_loses_it(add_connection: AddConnection, asynchronous: bool) -> None:
    add_aws(add_connection, "landing", endpoint_url="http://landing:9000")
    add_aws(add_connection, "lake", endpoint_url="http://lake:9000")
    uri, options = storage_of(DatasetHook(aws_conn_id="lake"), "s3://landing@bucket/pre@fix/", asynchronous=asynchronous)
    assert (uri, options["endpoint"]) == ("s3://bucket/pre@fix/", "http://landing:9000")
    uri, options = storage_of(DatasetHook(aws_conn_id="lake"), "s3://bucket/pre@fix", asynchronous=asynchronous)
    assert (uri, options["endpoint"]) == ("s3://bucket/pre@fix", "http://lake:9000")


@both
def test_a_source_without_a_connection_uses_the_one_of_the_catalog(add_connection: AddConnection, asynchronous: bool) -> None:
    add_aws(add_connection, "minio", endpoint_url="http://minio:9000")
    add_connection("c", "cv_catalog", host="sqlite:////data/c.db", extra={"aws_conn_id": "minio"})
    _, options = storage_of(DatasetHook("c"), "s3://bucket/prefix", asynchronous=asynchronous)
    assert options["endpoint"] == "http://minio:9000"


@pytest.mark.parametrize("uri", ["/data/images", "file:///data/images", "gs://bucket/images", "relative"])
@both
def test_other_places_need_no_connection(add_connection: AddConnection, uri: str, asynchronous: bool) -> None:
    assert storage_of(DatasetHook("does not exist"), uri, asynchronous=asynchronous) == (uri, {})


@both
def test_missing_aws_credentials_are_named(
    add_connection: AddConnection, asynchronous: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    add_connection("empty", "aws")
    with pytest.raises(ConfigurationError, match="AWS connection 'empty' gives no credentials"):
        storage_of(DatasetHook(aws_conn_id="empty"), "s3://bucket/prefix", asynchronous=asynchronous)


@both
def test_no_secret_is_in_lineage_or_in_what_a_log_line_would_show(
    add_connection: AddConnection, asynchronous: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    add_aws(add_connection, "minio", endpoint_url="http://minio:9000")
    add_connection(
        "c",
        "cv_catalog",
        host="postgresql+psycopg2://db/iceberg",
        login="me",
        password="pg-hunter2",
        extra={"warehouse": "s3://lake/w", "aws_conn_id": "minio", "properties": '{"some.token": "t0ken-value"}'},
    )
    config = config_of(DatasetHook("c"), asynchronous=asynchronous)
    from airflow_cv_dataops.core.store.dataset import Dataset

    dataset = Dataset("digits", config)
    shown = f"{config!r} {config} {config.for_lineage()} {dataset!r} {dataset.table_use('images')!r} {caplog.text}"
    for secret in ("pg-hunter2", SECRET_KEY, "t0ken-value"):
        assert secret not in shown
    assert config.for_lineage() == {
        "name": "cv_dataops",
        "type": "sql",
        "uri": "postgresql+psycopg2://db/iceberg",
        "warehouse": "s3://lake/w",
    }


def test_a_lookup_is_made_once(add_connection: AddConnection) -> None:
    add_connection("c", "cv_catalog", host="sqlite:////data/c.db")
    hook = DatasetHook("c")
    assert hook.catalog_config() is hook.catalog_config()


def test_the_test_button_says_what_went_wrong(add_connection: AddConnection, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    add_connection("broken", "cv_catalog", host=f"sqlite:///{tmp_path}/a file/c.db", extra={"warehouse": str(tmp_path)})
    ok, message = DatasetHook("broken").test_connection()
    assert not ok
    assert "a file" in message
    ok, message = DatasetHook("absent").test_connection()
    assert (ok, message) == (False, "AirflowNotFoundException: The conn_id `absent` isn't defined")


IN_A_SCRIPT = """
import json, os, sys
os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
from airflow import settings
from airflow.models import import_all_models
from airflow.models.connection import Connection
from airflow.utils.session import create_session

import_all_models()  # whose tables refer to one another
Connection.metadata.create_all(settings.engine)
uri, warehouse = sys.argv[1:]
with create_session() as session:
    extra = {"type": "sql", "warehouse": warehouse}
    session.add(Connection(conn_id="cv_catalog_default", conn_type="cv_catalog", host=uri, extra=extra))
del os.environ["_AIRFLOW_PROCESS_CONTEXT"]

from datetime import UTC, datetime
from airflow_cv_dataops.core.metrics import Metric, write_metrics
from airflow_cv_dataops.hooks.dataset import DatasetHook

of_airflow = [DatasetHook().catalog_config().properties["uri"], DatasetHook().dataset("digits").images().num_rows]
hook = DatasetHook("cv_local")
before = hook.test_connection()
write_metrics(hook.dataset("digits"), "p", "ingest", [Metric("images", 3)], datetime.now(UTC))
rows = DatasetHook("cv_local").dataset("digits").read("metrics").select(["metric", "value"]).to_pylist()
print("RESULT " + json.dumps([of_airflow, before, hook.test_connection(), rows]))
"""


@pytest.mark.integration
def test_connections_of_airflows_database_and_of_the_environment_work_end_to_end_in_a_script(tmp_path: Path) -> None:
    from airflow_cv_dataops.core.dataset import open_dataset

    uri, warehouse = f"sqlite:///{tmp_path}/catalog.db", str(tmp_path / "warehouse")
    open_dataset("digits", {"type": "sql", "uri": uri, "warehouse": warehouse}).ensure_table("images")
    connection = {
        "conn_type": "cv_catalog",
        "host": f"sqlite:///{tmp_path}/new folder/catalog.db",
        "extra": {"type": "sql", "warehouse": str(tmp_path / "w")},
    }
    settings = {"AIRFLOW_HOME": str(tmp_path / "airflow"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    environment = {**os.environ, **settings, "AIRFLOW_CONN_CV_LOCAL": json.dumps(connection)}
    (tmp_path / "airflow").mkdir()
    done = subprocess.run([sys.executable, "-c", IN_A_SCRIPT, uri, warehouse], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    of_airflow, before, after, rows = json.loads(done.stdout.rpartition("RESULT ")[2])
    assert of_airflow == [uri, 0], "the default connection, of Airflow's database"
    assert before == [True, "There is no catalog yet: the first ingest makes it"]
    assert after == [True, "The catalog answers: 1 dataset"]
    assert rows == [{"metric": "images", "value": 3.0}]
    assert (tmp_path / "new folder" / "catalog.db").is_file()
    assert (tmp_path / "w" / "digits" / "metrics" / "metadata").is_dir()


def test_two_connections_and_a_notebook_see_the_same_tables_of_a_sql_catalog(add_connection: AddConnection, tmp_path: Path) -> None:
    from airflow_cv_dataops.core.dataset import open_dataset

    uri, warehouse = f"sqlite:///{tmp_path}/catalog.db", str(tmp_path / "warehouse")
    for name, below, further in (("writer", "", {}), ("reader", "", {}), ("elsewhere", "/another", {"name": "another"})):
        add_connection(name, "cv_catalog", host=uri, extra={"type": "sql", "warehouse": warehouse + below, "properties": further})
    DatasetHook("writer").dataset("digits").ensure_table("images")
    described = {"type": "sql", "uri": uri, "warehouse": warehouse}
    assert DatasetHook("reader").dataset("digits").load_table("images") is not None
    assert open_dataset("digits", described).load_table("images") is not None
    assert DatasetHook("elsewhere").dataset("digits").load_table("images") is None
    with pytest.raises(ConfigurationError, match="belongs to the catalog name 'cv_dataops', and this is catalog 'another'"):
        open_dataset("digits", {**described, "name": "another"}).load_table("images")
