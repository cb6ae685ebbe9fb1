"""Generalised coverage: how well rows are stood for by those that are known or taken, and which row would raise it most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.strategies.euclidean import rounding, squared_distances, squared_lengths, unit_rows
from airflow_cv_dataops.core.sampling.strategies.keys import random_keys

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.sampling.strategies.strategy import Choice

FEWEST_REFERENCES, MOST_REFERENCES = 4_096, 16_384
_DRAW = 4  # tells these draws from those of other strategies
_FIRST_ROWS, _MOST_ROWS = 64, 512
_EQUAL = 1 - 1e-5  # gains whose ratio is closer to 1 differ by rounding


class Coverage:
    """The weighted mean, over rows of reference, of the largest similarity to any covered or added row.

    What a row would add only falls as others are added (the measure is submodular), so what it would have added at an earlier step is an
    upper bound, and only rows whose bound is among the highest are worked out again.

    :param uncertainties: (N,) how much each row counts where it is a row of reference, at least 0. :param bandwidth: above 0.
    """

    def __init__(self, choice: Choice, uncertainties: np.ndarray, bandwidth: float) -> None:
        import numpy as np

        assert choice.embeddings is not None
        self._embeddings, self._width = choice.embeddings, np.float32(bandwidth)
        references = _references(choice)
        self._units = unit_rows(self._embeddings[references])
        self._lengths = squared_lengths(self._units)
        self._weights = uncertainties[references].astype(np.float32)
        self._covered = np.zeros(len(references), dtype=np.float32)
        covered = choice.covered
        for start in range(0, 0 if covered is None else len(covered), _MOST_ROWS):
            assert covered is not None
            np.maximum(self._covered, self._similar(covered[start : start + _MOST_ROWS]).max(axis=0), out=self._covered)
        # By how much float32 may misjudge a similarity: squared distances of unit rows, divided by the squared bandwidth.
        self._slack = np.float32(2 * rounding(self._embeddings.shape[1]) / bandwidth**2)
        self._gains = np.full(len(choice), np.inf)
        self._step = 0
        self._worked_out = np.full(len(choice), -1)

    def best(self, rows: np.ndarray) -> int:
        """Return which of some rows raises coverage most, of equal ones the first."""
        import numpy as np

        gains, is_fresh = self._gains[rows], self._worked_out[rows] == self._step
        best, count = gains[is_fresh].max(initial=0.0), _FIRST_ROWS
        while (stale := np.flatnonzero((gains >= best * _EQUAL) & ~is_fresh)).size:
            stale = stale[np.argsort(-gains[stale], kind="stable")[:count]]
            gains[stale], is_fresh[stale] = self._gain(rows[stale]), True
            best, count = max(best, gains[stale].max()), min(2 * count, _MOST_ROWS)
        self._gains[rows], self._worked_out[rows[is_fresh]] = gains, self._step
        return int(rows[(gains >= best * _EQUAL).argmax()])

    def add(self, row: int) -> None:
        """Count a row among those that stand for others."""
        import numpy as np

        np.maximum(self._covered, self._similar(self._embeddings[row][np.newaxis])[0], out=self._covered)
        self._step += 1

    def _gain(self, rows: np.ndarray) -> np.ndarray:
        """Return (R,) by how much each row would raise coverage; what is only rounding is left out."""
        import numpy as np

        more = self._similar(self._embeddings[rows])
        more -= self._covered
        more *= more > self._slack
        return (more @ self._weights).astype(np.float64)

    def _similar(self, vectors: np.ndarray) -> np.ndarray:
        """Return (V, R) the similarity of vectors to the rows of reference."""
        import numpy as np

        exponents = squared_distances(unit_rows(vectors), self._units, self._lengths)
        exponents *= -1 / (self._width * self._width)
        return np.exp(exponents, out=exponents)


def _references(choice: Choice) -> np.ndarray:
    """Return the rows over which the mean is taken, in an order that does not depend on that of the rows."""
    import numpy as np

    order = np.lexsort((choice.ties, random_keys(choice.ties, choice.seed, _DRAW)))
    return order[: min(max(FEWEST_REFERENCES, 4 * choice.wanted), MOST_REFERENCES)]
