"""K-means for millions of rows: centers from a sample, then every row to its nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.strategies.euclidean import squared_distances, squared_lengths

if TYPE_CHECKING:
    import numpy as np

SEEDING_ROWS = 10_000
STEPS = 25
NOTHING = 1e-5  # a squared distance that is less than this share of the squared lengths is rounding of float32
_ROWS_AT_ONCE = 4_096


def k_means(points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return (C, D) float32 centers of at most ``count`` clusters, fewer where there are fewer different points.

    Lloyd's steps, at most 25, from k-means++ (Arthur and Vassilvitskii, SODA 2007) on the first 10,000 points. A cluster that loses all its
    points keeps its center.

    :param points: (N, D) float32, N at least 1, in an order by chance.
    """
    import numpy as np

    centers = _seeds(points[: max(SEEDING_ROWS, count)], count, rng)
    before = None
    for _ in range(STEPS):
        clusters = nearest(points, centers)
        if before is not None and np.array_equal(clusters, before):
            break
        before = clusters
        order = clusters.argsort(kind="stable")
        sizes = np.bincount(clusters, minlength=len(centers))
        used = np.flatnonzero(sizes)
        starts = (np.cumsum(sizes) - sizes)[used]
        centers[used] = np.add.reduceat(points[order], starts, axis=0) / sizes[used, np.newaxis]
    return centers


def nearest(points: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Return (N,) the place of the nearest center of each point, the first of equal ones."""
    import numpy as np

    clusters = np.empty(len(points), dtype=np.int64)
    for start in range(0, len(points), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        clusters[part] = squared_distances(points[part], centers).argmin(axis=1)
    return clusters


def _seeds(points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw centers of the points, each in proportion to its squared distance to the nearest one drawn."""
    import numpy as np

    lengths = squared_lengths(points)
    chosen = [int(rng.integers(len(points)))]
    least = np.full(len(points), np.inf)
    while True:
        center = chosen[-1]
        squared = (lengths + lengths[center] - 2 * (points @ points[center])).astype(np.float64)
        least = np.minimum(least, np.where(squared > NOTHING * lengths.max(), squared, 0))
        if len(chosen) == count or not least.any():
            return points[chosen]
        drawn = np.searchsorted(np.cumsum(least), rng.random() * least.sum(), side="right")
        chosen.append(int(min(drawn, np.flatnonzero(least)[-1])))
