"""Tables that a SQL catalog keeps under another catalog's name: found, said, and brought under today's name.

A SQL catalog keeps the tables of each catalog name apart. Before the name was the same everywhere (``cv_dataops``) it was the Airflow
connection's id, so that what such a connection wrote is not seen under today's name; a second table would be made at the same place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.store.catalog import CatalogConfig, open_existing
from airflow_cv_dataops.core.store.uris import join_uri, normalize_uri

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog


def check_former_names(catalog: Catalog, config: CatalogConfig, namespace: str) -> None:
    """Refuse to go on as if a dataset were not there whose tables lie in its place under another catalog name.

    :raises ConfigurationError: there are such tables.
    """
    from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
    from sqlalchemy import select
    from sqlalchemy.orm import Session

    if not isinstance(catalog, SqlCatalog) or config.warehouse is None:
        return
    wanted = select(IcebergTables.catalog_name, IcebergTables.metadata_location).where(
        IcebergTables.table_namespace == namespace, IcebergTables.catalog_name != config.name
    )
    with Session(catalog.engine) as session:
        found = session.execute(wanted).all()
    place = join_uri(config.warehouse, namespace) + "/"
    names = sorted({name for name, location in found if location and normalize_uri(location).startswith(place)})
    if names:
        listed = ", ".join(repr(name) for name in names)
        raise ConfigurationError(
            f"Dataset {namespace!r} at {place} belongs to the catalog name {listed}, and this is catalog {config.name!r} of the same "
            f"database, which does not see its tables. Bring them under this name, once and with no task running: "
            f"airflow_cv_dataops.rename_catalog({names[0]!r}, …) (docs/connection.md shows it). Or keep the name: "
            f'{{"name": "{names[0]}"}} among the properties of the connection.'
        )


def rename_catalog(former: str, catalog: CatalogConfig | Mapping[str, str]) -> tuple[str, ...]:
    """Bring the tables that a SQL catalog keeps under a former catalog name under today's, all or none, and return which those are.

    No file is touched and nothing is copied: two columns of the catalog's database change. Let no task run meanwhile. A second call finds
    nothing to do, and returns no name.

    :param former: the name that the tables are under, such as the id of the connection that wrote them.
    :param catalog: the catalog's configuration, or the properties that ``pyiceberg.catalog.load_catalog`` takes, with its ``name`` where
        that is not to be ``cv_dataops``.
    :returns: names such as ``digits.images``.
    :raises ConfigurationError: the catalog is no SQL catalog, or has a table of the same name under both.
    :raises DatasetNotFoundError: there is no such catalog, or no table under either name.
    """
    from pyiceberg.catalog.sql import IcebergNamespaceProperties as Namespaces
    from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
    from sqlalchemy import delete, select, update
    from sqlalchemy.orm import Session

    config = CatalogConfig.of(catalog)
    if former == config.name:
        raise ConfigurationError(f"{former!r} is the catalog's name already: give the name that the tables are under, to bring them here.")
    opened = open_existing(config)
    if opened is None:
        raise DatasetNotFoundError(f"There is no catalog {config.name!r} to rename anything in ({config.for_lineage()}).")
    if not isinstance(opened, SqlCatalog):
        raise ConfigurationError(f"Catalog {config.name!r} is no SQL catalog: others do not keep tables apart by the catalog's name.")
    with Session(opened.engine) as session, session.begin():
        tables = [
            {f"{row.table_namespace}.{row.table_name}" for row in session.scalars(select(IcebergTables).filter_by(catalog_name=name))}
            for name in (former, config.name)
        ]
        if not any(tables):
            names = ", ".join(sorted(set(session.scalars(select(IcebergTables.catalog_name))))) or "none"
            raise DatasetNotFoundError(f"No table is under the catalog name {former!r}, nor under {config.name!r}; there are: {names}.")
        if both := sorted(tables[0] & tables[1]):
            raise ConfigurationError(
                f"Tables {', '.join(both)} are there under both names, {former!r} and {config.name!r}: "
                "drop those that are not wanted first."
            )
        session.execute(update(IcebergTables).filter_by(catalog_name=former).values(catalog_name=config.name))
        there = session.scalars(select(Namespaces.namespace).filter_by(catalog_name=config.name)).all()
        session.execute(delete(Namespaces).where(Namespaces.catalog_name == former, Namespaces.namespace.in_(there)))
        session.execute(update(Namespaces).filter_by(catalog_name=former).values(catalog_name=config.name))
    return tuple(sorted(tables[0]))
