"""Going through rows in an order that is known beforehand, while the mask of what is open changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.strategies.strategy import Choice

if TYPE_CHECKING:
    import numpy as np

_ROWS_AT_ONCE = 4_096


def walk(choice: Choice, order: np.ndarray) -> Iterator[int]:
    """Yield the first row of an order that is open at that moment, again and again, until none is.

    A row that was closed when the walk went past it, and is open later, comes before all that come after it.

    :param order: (N,) each row once.
    """
    import numpy as np

    before, start = choice.open.copy(), 0
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    while True:
        opened = np.flatnonzero(choice.open & ~before)
        if opened.size:
            start = min(start, int(place[opened].min()))
        np.copyto(before, choice.open)
        start = _next_open(choice.open, order, start)
        if start == len(order):
            return
        yield int(order[start])


def _next_open(is_open: np.ndarray, order: np.ndarray, start: int) -> int:
    """Return the place of the first open row at or after a place; the length of the order where there is none."""
    while start < len(order):
        block = is_open[order[start : start + _ROWS_AT_ONCE]]
        if block.any():
            return start + int(block.argmax())
        start += len(block)
    return start
