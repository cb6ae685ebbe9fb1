"""Numbers that come a few at a time, in order at last: without a second copy of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_RANGE = 2**20
_STEP = 64


class SortedParts:
    """uint64, 8 bytes each."""

    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []
        self._gone: list[np.ndarray] = []

    def add(self, values: np.ndarray) -> None:
        """Take some; they are copied."""
        import numpy as np

        self._parts.append(np.sort(values))

    def remove(self, values: np.ndarray) -> None:
        """Take back some that have come: of equal ones as many as are named."""
        import numpy as np

        self._gone.append(np.sort(values))

    def in_order(self, *, distinct: bool = False) -> Iterator[np.ndarray]:
        """Yield all of them, some at a time, the least first. :param distinct: each value once."""
        import numpy as np

        bounds = self._bounds()
        # Where each part has been read to: parts are sorted, so that a range of values is a piece of each.
        for pieces, gone in zip(_pieces(self._parts, bounds), _pieces(self._gone, bounds), strict=True):
            whole = np.concatenate([np.empty(0, np.uint64), *pieces])
            whole.sort()
            if len(taken := np.sort(np.concatenate([np.empty(0, np.uint64), *gone]))):
                turn = np.arange(len(taken)) - np.searchsorted(taken, taken)  # the how manieth of its equals
                whole = np.delete(whole, np.searchsorted(whole, taken) + turn)
            yield whole[_begins(whole)] if distinct else whole

    def _bounds(self) -> np.ndarray:
        """Return values that cut all of them into ranges of some million, as far as a sample of them tells."""
        import numpy as np

        wanted = sum(map(len, self._parts)) // _RANGE
        # Often enough in each part, as each may hold values of the whole range, and in each from another place on: they are sorted.
        samples = (part[turn * 37 % min(_STEP, len(part) or 1) :: _STEP] for turn, part in enumerate(self._parts))
        sample = np.sort(np.concatenate([np.empty(0, np.uint64), *samples]))
        return np.unique(sample[:: max(len(sample) // (wanted + 1), 1)][1:]) if wanted else np.empty(0, np.uint64)


def _pieces(parts: list[np.ndarray], bounds: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Yield of each range its piece of every part."""
    import numpy as np

    ends = [np.append(np.searchsorted(part, bounds), len(part)) for part in parts]
    starts = [0] * len(parts)
    for at in range(len(bounds) + 1):
        yield [part[start : end[at]] for part, start, end in zip(parts, starts, ends, strict=True)]
        starts = [int(end[at]) for end in ends]


def _begins(ordered: np.ndarray) -> np.ndarray:
    import numpy as np

    begins = np.ones(len(ordered), bool)
    begins[1:] = ordered[1:] != ordered[:-1]
    return begins
