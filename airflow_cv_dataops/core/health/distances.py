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
_RARE_SIGMA = 4.26  # one side, 1 in 100,000


@dataclass(frozen=True)
class ShapeDistance:
    """Jensen-Shannon distances, 0 (equal shares) to 1 (nothing in common), free of what few rows add by chance.

    :param distance: of the partition from the window. :param habit: what nine of ten of the window's own partitions keep within.
    :param score: in robust standard deviations of theirs.
    :param is_chance: so few rows differ as much by chance, once in some 100,000 times or more often.
    """

    distance: float
    habit: float
    score: float
    is_chance: bool


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
    is_chance = _divergence(now, pooled)[0] <= _by_chance(now, pooled, _RARE_SIGMA)
    return ShapeDistance(distance, float(np.quantile(own, _HABIT)), (distance - middle) / spread, is_chance)


def _distance(one: np.ndarray, others: np.ndarray) -> float:
    """Return the square root of the Jensen-Shannon divergence in bits (Lin 1991), less what is expected of samples from equal shares."""
    if not one.sum() or not others.sum():
        return 0.0
    divergence, bins = _divergence(one, others)
    return math.sqrt(max(divergence - (bins - 1) / 8 * (1 / one.sum() + 1 / others.sum()), 0.0) / math.log(2))


def _divergence(one: np.ndarray, others: np.ndarray) -> tuple[float, int]:
    """Return the Jensen-Shannon divergence in nats, and how many bins either has something in."""
    import numpy as np

    p, q = one / one.sum(), others / others.sum()
    mean = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        divergence = float(np.nansum(p * np.log(p / mean)) + np.nansum(q * np.log(q / mean))) / 2
    return divergence, int((mean > 0).sum())


def _by_chance(one: np.ndarray, others: np.ndarray, sigma: float) -> float:
    """Return the divergence, in nats, that two samples from equal shares exceed as rarely as a normal variable so many sigma.

    8 x divergence / (1 / n + 1 / m) is about chi-squared with bins - 1 degrees of freedom; its quantile by Wilson and Hilferty (1931).
    """
    freedom = max(_divergence(one, others)[1] - 1, 1)
    quantile = freedom * (1 - 2 / (9 * freedom) + sigma * math.sqrt(2 / (9 * freedom))) ** 3
    return quantile / 8 * float(1 / one.sum() + 1 / others.sum())


def as_counts(rows: Sequence[Sequence[int]]) -> np.ndarray:
    """Return float64 of shape (partitions, bins)."""
    import numpy as np

    return np.array(rows, float)
