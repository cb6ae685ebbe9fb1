"""Rows whose size is odd among their partition's, once the whole partition is known: only data files that hold one are written anew."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.imaging.ingest.odd_sizes import with_odd_sizes
from airflow_cv_dataops.core.progress import Progress
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.files import DataFile

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)


def mark_odd_sizes(dataset: Dataset, partition_key: str, files: Sequence[DataFile], odd: Any) -> list[DataFile]:
    """Return data files of ``images`` in which the rows under the mask carry the issue ``odd_size``.

    Files without such a row, mostly all of them, are returned as they are. The same files and mask give the same names. Memory
    holds one row group.

    :param files: in none of whose rows the issue stands.
    :param odd: numpy array of booleans, one for each row of the files.
    """
    marked: list[DataFile] = []
    start = 0
    with Progress("data files marked", len(files), log) as progress:
        for file in progress.over(files):
            part = odd[start : start + file.rows]
            start += file.rows
            marked += _rewritten(dataset, partition_key, file, part) if part.any() else [file]
    return marked


def _rewritten(dataset: Dataset, partition_key: str, file: DataFile, odd: Any) -> Sequence[DataFile]:
    writer, start = dataset.partition_writer("images", partition_key), 0
    try:
        for rows in _row_groups(dataset, file):
            writer.write(with_odd_sizes(rows, odd[start : start + rows.num_rows]))
            start += rows.num_rows
        return writer.finish()
    finally:
        writer.discard()


def _row_groups(dataset: Dataset, file: DataFile) -> Iterator[pa.Table]:
    import pyarrow.parquet as pq

    with dataset.ensure_table("images").io.new_input(file.uri).open() as opened:
        parquet = pq.ParquetFile(opened)
        for group in range(parquet.num_row_groups):
            yield parquet.read_row_group(group)
