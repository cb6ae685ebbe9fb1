"""The columns of the frame that a contract's suite sees: flat, and some of them joined."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.store.model.table_model import PARTITION_KEY
from airflow_cv_dataops.core.store.schema import model_of, split_struct

if TYPE_CHECKING:
    import pyarrow as pa

# What comes of the row of `images` that a row is about, and of the annotations of an image.
IMAGE_COLUMNS = ("image_width", "image_height", "image_matched")
LABELS = "labels"
SPLIT = "split"

_OF_IMAGES = ("annotations", "predictions")
_AS_TEXT = ("issues",)
_ITEMS = ("image_id", PARTITION_KEY, "source_uri", SPLIT)


@cache
def frame_columns(table: str, *, of_release: bool = False) -> tuple[str, ...]:
    """Return the names of the frame's columns, in order: those of the table, with structs and lists made flat, then the joined ones.

    :param of_release: of a release's rows, which have a ``split``.
    """
    if table == "release_items" and of_release:
        return (*_ITEMS, LABELS)
    names = [name for column in model_of(table).columns for name in _flat_names(column.name, column.type)]
    names += [SPLIT] if of_release else []
    names += IMAGE_COLUMNS if table in _OF_IMAGES else [LABELS] if table == "images" else []
    return tuple(names)


def read_columns(table: str, wanted: Collection[str]) -> list[str]:
    """Return the table's own columns that the frame's columns are made of."""
    return [column.name for column in model_of(table).columns if not set(_flat_names(column.name, column.type)).isdisjoint(wanted)]


def flat(rows: pa.Table, wanted: Collection[str]) -> dict[str, pa.ChunkedArray]:
    """Return rows with structs as a column for each field, and lists as the number of their entries, of the columns that are wanted.

    :param rows: columns of a table of the data model, a few at a time: lists are gone afterwards.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    columns: dict[str, pa.ChunkedArray] = {}
    for name in rows.column_names:
        column = rows[name]
        if pa.types.is_struct(column.type):
            for field in column.type:
                columns[f"{name}_{field.name}"] = pc.struct_field(column, field.name)
        elif pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
            columns[f"{name}_count"] = pc.list_value_length(column)
            if name in _AS_TEXT:
                columns[name] = pc.binary_join(column, ",")
        else:
            columns[name] = column
    return {name: column for name, column in columns.items() if name in wanted}


def _flat_names(name: str, kind: str) -> tuple[str, ...]:
    if fields := split_struct(kind):
        return tuple(f"{name}_{field}" for field, _ in fields)
    if kind.startswith("list<"):
        return (name, f"{name}_count") if name in _AS_TEXT else (f"{name}_count",)
    return (name,)
