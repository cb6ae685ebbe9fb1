"""The columns of labels before they are joined to images."""

from __future__ import annotations

import math
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.store.schema import TABLES, arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

_NO_BOX = (math.nan,) * 4
_MOST_CHARACTERS = 2**31 - 1


def label_schema() -> pa.Schema:
    """Return the columns of ``annotations`` that a label file knows, and what the join needs beside them."""
    import pyarrow as pa

    unknown = ("partition_key", "label_set", "image_id", "source_uri")
    fields = [field for field in arrow_schema("annotations") if field.name not in unknown]
    return pa.schema([*fields, pa.field("alternative_name", pa.string()), pa.field("polygon", pa.list_(pa.float64()))])


def bbox_array(boxes: Any, kind: pa.StructType) -> pa.StructArray:
    """Return boxes as structs; NaN and infinities are kept, an absent box is null."""
    import numpy as np
    import pyarrow as pa

    absent = np.array([box is None for box in boxes])
    values = np.array([box or _NO_BOX for box in boxes], dtype=np.float64)
    return pa.StructArray.from_arrays([pa.array(values[:, side]) for side in range(4)], fields=list(kind), mask=pa.array(absent))


def rows_in_order(columns: MutableMapping[str, pa.ChunkedArray]) -> pa.Table:
    """Return the rows of ``annotations`` in the order in which they are written, so that they are not copied again as a whole.

    :param columns: is empty afterwards: each column is let go once it is in order, so that only one is ever held twice.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    keys = TABLES["annotations"].sort_by
    order = pc.sort_indices(pa.table({key: columns[key] for key in keys}), sort_keys=[(key, "ascending") for key in keys])
    arrays = {}
    for name in list(columns):
        column = columns.pop(name)
        if pa.types.is_string(column.type) and column.nbytes > _MOST_CHARACTERS:
            column = column.cast(pa.large_string())
        # Of a column in chunks Arrow would take the same way, from a copy that outlives this one.
        column = column.unify_dictionaries().combine_chunks()
        arrays[name] = column.take(order)
    return pa.table(arrays)
