"""The next rows are read while some are looked at: Arrow and numpy let other threads run meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def read_ahead(batches: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield the batches, in their order, with one more of them in memory."""
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as pool:
        coming = pool.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = pool.submit(next, batches, None)
            yield batch
