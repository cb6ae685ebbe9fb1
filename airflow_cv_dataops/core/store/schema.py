"""The data model: every table, column, type, unit and meaning, once.

Iceberg schemas, Arrow schemas, OpenLineage schema facets and ``docs/data-model.md`` are all made from ``TABLES``. This
module imports nothing heavy, so that lineage can describe a table before any table is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.model.deletion_tables import DELETIONS
from airflow_cv_dataops.core.store.model.image_tables import EMBEDDINGS, IMAGES, REJECTS
from airflow_cv_dataops.core.store.model.label_tables import ANNOTATIONS, PREDICTIONS
from airflow_cv_dataops.core.store.model.release_tables import DESCRIPTIONS, EXCLUSIONS, RELEASE_ITEMS, RELEASES, SPLIT_ASSIGNMENTS
from airflow_cv_dataops.core.store.model.step_tables import FINDINGS, METRICS, PROFILES, SAMPLES
from airflow_cv_dataops.core.store.model.table_model import TableModel

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.schema import Schema

MAX_PARTITION_KEY_LENGTH = 250

TABLES: Mapping[str, TableModel] = {
    model.name: model
    for model in (
        IMAGES,
        REJECTS,
        ANNOTATIONS,
        PREDICTIONS,
        EMBEDDINGS,
        FINDINGS,
        SAMPLES,
        METRICS,
        PROFILES,
        RELEASES,
        RELEASE_ITEMS,
        SPLIT_ASSIGNMENTS,
        EXCLUSIONS,
        DESCRIPTIONS,
        DELETIONS,
    )
}

REJECT_REASONS = ("unreadable", "not_an_image", "truncated", "too_large", "too_small", "unsupported_format", "timeout", "empty", "deleted")
SEVERITIES = ("error", "warning", "info")


def model_of(table: str) -> TableModel:
    """Return the model of a table. :raises ConfigurationError: there is none of that name; the message has the closest."""
    if found := TABLES.get(table):
        return found
    closest = get_close_matches(str(table), TABLES, n=1)
    meant = f" Did you mean {closest[0]!r}?" if closest else ""
    raise ConfigurationError(f"There is no table {table!r}; there are {', '.join(TABLES)}.{meant}")


@cache
def iceberg_schema(table: str) -> Schema:
    """Return the table's Iceberg schema: field ids in order, meanings as field docs."""
    from pyiceberg.schema import Schema
    from pyiceberg.types import NestedField

    ids = iter(range(1, 10_000))
    fields = [
        NestedField(next(ids), column.name, _iceberg_type(column.type, ids), required=column.required, doc=column.doc)
        for column in TABLES[table].columns
    ]
    return Schema(*fields)


@cache
def arrow_schema(table: str) -> pa.Schema:
    """Return the table's Arrow schema as steps build it."""
    import pyarrow as pa

    return pa.schema([pa.field(column.name, _arrow_type(column.type), nullable=not column.required) for column in TABLES[table].columns])


def split_struct(type_name: str) -> tuple[tuple[str, str], ...]:
    """Return name and type of each field of ``struct<name: type, ...>``; empty for any other type."""
    if not type_name.startswith("struct<"):
        return ()
    return tuple((name.strip(), kind.strip()) for name, kind in (field.split(":") for field in type_name[7:-1].split(",")))


def _iceberg_type(type_name: str, ids):  # type: ignore[no-untyped-def]
    from pyiceberg.types import (
        BooleanType,
        DoubleType,
        FloatType,
        IntegerType,
        ListType,
        LongType,
        NestedField,
        StringType,
        StructType,
        TimestamptzType,
    )

    if fields := split_struct(type_name):
        return StructType(*(NestedField(next(ids), name, _iceberg_type(kind, ids), required=False) for name, kind in fields))
    if type_name.startswith("list<"):
        return ListType(next(ids), _iceberg_type(type_name[5:-1], ids), element_required=False)
    plain = {
        "string": StringType,
        "long": LongType,
        "int": IntegerType,
        "double": DoubleType,
        "float": FloatType,
        "boolean": BooleanType,
        "timestamptz": TimestamptzType,
    }
    return plain[type_name]()


def _arrow_type(type_name: str) -> pa.DataType:
    import pyarrow as pa

    if fields := split_struct(type_name):
        return pa.struct([(name, _arrow_type(kind)) for name, kind in fields])
    if type_name.startswith("list<"):
        return pa.list_(_arrow_type(type_name[5:-1]))
    plain = {
        "string": pa.string(),
        "long": pa.int64(),
        "int": pa.int32(),
        "double": pa.float64(),
        "float": pa.float32(),
        "boolean": pa.bool_(),
        "timestamptz": pa.timestamp("us", tz="UTC"),
    }
    return plain[type_name]
