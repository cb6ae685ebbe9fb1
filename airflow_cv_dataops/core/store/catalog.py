"""Which Iceberg catalog to use, and how: the embedded default, or whatever a connection says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.objects import join_uri, local_path, normalize_uri, without_credentials
from airflow_cv_dataops.core.store.uris import without_secrets

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

_OBJECT_STORE_SCHEMES = ("s3://", "s3a://", "gs://", "az://", "abfs://", "abfss://", "file://", "/")


_TABLES_OF_A_CATALOG = 2  # of namespaces and of tables

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
        properties={"type": "sql", "uri": f"sqlite:///{folder}/catalog.db?timeout=60", "warehouse": join_uri(home_uri, "warehouse")},
    )


def load(config: CatalogConfig) -> Catalog:
    """Open the catalog, making the embedded one's folder and tables on first use.

    :raises ConfigurationError: the catalog's type or properties cannot be used.
    """
    from pyiceberg.catalog import load_catalog
    from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

    properties = dict(config.properties)
    uri = properties.get("uri", "")
    if uri.startswith("sqlite:///"):
        os.makedirs(os.path.dirname(uri[len("sqlite:///") :].split("?", 1)[0]) or ".", exist_ok=True)
    if (config.warehouse or "").startswith(("s3://", "s3a://")):
        properties.setdefault("py-io-impl", "airflow_cv_dataops.core.store.table_files.TableFiles")
    if properties.get("type") == "sql":
        properties.setdefault("pool_pre_ping", "true")
    try:
        # First users at once make the catalog's tables, one after the other; who loses with one of them goes on with the next.
        # PostgreSQL calls that a key that exists already.
        for _ in range(_TABLES_OF_A_CATALOG):
            with suppress(IntegrityError, OperationalError, ProgrammingError):
                return load_catalog(config.name, **properties)
        return load_catalog(config.name, **properties)
    except Exception as error:  # noqa: BLE001 (raised again, without what must not be seen)
        # PyIceberg's own message may hold all properties, and a traceback would show it: the cause is not carried on.
        why = without_secrets(str(error), config.properties)
        raise ConfigurationError(f"Cannot open catalog {config.name!r} ({config.for_lineage()}): {why}") from None
