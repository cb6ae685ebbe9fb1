"""A SQL catalog that reads each version of a table's metadata once, and shares what no version changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyiceberg.catalog import Catalog  # noqa: TID253 (only what opens a catalog imports this module)
from pyiceberg.catalog.sql import IcebergTables, SqlCatalog  # noqa: TID253
from pyiceberg.table import CommitTableResponse, Table  # noqa: TID253

from airflow_cv_dataops.core.store.transactions import sharing_snapshots

if TYPE_CHECKING:
    from pyiceberg.table.metadata import TableMetadata


class RememberingSqlCatalog(SqlCatalog):
    """PyIceberg's, which reads and parses the metadata, of every snapshot that there is, each time that it is asked for a table.

    A metadata file is never written again: its location, which the database holds, tells whether what was read is what there is.
    Of each table the newest version is remembered.
    """

    def __init__(self, name: str, **properties: str) -> None:
        self._known: dict[tuple[str, ...], tuple[str, TableMetadata]] = {}
        super().__init__(name, **properties)

    def _convert_orm_to_iceberg(self, orm_table: IcebergTables) -> Table:
        name = (*Catalog.identifier_to_tuple(orm_table.table_namespace), orm_table.table_name)
        location, metadata = self._known.get(name, (None, None))
        if metadata is None or location is None or location != orm_table.metadata_location:
            table = super()._convert_orm_to_iceberg(orm_table)
            self._remember(name, table.metadata_location, table.metadata)
            return table
        copied = sharing_snapshots(metadata)
        return Table(name, copied, location, self._load_file_io(copied.properties, location), self)

    def commit_table(self, table: Table, *changes: Any, **more: Any) -> CommitTableResponse:
        response = super().commit_table(table, *changes, **more)
        self._remember(table.name(), response.metadata_location, response.metadata)
        return response

    def _remember(self, name: tuple[str, ...], location: str, metadata: TableMetadata) -> None:
        self._known[name] = location, sharing_snapshots(metadata)  # a copy: the table that has the original may set properties
