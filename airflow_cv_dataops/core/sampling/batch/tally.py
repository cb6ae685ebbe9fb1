"""What counts for one quota while a batch is filled: how many images of each group are taken and may be, and which its minimums ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.batch.groups import Groups
from airflow_cv_dataops.core.sampling.batch.quotas import Quota

if TYPE_CHECKING:
    import numpy as np


class Tally:
    """The counts of a quota, kept up with every image that is taken or closed.

    That costs as much as these images have groups. All images of a group are gone through only where its state changes: where it is full,
    its minimum is met, or just as many of it are left as its minimum asks for, each once.

    :param possible: (N,) bool, which images may be taken at the start.
    """

    def __init__(self, quota: Quota, possible: np.ndarray) -> None:
        import numpy as np

        groups = quota.groups
        self.quota = quota
        self.taken = np.zeros(len(groups.names), dtype=np.int64)
        """(G,)"""
        self.fitting = groups.take(np.flatnonzero(possible)).sizes()
        """(G,) how many might be taken at the start."""
        self.asking, self.pressing = Marked(groups), Marked(groups)
        """Groups below their minimum; those among them of which every image that is left is wanted."""
        self._left = self.fitting.copy()
        self._has_minimums = bool(quota.least.any())
        self._look_at(np.arange(len(groups.names)))

    def take(self, row: int) -> np.ndarray:
        """Count an image that is taken. Return which groups are full with it."""
        groups = self.quota.groups.of(row)
        self.taken[groups] += 1
        self._left[groups] -= 1
        self._look_at(groups)
        full: np.ndarray = groups[self.taken[groups] >= self.quota.most[groups]]
        return full

    def lose(self, rows: np.ndarray) -> None:
        """Count images that may no longer be taken. :param rows: each once."""
        import numpy as np

        if self._has_minimums and len(rows):
            groups, many = np.unique(self.quota.groups.take(rows).codes, return_counts=True)
            self._left[groups] -= many
            self._look_at(groups)

    def _look_at(self, groups: np.ndarray) -> None:
        """Bring up to date what groups ask for. :param groups: each once."""
        if self._has_minimums:
            wanted = self.quota.least[groups] - self.taken[groups]
            self.asking.mark(groups, wanted > 0)
            self.pressing.mark(groups, (wanted > 0) & (self._left[groups] == wanted))


class Marked:
    """Groups that are marked, and the images that are of one of them."""

    def __init__(self, groups: Groups) -> None:
        import numpy as np

        self._groups = groups
        self._is_marked = np.zeros(len(groups.names), dtype=bool)
        self._count = np.zeros(len(groups), dtype=np.int32)

    @property
    def images(self) -> np.ndarray:
        """(N,) bool."""
        return self._count > 0

    def mark(self, groups: np.ndarray, marked: np.ndarray) -> None:
        """Mark groups, or no longer. :param marked: (K,) bool, of each."""
        import numpy as np

        before = self._is_marked[groups]
        np.add.at(self._count, self._groups.rows_of(groups[marked & ~before]), 1)
        np.subtract.at(self._count, self._groups.rows_of(groups[before & ~marked]), 1)
        self._is_marked[groups] = marked
