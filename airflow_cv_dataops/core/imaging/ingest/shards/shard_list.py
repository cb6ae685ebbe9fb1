"""The list of a plan: the whole listing in one Parquet file, named by its content, with one row group for each shard."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.errors import SourceError
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.temporary_file import TemporaryFile
from airflow_cv_dataops.core.store.uris import told_uri

if TYPE_CHECKING:
    import pyarrow as pa


def cut(sizes: pa.ChunkedArray, max_files: int, max_bytes: int, max_shards: int) -> list[int]:
    """Return where in the listing each shard begins.

    :param sizes: bytes of each file; null counts as 0.
    """
    starts = _cut(sizes, max_files, max_bytes)
    while len(starts) > max_shards:
        factor = len(starts) / max_shards
        max_files, max_bytes = int(max_files * factor) + 1, int(max_bytes * factor) + 1
        starts = _cut(sizes, max_files, max_bytes)
    return starts


def write_shard_list(dataset: Dataset, files: pa.Table, starts: Sequence[int]) -> str:
    """Write the listing, and return its URI."""
    import pyarrow.parquet as pq

    staged = TemporaryFile(".parquet")
    try:
        with pq.ParquetWriter(staged.path, files.schema, compression="zstd") as writer:
            for start, end in pairwise([*starts, files.num_rows]):
                writer.write_table(files.slice(start, end - start), row_group_size=end - start)
        with open(staged.path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return dataset.objects().write_file(f"shards/{digest}.parquet", staged.path)
    finally:
        staged.remove()


def read_shard(dataset: Dataset, uri: str, index: int) -> pa.Table:
    """Return the files of one shard; the others are not read. :raises SourceError: the list cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    io = dataset.ensure_table("images").io
    try:
        with io.new_input(uri).open() as opened:
            return pq.ParquetFile(opened).read_row_group(index)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"Cannot read the list of shards {told_uri(uri)}: {error}; plan again.") from error


def _cut(sizes: pa.ChunkedArray, max_files: int, max_bytes: int) -> list[int]:
    starts: list[int] = []
    files = total = 0
    for position, size in enumerate(sizes.to_pylist()):  # one after the other: where a shard begins depends on the one before
        size = size or 0
        if not starts or files == max_files or total + size > max_bytes:
            starts.append(position)
            files = total = 0
        files += 1
        total += size
    return starts
