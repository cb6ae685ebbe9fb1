"""A partition's rows as Parquet files: written batch by batch, named by content, committed without passing through one process.

An ingest of a million images, or many shards of one, write their files first; one commit then makes them the partition.
Older snapshots go on pointing at older files, so that a data file is never overwritten: its name carries a hash of its bytes.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.store.objects import open_store
from airflow_cv_dataops.core.store.schema import TABLES, arrow_schema
from airflow_cv_dataops.core.store.table_rows import conform, with_keys
from airflow_cv_dataops.core.store.temporary_file import TemporaryFile
from airflow_cv_dataops.core.store.unchanged import partition_filter
from airflow_cv_dataops.core.store.uris import table_location
from airflow_cv_dataops.core.store.writers import Writer

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.table import Table

ROWS_PER_FILE = 1_000_000


@dataclass(frozen=True)
class DataFile:
    """A Parquet file that is written but not yet part of a table."""

    uri: str
    rows: int
    bytes: int


class PartitionWriter:
    """Writes the rows of one partition to Parquet files below the table's location; memory holds one batch at a time.

    Rows should come in the table's sort order. Nothing is visible to readers before the files are committed.

    :param location: the table's location.
    :param keys: values of the table's identity-partition columns.
    :param options: obstore configuration for the location.
    :param name: makes a file's own name of its digest.
    """

    def __init__(
        self,
        table: str,
        location: str,
        keys: Mapping[str, str],
        options: Mapping[str, Any],
        name: Callable[[str], str] = "{}.parquet".format,
    ) -> None:
        self._model = TABLES[table]
        self._keys = dict(keys)
        self._store = open_store(f"{location}/data", options)
        self._name = name
        self._files: list[DataFile] = []
        self._staged: _Staged | None = None

    def write(self, rows: pa.Table) -> None:
        """Append rows: the columns of the schema module; key columns are set here."""
        if not rows.num_rows:
            return
        if self._staged is None:
            self._staged = _Staged(arrow_schema(self._model.name))
        self._staged.write(conform(with_keys(rows, self._keys), arrow_schema(self._model.name)))
        if self._staged.rows >= ROWS_PER_FILE:
            self._close_file()

    def finish(self) -> tuple[DataFile, ...]:
        """Close the last file and return all that were written; none for a partition without rows."""
        self._close_file()
        return tuple(self._files)

    def discard(self) -> None:
        """Drop what is staged on this machine."""
        if self._staged is not None:
            self._staged.remove()
            self._staged = None

    def _close_file(self) -> None:
        if self._staged is None:
            return
        staged, self._staged = self._staged, None
        try:
            digest, size = staged.close()
            path = f"{digest[:2]}/{self._name(digest)}"
            if not self._store.renew(path, size):
                self._store.write_file(path, staged.path)
            self._files.append(DataFile(self._store.uri_of(path), staged.rows, size))
        finally:
            staged.remove()


def overwrite_with_files(table: Table, keys: Mapping[str, str], uris: Sequence[str], writer: Writer | None = None) -> None:
    """Make the files the whole content of one identity partition, in one snapshot; their rows are not read."""
    overwrite(table, keys, data_files_of(table, uris), writer)


def data_files_of(table: Table, uris: Sequence[str]) -> list[Any]:
    """Return Parquet files below the table's location as Iceberg knows data files; of each its footer is read."""
    from pyiceberg.io.pyarrow import parquet_file_to_data_file

    _ensure_name_mapping(table)
    return [parquet_file_to_data_file(table.io, table.metadata, table_location(uri)) for uri in uris]


def files_of_rows(table: Table, batches: Iterable[pa.Table]) -> list[Any]:
    """Write rows to data files of the table, which no snapshot names yet; each batch becomes a file, or several."""
    import uuid

    from pyiceberg.io.pyarrow import _dataframe_to_data_files

    to_files = partial(_dataframe_to_data_files, table.metadata, io=table.io, write_uuid=uuid.uuid4(), counter=itertools.count())
    return [file for batch in batches for file in to_files(df=batch)]


def overwrite(table: Table, keys: Mapping[str, str], files: Sequence[Any], writer: Writer | None = None) -> None:
    """Replace the files of one identity partition by others, as one Iceberg snapshot.

    PyIceberg's own ``overwrite`` makes two snapshots (delete, append) in its commit; here a rerun adds exactly one.

    :param writer: who does it, where several copies of a task might.
    :raises SharedPartitionError: another copy of the writer's task has written there.
    """
    from airflow_cv_dataops.core.store.transactions import QuickTransaction, keep_fewer_versions, merging_overwrite

    partition = partition_filter(keys)
    replaced = [task.file for task in table.scan(row_filter=partition).plan_files()]
    if table.current_snapshot() is not None and {file.file_path for file in replaced} == {file.file_path for file in files}:
        # Nothing is new; or a commit is run again after its process was killed, and had come through.
        leave(table, keys, writer)
        return
    properties: dict[str, str] = {}
    if writer is not None:
        writer.check(table, keys)
        properties = writer.properties(keys)
    with QuickTransaction(table) as changes:
        keep_fewer_versions(changes)
        with merging_overwrite(changes, properties) as snapshot:
            snapshot.delete_by_predicate(partition)
            swap(snapshot, replaced, files)


def swap(snapshot: Any, old: Iterable[Any], new: Iterable[Any]) -> None:
    """Put data files in the place of others, in a snapshot that is being made."""
    for data_file in old:
        snapshot.delete_data_file(data_file)
    for data_file in new:
        snapshot.append_data_file(data_file)


def leave(table: Table, keys: Mapping[str, str], writer: Writer | None) -> None:
    """Leave the files of one identity partition as they are: no snapshot, but where a writer has to be known.

    That one adds and removes no file; it says who would have written, so that another copy of the task does not replace the rows.

    :raises SharedPartitionError: as :func:`overwrite`.
    """
    from airflow_cv_dataops.core.store.transactions import QuickTransaction, merging_overwrite

    if writer is None or writer.check(table, keys):
        return
    with QuickTransaction(table) as changes, merging_overwrite(changes, writer.properties(keys)):
        pass


def _ensure_name_mapping(table: Table) -> None:
    """Files that another process wrote carry no field ids: the table says which name is which field."""
    from pyiceberg.table import TableProperties

    if table.metadata.name_mapping() is None:
        with table.transaction() as transaction:
            transaction.set_properties({TableProperties.DEFAULT_NAME_MAPPING: table.schema().name_mapping.model_dump_json()})


class _Staged:
    """A Parquet file in the making, on this machine's disk."""

    def __init__(self, schema: pa.Schema) -> None:
        import pyarrow.parquet as pq

        self._file = TemporaryFile(".parquet")
        self.path = self._file.path
        self.rows = 0
        self._writer = pq.ParquetWriter(self.path, schema, compression="zstd")

    def write(self, rows: pa.Table) -> None:
        self._writer.write_table(rows)
        self.rows += rows.num_rows

    def close(self) -> tuple[str, int]:
        """Return the file's sha256 in hex and its size in bytes."""
        self._writer.close()
        with open(self.path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), os.path.getsize(self.path)

    def remove(self) -> None:
        self._writer.close()
        self._file.remove()
