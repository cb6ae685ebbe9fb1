"""A hash of a set of rows that does not depend on their order, nor on how many of them are looked at together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.release.sorted_parts import SortedParts

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_ROWS_AT_ONCE = 65_536
_NOTHING = 2**64 - 1  # the hash of a null text
# Of longer texts, such as polygons, hardly two are equal: to look for those that are costs more than it saves.
_LONG = 128


def digest_rows(rows: pa.Table, columns: Sequence[str]) -> str:
    """Return the digest of some columns, strings or floats."""
    wanted = rows.select(list(columns))
    return digest_of(row_hashes(part) for part in in_parts(wanted))


def in_parts(rows: pa.Table) -> Iterator[pa.Table]:
    """Yield the rows, some at a time."""
    for start in range(0, rows.num_rows, _ROWS_AT_ONCE):
        yield rows.slice(start, _ROWS_AT_ONCE)


def row_hashes(rows: pa.Table) -> np.ndarray:
    """Return a 64-bit hash for each row of strings and floats, that of ``pandas.util.hash_pandas_object``."""
    return combined([column_hashes(column) for column in rows.itercolumns()])


def column_hashes(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """Return a 64-bit hash of each value, a string or a float, as pandas hashes it; each text becomes a Python object once.

    :param column: of some rows, at most 2 GB of text.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    from pandas.util import hash_array

    values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_floating(values.type):
        numbers = values.cast(pa.float64()).to_numpy(zero_copy_only=False)  # null: NaN
        return np.asarray(hash_array(numbers), np.uint64)
    if values.null_count == len(values):
        return np.full(len(values), _NOTHING, np.uint64)
    if not pa.types.is_dictionary(values.type):
        if _are_long(values):
            found = np.full(len(values), _NOTHING, np.uint64)
            found[values.is_valid().to_numpy(zero_copy_only=False)] = _text_hashes(values.drop_null())
            return found
        values = values.dictionary_encode()
    codes = pc.fill_null(values.indices, len(values.dictionary)).to_numpy(zero_copy_only=False)
    of_each: np.ndarray = np.append(_text_hashes(values.dictionary), np.uint64(_NOTHING))
    return of_each[codes]


def combined(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Return one hash of each row from those of its columns, as CPython hashes a tuple and pandas a row; the columns' order counts."""
    import numpy as np

    whole = np.full(len(columns[0]), 0x345678, np.uint64)
    factor = 1_000_003
    for left, column in zip(range(len(columns), 0, -1), columns, strict=True):
        whole ^= column
        whole *= np.uint64(factor)
        factor = (factor + 82_520 + 2 * left) % 2**64
    whole += np.uint64(97_531)
    return whole


def digest_of(hashes: Iterable[np.ndarray]) -> str:
    """Return 64 hex digits of the rows with these hashes."""
    parts = SortedParts()
    for some in hashes:
        parts.add(some)
    return digest_of_parts(parts)


def digest_of_parts(parts: SortedParts) -> str:
    """Return the same of hashes that have been collected."""
    digest = hashlib.sha256()
    for hashes in parts.in_order():
        digest.update(hashes.astype("<u8", copy=False).data)
    return digest.hexdigest()


def mixed(values: np.ndarray) -> np.ndarray:
    """Return other numbers made of these, uint64, by the finalizer of splitmix64 (Steele, Lea, Flood 2014): similar ones become unlike."""
    import numpy as np

    with np.errstate(over="ignore"):
        bits = values + np.uint64(0x9E3779B97F4A7C15)
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        result: np.ndarray = bits ^ (bits >> np.uint64(31))
    return result


def _text_hashes(texts: pa.Array) -> np.ndarray:
    import numpy as np
    import pyarrow as pa
    from pandas.util import hash_array

    if not len(texts):
        return np.empty(0, np.uint64)
    binary = pa.large_binary() if pa.types.is_large_string(texts.type) else pa.binary()
    # As bytes: a fifth of the time that text takes, and the same hashes.
    return np.asarray(hash_array(texts.cast(binary).to_numpy(zero_copy_only=False), categorize=False), np.uint64)


def _are_long(texts: pa.Array) -> bool:
    import pyarrow.compute as pc

    letters = pc.sum(pc.binary_length(texts)).as_py() or 0
    return bool(letters > _LONG * (len(texts) - texts.null_count))
