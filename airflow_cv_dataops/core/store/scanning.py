"""Rows of a table a few at a time, with memory for those few.

PyIceberg 0.12 has ``to_arrow_batch_reader``, but it holds every row of a data file before it hands on the first, and reads ahead in other
files meanwhile. Data files as this package writes them are read here by pyarrow instead: a large one column chunk by column chunk through
a small buffer; small ones, of which a table of many partitions has thousands, whole and before it is their turn, so that they do not cost
the store's latency each. Whatever needs more than that (row-level deletes, a filter on rows, a column that the file lacks) is left to
PyIceberg.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.progress import Progress
from airflow_cv_dataops.core.store.table_rows import BATCH_BYTES, as_wanted

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile
    from pyiceberg.table import DataScan, FileScanTask

log = logging.getLogger(__name__)

_BUFFER_BYTES = 2**20
_SMALL_FILE_BYTES = 2 * 2**20
_FILES_AHEAD = 16


def scan_batches(scan: DataScan, wanted: pa.Schema, batch_rows: int, what: str, files: Collection[str] | None = None) -> Iterator[pa.Table]:
    """Yield the scan's rows in the wanted schema, at most ``batch_rows`` at a time, file by file in the order of their paths.

    :param what: what the log calls the rows while they are read.
    :param files: paths of data files: read these alone.
    """
    planned = sorted(scan.plan_files(), key=lambda task: task.file.file_path)
    tasks = planned if files is None else [task for task in planned if task.file.file_path in files]
    with Progress(what, sum(task.file.record_count for task in tasks), log) as progress, ThreadPoolExecutor(_FILES_AHEAD) as pool:
        opened = _Files(scan, [task for task in tasks if _is_plain(task)], pool)
        try:
            for task in tasks:
                rows = _streamed(scan, task, opened, batch_rows) if _is_plain(task) else _scanned(scan, task, batch_rows)
                for part in rows:
                    yield as_wanted(part, wanted)
                    progress.advance(part.num_rows)
        finally:
            pool.shutdown(cancel_futures=True)


def _is_plain(task: FileScanTask) -> bool:
    """Whether the file's rows are the table's, all of them and as they are."""
    from pyiceberg.expressions import AlwaysTrue
    from pyiceberg.manifest import FileFormat

    return task.file.file_format == FileFormat.PARQUET and not task.delete_files and task.residual == AlwaysTrue()


class _Files:
    """Opens the files of tasks one after the other, while small ones of the next are on their way.

    :param tasks: in the order in which they are opened, each once.
    """

    def __init__(self, scan: DataScan, tasks: Sequence[FileScanTask], pool: ThreadPoolExecutor) -> None:
        self._io = scan.io
        self._small = deque(task.file.file_path for task in tasks if task.file.file_size_in_bytes <= _SMALL_FILE_BYTES)
        self._pool = pool
        self._coming: dict[str, Future[bytes]] = {}

    def open(self, task: FileScanTask) -> Any:
        """Return a file to read from and to close."""
        import pyarrow as pa

        path = task.file.file_path
        while self._small and len(self._coming) < _FILES_AHEAD:
            following = self._small.popleft()
            self._coming[following] = self._pool.submit(self._fetch, following)
        if path in self._coming:
            return pa.BufferReader(self._coming.pop(path).result())
        return self._io.new_input(path).open()

    def _fetch(self, path: str) -> bytes:
        with self._io.new_input(path).open() as file:
            return file.read()


def _streamed(scan: DataScan, task: FileScanTask, files: _Files, batch_rows: int) -> Iterator[pa.Table]:
    """Yield the file's rows; where it does not hold the columns as the table has them, those that PyIceberg makes of it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [field.name for field in scan.projection().fields]
    with files.open(task) as source, pq.ParquetFile(source, buffer_size=_BUFFER_BYTES, pre_buffer=False) as file:
        columns = _columns_of(scan, file.schema_arrow, names)
        if columns is not None:
            for batch in file.iter_batches(min(batch_rows, _rows_that_fit(file, columns)), columns=list(columns), use_threads=False):
                rows = pa.Table.from_batches([batch])
                yield rows.rename_columns([columns[name] for name in rows.column_names])
            return
    yield from _scanned(scan, task, batch_rows)


def _rows_that_fit(file: ParquetFile, columns: Collection[str]) -> int:
    """Return how many rows of the file's mean size make ``BATCH_BYTES``: a mask may have many kilobytes."""
    size = rows = 0
    for number in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(number)
        rows += group.num_rows
        chunks = (group.column(at) for at in range(group.num_columns))
        size += sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema.partition(".")[0] in columns)
    return max(BATCH_BYTES * rows // max(size, 1), 1)


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
