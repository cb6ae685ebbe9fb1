"""Which Iceberg catalog to use, and how: the embedded default, or whatever a connection says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.objects import join_uri, local_path, normalize_uri, without_credentials
from airflow_cv_dataops.core.store.uris import without_secrets

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

_OBJECT_STORE_SCHEMES = ("s3://", "s3a://", "gs://", "az://", "abfs://", "abfss://", "file://", "/")


_SQL_TABLES = ("iceberg_tables", "iceberg_namespace_properties")

_S3_OPTIONS = {
    "access_key_id": "access-key-id",
    "secret_access_key": "secret-access-key",
    "session_token": "session-token",
    "region": "region",
}

# One name for every connection and notebook: in a SQL catalog, tables that were made under another name are not seen.
CATALOG_NAME = "cv_dataops"


@dataclass(frozen=True)
class CatalogConfig:
    """Everything needed to open a catalog and the objects beside it.

    :param name: catalog name, shown in lineage. A SQL catalog keeps the tables of each name apart: whoever reads them needs the name.
    :param properties: what ``pyiceberg.catalog.load_catalog`` takes: ``type``, ``uri``, ``warehouse``, ``s3.*``, …
    :param object_options: obstore configuration for images and reports below the warehouse.
    """

    name: str
    properties: Mapping[str, str] = field(repr=False)  # both may hold credentials
    object_options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, given: CatalogConfig | Mapping[str, str]) -> CatalogConfig:
        """Return a configuration as it is, and that of a catalog of which the properties and perhaps a ``name`` are given.

        :raises ConfigurationError: it is neither.
        """
        if isinstance(given, CatalogConfig):
            return given
        if not isinstance(given, Mapping):
            raise ConfigurationError(
                "A catalog is described by its properties, such as {'type': 'sql', 'uri': …, 'warehouse': …}, "
                f"not by a {type(given).__name__}."
            )
        properties = {key: value for key, value in given.items() if key != "name"}
        return cls(given.get("name", CATALOG_NAME), properties, s3_options(properties))

    @property
    def warehouse(self) -> str | None:
        """The warehouse as a URI; ``None`` where the catalog's server decides where tables live."""
        warehouse = self.properties.get("warehouse")
        if not warehouse or not warehouse.startswith(_OBJECT_STORE_SCHEMES):
            return None
        return normalize_uri(warehouse)

    def table_location(self, dataset: str, table: str) -> str | None:
        """Where a table lives, known without asking the catalog; ``None`` where only the catalog knows."""
        return join_uri(self.warehouse, dataset, table) if self.warehouse else None

    def for_lineage(self) -> dict[str, str]:
        """Name, type and URIs without credentials."""
        facts = {"name": self.name, "type": self.properties.get("type", "rest")}
        if uri := self.properties.get("uri"):
            facts["uri"] = without_credentials(uri)
        if warehouse := self.properties.get("warehouse"):
            facts["warehouse"] = without_credentials(warehouse)
        return facts


def catalog_of(catalog: CatalogConfig | Mapping[str, str] | None, home: str | PathLike[str] | None) -> CatalogConfig:
    """Return the catalog that a caller names, or the embedded one. :raises ConfigurationError: it names two, or cannot be used."""
    if catalog is not None and home is not None:
        raise ConfigurationError(f"catalog and home={home!r} are both given: home is where the embedded catalog lives.")
    return embedded_catalog(home) if catalog is None else CatalogConfig.of(catalog)


def embedded_catalog(home: str | PathLike[str] | None = None) -> CatalogConfig:
    """Return the catalog that needs no service: SQLite and a local warehouse below ``home``.

    :param home: a local folder; default: environment ``CV_DATAOPS_HOME``, else ``cv_dataops`` below AIRFLOW_HOME (``~/airflow``).
    :raises ConfigurationError: ``home`` is not a local path, or has a ``?`` in it, which SQLAlchemy takes for the end of a SQLite path.
    """
    home = home or os.environ.get("CV_DATAOPS_HOME") or os.path.join(os.environ.get("AIRFLOW_HOME") or "~/airflow", "cv_dataops")
    home_uri = normalize_uri(home)
    if not home_uri.startswith("file://"):
        raise ConfigurationError(f"The embedded catalog needs a local folder, not {home!r}; use a cv_catalog connection for object stores.")
    folder = local_path(home_uri)
    if "?" in folder:
        raise ConfigurationError(
            f"The embedded catalog cannot live in {folder!r}: a SQLite address ends at the question mark; choose another folder."
        )
    return CatalogConfig(
        name=CATALOG_NAME,
        properties={"type": "sql", "uri": _sqlite_uri(f"{folder}/catalog.db"), "warehouse": join_uri(home_uri, "warehouse")},
    )


