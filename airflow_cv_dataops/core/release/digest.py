"""A hash of a set of rows that does not depend on their order, nor on how many of them are looked at together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_ROWS_AT_ONCE = 65_536


def digest_rows(rows: pa.Table, columns: Sequence[str]) -> str:
    """Return the digest of some columns, strings or floats."""
    wanted = rows.select(list(columns))
    return digest_of(row_hashes(wanted.slice(start, _ROWS_AT_ONCE)) for start in range(0, rows.num_rows, _ROWS_AT_ONCE))


def row_hashes(rows: pa.Table) -> np.ndarray:
    """Return a 64-bit hash for each row of strings and floats (a bool has another type, and hash, where nulls are among its neighbours)."""
    import numpy as np
    from pandas.util import hash_pandas_object

    hashes: np.ndarray = hash_pandas_object(rows.to_pandas(), index=False).to_numpy().astype(np.uint64)
    return hashes


def digest_of(hashes: Iterable[np.ndarray]) -> str:
    """Return 64 hex digits of the rows with these hashes."""
    import numpy as np

    whole = np.concatenate([np.empty(0, np.uint64), *hashes])
    whole.sort()
    return hashlib.sha256(whole.astype("<u8", copy=False).tobytes()).hexdigest()


def mixed(values: np.ndarray) -> np.ndarray:
    """Return other numbers made of these, uint64, by the finalizer of splitmix64 (Steele, Lea, Flood 2014): similar ones become unlike."""
    import numpy as np

    with np.errstate(over="ignore"):
        bits = values + np.uint64(0x9E3779B97F4A7C15)
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        result: np.ndarray = bits ^ (bits >> np.uint64(31))
    return result
