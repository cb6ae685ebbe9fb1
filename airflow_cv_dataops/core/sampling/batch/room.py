"""What may still be taken: budget, quotas and near duplicates, kept up with every image that is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.batch.near_duplicates import NearDuplicates
from airflow_cv_dataops.core.sampling.batch.quotas import Quota

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class UnmetMinimum:
    """A group of which too few could be taken. :param available: how many images of it there were to choose from."""

    grouping: str
    group: str
    wanted: int
    taken: int
    available: int


class Room:
    """Which images may be taken now, and what taking one closes.

    :param costs: (N,) int64, at least 0. :param budget: what all that is taken may cost together, in the same parts.
    :param quotas: each over the N images.
    """

    def __init__(self, costs: np.ndarray, budget: int, quotas: Sequence[Quota] = (), near: NearDuplicates | None = None) -> None:
        import numpy as np

        self.open = np.ones(len(costs), dtype=bool)
        """(N,) changed in place: strategies hold on to it."""
        self.taken: list[int] = []
        self.spent = 0
        self.closed_as_duplicate = 0
        self._possible = np.ones(len(costs), dtype=bool)
        self.costs, self._budget, self._quotas, self._near = costs, budget, quotas, near
        self._counts = [np.zeros(len(quota.names), dtype=np.int64) for quota in quotas]
        self._minimums_first = False
        self._cap: int | None = None
        self._close(costs > budget)
        self._reopen()

    def take(self, row: int) -> None:
        """Take an image, and close what may no longer be taken.

        :raises ValueError: it may not be taken now.
        """
        import numpy as np

        if not self.open[row]:
            raise ValueError(f"image {row} may not be taken now")
        self.taken.append(row)
        self.spent += int(self.costs[row])
        duplicates = self._near.of(row) if self._near else np.empty(0, dtype=np.int64)
        self.closed_as_duplicate += int(self._possible[duplicates].sum()) - int(self._possible[row] and row in duplicates)
        self._possible[duplicates] = False
        self._possible[row] = False
        for quota, counts in zip(self._quotas, self._counts, strict=True):
            group = quota.codes[row]
            counts[group] += 1
            if counts[group] >= quota.most[group]:
                self._close(quota.codes == group)
        self._close(self.costs > self._budget - self.spent)
        self._reopen()

    def cap(self, spent: int | None) -> None:
        """From now on, only images are open with which no more than this is spent in all; ``None``: than the budget."""
        self._cap = spent
        self._reopen()

    def minimums_first(self) -> None:
        """From now on, only images that a minimum still asks for are open, as long as there are any."""
        self._minimums_first = True
        self._reopen()

    def unmet(self, available: Sequence[np.ndarray]) -> list[UnmetMinimum]:
        """Return the minimums that are not met. :param available: by quota, (G,) how many images of each group there were."""
        import numpy as np

        return [
            UnmetMinimum(quota.grouping, quota.names[group], int(quota.least[group]), int(counts[group]), int(there[group]))
            for quota, counts, there in zip(self._quotas, self._counts, available, strict=True)
            for group in np.flatnonzero(counts < quota.least).tolist()
        ]

    def _close(self, rows: np.ndarray) -> None:
        self._possible &= ~rows

    def _reopen(self) -> None:
        self.open[:] = self._possible
        if self._cap is not None:
            self.open &= self.costs <= self._cap - self.spent
        if not self._minimums_first:
            return
        import numpy as np

        asked = np.zeros(len(self.open), dtype=bool)
        for quota, counts in zip(self._quotas, self._counts, strict=True):
            asked |= (counts < quota.least)[quota.codes]
        asked &= self._possible
        if asked.any():
            self.open[:] = asked
        else:
            self._minimums_first = False
