"""Datasets by an Airflow connection: which catalog, which warehouse, whose credentials."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import BaseHook

from airflow_cv_dataops.common import settings
from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.catalog import CATALOG_NAME, CatalogConfig, embedded_catalog
from airflow_cv_dataops.get_provider_info import CONNECTION_FIELDS, PLACEHOLDERS, RELABELING
from airflow_cv_dataops.hooks.s3_access import S3Access, in_thread

if TYPE_CHECKING:
    from airflow.sdk import Connection

log = logging.getLogger(__name__)

_S3_URI = re.compile(r"^(s3a?)://(?:([^/@]+)@)?(.*)$")
_SQL_HOST = re.compile(r"^([a-zA-Z0-9+]+://)(.*)$")


class DatasetHook(BaseHook):
    """Open datasets through a connection of type ``cv_catalog``.

    :param cv_catalog_conn_id: the connection. The default one may be absent: then the embedded catalog (SQLite and a local
        warehouse below ``[cv_dataops] home``) is used. Any other must exist.
    :param aws_conn_id: Airflow connection for ``s3://`` and Glue; default: the one that the catalog's connection names,
        else the worker's default credentials. A URI may name its own: ``s3://my_conn@bucket/prefix``.
    """

    conn_name_attr = "cv_catalog_conn_id"
    default_conn_name = "cv_catalog_default"
    conn_type = "cv_catalog"
    hook_name = "CV DataOps catalog"
    embedded_level = logging.INFO  # at which the log says that the embedded catalog stands in for the default connection

    def __init__(self, cv_catalog_conn_id: str = default_conn_name, aws_conn_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cv_catalog_conn_id = cv_catalog_conn_id
        self.aws_conn_id = aws_conn_id
        self._config: CatalogConfig | None = None

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return what the connection form shows on Airflow 3.1; later versions read the provider info."""
        return {"hidden_fields": ["schema", "port"], "relabeling": RELABELING, "placeholders": PLACEHOLDERS}

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's extra fields on Airflow 3.1; later versions read the provider info."""
        from flask_appbuilder.fieldwidgets import BS3TextFieldWidget
        from wtforms import StringField

        return {
            name: StringField(label, widget=BS3TextFieldWidget(), description=description, default=schema.get("default"))
            for name, (label, description, schema) in CONNECTION_FIELDS.items()
        }

    def dataset(self, name: str) -> Dataset:
        """Return a dataset of the catalog."""
        return Dataset(name, self.catalog_config())

    def catalog_config(self) -> CatalogConfig:
        """Return the catalog's configuration, credentials included.

        :raises ConfigurationError: the connection's fields cannot be used.
        """
        if self._config is None:
            connection = self._connection()
            access = S3Access.of(self._aws_conn_id(connection)) if _needs_aws(connection) else None
            self._config = self._configured(connection, access)
        return self._config

    async def acatalog_config(self) -> CatalogConfig:
        """Return the same from inside a trigger, where synchronous connection lookups would block every other trigger."""
        if self._config is None:
            connection = await self._aconnection()
            aws_conn_id = await in_thread(self._aws_conn_id, connection)
            access = await S3Access.aof(aws_conn_id) if await in_thread(_needs_aws, connection) else None
            self._config = await in_thread(self._configured, connection, access)
        return self._config

    def storage(self, uri: str) -> tuple[str, dict[str, Any]]:
        """Return a source URI without a connection id in it, and obstore's options for it."""
        match = _S3_URI.match(uri)
        if not match:
            return uri, {}
        scheme, named_connection, rest = match.groups()
        connection = None if named_connection or self.aws_conn_id else self._connection()
        access = S3Access.of(named_connection or self._aws_conn_id(connection))
        return f"{scheme}://{rest}", access.for_obstore()

    async def astorage(self, uri: str) -> tuple[str, dict[str, Any]]:
        """Return the same from inside a trigger."""
        match = _S3_URI.match(uri)
        if not match:
            return uri, {}
        scheme, named_connection, rest = match.groups()
        connection = None if named_connection or self.aws_conn_id else await self._aconnection()
        access = await S3Access.aof(named_connection or await in_thread(self._aws_conn_id, connection))
        return f"{scheme}://{rest}", access.for_obstore()

    def test_connection(self) -> tuple[bool, str]:
        """List the catalog's namespaces, and make nothing; used by the Test button of the connection form."""
        try:
            from airflow_cv_dataops.core.store.catalog import check_can_be_made, open_existing

            catalog = open_existing(self.catalog_config())
            if catalog is None:
                check_can_be_made(self.catalog_config())
                return True, "There is no catalog yet: the first ingest makes it"
            namespaces = catalog.list_namespaces()
        except Exception as error:  # noqa: BLE001 (the form shows whatever went wrong)
            return False, f"{type(error).__name__}: {error}"
        count = len(namespaces)
        # Without the connection's id: the form tests a copy under a name that Airflow made up.
        return True, f"The catalog answers: {count} {'dataset' if count == 1 else 'datasets'}"

    def has_connection(self) -> bool:
        """Say whether there is such a connection, or the embedded catalog stands in for the default one."""
        return self._connection() is not None

    def _connection(self) -> Connection | None:
        from airflow.providers.common.compat.sdk import AirflowNotFoundException

        try:
            return self.get_connection(self.cv_catalog_conn_id)
        except AirflowNotFoundException:
            if found := _in_database(self.cv_catalog_conn_id):
                return found
            if self.cv_catalog_conn_id != self.default_conn_name:
                raise
            return None

    async def _aconnection(self) -> Connection | None:
        from airflow.providers.common.compat.connection import get_async_connection
        from airflow.providers.common.compat.sdk import AirflowNotFoundException

        try:
            return await get_async_connection(self.cv_catalog_conn_id)
        except AirflowNotFoundException:
            if self.cv_catalog_conn_id != self.default_conn_name:
                raise
            return None

    def _aws_conn_id(self, connection: Connection | None) -> str | None:
        return self.aws_conn_id or (connection.extra_dejson.get("aws_conn_id") if connection else None) or None

    def _configured(self, connection: Connection | None, access: S3Access | None) -> CatalogConfig:
        if connection is None:
            embedded = embedded_catalog(settings.home())
            says = "There is no connection %s: using the embedded catalog, %s"
            self.log.log(self.embedded_level, says, self.cv_catalog_conn_id, embedded.for_lineage()["uri"])
            return embedded
        extra = connection.extra_dejson
        kind = extra.get("type") or "sql"
        properties: dict[str, str] = access.for_pyiceberg() if access else {}
        properties |= {"type": kind, **_further_properties(extra.get("properties"))}
        if uri := connection.host or extra.get("uri"):
            properties["uri"] = _with_login(uri, connection.login, connection.password) if kind == "sql" else uri
        if kind == "rest" and connection.password:
            name, value = (
                ("credential", f"{connection.login}:{connection.password}") if connection.login else ("token", connection.password)
            )
            properties[name] = value
        if warehouse := extra.get("warehouse"):
            properties["warehouse"] = warehouse
        if kind == "sql" and not properties.get("uri"):
            raise ConfigurationError(f"Connection {self.cv_catalog_conn_id!r} of type cv_catalog names no catalog URI (field host).")
        object_options = access.for_obstore(properties) if access else {}
        name = properties.pop("name", CATALOG_NAME if kind == "sql" else self.cv_catalog_conn_id)
        return CatalogConfig(name=name, properties=properties, object_options=object_options)


