"""What a table and a column are."""

from __future__ import annotations

from dataclasses import dataclass

PARTITION_KEY = "partition_key"

BBOX = "struct<x: double, y: double, width: double, height: double>"

IMAGE_ID = "sha256 of the file's bytes, 64 hex digits."


@dataclass(frozen=True)
class Column:
    """One column. ``type`` is an Iceberg type name, ``list<...>`` of one, or ``struct<name: type, ...>``."""

    name: str
    type: str
    doc: str
    required: bool = False


@dataclass(frozen=True)
class TableModel:
    """One table.

    :param owner: the column that, with the partition key, says which rows one run replaces; ``None``: the key alone.
    :param partitioned_by: identity partition columns.
    :param sort_by: the order of the rows inside a partition (also what makes a rerun produce identical files).
    :param run_columns: columns that say when or by which run a row was written; they differ between two equal runs.
    """

    name: str
    doc: str
    columns: tuple[Column, ...]
    partitioned_by: tuple[str, ...] = (PARTITION_KEY,)
    sort_by: tuple[str, ...] = ()
    run_columns: tuple[str, ...] = ()

    @property
    def owner(self) -> str | None:
        extra = [name for name in self.partitioned_by if name != PARTITION_KEY]
        return extra[0] if extra and PARTITION_KEY in self.partitioned_by else None

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


def key_column(doc: str = "The slice of data that one run owns, e.g. `2026-11-05`; at most 250 characters.") -> Column:
    return Column(PARTITION_KEY, "string", doc, required=True)
