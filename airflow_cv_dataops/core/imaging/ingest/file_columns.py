"""Files of a listing as columns, and back as the objects that they were listed as."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.store.objects import ObjectInfo
from airflow_cv_dataops.core.store.schema import arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

_FIELDS = {
    "source_uri": "uri",
    "file_name": "path",
    "bytes": "size",
    "source_etag": "etag",
    "source_version": "version",
    "source_modified_at": "modified_at",
}


def files_schema() -> pa.Schema:
    """Return the columns of a listing, in the data model's types."""
    import pyarrow as pa

    model = arrow_schema("images")
    return pa.schema([pa.field(name, model.field(name).type) for name in _FIELDS])


def file_infos(files: pa.Table) -> list[ObjectInfo]:
    """Return the files of a listing as the objects that they were listed as."""
    columns = [files.column(name).to_pylist() for name in _FIELDS]
    return [ObjectInfo(**dict(zip(_FIELDS.values(), values, strict=True))) for values in zip(*columns, strict=True)]


def columns_of(files: Sequence[ObjectInfo]) -> pa.RecordBatch:
    """Return the objects as a listing has them."""
    import pyarrow as pa

    schema = files_schema()
    arrays = [pa.array([getattr(file, attribute) for file in files], schema.field(name).type) for name, attribute in _FIELDS.items()]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