def _in_database(conn_id: str) -> Connection | None:
    """Return a connection of Airflow's database, if a script asks; a task gets it from its supervisor.

    In a process that is no part of a running Airflow the SDK looks into environment variables and secrets backends alone. There the
    default connection would seem to be absent, and the embedded catalog be read in place of the one that the DAGs write to.
    """
    from airflow.sdk.execution_time import task_runner

    is_supervised = getattr(task_runner, "SUPERVISOR_COMMS", None) is not None
    if is_supervised or os.environ.get("_AIRFLOW_PROCESS_CONTEXT") == "client":
        return None
    try:
        from airflow.secrets.metastore import MetastoreBackend
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError:  # a worker's machine may have the task SDK alone
        return None
    try:
        found: Connection | None = MetastoreBackend().get_connection(conn_id)
    except SQLAlchemyError as error:
        log.debug("Airflow's database cannot be asked for connection %s: %s", conn_id, error)
        return None
    return found


def _needs_aws(connection: Connection | None) -> bool:
    extra = connection.extra_dejson if connection else {}
    properties = _further_properties(extra.get("properties"))
    kind = properties.get("type") or extra.get("type")
    warehouse = str(extra.get("warehouse") or properties.get("warehouse") or "")
    return kind == "glue" or warehouse.startswith(("s3://", "s3a://"))


def _further_properties(value: str | Mapping[str, Any] | None) -> dict[str, str]:
    """Return the field's properties. It may hold keys, so that no error shows what is in it."""
    if not value:
        return {}
    try:
        properties = json.loads(value) if isinstance(value, str) else value
    except ValueError as error:
        where = f"{error.msg} at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else "no JSON"
        raise ConfigurationError(f"Field properties of the cv_catalog connection is not a JSON object: {where}.") from None
    if not isinstance(properties, Mapping):
        kind = type(properties).__name__
        raise ConfigurationError(f"Field properties of the cv_catalog connection is not a JSON object, but a {kind}.")
    return {str(name): str(item) for name, item in properties.items()}


def _with_login(uri: str, login: str | None, password: str | None) -> str:
    """Put the form's login and password into a SQL URI that has none."""
    match = _SQL_HOST.match(uri)
    if not match or not login or "@" in match[2] or uri.startswith("sqlite"):
        return uri
    user = quote(login, safe="") + (f":{quote(password, safe='')}" if password else "")
    return f"{match[1]}{user}@{match[2]}"
