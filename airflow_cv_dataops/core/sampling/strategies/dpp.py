"""Determinantal point process: images with high scores of which no two are alike, by one measure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.strategies.euclidean import squared_distances, squared_lengths, unit_rows
from airflow_cv_dataops.core.sampling.strategies.keys import highest_first
from airflow_cv_dataops.core.sampling.strategies.strategy import Choice, strategy

if TYPE_CHECKING:
    import numpy as np

LOWEST_QUALITY = 0.001
LARGEST_ROUND = 1_000
_MOST_FLOATS = 32_000_000  # 128 MB
_ROWS_AT_ONCE = 2_048
# What similarity to those taken leaves of a row's 1, if it is less than this, is rounding of float32.
_NOTHING = 1e-5


@strategy(
    meaning="images with high scores of which no two are alike (determinantal point process)",
    needs=("scores", "embeddings"),
    words="scores high, and is unlike the others that were taken",
)
def k_dpp(choice: Choice) -> Iterator[int]:
    """Yield open rows by greedy MAP inference of a k-DPP (Chen, Zhang and Zhou 2018, arXiv 1709.05135).

    The kernel is ``diag(q) S diag(q)``: q is the score, at least 0.001, so that among rows that are worth nothing diversity still counts; S
    is the Gaussian similarity ``exp(-d^2)`` of embeddings scaled to length 1 (cosine similarity alone has a rank of at most D and ends
    after D rows). Each row is the one that makes the determinant of the kernel of all yielded rows largest. A row that those explain up to
    rounding (an equal embedding) comes only when all open ones are such, by score, then by the smallest tie. What is covered is not looked
    at, as in the paper.

    To bound time and memory, rows are looked for among the open ones with the highest scores: as many as take 128 MB (with 512 dimensions
    21,000 for a batch of 1,000, more for a smaller one), the next when they are used up; and after 1,000 rows a new determinant begins.
    """
    order = highest_first(choice.scores, choice.ties)
    while choice.open.any():
        shortlist = _Shortlist(choice, order)
        for _ in range(LARGEST_ROUND):
            if not choice.open.any():
                return
            yield shortlist.take()


class _Shortlist:
    """Rows that may be taken, and how much of each those that were taken leave unexplained.

    Rows stand in the order of scores and ties, so that equal pools give equal products to the last bit, whatever their order.
    """

    def __init__(self, choice: Choice, order: np.ndarray) -> None:
        import numpy as np

        assert choice.embeddings is not None
        self._choice, self._order, self._embeddings = choice, order, choice.embeddings
        self._width = min(choice.wanted, LARGEST_ROUND)
        self._centers = np.zeros((0, self._embeddings.shape[1]), dtype=np.float32)
        self._cholesky = np.zeros((0, 0))  # of S of the centers
        self._fill()

    def take(self) -> int:
        """Return the open row that makes the determinant largest, and account for it."""
        import numpy as np

        if self._is_outdated():
            self._fill()
        left = np.where(self._left > _NOTHING, self._left, 0.0)
        gains = left * np.square(np.maximum(self._choice.scores[self._rows], LOWEST_QUALITY))
        place = int(np.where(self._choice.open[self._rows], gains, -1.0).argmax())  # of equal ones the first
        row = int(self._rows[place])
        if left[place] > 0:
            self._account(place)
        return row

    def _is_outdated(self) -> bool:
        """Whether a row was opened that ranks among those that are here, or none of these is open."""
        return bool((self._choice.open & self._is_missed).any()) or not self._choice.open[self._rows].any()

    def _fill(self) -> None:
        """Begin with the open rows that rank first now."""
        import numpy as np

        most = max(1, _MOST_FLOATS // (self._width + self._embeddings.shape[1]))
        places = np.flatnonzero(self._choice.open[self._order])[:most]
        self._rows = self._order[places]
        self._is_missed = np.zeros(len(self._order), dtype=bool)
        self._is_missed[self._order[: places[-1]] if len(places) == most else self._order] = True
        self._is_missed[self._rows] = False
        self._units = unit_rows(self._embeddings[self._rows])
        self._lengths = squared_lengths(self._units)
        self._factors = np.zeros((len(self._rows), self._width), dtype=np.float32)  # rows of the Cholesky factor of S
        self._left = np.ones(len(self._rows))
        known = len(self._centers)
        for start in range(0, len(self._rows) if known else 0, _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            factors = np.linalg.solve(self._cholesky, _similar(self._centers, self._units[part], self._lengths[part])).T
            self._factors[part, :known], self._left[part] = factors, 1 - np.square(factors).sum(axis=1)

    def _account(self, place: int) -> None:
        """Take from what is left of each row what one more center explains."""
        import numpy as np

        number = len(self._centers)
        unit, factor, root = self._units[place].copy(), self._factors[place, :number].copy(), float(self._left[place] ** 0.5)
        self._centers = np.concatenate([self._centers, unit[np.newaxis]])
        self._cholesky = np.pad(self._cholesky, (0, 1))
        self._cholesky[number, :number], self._cholesky[number, number] = factor, root
        if number == self._width:  # more rows are taken than were expected
            self._width = min(2 * number, LARGEST_ROUND)
            self._fill()
            return
        column = (_similar(unit[np.newaxis], self._units, self._lengths)[0] - self._factors[:, :number] @ factor) / np.float32(root)
        self._factors[:, number] = column
        self._left -= np.square(column.astype(np.float64))


def _similar(ones: np.ndarray, others: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    import numpy as np

    exponents = squared_distances(ones, others, lengths)
    np.negative(exponents, out=exponents)
    return np.exp(exponents, out=exponents)
