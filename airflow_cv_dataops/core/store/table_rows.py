"""Arrow rows as the data model wants them: key columns set, columns cast, in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.model.table_model import TableModel
from airflow_cv_dataops.core.store.schema import arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa


# What a batch takes in memory, and a data file before it is compressed.
BATCH_BYTES = 64 * 2**20
_MOST_CHARACTERS = 2**31 - 1
_COMPARED_AT_ONCE = 2**20


def batches_of(model: TableModel, keys: Mapping[str, str], rows: pa.Table) -> Iterator[pa.Table]:
    """Yield the rows with their key columns, in the table's column types and order, as many at a time as make ``BATCH_BYTES``.

    :param rows: a column may be dictionary-encoded where its values are long and repeat; they are written out batch by batch.
    :raises ConfigurationError: a column is unknown, or a required one is absent.
    """
    wanted = arrow_schema(model.name)
    order = _order(rows, model)
    rows = rows if order is None else _in_one_chunk(rows)
    size = _rows_in(BATCH_BYTES, rows)
    for start in range(0, rows.num_rows, size):
        part = _from_its_start(rows.slice(start, size)) if order is None else rows.take(order.slice(start, size))
        yield conform(with_keys(part, keys), wanted)


def _order(rows: pa.Table, model: TableModel) -> pa.Array | None:
    """Return where the rows stand in the table's order; ``None`` where they are in it already."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = arrow_schema(model.name)
    names = [name for name in model.sort_by if name in rows.column_names]
    if not names or (len(names) == 1 and _is_ordered(rows[names[0]])):
        return None
    places = {name: _sortable(rows[name], wanted.field(name).type) for name in names}
    order = pc.sort_indices(pa.table(places), sort_keys=[(name, "ascending") for name in places])
    return None if np.array_equal(order.to_numpy(), np.arange(rows.num_rows)) else order


def _from_its_start(part: pa.Table) -> pa.Table:
    """Return the rows with text that begins where they do: where it begins 2 GB further on, Arrow cannot make it smaller text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for at, field in enumerate(part.schema):
        if pa.types.is_large_string(field.type):
            part = part.set_column(at, field.name, pc.filter(part[field.name], pa.repeat(pa.scalar(True), part.num_rows)))
    return part


def _is_ordered(column: pa.ChunkedArray) -> bool:
    """Say whether no value is above the next, looked at some at a time: to sort many texts takes as much memory as they do."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type) or column.null_count:
        return False
    for start in range(0, len(column) - 1, _COMPARED_AT_ONCE):
        part = column.slice(start, _COMPARED_AT_ONCE + 1)
        if not pc.all(pc.less_equal(part.slice(0, len(part) - 1), part.slice(1)), min_count=0).as_py():
            return False
    return True


def _sortable(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    """Return the column in the table's type, but for text that has more than fits into it."""
    import pyarrow as pa

    return column if pa.types.is_large_string(column.type) and pa.types.is_string(wanted) else column.cast(wanted)


def _in_one_chunk(rows: pa.Table) -> pa.Table:
    """Return the rows as Arrow can take from them: of a column in chunks it would join all of them each time, and at most 2 GB of text."""
    import pyarrow as pa

    columns = []
    for column in rows.unify_dictionaries().itercolumns():
        if pa.types.is_string(column.type) and column.nbytes > _MOST_CHARACTERS:
            column = column.cast(pa.large_string())
        columns.append(column.combine_chunks())
    return pa.table(columns, names=rows.column_names)


def _rows_in(size: int, rows: pa.Table) -> int:
    """Return how many rows of the mean size make so many bytes."""
    if not rows.num_rows:
        return 1
    return max(int(size / (sum(_bytes_of(column) for column in rows.itercolumns()) / rows.num_rows)), 1)


def _bytes_of(column: pa.ChunkedArray) -> int:
    """Return the bytes of a column when it is written out."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type):
        size: int = column.nbytes
        return size
    longest = max((pc.max(pc.binary_length(chunk.dictionary)).as_py() or 0 for chunk in column.chunks), default=0)
    return len(column) * int(longest)


def with_keys(rows: pa.Table, keys: Mapping[str, str]) -> pa.Table:
    """Return the rows with every key column set to its one value."""
    import pyarrow as pa

    for name, value in keys.items():
        column = pa.repeat(pa.scalar(value, pa.string()), rows.num_rows)
        position = rows.schema.get_field_index(name)
        rows = rows.append_column(name, column) if position < 0 else rows.set_column(position, name, column)
    return rows


def as_wanted(rows: pa.Table, wanted: pa.Schema) -> pa.Table:
    """Return rows that were read in the wanted schema: other columns left out, those that the rows are too old for null."""
    return conform(rows.select([name for name in rows.column_names if name in wanted.names]), wanted)


def conform(rows: pa.Table, wanted: pa.Schema) -> pa.Table:
    """Return the rows in the wanted schema: columns picked and cast, absent optional ones null.

    :raises ConfigurationError: a column is unknown, or a required one is absent.
    """
    import pyarrow as pa

    if unknown := [name for name in rows.column_names if name not in wanted.names]:
        raise ConfigurationError(f"Columns {unknown} are not in the data model.")
    columns = []
    for column in wanted:
        if column.name in rows.column_names:
            columns.append(rows.column(column.name).cast(column.type))
        elif column.nullable:
            columns.append(pa.nulls(rows.num_rows, column.type))
        else:
            raise ConfigurationError(f"Column {column.name!r} is required and absent.")
    return pa.Table.from_arrays(columns, schema=wanted)


def take_rows(rows: pa.Table, at: pa.Array) -> pa.Table:
    """Return the rows at these places. Arrow joins the chunks of text that it takes from, and fails where that is more than 2 GB."""
    import pyarrow as pa

    return pa.table([_taken(column, at) for column in rows.itercolumns()], schema=rows.schema)


def _taken(column: pa.ChunkedArray, at: pa.Array) -> pa.ChunkedArray:
    """Return values of a column, some 64 MB at a time where it is long text: from each chunk what is wanted of it."""
    import numpy as np
    import pyarrow as pa

    if not pa.types.is_string(column.type) or column.nbytes <= _MOST_CHARACTERS:
        return column.take(at)
    starts = np.cumsum([0, *map(len, column.chunks)])
    size = max(BATCH_BYTES * len(column) // column.nbytes, 1)
    parts = []
    for first in range(0, len(at), size):
        places = at.slice(first, size).to_numpy().astype(np.int64)
        order = np.argsort(places, kind="stable")
        chunks, begins = np.unique(np.searchsorted(starts, places[order], side="right") - 1, return_index=True)
        runs = zip(chunks.tolist(), np.split(places[order], begins[1:]), strict=True)
        found = pa.concat_arrays([column.chunk(chunk).take(pa.array(run - starts[chunk])) for chunk, run in runs])
        parts.append(found.take(pa.array(np.argsort(order))))
    return pa.chunked_array(parts, column.type)


def ordered(rows: pa.Table, model: TableModel) -> pa.Table:
    """Return the rows in the table's sort order."""
    return rows.sort_by([(name, "ascending") for name in model.sort_by]) if model.sort_by and rows.num_rows else rows
