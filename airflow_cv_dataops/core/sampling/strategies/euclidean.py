"""Euclidean distances between embeddings, in blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_ROWS_AT_ONCE = 4_096


class EuclideanSpace:
    """Embeddings as they were given, with what is covered as the first centers; see :class:`.nearest_center.Space`.

    Holds no copy of the embeddings: blocks are centred on their mean when they are compared, which keeps products in float32 precise for
    embeddings that lie close together and far from zero.

    :param embeddings: (N, D) float32. :param covered: (M, D) float32; ``None``: nothing is.
    """

    def __init__(self, embeddings: np.ndarray, covered: np.ndarray | None) -> None:
        import numpy as np

        self._embeddings = embeddings
        self._covered = np.zeros((0, embeddings.shape[1]), dtype=np.float32) if covered is None else covered
        self.mean = mean_of(embeddings)
        largest = max(_largest(embeddings, self.mean), _largest(self._covered, self.mean))
        self.scale = power_of_two(largest)
        self._middle = self.mean.astype(np.float32)
        self._rows = np.empty(16, dtype=np.int64)
        self._chosen = np.empty((16, embeddings.shape[1]), dtype=np.float32)
        self._count = 0

    def __len__(self) -> int:
        return len(self._embeddings)

    @property
    def centers(self) -> int:
        return len(self._covered) + self._count

    def add(self, row: int) -> None:
        if self._count == len(self._rows):
            self._rows.resize(2 * self._count, refcheck=False)
            self._chosen.resize((2 * self._count, self._chosen.shape[1]), refcheck=False)
        self._rows[self._count] = row
        self._chosen[self._count] = self._centred(self._embeddings[row])
        self._count += 1

    def approximate(self, rows: np.ndarray, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        import numpy as np

        points, centers = self._centred(self._embeddings[rows]), self._centers(start, stop)
        lengths, center_lengths = squared_lengths(points), squared_lengths(centers)
        products = points @ centers.T
        products *= -2
        products += lengths[:, np.newaxis]
        products += center_lengths
        return products, rounding(points.shape[1]) * (lengths.astype(np.float64) + center_lengths.max())

    def exact(self, rows: np.ndarray, centers: np.ndarray) -> np.ndarray:
        import numpy as np

        others = np.empty((len(rows), self._embeddings.shape[1]))
        is_covered = centers < len(self._covered)
        others[is_covered] = self._covered[centers[is_covered]]
        others[~is_covered] = self._embeddings[self._rows[centers[~is_covered] - len(self._covered)]]
        others -= self._embeddings[rows]
        others *= self.scale
        others *= others
        return others.sum(axis=1)

    def _centers(self, start: int, stop: int) -> np.ndarray:
        import numpy as np

        given = len(self._covered)
        chosen = self._chosen[max(start - given, 0) : max(stop - given, 0)]
        return chosen if start >= given else np.concatenate([self._centred(self._covered[start:stop]), chosen])

    def _centred(self, vectors: np.ndarray) -> np.ndarray:
        import numpy as np

        return (vectors - self._middle) * np.float32(self.scale)


def mean_of(vectors: np.ndarray) -> np.ndarray:
    """Return (D,) float64, the mean of vectors. :param vectors: (N, D), N at least 1."""
    import numpy as np

    total = np.zeros(vectors.shape[1])
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        total += vectors[start : start + _ROWS_AT_ONCE].sum(axis=0, dtype=np.float64)
    return total / len(vectors)


def squared_lengths(vectors: np.ndarray) -> np.ndarray:
    """Return (N,) the squared lengths of vectors, (N, D)."""
    import numpy as np

    return np.einsum("nd,nd->n", vectors, vectors)


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Return (N, D) float32, vectors scaled to length 1; a vector of zeros stays one."""
    import numpy as np

    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=0)
    scaled = vectors / np.where(largest > 0, largest, 1)
    lengths = np.sqrt(squared_lengths(scaled))[:, np.newaxis]
    return (scaled / np.where(lengths > 0, lengths, 1)).astype(np.float32, copy=False)


def squared_distances(ones: np.ndarray, others: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
    """Return (N, M) squared distances, by one matrix product: off by some 1e-6 of the squared lengths, never negative.

    :param lengths: (M,) squared lengths of the others, where they are known already.
    """
    import numpy as np

    products = ones @ others.T
    products *= -2
    products += squared_lengths(ones)[:, np.newaxis]
    products += squared_lengths(others) if lengths is None else lengths
    return np.maximum(products, 0, out=products)


def rounding(terms: int) -> float:
    """Return by how much a squared distance of float32 products may be off, as a share of the sum of both squared lengths.

    Errors of a sum of many terms grow with the root of their number; twice that, and some for the last operations.
    """
    return float((2 * terms**0.5 + 8) * 2.0**-24)


def power_of_two(largest: float) -> float:
    """Return by what to multiply so that the largest number is between 0.5 and 1, without rounding any; 1 for 0."""
    import math

    return math.ldexp(1.0, -math.frexp(largest)[1]) if largest > 0 else 1.0


def _largest(vectors: np.ndarray, mean: np.ndarray) -> float:
    """Return the largest distance from the mean in any one dimension."""
    import numpy as np

    if not len(vectors):
        return 0.0
    return float(np.maximum(vectors.max(axis=0) - mean, mean - vectors.min(axis=0)).max())
