"""How far the shares of one partition are from those of others, and whether that is unusual."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_MAD_TO_SIGMA = 1.4826
_LEAST_SPREAD = 0.01
_HABIT = 0.9
_MOST_WEIGHT = 2.0


@dataclass(frozen=True)
class ShapeDistance:
    """Jensen-Shannon distances, 0 (equal shares) to 1 (nothing in common), free of what few rows add by chance.

    :param distance: of the partition from the window. :param habit: what nine of ten of the window's own partitions keep within.
    :param score: in robust standard deviations of theirs.
    """

    distance: float
    habit: float
    score: float


def shape_distance(now: np.ndarray, before: np.ndarray) -> ShapeDistance:
    """Compare counts with those of a window, of which each partition is compared with the others in the same way.

    :param now: (bins,) counts. :param before: (partitions, bins) counts, each partition with some.
    """
    import numpy as np

    totals = before.sum(axis=1)
    # A partition ten times as large as the others would be most of what all are compared with.
    weights = np.minimum(1, _MOST_WEIGHT * np.median(totals) / totals)
    weighted = before * weights[:, None]
    pooled = weighted.sum(axis=0)
    own = np.array([_distance(row, pooled - part) for row, part in zip(before, weighted, strict=True)])
    distance = _distance(now, pooled)
    middle = float(np.median(own))
    spread = max(_MAD_TO_SIGMA * float(np.median(np.abs(own - middle))), _LEAST_SPREAD)
    return ShapeDistance(distance, float(np.quantile(own, _HABIT)), (distance - middle) / spread)


def _distance(one: np.ndarray, others: np.ndarray) -> float:
    """Return the square root of the Jensen-Shannon divergence in bits (Lin 1991), less what is expected of samples from equal shares.

    That is (bins - 1) / 8 x (1 / n + 1 / m) nats, from the divergence's quadratic approximation, by the bins that either has.
    """
    import numpy as np

    total, of_others = one.sum(), others.sum()
    if not total or not of_others:
        return 0.0
    p, q = one / total, others / of_others
    mean = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        divergence = float(np.nansum(p * np.log(p / mean)) + np.nansum(q * np.log(q / mean))) / 2
    bins = int((mean > 0).sum())
    by_chance = (bins - 1) / 8 * (1 / total + 1 / of_others)
    return math.sqrt(max(divergence - by_chance, 0.0) / math.log(2))


def as_counts(rows: Sequence[Sequence[int]]) -> np.ndarray:
    """Return float64 of shape (partitions, bins)."""
    import numpy as np

    return np.array(rows, float)
