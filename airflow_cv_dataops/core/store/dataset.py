"""A dataset: its tables, read at a snapshot, and replaced one partition at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.step_lineage import DatasetUse
from airflow_cv_dataops.core.store.catalog import CatalogConfig
from airflow_cv_dataops.core.store.files import DataFile, PartitionWriter, files_of_rows, leave, overwrite, overwrite_with_files
from airflow_cv_dataops.core.store.model.table_model import PARTITION_KEY
from airflow_cv_dataops.core.store.names import check_dataset_name
from airflow_cv_dataops.core.store.objects import ObjectStore, join_uri, open_store
from airflow_cv_dataops.core.store.partition_keys import partition_keys_of
from airflow_cv_dataops.core.store.scanning import scan_batches
from airflow_cv_dataops.core.store.schema import TABLES, arrow_schema, model_of
from airflow_cv_dataops.core.store.table_rows import as_wanted, batches_of, conform, ordered, with_keys
from airflow_cv_dataops.core.store.tables import Tables, current_snapshot_id
from airflow_cv_dataops.core.store.unchanged import holds_rows
from airflow_cv_dataops.core.store.writers import Writer

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.table import DataScan, Table


class Dataset:
    """A named collection: one Iceberg namespace with the tables of the data model.

    :param name: ``[a-z][a-z0-9_]*``, at most 127 characters (what every catalog accepts, Glue included).
    :param config: the catalog.
    :raises ConfigurationError: the name cannot be used.
    """

    writer: Writer | None = None
    """Who writes, where several copies of a task may: what one has written in a run, no other replaces."""

    def __init__(self, name: str, config: CatalogConfig) -> None:
        self.name = check_dataset_name(name)
        self.config = config
        self._tables = Tables(name, config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} in catalog {self.config.name!r}>"

    def __reduce__(self) -> tuple[type[Dataset], tuple[str, CatalogConfig]]:
        return type(self), (self.name, self.config)  # what was opened is opened anew, in another process too

    def read(
        self,
        table: str,
        *,
        partition_key: str | None = None,
        snapshot_id: str | int | None = None,
        columns: Sequence[str] | None = None,
        where: BooleanExpression | str | None = None,
        limit: int | None = None,
    ) -> pa.Table:
        """Return rows as Arrow, in the schema module's column types; a table that the dataset does not have yet is empty.

        :param snapshot_id: read as of this snapshot; default: the current one. A column that came later is null.
        :param where: a further Iceberg filter, e.g. ``"label_set = 'default'"``.
        :raises DatasetNotFoundError: there is no such dataset, or the snapshot does not exist (any more).
        :raises ConfigurationError: the table has no such column.
        """
        wanted = _wanted(table, columns)
        scan = self._scan(table, wanted, partition_key, snapshot_id, where, limit)
        return wanted.empty_table() if scan is None else as_wanted(scan.to_arrow(), wanted)

    def read_batches(
        self,
        table: str,
        *,
        partition_key: str | None = None,
        snapshot_id: str | int | None = None,
        columns: Sequence[str] | None = None,
        where: BooleanExpression | str | None = None,
        batch_rows: int = 65_536,
        files: Collection[str] | None = None,
    ) -> Iterator[pa.Table]:
        """Yield the rows that :meth:`read` returns, at most ``batch_rows`` (or some 64 MB) at a time, and hold no more of them than that.

        The order is that of the data files' paths; the same snapshot gives the same order.

        :param files: paths of data files (:func:`~.partition_files.partition_files`): the rows of these alone.
        """
        wanted = _wanted(table, columns)
        scan = self._scan(table, wanted, partition_key, snapshot_id, where, None)
        return iter(()) if scan is None else scan_batches(scan, wanted, batch_rows, f"rows of {table}", files)

    def _scan(
        self,
        table: str,
        wanted: pa.Schema,
        partition_key: str | None,
        snapshot_id: str | int | None,
        where: BooleanExpression | str | None,
        limit: int | None,
    ) -> DataScan | None:
        from pyiceberg.expressions import AlwaysTrue, And, EqualTo

        found = self.load_table(table)
        if found is None:
            self.check_there()
            return None
        snapshot = found.current_snapshot() if snapshot_id is None else found.snapshot_by_id(int(snapshot_id))
        if snapshot is None and snapshot_id is None:
            return None
        if snapshot is None:
            raise DatasetNotFoundError(f"Table {self.identifier(table)} has no snapshot {snapshot_id}; it may have been expired.")
        row_filter: Any = where if where is not None else AlwaysTrue()
        if isinstance(row_filter, str):
            from pyiceberg.expressions.parser import parse

            row_filter = parse(row_filter)
        if partition_key is not None:
            row_filter = And(row_filter, EqualTo(PARTITION_KEY, partition_key))
        # PyIceberg looks for the columns in the schema that was the table's when a named snapshot was written.
        schema = found.schema() if snapshot_id is None or snapshot.schema_id is None else found.schemas()[snapshot.schema_id]
        known = [name for name in wanted.names if name in schema.column_names]
        return found.scan(
            row_filter=row_filter,
            # Of no column PyIceberg reads no row: where all came later, any one says how many rows there are.
            selected_fields=tuple(known or TABLES[table].column_names[:1]),
            snapshot_id=None if snapshot_id is None else int(snapshot_id),
            limit=limit,
        )

    def images(
        self, columns: Sequence[str] | None = None, *, partition_key: str | None = None, snapshot_id: str | int | None = None
    ) -> pa.Table:
        """Return the ``images`` table as Arrow; ``.to_pandas()`` gives a DataFrame. :param columns: these alone; default: all."""
        return self.read("images", columns=columns, partition_key=partition_key, snapshot_id=snapshot_id)

    def annotations(
        self, columns: Sequence[str] | None = None, *, partition_key: str | None = None, snapshot_id: str | int | None = None
    ) -> pa.Table:
        """Return the ``annotations`` table as Arrow; ``.to_pandas()`` gives a DataFrame. :param columns: these alone; default: all."""
        return self.read("annotations", columns=columns, partition_key=partition_key, snapshot_id=snapshot_id)

    def replace_partition(
        self,
        table: str,
        partition_key: str,
        rows: pa.Table,
        *,
        owner: str | None = None,
        always: bool = False,
    ) -> str:
        """Replace one partition of one table in one commit, whole or not at all, and return the id of the snapshot that holds the rows.

        What is replaced is every row with this partition key and, in tables that have an owner column, this owner. Two
        writers of the same partition at once leave the rows of one of them; writers of other partitions do not disturb.

        :param rows: the columns of the schema module, in any order; absent optional columns become null. Key columns are set here. They are
            written some 64 MB at a time, so that nothing is held twice. Where the partition holds the same ones, but for the times of runs
            (:data:`~.unchanged.TIMES`), they stay, and nothing is committed.
        :param always: commit them all the same.
        :raises ConfigurationError: key, owner or columns do not fit the data model.
        :raises SharedPartitionError: another copy of the :attr:`writer`'s task has written there in the same run.
        """
        return self.replace_rows(table, partition_keys_of(model_of(table), partition_key, owner), rows, always=always)

    def holds(self, table: str, partition_key: str, rows: pa.Table, *, owner: str | None = None) -> bool:
        """Say whether a partition holds these rows, but for the times of runs: whether :meth:`replace_partition` would leave them there."""
        found = self.load_table(table)
        return found is not None and holds_rows(found, TABLES[table], partition_keys_of(model_of(table), partition_key, owner), rows)

    def partition_writer(self, table: str, partition_key: str, *, owner: str | None = None) -> PartitionWriter:
        """Return a writer of one partition's rows as files, for :meth:`replace_partition_by_files`."""
        keys = partition_keys_of(model_of(table), partition_key, owner)
        return PartitionWriter(table, self.ensure_table(table).location(), keys, self.config.object_options)

    def replace_partition_by_files(self, table: str, partition_key: str, files: Sequence[DataFile], *, owner: str | None = None) -> str:
        """Replace one partition of one table by files that a writer left, in one commit, and return the id of the snapshot that holds them.

        The rows do not pass through this process. Where the partition has these very files, they stay, and nothing is committed. As
        :meth:`replace_partition` otherwise.
        """
        keys = partition_keys_of(model_of(table), partition_key, owner)
        return self._tables.commit(table, lambda current: overwrite_with_files(current, keys, [file.uri for file in files], self.writer))

    def check_writer(self, table: str, partition_key: str, *, owner: str | None = None) -> None:
        """Look before any work is committed. :raises SharedPartitionError: as :meth:`replace_partition`."""
        found = self.load_table(table) if self.writer is not None else None
        if self.writer is not None and found is not None:
            self.writer.check(found, partition_keys_of(model_of(table), partition_key, owner))

    def replace_rows(self, table: str, keys: Mapping[str, str], rows: pa.Table, *, always: bool = False) -> str:
        """Replace the rows of one combination of the table's identity-partition columns in one commit, as :meth:`replace_partition`."""
        conform(
            with_keys(rows.slice(0, 0), keys), arrow_schema(model_of(table).name)
        )  # what does not fit is refused before there is a table
        written: list[Any] = []

        def replace(current: Table) -> None:
            if not written and not always and holds_rows(current, TABLES[table], keys, rows):
                leave(current, keys, self.writer)
                return
            if not written and rows.num_rows:  # written once, however often the commit is tried
                written.extend(files_of_rows(current, batches_of(TABLES[table], keys, rows)))
            overwrite(current, keys, written, self.writer)

        return self._tables.commit(table, replace)

    def change_table(self, table: str, change: Callable[[Table], None]) -> None:
        """Change a table's metadata in one commit; where another commit came first, it is worked out again on what is there then.

        :raises StoreError: others came first for too long.
        """
        model_of(table)
        self._tables.change(table, change)

    def append_if_unchanged(self, table: str, rows: pa.Table, expected_snapshot_id: str | None) -> str | None:
        """Append in one commit if the table is still at ``expected_snapshot_id``; return the new snapshot id or ``None`` if it is not.

        This is the compare-and-set behind promotion; it is never retried.
        """
        from pyiceberg.exceptions import CommitFailedException

        from airflow_cv_dataops.core.store.transactions import QuickTransaction

        current = self.ensure_table(table)
        if current_snapshot_id(current) != expected_snapshot_id:
            return None
        try:
            with QuickTransaction(current) as changes:
                changes.append(ordered(conform(rows, arrow_schema(table)), TABLES[table]))
        except CommitFailedException:
            return None
        return current_snapshot_id(current)

    def identifier(self, table: str) -> str:
        """The table's name in the catalog."""
        return self._tables.identifier(table)

    def table_names(self) -> frozenset[str]:
        """Return the names of the tables that there are, in one question to the catalog; none where there is no such dataset (yet)."""
        return self._tables.names()

    def other_locations(self) -> frozenset[str]:
        """Return where the tables lie that others have made in the dataset's namespace."""
        found = (self._tables.find(name) for name in self.table_names() - TABLES.keys())
        return frozenset(table.location().rstrip("/") for table in found if table is not None)

    def check_there(self) -> None:
        """:raises DatasetNotFoundError: the catalog has no such dataset; the message says which it has."""
        self._tables.check_there()

    def load_table(self, table: str) -> Table | None:
        """Return the Iceberg table, or ``None`` where it does not exist yet.

        :raises ConfigurationError: the data model has none of that name.
        """
        model_of(table)
        return self._tables.find(table)

    def ensure_table(self, table: str) -> Table:
        """Return the Iceberg table, made or widened to the data model. :raises ConfigurationError: as :meth:`load_table`."""
        model_of(table)
        return self._tables.ensure(table)

    def snapshot_id(self, table: str) -> str | None:
        """Return the table's current snapshot id as a string; ``None`` where it has none."""
        found = self.load_table(table)
        return None if found is None else current_snapshot_id(found)

    def snapshots(self, tables: Sequence[str]) -> dict[str, str]:
        """Return the current snapshot id of each of the tables that has one."""
        found = {table: self.snapshot_id(table) for table in tables}
        return {table: snapshot_id for table, snapshot_id in found.items() if snapshot_id is not None}

    @property
    def root_uri(self) -> str:
        """Where the dataset's objects, manifests and reports live: the warehouse's folder of the dataset.

        :raises ConfigurationError: the catalog names no warehouse with a URI.
        """
        if self.config.warehouse is None:
            raise ConfigurationError(
                f"Catalog {self.config.name!r} names no warehouse URI, so there is no place for the objects of {self.name!r}: "
                "set `warehouse` in the cv_catalog connection to a URI such as s3://bucket/warehouse."
            )
        return join_uri(self.config.warehouse, self.name)

    def objects(self) -> ObjectStore:
        """The store of the dataset's own files: ``objects/`` (images by content), ``samples/`` (manifests), ``reports/``."""
        return open_store(self.root_uri, self.config.object_options)

    def table_use(self, table: str, **facts: Any) -> DatasetUse:
        """Describe a table for lineage; it is opened only where the catalog alone knows its location.

        :raises ConfigurationError: the data model has none of that name.
        """
        named = self.unopened_table_use(table, **facts)
        if self.config.warehouse is None and (found := self.load_table(table)) is not None:
            return replace(named, uri=found.location())
        return named

    def unopened_table_use(self, table: str, **facts: Any) -> DatasetUse:
        """Describe a table for lineage without asking the catalog, by its name alone where that knows its location.

        :raises ConfigurationError: the data model has none of that name.
        """
        model_of(table)
        uri = self.config.table_location(self.name, table) or f"{self.config.name}/{self.name}/{table}"
        return DatasetUse(uri=uri, table=table, identifier=self.identifier(table), catalog=self.config.for_lineage(), **facts)

    def files_use(self, holds: str, folder: str | None = None, **facts: Any) -> DatasetUse:
        """Describe files of the dataset beside its tables for lineage.

        :param holds: what is in them; they are named by it, as a table is.
        :param folder: below :attr:`root_uri`; ``None`` where they lie in no folder of their own.
        """
        identifier = self.identifier(holds)
        uri = join_uri(self.root_uri, folder) if folder and self.config.warehouse else identifier
        return DatasetUse(uri=uri, holds=holds, identifier=identifier, catalog=self.config.for_lineage(), **facts)


def _wanted(table: str, columns: Sequence[str] | None) -> pa.Schema:
    """Return the data model's schema of a table, or of some of its columns."""
    import pyarrow as pa

    schema = arrow_schema(model_of(table).name)
    if unknown := [name for name in columns or () if name not in schema.names]:
        raise ConfigurationError(f"Table {table} has no columns {unknown}; it has {', '.join(schema.names)}.")
    return schema if columns is None else pa.schema([schema.field(name) for name in columns])
