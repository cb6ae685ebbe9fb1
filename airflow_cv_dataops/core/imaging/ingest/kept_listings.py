"""Listings that are kept, so that a rerun need not fetch a whole archive only to learn what is in it."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator

from airflow_cv_dataops.core.imaging.ingest.file_columns import columns_of, file_infos
from airflow_cv_dataops.core.imaging.sources import ImageSource
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.objects import ObjectInfo, ObjectStore

_VERSION = 1
"""Raised whenever the same source is listed differently than before."""

_ROWS_AT_ONCE = 16_384


def kept_listings(dataset: Dataset) -> ObjectStore | None:
    """Return where listings are kept; ``None`` for a dataset without a place of its own."""
    return dataset.objects() if dataset.config.warehouse else None


def entries_of(source: ImageSource, kept: ObjectStore | None) -> Iterator[ObjectInfo]:
    """Yield the entries of a source, from the listing that an earlier run has kept where the source is the same as then.

    :param kept: where listings are kept, below ``listings/``; ``None``: nowhere.
    :raises SourceError: the source cannot be listed. :raises OSError: the listing cannot be kept.
    """
    identity = source.identity if kept is not None else None
    if kept is None or identity is None:
        return source.list()
    path = f"listings/{hashlib.sha256(json.dumps([_VERSION, identity], sort_keys=True).encode()).hexdigest()}.parquet"
    if (known := _read(kept, path)) is not None:
        return known
    found = list(source.list())
    if found and found[0].etag == identity["etag"]:  # it may have been replaced in between
        kept.write(path, _written(found))
    return iter(found)


def _read(kept: ObjectStore, path: str) -> Iterator[ObjectInfo] | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if kept.size(path) is None:
        return None
    try:
        table = pq.read_table(pa.BufferReader(kept.read(path)))
    except (OSError, pa.ArrowException):
        return None
    return (info for start in range(0, table.num_rows, _ROWS_AT_ONCE) for info in file_infos(table.slice(start, _ROWS_AT_ONCE)))


def _written(found: list[ObjectInfo]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = io.BytesIO()
    pq.write_table(pa.Table.from_batches([columns_of(found)]), content, compression="zstd")
    return content.getvalue()
