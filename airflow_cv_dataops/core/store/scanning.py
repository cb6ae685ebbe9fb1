"""Rows of a table a few at a time, with memory for those few.

PyIceberg 0.12 has ``to_arrow_batch_reader``, but it holds every row of a data file before it hands on the first, and reads ahead in other
files meanwhile. Data files as this package writes them are read here by pyarrow instead, column chunk by column chunk through a small
buffer; whatever needs more than that (row-level deletes, a filter on rows, a column that the file lacks) is left to PyIceberg.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.store.rows import conform

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.table import DataScan, FileScanTask

_BUFFER_BYTES = 2**20


def scan_batches(scan: DataScan, wanted: pa.Schema, batch_rows: int) -> Iterator[pa.Table]:
    """Yield the scan's rows in the wanted schema, at most ``batch_rows`` at a time, file by file in the order of their paths."""
    names = [field.name for field in scan.projection().fields]
    for task in sorted(scan.plan_files(), key=lambda task: task.file.file_path):
        rows = _streamed(scan, task, names, batch_rows) if _is_plain(task) else None
        for part in _scanned(scan, task, batch_rows) if rows is None else rows:
            yield conform(part, wanted)


def _is_plain(task: FileScanTask) -> bool:
    """Whether the file's rows are the table's, all of them and as they are."""
    from pyiceberg.expressions import AlwaysTrue
    from pyiceberg.manifest import FileFormat

    return task.file.file_format == FileFormat.PARQUET and not task.delete_files and task.residual == AlwaysTrue()


def _streamed(scan: DataScan, task: FileScanTask, names: Sequence[str], batch_rows: int) -> Iterator[pa.Table] | None:
    """Return the file's rows; ``None`` where it does not hold the columns as the table has them."""
    import pyarrow.parquet as pq

    with scan.io.new_input(task.file.file_path).open() as file:
        columns = _columns_of(scan, pq.read_schema(file), names)
    return None if columns is None else _file_batches(scan, task, columns, batch_rows)


def _file_batches(scan: DataScan, task: FileScanTask, columns: dict[str, str], batch_rows: int) -> Iterator[pa.Table]:
    """Yield rows of the file. :param columns: name in the table by name in the file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with (
        scan.io.new_input(task.file.file_path).open() as source,
        pq.ParquetFile(source, buffer_size=_BUFFER_BYTES, pre_buffer=False) as file,
    ):
        for batch in file.iter_batches(batch_rows, columns=list(columns), use_threads=False):
            rows = pa.Table.from_batches([batch])
            yield rows.rename_columns([columns[name] for name in rows.column_names])


def _columns_of(scan: DataScan, file_schema: pa.Schema, names: Sequence[str]) -> dict[str, str] | None:
    """Return the table's names of the columns by the file's, joined by field id; ``None`` where one is absent or nested differently."""
    import pyarrow as pa
    from pyiceberg.io.pyarrow import pyarrow_to_schema, schema_to_pyarrow

    metadata, projection = scan.table_metadata, scan.projection()
    in_file = pyarrow_to_schema(file_schema, metadata.name_mapping(), format_version=metadata.format_version)
    in_table = schema_to_pyarrow(projection, include_field_ids=False)
    columns = {}
    for name in names:
        if projection.find_field(name).field_id not in in_file.field_ids:
            return None
        found = in_file.find_column_name(projection.find_field(name).field_id)
        if found is None or found not in file_schema.names:
            return None
        if pa.types.is_struct(in_table.field(name).type) and _fields(in_table.field(name)) != _fields(file_schema.field(found)):
            return None
        columns[found] = name
    return columns


def _fields(struct: pa.Field) -> list[str]:
    return [field.name for field in struct.type]


def _scanned(scan: DataScan, task: FileScanTask, batch_rows: int) -> Iterator[pa.Table]:
    """Yield the rows that PyIceberg makes of one file, which it holds whole."""
    import pyarrow as pa
    from pyiceberg.io.pyarrow import ArrowScan

    whole: Any = ArrowScan(scan.table_metadata, scan.io, scan.projection(), scan.row_filter, scan.case_sensitive)
    for batch in whole.to_record_batches([task]):
        for start in range(0, batch.num_rows, batch_rows):
            yield pa.Table.from_batches([batch.slice(start, batch_rows)])