def load(config: CatalogConfig) -> Catalog:
    """Open the catalog, making the embedded one's folder, and a SQL one's tables, on first use.

    :raises ConfigurationError: the catalog's type or properties cannot be used.
    """
    if file := _sqlite_file(config):
        os.makedirs(os.path.dirname(file) or ".", exist_ok=True)
    return _opened(config, {})


def open_existing(config: CatalogConfig) -> Catalog | None:
    """Open the catalog as it is, to read: nothing is made; ``None`` where a SQL catalog's file or tables do not exist yet.

    :raises ConfigurationError: the catalog's type or properties cannot be used.
    """
    from pyiceberg.catalog.sql import SqlCatalog
    from sqlalchemy import inspect

    file = _sqlite_file(config)
    if file and not os.path.exists(file):
        return None
    catalog = _opened(config, {"init_catalog_tables": "false"})
    if isinstance(catalog, SqlCatalog) and not set(_SQL_TABLES) <= set(inspect(catalog.engine).get_table_names()):
        return None
    return catalog


def check_can_be_made(config: CatalogConfig) -> None:
    """:raises ConfigurationError: it is a file, and its folder cannot be made or written to."""
    file = _sqlite_file(config)
    if file is None:
        return
    folder = next(parent for parent in Path(file).absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigurationError(f"Catalog {file} cannot be made: {folder} is no folder that can be written to.")


def s3_options(properties: Mapping[str, str]) -> dict[str, str]:
    """Return obstore's options for an S3 warehouse of which PyIceberg's properties say how it is reached (``s3.endpoint``, …)."""
    options = {}
    for option, name in _S3_OPTIONS.items():
        if value := properties.get(f"s3.{name}") or properties.get(f"client.{name}"):
            options[option] = value
    if endpoint := properties.get("s3.endpoint"):
        options["endpoint"] = endpoint
        # PyIceberg's default: virtual addressing only where it is asked for.
        options["virtual_hosted_style_request"] = str(properties.get("s3.force-virtual-addressing", "false").lower() == "true").lower()
    return options


def _sqlite_file(config: CatalogConfig) -> str | None:
    """Return the path of a SQLite catalog's file; ``None`` for any other catalog."""
    uri = config.properties.get("uri", "")
    file = uri[len("sqlite:///") :].split("?", 1)[0] if uri.startswith("sqlite:///") else ""
    if "%" in file:
        from sqlalchemy import make_url

        file = make_url(uri).database or ""
    return None if file in ("", ":memory:") else file


def _sqlite_uri(file: str) -> str:
    """Return SQLAlchemy's address of a SQLite file. From version 2.1 on it decodes the path, before it did not: it can write it."""
    if "%" in file:
        from sqlalchemy import URL

        return URL.create("sqlite", database=file, query={"timeout": "60"}).render_as_string()
    return f"sqlite:///{file}?timeout=60"


def _opened(config: CatalogConfig, more: Mapping[str, str]) -> Catalog:
    from pyiceberg.catalog import load_catalog
    from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

    properties = {**config.properties, **more}
    if (config.warehouse or "").startswith(("s3://", "s3a://")):
        properties.setdefault("py-io-impl", "airflow_cv_dataops.core.store.table_files.TableFiles")
    if properties.get("s3.endpoint"):
        # PyArrow's AWS SDK sends chunked checksums by default, which e.g. rclone's server refuses (HTTP 411).
        os.environ.setdefault("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
        os.environ.setdefault("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
    if properties.get("type") == "sql":
        properties.setdefault("pool_pre_ping", "true")
    try:
        # First users at once make the catalog's tables, one after the other; who loses with one of them goes on with the next.
        # PostgreSQL calls that a key that exists already.
        for _ in _SQL_TABLES:
            with suppress(IntegrityError, OperationalError, ProgrammingError):
                return _remembering(load_catalog(config.name, **properties))
        return _remembering(load_catalog(config.name, **properties))
    except Exception as error:  # noqa: BLE001 (raised again, without what must not be seen)
        # PyIceberg's own message may hold all properties, and a traceback would show it: the cause is not carried on.
        why = without_secrets(str(error), config.properties)
        raise ConfigurationError(f"Cannot open catalog {config.name!r} ({config.for_lineage()}): {why}") from None


def _remembering(catalog: Catalog) -> Catalog:
    """Return a SQL catalog as one that reads a table's metadata once; load_catalog, which reads PyIceberg's settings too, makes none."""
    from pyiceberg.catalog.sql import SqlCatalog

    if type(catalog) is not SqlCatalog:
        return catalog
    from airflow_cv_dataops.core.store.sql_catalog import RememberingSqlCatalog

    catalog.close()
    return RememberingSqlCatalog(catalog.name, **catalog.properties)
