"""BADGE: images whose labels would change the model much, and each in another direction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.strategies.euclidean import power_of_two, rounding, squared_lengths
from airflow_cv_dataops.core.sampling.strategies.keys import exponentials, first, random_keys
from airflow_cv_dataops.core.sampling.strategies.nearest_center import NearestCenter
from airflow_cv_dataops.core.sampling.strategies.strategy import Choice, strategy

if TYPE_CHECKING:
    import numpy as np

_DRAW = 2  # tells these draws from those of other strategies
_ROWS_AT_ONCE = 4_096
# Differences of numbers this close, as a share of their size, are what float64 leaves of 0.
_NOTHING = 1e-12


@strategy(
    meaning="images that the model is unsure of and that would teach it different things",
    needs=("embeddings", "probabilities"),
    words="would teach the model something else than the images that were taken before it",
)
def badge(choice: Choice) -> Iterator[int]:
    """Yield open rows drawn by k-means++ over gradient embeddings (Ash et al. 2020, arXiv 1906.03671).

    The gradient embedding of a row is ``(p - onehot(argmax p)) x embedding``, K * D numbers that are never made: their products are those
    of the factors. Each row is drawn with a probability in proportion to its squared distance to the nearest yielded one. The first is that
    with the longest gradient embedding, as in the authors' code. Where all open rows are at distance 0, the smallest tie is next.

    Embeddings are taken as they are given (the paper's are those of the model's last layer but one). What is covered is not looked at, as
    in the paper: its probabilities would be needed. Scores are not looked at.
    """
    assert choice.embeddings is not None
    assert choice.probabilities is not None
    space = GradientSpace(choice.embeddings, choice.probabilities)
    nearest = NearestCenter(space)
    while choice.open.any():
        row = _next(nearest, space, choice)
        space.add(row)
        yield row


def _next(nearest: NearestCenter, space: GradientSpace, choice: Choice) -> int:
    import numpy as np

    if not space.centers:
        rows = np.flatnonzero(choice.open)
        lengths = space.squared_lengths(rows)
        return first(rows[lengths == lengths.max()], choice.ties)
    # Of exponential variables with rates in proportion to the distances the smallest is drawn as often as k-means++ asks for.
    chances = exponentials(random_keys(choice.ties, choice.seed, _DRAW, space.centers))
    return first(nearest.farthest(choice.open, 1 / chances), choice.ties)


class GradientSpace:
    """Gradient embeddings as a :class:`.nearest_center.Space`, by their two factors.

    :param embeddings: (N, D) float32. :param probabilities: (N, K) float32.
    """

    def __init__(self, embeddings: np.ndarray, probabilities: np.ndarray) -> None:
        self._embeddings, self._probabilities = embeddings, probabilities
        self._scale = power_of_two(max(float(embeddings.max()), -float(embeddings.min())))
        self._rows: list[int] = []

    def __len__(self) -> int:
        return len(self._embeddings)

    @property
    def centers(self) -> int:
        return len(self._rows)

    def add(self, row: int) -> None:
        self._rows.append(row)

    def squared_lengths(self, rows: np.ndarray) -> np.ndarray:
        """Return (R,) float64, the squared lengths of gradient embeddings."""
        import numpy as np

        lengths = np.empty(len(rows))
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            errors, embeddings = self._factors(rows[part], np.float64)
            lengths[part] = _sums(errors * errors) * _sums(embeddings * embeddings)
        return lengths

    def approximate(self, rows: np.ndarray, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        import numpy as np

        errors, embeddings = self._factors(rows, np.float32)
        center_errors, center_embeddings = self._factors(np.array(self._rows[start:stop]), np.float32)
        lengths = squared_lengths(errors) * squared_lengths(embeddings)
        center_lengths = squared_lengths(center_errors) * squared_lengths(center_embeddings)
        products = embeddings @ center_embeddings.T
        products *= errors @ center_errors.T
        products *= -2
        products += lengths[:, np.newaxis]
        products += center_lengths
        off = rounding(errors.shape[1]) + rounding(embeddings.shape[1])
        return products, off * (lengths.astype(np.float64) + center_lengths.max())

    def exact(self, rows: np.ndarray, centers: np.ndarray) -> np.ndarray:
        import numpy as np

        errors, embeddings = self._factors(rows, np.float64)
        center_errors, center_embeddings = self._factors(np.array(self._rows)[centers], np.float64)
        lengths = _sums(errors * errors) * _sums(embeddings * embeddings)
        lengths += _sums(center_errors * center_errors) * _sums(center_embeddings * center_embeddings)
        squared = lengths - 2 * _sums(errors * center_errors) * _sums(embeddings * center_embeddings)
        return np.where(squared > _NOTHING * lengths, squared, 0.0)

    def _factors(self, rows: np.ndarray, dtype: type) -> tuple[np.ndarray, np.ndarray]:
        """Return (R, K) ``p - onehot(argmax p)``, the smallest class of equal ones, and (R, D) embeddings."""
        import numpy as np

        errors = self._probabilities[rows].astype(dtype)
        errors[np.arange(len(rows)), errors.argmax(axis=1)] -= 1
        return errors, self._embeddings[rows].astype(dtype) * dtype(self._scale)


def _sums(products: np.ndarray) -> np.ndarray:
    return products.sum(axis=1)
