"""TypiClust: the most typical image of each cluster, for batches when little is labelled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.strategies.euclidean import squared_distances, unit_rows
from airflow_cv_dataops.core.sampling.strategies.k_means import k_means, nearest
from airflow_cv_dataops.core.sampling.strategies.keys import first, order_by_content, random_keys
from airflow_cv_dataops.core.sampling.strategies.strategy import Choice, strategy

if TYPE_CHECKING:
    import numpy as np

MOST_CLUSTERS, SMALLEST_CLUSTER, NEIGHBOURS = 500, 5, 20
TRAINING_ROWS, MOST_COMPARED = 25_000, 4_096
_DRAW = 5  # tells these draws from those of other strategies
_ROWS_AT_ONCE = 1_024


@strategy(
    meaning="the most typical image of the largest cluster of which least is known",
    needs=("embeddings",),
    words="typical of a group of images that look alike, of which few are labelled or taken",
)
def typiclust(choice: Choice) -> Iterator[int]:
    """Yield the most typical open row of the cluster with the fewest covered and yielded rows (Hacohen, Dekel and Weinshall, 2202.02794).

    Embeddings are scaled to length 1 and clustered by k-means, pool and covered ones together, into ``M + wanted`` clusters, at most 500.
    Of the clusters with as few covered and yielded rows, the largest is next; clusters of fewer than 5 rows come after all others.
    Typicality is the inverse of the mean distance to the 20 nearest rows of the pool in the cluster (half of the cluster's, where that is
    fewer). Scores are not looked at.

    To hold at millions of rows, centers are found on 25,000 rows drawn by seed, and in clusters of more than 4,096 rows the 20 nearest are
    looked for among as many that are drawn. Differences from the paper's code: typicality is computed once a cluster, not anew without the
    rows that were taken.
    """
    import numpy as np

    clusters = _Clusters(choice)
    while choice.open.any():
        has_open = np.bincount(clusters.of[choice.open], minlength=clusters.count) > 0
        order = np.lexsort((clusters.name, -clusters.size, clusters.known, clusters.size < SMALLEST_CLUSTER, ~has_open))
        row = clusters.most_typical(int(order[0]))
        clusters.known[order[0]] += 1
        yield row


class _Clusters:
    """Which rows belong together, and how typical each is of its cluster.

    :ivar of: (N,) the cluster of each row. :ivar size: (C,) rows, covered ones too. :ivar known: (C,) covered and yielded ones.
    :ivar name: (C,) the smallest tie of its rows, by which clusters are told apart whatever the order of the rows.
    """

    def __init__(self, choice: Choice) -> None:
        import numpy as np

        assert choice.embeddings is not None
        self._choice, self._embeddings = choice, choice.embeddings
        covered = self._embeddings[:0] if choice.covered is None else choice.covered
        # All products are made in an order by chance that does not depend on that of the rows, and so are equal to the last bit.
        self._order = np.lexsort((choice.ties, random_keys(choice.ties, choice.seed, _DRAW)))
        covered = covered[order_by_content(covered, choice.seed)]
        centers = k_means(
            self._training(covered), min(len(covered) + choice.wanted, MOST_CLUSTERS), np.random.default_rng([choice.seed % 2**64, _DRAW])
        )
        self.count = len(centers)
        self.of = np.empty(len(choice), dtype=np.int64)
        for start in range(0, len(choice), _ROWS_AT_ONCE):
            rows = self._order[start : start + _ROWS_AT_ONCE]
            self.of[rows] = nearest(unit_rows(self._embeddings[rows]), centers)
        self.known = np.zeros(self.count, dtype=np.int64)
        for start in range(0, len(covered), _ROWS_AT_ONCE):
            self.known += np.bincount(nearest(unit_rows(covered[start : start + _ROWS_AT_ONCE]), centers), minlength=self.count)
        self.size = self.known + np.bincount(self.of, minlength=self.count)
        self.name = np.full(self.count, np.iinfo(np.uint64).max)
        np.minimum.at(self.name, self.of, choice.ties)
        self._distance: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def most_typical(self, cluster: int) -> int:
        """Return the open row of a cluster that is most typical, of equal ones that with the smallest tie."""
        if cluster not in self._distance:
            self._distance[cluster] = self._mean_distances(cluster)
        rows, distances = self._distance[cluster]
        is_open = self._choice.open[rows]
        rows, distances = rows[is_open], distances[is_open]
        return first(rows[distances == distances.min()], self._choice.ties)

    def _training(self, covered: np.ndarray) -> np.ndarray:
        """Return rows to find centers on: of pool and covered ones in proportion, mixed."""
        import numpy as np

        share = min(1.0, TRAINING_ROWS / (len(self._choice) + len(covered)))
        rows = self._order[: max(1, round(share * len(self._choice)))]
        points = unit_rows(np.concatenate([self._embeddings[rows], covered[: round(share * len(covered))]]))
        return points[np.random.default_rng([self._choice.seed % 2**64, _DRAW, 1]).permutation(len(points))]

    def _mean_distances(self, cluster: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of a cluster, and the mean distance of each to the nearest others of it; 0 for the only one."""
        import numpy as np

        rows = self._order[self.of[self._order] == cluster]
        units = unit_rows(self._embeddings[rows[:MOST_COMPARED]])
        neighbours = min(NEIGHBOURS, len(units) // 2)
        distances = np.zeros(len(rows))
        for start in range(0, len(rows) if neighbours else 0, _ROWS_AT_ONCE):
            part = np.arange(start, min(start + _ROWS_AT_ONCE, len(rows)))
            squared = squared_distances(unit_rows(self._embeddings[rows[part]]), units)
            itself = part < len(units)
            squared[np.flatnonzero(itself), part[itself]] = np.inf
            near = np.partition(squared, neighbours - 1, axis=1)[:, :neighbours]
            # Rounded, so that rows that differ by rounding are ties.
            distances[part] = np.round(np.sqrt(near, dtype=np.float64).mean(axis=1), 5)
        return rows, distances
