"""Rows that agree, as numbers: what pairs, places and categories are told apart by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


def group_codes(*columns: Any) -> np.ndarray:
    """Return one int64 per row, from 0 on without gaps; two rows have the same number exactly if they agree in all columns.

    :param columns: Arrow columns (null equals null), or numpy integers.
    """
    codes, groups = _codes(columns[0])
    for column in columns[1:]:
        values, different = _codes(column)
        # Numbers stay below the row count, so that the product cannot overflow; most columns here are constant, and cost nothing more.
        codes, groups = (codes, groups) if different <= 1 else _codes(codes * different + values)
    return codes


def _codes(column: Any) -> tuple[np.ndarray, int]:
    """Return a number for each row, and how many different ones there are; hashed, which takes a tenth of the time of sorting."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    column = pa.array(column) if isinstance(column, np.ndarray) else column
    encoded = pc.dictionary_encode(column, null_encoding="encode")
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), len(encoded.dictionary)
