"""How far each row is from the nearest of centers that become more, worked out only for the rows that may matter.

A distance to the nearest center only falls as centers are added. What was worked out before is therefore an upper bound, and the farthest
row is found by bringing the rows with the highest bounds up to date, some at a time, until the best of them exceeds all other bounds (lazy
greedy: Minoux 1978). A row's missing centers are compared in one matrix product, which the processor does from its caches, where a plain
loop would read all embeddings from memory for each center.

Matrix products in float32 are off by some 1e-6 of the squared lengths. They only say which centers can be the nearest; the distance to
those is then computed from the difference in float64. So bounds do not depend on the place of a row in a block, equal rows are at
distance 0, and the rows are those of plain farthest-first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np

_FIRST_ROWS, _MOST_ROWS = 256, 4_096
_VALUES_LOOKED_AT = 4_096
_ROWS_AT_ONCE, _CENTERS_AT_ONCE, _PAIRS_AT_ONCE = 512, 1_024, 4_096


class Space(Protocol):
    """Rows, some of them centers, and squared distances between them."""

    def __len__(self) -> int: ...

    @property
    def centers(self) -> int:
        """How many centers there are."""

    def add(self, row: int) -> None:
        """Make a row the next center."""

    def approximate(self, rows: np.ndarray, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Return (R, C) squared distances of rows to centers ``start`` to ``stop``, and (R,) by how much each may be off."""

    def exact(self, rows: np.ndarray, centers: np.ndarray) -> np.ndarray:
        """Return (P,) float64 squared distances of pairs, which depend on nothing but the pair."""


class NearestCenter:
    """Upper bounds of the squared distance of each row to its nearest center."""

    def __init__(self, space: Space) -> None:
        import numpy as np

        self.space = space
        self._bounds = np.full(len(space), np.inf)
        self._seen = np.zeros(len(space), dtype=np.int64)  # how many centers each bound accounts for

    def farthest(self, is_open: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """Return which open rows have the largest distance, all of them where several do; empty where none is open.

        :param is_open: (N,) bool.
        :param weights: (N,) above 0: by what the squared distance counts; default: 1.
        """
        import numpy as np

        rows = np.flatnonzero(is_open)
        values = self._valued(rows, weights)
        fresh = self._is_fresh(rows)
        best = values[fresh].max(initial=0.0)
        count = _FIRST_ROWS
        while (stale := np.flatnonzero((values >= best) & ~fresh)).size:
            stale = stale[_highest(values[stale], count)]
            self._refresh(rows[stale])
            values[stale], fresh[stale] = self._valued(rows[stale], weights), self._is_fresh(rows[stale])
            best = max(best, values[stale][fresh[stale]].max(initial=0.0))
            count = min(2 * count, _MOST_ROWS)
        return rows[values == best]

    def distances(self, rows: np.ndarray) -> np.ndarray:
        """Return (R,) the squared distance of rows to their nearest centers; infinite where there is no center."""
        while (stale := rows[~self._is_fresh(rows)]).size:
            self._refresh(stale)
        return self._bounds[rows]

    def _valued(self, rows: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        return self._bounds[rows] if weights is None else self._bounds[rows] * weights[rows]

    def _is_fresh(self, rows: np.ndarray) -> np.ndarray:
        return (self._seen[rows] == self.space.centers) | (self._bounds[rows] == 0)

    def _refresh(self, rows: np.ndarray) -> None:
        """Account for the centers that rows have not seen, at most a thousand of them.

        Rows are compared together that miss about as many, so that none is compared with more than twice the centers that it misses.
        """
        import numpy as np

        rows = rows[self._seen[rows].argsort(kind="stable")]
        magnitudes = np.frexp(self.space.centers - self._seen[rows])[1]
        for group in np.split(rows, np.flatnonzero(np.diff(magnitudes)) + 1):
            for first in range(0, len(group), _ROWS_AT_ONCE):
                block = group[first : first + _ROWS_AT_ONCE]
                start = int(self._seen[block[0]])
                stop = min(start + _CENTERS_AT_ONCE, self.space.centers)
                self._lower(block, start, stop)
                self._seen[block] = self._seen[block].clip(min=stop)

    def _lower(self, rows: np.ndarray, start: int, stop: int) -> None:
        import numpy as np

        squared, off = self.space.approximate(rows, start, stop)
        limit = np.minimum(squared.min(axis=1) + 2 * off, self._bounds[rows] + off)
        row, center = np.nonzero(squared <= limit[:, np.newaxis])
        for first in range(0, len(row), _PAIRS_AT_ONCE):
            pairs = slice(first, first + _PAIRS_AT_ONCE)
            of = rows[row[pairs]]
            np.minimum.at(self._bounds, of, self.space.exact(of, center[pairs] + start))


def _highest(values: np.ndarray, count: int) -> np.ndarray:
    """Return the places of about ``count`` of the highest values, at least one: of those above a limit that a part of them suggests.

    Which they are does not decide what is found, only how soon; partitioning all values takes longer than the comparison of the rows.
    """
    import numpy as np

    if len(values) <= count:
        return np.arange(len(values))
    stride = max(1, len(values) // _VALUES_LOOKED_AT)
    part = values[::stride]
    limit = np.partition(part, -max(1, count // stride))[-max(1, count // stride)]
    return np.flatnonzero(values >= limit)[: 4 * count]
