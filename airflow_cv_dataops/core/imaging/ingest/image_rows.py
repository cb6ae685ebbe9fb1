"""Rows of ``images`` and ``rejects``: what the source said of a file beside what its bytes said, column by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.store.model.table_model import PARTITION_KEY
from airflow_cv_dataops.core.store.schema import arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa


def image_rows(files: pa.Table, answers: Sequence[Mapping[str, Any]], constants: Mapping[str, Any]) -> pa.Table:
    """Return the rows of the images among some files.

    :param files: a part of a listing. :param answers: of workers (``worker.Worker.take``), whose positions count in ``files``.
    :param constants: columns that are the same in every row.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    taken = files.take(_concatenated(answers, "positions", pa.int64()))
    model = arrow_schema("images")
    columns = {name: taken.column(name) for name in taken.column_names}
    for name in dict.fromkeys(name for answer in answers for name in answer["columns"]):
        columns[name] = pa.chunked_array([pa.array(answer["columns"].get(name, ()), model.field(name).type) for answer in answers])
    stored = _concatenated(answers, "storage_uris", pa.string())
    columns["storage_uri"] = pc.coalesce(stored, columns["source_uri"])  # referenced where it is: there is no copy
    return _table("images", columns, constants)


def reject_rows(files: pa.Table, answers: Sequence[Mapping[str, Any]], constants: Mapping[str, Any]) -> pa.Table:
    """Return the rows of the rejects among some files; arguments as for :func:`image_rows`."""
    import pyarrow as pa

    rejects = [reject for answer in answers for reject in answer["rejects"]]
    taken = files.take(pa.array([reject[0] for reject in rejects], pa.int64()))
    columns = {name: taken.column(name) for name in taken.column_names}
    columns["reason"] = pa.chunked_array([pa.array([reject[1] for reject in rejects], pa.string())])
    columns["detail"] = pa.chunked_array([pa.array([reject[2] for reject in rejects], pa.string())])
    return _table("rejects", columns, constants)


def unread_uris(files: pa.Table, answers: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the URIs of the rejects whose cause may lie outside the file, and be gone at the next look."""
    positions = [position for answer in answers for position, _, _, may_pass in answer["rejects"] if may_pass]
    uris: list[str] = files["source_uri"].take(positions).to_pylist() if positions else []
    return uris


def row_schema(table: str) -> pa.Schema:
    """Return the table's columns without those that the writer sets."""
    import pyarrow as pa

    return pa.schema([field for field in arrow_schema(table) if field.name != PARTITION_KEY])


def ingested_by(ingested_at: datetime, parameters_id: str) -> dict[str, Any]:
    """Return the columns that are the same in every row that a run makes."""
    return {"ingested_at": ingested_at, "parameters_id": parameters_id}


def _table(table: str, columns: Mapping[str, pa.ChunkedArray], constants: Mapping[str, Any]) -> pa.Table:
    """Return the columns that the data model has, in its order; one that is not known yet is null."""
    import pyarrow as pa

    count = len(columns["source_uri"])
    arrays = []
    for field in row_schema(table):
        if field.name in constants:
            arrays.append(pa.repeat(pa.scalar(constants[field.name], field.type), count))
        else:
            arrays.append(columns[field.name] if field.name in columns else pa.nulls(count, field.type))
    return pa.Table.from_arrays(arrays, schema=row_schema(table))


def _concatenated(answers: Sequence[Mapping[str, Any]], name: str, kind: pa.DataType) -> pa.ChunkedArray:
    import pyarrow as pa

    return pa.chunked_array([pa.array(answer[name], kind) for answer in answers], kind)
