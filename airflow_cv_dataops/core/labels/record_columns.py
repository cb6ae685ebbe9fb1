"""The columns of labels before they are joined to images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.store.schema import arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

_NO_BOX = (math.nan,) * 4


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
