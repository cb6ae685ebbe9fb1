"""What may still be taken: budget, quotas and near duplicates, kept up with every image that is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.batch.near_duplicates import NearDuplicates
from airflow_cv_dataops.core.sampling.batch.quotas import Quota
from airflow_cv_dataops.core.sampling.batch.tally import Tally

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class UnmetMinimum:
    """A group of which too few were taken.

    :param available: how many images of it there are to choose from. :param fitting: of how many the cost is within the budget.
    """

    grouping: str
    group: str
    wanted: int
    taken: int
    available: int
    fitting: int


@dataclass(frozen=True)
class FullGroup:
    """A group that is full.

    :param kept_out: how many images of it would be open without maximums; one that is of several full groups counts for each.
    """

    grouping: str
    group: str
    most: int
    kept_out: int


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
        self.for_minimums: list[int] = []
        """What was taken of them while only images were open that a minimum asked for."""
        self.spent = 0
        self.closed_as_duplicate = 0
        self._possible = costs <= budget
        self._is_shown = np.zeros(len(costs), dtype=bool)  # by what is taken: itself, or a near duplicate
        self.costs, self._budget, self._near = costs, budget, near
        self._tallies = [Tally(quota, self._possible) for quota in quotas]
        self._minimums_first = False
        self._cap: int | None = None
        self._reopen()

    def take(self, row: int) -> None:
        """Take an image, and close what may no longer be taken.

        :raises ValueError: it may not be taken now.
        """
        import numpy as np

        if not self.open[row]:
            raise ValueError(f"image {row} may not be taken now")
        self.taken.append(row)
        if self._minimums_first:
            self.for_minimums.append(row)
        self.spent += int(self.costs[row])
        self._possible[row] = False
        duplicates = np.unique(self._near.of(row)) if self._near else np.empty(0, dtype=np.int64)
        self.closed_as_duplicate += int(self._possible[duplicates].sum())
        full = [(tally, tally.take(row)) for tally in self._tallies]
        self._is_shown[row] = True
        self._is_shown[duplicates] = True
        self._close(duplicates)
        for tally, groups in full:
            if len(groups):
                self._close(tally.quota.groups.rows_of(groups))
        self._close(np.flatnonzero(self._possible & (self.costs > self._budget - self.spent)))
        self._reopen()

    def cap(self, spent: int | None) -> None:
        """From now on, only images are open with which no more than this is spent in all; ``None``: than the budget."""
        self._cap = spent
        self._reopen()

    def minimums_first(self) -> None:
        """From now on, only images that a minimum still asks for are open, as long as there are any.

        Of these first those of groups of which every image that is left is wanted: what is taken for another group may close one.
        """
        self._minimums_first = True
        self._reopen()

    def unmet(self) -> list[UnmetMinimum]:
        """Return the minimums that are not met."""
        import numpy as np

        return [
            UnmetMinimum(
                tally.quota.grouping,
                tally.quota.groups.names[group],
                int(tally.quota.least[group]),
                int(tally.taken[group]),
                int(tally.quota.groups.sizes()[group]),
                int(tally.fitting[group]),
            )
            for tally in self._tallies
            for group in np.flatnonzero(tally.taken < tally.quota.least).tolist()
        ]

    @property
    def kept_out(self) -> np.ndarray:
        """(N,) bool, images that may not be taken because a group of theirs is full, and for no other reason."""
        return ~self._possible & ~self._is_shown & (self.costs <= self._budget - self.spent)

    def full(self) -> list[FullGroup]:
        """Return the groups that are full and keep images out, those that keep out most first."""
        import numpy as np

        kept_out = np.flatnonzero(self.kept_out)
        found = []
        for tally in self._tallies if len(kept_out) else ():
            quota, many = tally.quota, tally.quota.groups.take(kept_out).sizes()
            found += [
                FullGroup(quota.grouping, quota.groups.names[group], int(quota.most[group]), int(many[group]))
                for group in np.flatnonzero((tally.taken >= quota.most) & (many > 0)).tolist()
            ]
        return sorted(found, key=lambda group: (-group.kept_out, group.grouping, group.group))

    def _close(self, rows: np.ndarray) -> None:
        """Close images. :param rows: in any order; those that are closed already change nothing."""
        import numpy as np

        rows = np.unique(rows[self._possible[rows]])
        self._possible[rows] = False
        for tally in self._tallies:
            tally.lose(rows)

    def _reopen(self) -> None:
        import numpy as np

        self.open[:] = self._possible
        if self._cap is not None:
            self.open &= self.costs <= self._cap - self.spent
        if not self._minimums_first:
            return
        for marked in ([tally.pressing for tally in self._tallies], [tally.asking for tally in self._tallies]):
            wanted = np.zeros(len(self.open), dtype=bool)
            for groups in marked:
                wanted |= groups.images
            wanted &= self._possible
            if wanted.any():
                self.open[:] = wanted
                return
        self._minimums_first = False
